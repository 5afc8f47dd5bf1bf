"""A visitor without a browser: a client that is signed in, pages taken apart, and a stream that is read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from answers import hold_to_description
from databases import with_tables
from quart import Response
from quart.testing import QuartClient
from quart.testing.connections import HTTPDisconnectError
from sqlalchemy import update
from support import TASKS, TOKEN
from werkzeug.datastructures import Headers

from cronapp.app import App
from cronapp.config import Settings
from cronapp.core.events import LogAppended, RunChanged
from cronapp.core.models import Job, JobState, LogLine, LogStream, Outcome, Pause, Run, RunError, RunState, RunTrigger
from cronapp.store import jobs as stored_jobs
from cronapp.store import logs as stored_logs
from cronapp.store import runs as stored_runs
from cronapp.store.store import Tx
from cronapp.store.tables import runs as table
from cronapp.web.form_token import FIELD, HEADER, token_of

HTMX = {"HX-Request": "true"}
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)></hx-partial>&amp;{{ 7*7 }}"
"""Text that would do harm on a page that does not escape it."""


def settings_in(folder: Path, tasks: str = TASKS) -> Settings:
    """Settings of an app in a folder of its own."""
    (folder / "tasks.py").write_text(tasks)
    database = f"sqlite:///{with_tables(folder / 'cronapp.db')}"
    return Settings(
        tasks=(str(folder / "tasks.py"),), database=database, admin_token=TOKEN, stop_timeout=1, api_refusals=0
    )


class Client(QuartClient):
    """A client that sends what the pages of its session would: the token of their forms."""

    async def open(self, path: str, **options: Any) -> Response:
        headers = Headers(options.pop("headers", None))
        secrets = [c.value for c in self.cookie_jar or () if re.fullmatch(r"(__Host-)?cronapp_session_\d+", c.name)]
        if secrets and secrets[0]:
            headers.setdefault(HEADER, token_of(secrets[0]))
        return await super().open(path, headers=headers, **options)


async def signed_in(app: App) -> QuartClient:
    """A client with a session."""
    client = app.site.test_client()
    reply = await client.post("/login", form={"token": TOKEN})
    assert reply.status_code == 303
    return client


@dataclass
class Api:
    """The REST API as a program calls it. Each answer is held to the API's description."""

    app: App
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {TOKEN}"})

    async def __call__(self, method: str, path: str, **options: Any) -> Response:
        headers = {**self.headers, **options.pop("headers", {})}
        client = self.app.site.test_client(use_cookies=False)
        reply = await client.open(f"/api/v1{path}", method=method, headers=headers, **options)
        await hold_to_description(self.app, method, f"/api/v1{path}", reply)
        return reply

    async def json(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        reply = await self(method, path, **options)
        assert reply.status_code == status, await reply.get_data(as_text=True)
        return await reply.get_json()

    async def make(self, job_id: str, task: str = "hello", **fields: Any) -> dict[str, Any]:
        """A new job, by hand if not said otherwise."""
        data = {"id": job_id, "task": task, "schedule": {"kind": "manual"}, **fields}
        made: dict[str, Any] = await self.json("POST", "/jobs", 201, json=data)
        return made


# -- jobs and runs in any state -------------------------------------------------------------------------------------


async def put_in_state(app: App, job_id: str, state: JobState, reason: str | None = None) -> Job:
    """A job that was put into a state."""
    job = await app.jobs.get(job_id)
    next_slot = job.next_slot if state is JobState.ACTIVE else None
    pause = Pause(by="admin", at=app.clock()) if state is JobState.PAUSED else None
    await app.store.write(
        lambda tx: stored_jobs.replace(
            tx, job, replace(job, state=state, reason=reason, next_slot=next_slot, pause=pause)
        )
    )
    return await app.jobs.get(job_id)


async def put_run(app: App, job: Job, state: RunState, **fields: Any) -> Run:
    """A run that was put into a state, without anybody executing it, and told to everybody."""
    now = app.clock()
    ended = state.ended and state not in (RunState.SKIPPED, RunState.MISSED)

    def change(tx: Tx) -> int:
        opened = RunState.RUNNING if ended else state
        run_id = stored_runs.open_run(
            tx,
            job,
            slot=fields.get("slot"),
            trigger=RunTrigger.MANUAL,
            now=now,
            state=opened,
            reason=fields.get("reason"),
            missed=fields.get("missed", 1),
        )
        assert run_id is not None
        if opened is RunState.RUNNING:
            tx.conn.execute(update(table).where(table.c.id == run_id).values(node=app.node, started_at=now))
        tx.emit(RunChanged(run_id, job.id))
        return run_id

    run = await app.runs.get(await app.store.write(change))
    if ended:
        outcome = Outcome(
            state=state,
            reason=fields.get("reason"),
            result=fields.get("result"),
            error=fields.get("error") or (RunError("ValueError", "no", "Traceback") if state == "failed" else None),
        )
        assert await app.runs.finish(run, outcome, 1.5)
    return await app.runs.get(run.id)


async def put_lines(app: App, run: Run, texts: list[str], *, first: int | None = None, level: str = "") -> None:
    """Lines at the end of a run's log, in whatever state it is, told as its owner tells them."""
    start = first or (await app.runs.get(run.id)).last_seq + 1
    stream = LogStream.LOG if level else LogStream.STDOUT
    lines = [
        LogLine(seq=start + n, at=app.clock(), stream=stream, level=level or None, text=text)
        for n, text in enumerate(texts)
    ]

    def change(tx: Tx) -> None:
        stored_logs.append(tx, {run.id: lines})
        tx.emit(LogAppended(run.id, lines[-1].seq))

    await app.store.write(change)


# -- pages ----------------------------------------------------------------------------------------------------------


VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Element:
    tag: str
    attrs: dict[str, str]
    text: str = ""


class Page(HTMLParser):
    """A page's elements in their order; `text` of each is what stands directly in it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if any(element.tag == tag for element in self._open):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1].text += data

    def all(self, tag: str = "", **attrs: str) -> list[Element]:
        """Elements by tag and attributes; `_` stands for `-` in an attribute's name."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attrs.items()}
        return [
            e
            for e in self.elements
            if tag in ("", e.tag) and all(e.attrs.get(name) == value for name, value in wanted.items())
        ]

    def one(self, tag: str = "", **attrs: str) -> Element:
        found = self.all(tag, **attrs)
        assert len(found) == 1, f"{len(found)} elements are {tag} {attrs}"
        return found[0]

    def with_id(self, name: str) -> Element:
        return self.one("", id=name)

    def has_id(self, name: str) -> bool:
        return bool(self.all("", id=name))

    @property
    def text(self) -> str:
        return " ".join(" ".join(element.text for element in self.elements).split())

    def faults(self) -> list[str]:
        """What the content security policy would stop, and ids that stand there twice."""
        found = []
        for e in self.elements:
            if e.tag == "style" or (e.tag == "script" and not e.attrs.get("src")) or e.tag in ("base", "iframe"):
                found.append(f"<{e.tag}> in the page")
            for name, value in e.attrs.items():
                if name == "style" or name.startswith(("on", "hx-on")):
                    found.append(f"<{e.tag} {name}={value!r}>")
                if name in ("src", "href", "action", "formaction") and not re.match(r"(/(?!/)|#|\?)", value):
                    found.append(f"<{e.tag} {name}={value!r}>")
        ids = [e.attrs["id"] for e in self.elements if "id" in e.attrs]
        return found + [f"id {name!r} twice" for name in sorted({i for i in ids if ids.count(i) > 1})]

    def form(self, name: str) -> dict[str, str]:
        """What a browser would send of the form of that id, but for the token, which `Client` sends by itself."""
        html = self.elements
        start = html.index(self.with_id(name))
        sent: dict[str, str] = {}
        selected: str | None = None
        for element in html[start + 1 :]:
            attrs = element.attrs
            if element.tag in ("form", "dialog"):  # the next one begins
                break
            if element.tag == "input" and attrs.get("name", FIELD) != FIELD:
                if attrs.get("type") not in ("checkbox", "radio") or "checked" in attrs:
                    sent[attrs["name"]] = attrs.get("value", "")
            elif element.tag == "textarea":
                text = element.text.removeprefix("\n")
                sent[attrs["name"]] = re.sub(r"\r\n|\r|\n", "\r\n", text)
            elif element.tag == "select":
                selected = attrs["name"]
                sent[selected] = ""
                first = True
            elif element.tag == "option" and selected:
                if first or "selected" in attrs:
                    sent[selected] = attrs.get("value", element.text)
                first = False
            elif element.tag == "datalist":
                selected = None
        return sent

    def wrong(self) -> dict[str, str]:
        """What stands beside each refused field, by the field's name in the form."""
        told = {}
        for element in self.all("p", class_="wrong"):
            if "id" not in element.attrs:  # beside the next runs
                continue
            told[element.attrs["id"].removeprefix("f-").removesuffix("-wrong")] = element.text
        return told


async def page_of(client: QuartClient, path: str, status: int = 200) -> Page:
    """A page, which has no fault that any page may not have."""
    reply = await client.get(path)
    html = await reply.get_data(as_text=True)
    page = Page(html)
    assert reply.status_code == status, f"{path}: {page.text[-200:]}"
    assert page.faults() == [], path
    return page


# -- fragments addressed to their places ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Partial:
    target: str
    swap: str
    html: str


PARTIAL = re.compile(r'<hx-partial hx-target="([^"]*)" hx-swap="([^"]*)">(.*?)</hx-partial>', re.DOTALL)


def partials(html: str) -> list[Partial]:
    """The partials of a reply or a message, which holds nothing else."""
    assert PARTIAL.sub("", html).strip() == "", html
    return [Partial(unescape(target), swap, inner) for target, swap, inner in PARTIAL.findall(html)]


@dataclass
class LogOnPage:
    """The log of an open run page: its chunks, each with its lines, or None as a placeholder."""

    chunks: dict[int, list[tuple[int, str]] | None] = field(default_factory=dict)

    @classmethod
    def of(cls, html: str) -> LogOnPage:
        log = cls()
        log._add(html)
        return log

    def apply(self, html: str) -> None:
        """Does with a message what htmx does, and fails where htmx would find no place for it."""
        for part in partials(html):
            if part.target == "#log":
                assert part.swap == "beforeend"
                self._add(part.html)
            elif part.target.startswith("#log-chunk-"):
                number = int(part.target.removeprefix("#log-chunk-"))
                assert number in self.chunks, f"there is no chunk {number} on the page"
                if part.swap == "outerHTML":
                    del self.chunks[number]
                    self._add(part.html)
                else:
                    assert part.swap == "beforeend"
                    lines = self.chunks[number]
                    assert lines is not None
                    lines.extend(lines_in(part.html))

    def _add(self, html: str) -> None:
        for number, inner in re.findall(r'<ol [^>]*id="log-chunk-(\d+)"[^>]*>(.*?)</ol>', html, re.DOTALL):
            assert int(number) not in self.chunks, f"chunk {number} stands on the page already"
            found = lines_in(inner)
            self.chunks[int(number)] = found or None

    @property
    def lines(self) -> list[tuple[int, str]]:
        return [line for number in sorted(self.chunks) for line in self.chunks[number] or ()]

    @property
    def seqs(self) -> list[int]:
        return [seq for seq, _ in self.lines]

    @property
    def placeholders(self) -> list[int]:
        return sorted(number for number, lines in self.chunks.items() if lines is None)


def lines_in(html: str) -> list[tuple[int, str]]:
    found = re.findall(r'<li id="L(\d+)"[^>]*>.*?<span class="m">(.*?)</span></li>', html, re.DOTALL)
    return [(int(seq), unescape(re.sub(r"<[^>]*>", "", text))) for seq, text in found]


# -- the stream -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Message:
    """A server-sent event as a browser reads it; a comment has only `comment`."""

    event: str = "message"
    data: str = ""
    id: str = ""
    comment: str = ""
    retry: str = ""


def decoded(block: str) -> Message:
    """By the rules of the HTML standard: a lone carriage return ends a line as well."""
    fields: dict[str, str] = {}
    data: list[str] = []
    for line in re.split(r"\r\n|\n|\r", block):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name:
            fields["comment"] = value
        elif name == "data":
            data.append(value)
        else:
            assert name in ("event", "id", "retry"), f"no browser understands {line!r}"
            fields[name] = value
    return Message(**fields, data="\n".join(data))


class Ended(Exception):
    """The server ended the stream."""


class Stream:
    """GET /stream of one open page, read message by message."""

    def __init__(
        self,
        app: App,
        topic: str,
        *,
        secret: str = "",
        last: str = "",
        headers: Mapping[str, str] | None = None,
        peer: str = "",
        **query: Any,
    ) -> None:
        self.app = app
        self._scope = {"client": (peer, 4711)} if peer else None
        headers = dict(headers or {"Authorization": f"Bearer {TOKEN}"})
        if secret:
            headers = {"Cookie": f"{app.site.parts.cookie}={secret}"}
        if last:
            headers["Last-Event-ID"] = last
        self._headers = headers
        self._query: dict[str, Any] = {"topics": topic, **query}
        self._buffer = b""
        self.last = ""

    async def __aenter__(self) -> Stream:
        client = self.app.site.test_client(use_cookies=False)
        path = f"/stream?{urlencode(self._query, doseq=True)}"
        self.connection = client.request(path, headers=self._headers, scope_base=self._scope)
        await self.connection.__aenter__()
        await self.connection.send_complete()
        assert (await self.message()).retry == "1000"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def leave(self) -> None:
        """As a closed tab."""
        await self.connection.disconnect()
        with suppress(HTTPDisconnectError):
            await self.connection.__aexit__(None, None, None)  # type: ignore[arg-type]

    async def message(self, limit: float = 10.0) -> Message:
        """The next message or comment; raises `Ended`."""
        async with asyncio.timeout(limit):
            while b"\n\n" not in self._buffer:
                piece = await self.connection.receive()
                if not piece:
                    raise Ended
                self._buffer += piece
        block, _, self._buffer = self._buffer.partition(b"\n\n")
        message = decoded(block.decode())
        self.last = message.id or self.last
        return message

    async def html(self, limit: float = 10.0) -> str:
        """The next message's content; signs of life are passed over."""
        while True:
            message = await self.message(limit)
            if message.data and message.event == "message":
                return message.data

    async def until(self, wanted: str, limit: float = 10.0) -> str:
        """The next message that holds a text."""
        async with asyncio.timeout(limit):
            while wanted not in (html := await self.html(limit)):
                pass
        return html

    async def nothing_waits(self) -> bool:
        """Whether all that was sent is read."""
        return not self._buffer and self.connection._receive_queue.empty()


def query_of(values: Mapping[str, str]) -> str:
    return urlencode(values)


def moment(text: str) -> datetime:
    """A time of the API."""
    assert text.endswith("Z"), f"{text!r} is not UTC with Z"
    return datetime.fromisoformat(text)

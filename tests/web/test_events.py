"""GET /api/v1/events: how all is, each change as it comes, and nothing lost whoever goes away meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from answers import description, hold_event
from quart.testing.connections import HTTPDisconnectError
from support import TOKEN, until
from visiting import Api, decoded, put_lines, put_run, settings_in

from cronapp.app import App
from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import RunChanged
from cronapp.core.feed import Place, place_of, topics_of
from cronapp.core.models import Job, Outcome, Run, RunState
from cronapp.web.api import events as events_module
from cronapp.web.api import feed as feed_module
from cronapp.web.api import marks as marks_module
from cronapp.web.api.feed import Feed, opened

Json = dict[str, Any]
Told = tuple[str, Json]


class Ended(Exception):
    """The server ended the stream."""


class Listening:
    """One stream, read event by event. Each is held to the description."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._buffer = b""
        self.place = ""

    async def next(self, limit: float = 10.0) -> Told:
        while True:
            async with asyncio.timeout(limit):
                while b"\n\n" not in self._buffer:
                    if not (piece := await self.connection.receive()):
                        raise Ended
                    self._buffer += piece
            block, _, self._buffer = self._buffer.partition(b"\n\n")
            message = decoded(block.decode())
            self.place = message.id or self.place
            if message.data:
                hold_event(block.decode())
                return message.event, json.loads(message.data)

    async def sign(self) -> str:
        """The place that the next sign of life brings."""
        while b": here\n" not in self._buffer:
            self._buffer += await self.connection.receive()
        return decoded(self._buffer.partition(b": here\n")[2].decode()).id

    async def until(self, kind: str, **fields: Any) -> list[Told]:
        """All up to an event of that kind with these fields."""
        told = []
        while True:
            told.append(await self.next())
            if told[-1][0] == kind and told[-1][1].items() >= fields.items():
                return told


@asynccontextmanager
async def listening(
    app: App, topics: str, *, token: str = TOKEN, place: str = "", **query: str
) -> AsyncIterator[Listening]:
    await description(app)
    headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": place} if place else {})}
    path = f"/api/v1/events?{urlencode({'topics': topics, **query})}"
    connection = app.site.test_client(use_cookies=False).request(path, headers=headers)
    await connection.__aenter__()
    await connection.send_complete()
    try:
        yield Listening(connection)
    finally:
        await connection.disconnect()
        with suppress(HTTPDisconnectError):
            await connection.__aexit__(None, None, None)


def brief(told: list[Told]) -> list[tuple[str, Any]]:
    """Each event by what tells it apart."""
    return [(kind, data.get("text") or data.get("id")) for kind, data in told]


async def now(app: App, topics: str, place: str = "", **query: str) -> tuple[list[tuple[str, Any]], str]:
    """What there is to be told now, and the place behind it."""
    async with listening(app, topics, place=place, follow="0", **query) as stream:
        told = await stream.until("ready")
        with pytest.raises(Ended):
            await stream.next()
        return brief(told)[:-1], stream.place


@pytest.fixture
async def job(quiet: App, api: Api) -> Job:
    await api.make("nightly")
    return await quiet.jobs.get("nightly")


# -- what is told -----------------------------------------------------------------------------------------------------


async def test_it_begins_with_how_all_is_and_goes_on_with_each_change(quiet: App, api: Api, job: Job) -> None:
    run = await put_run(quiet, job, RunState.RUNNING)
    done = await put_run(quiet, job, RunState.SUCCEEDED)
    async with listening(quiet, "jobs,runs") as stream:
        told = await stream.until("ready")
        assert brief(told) == [("job", "nightly"), ("run", run.id), ("ready", None)]
        assert told[0][1] == next(iter((await api.json("GET", "/jobs"))["items"])), "as the API tells it"
        assert told[0][1]["last_run"]["id"] == done.id
        await api.make("other", tags=["x"])
        assert brief([await stream.next()]) == [("job", "other")]
        await quiet.jobs.pause("other")
        assert (await stream.next())[1]["state"] == "paused"
        await quiet.runs.finish(run, Outcome(state=RunState.SUCCEEDED, result={"sent": 3}), 1.0)
        told = await stream.until("run", id=run.id)
        assert brief(told) == [("job", "nightly"), ("run", run.id)]
        assert told[-1][1] == await api.json("GET", f"/runs/{run.id}")
        await quiet.jobs.remove("other")
        assert await stream.next() == ("job_removed", {"id": "other"})


async def test_who_follows_a_job_is_told_of_it_and_of_its_own_runs(quiet: App, api: Api, job: Job) -> None:
    await api.make("other")
    async with listening(quiet, "job:nightly") as stream:
        assert brief(await stream.until("ready")) == [("job", "nightly"), ("ready", None)]
        await put_run(quiet, await quiet.jobs.get("other"), RunState.RUNNING)
        trial = await api.json("POST", "/tasks/hello/test", 202, json={"job": "nightly"})
        run = await put_run(quiet, job, RunState.RUNNING)
        told = brief(await stream.until("run"))
        assert ("run", run.id) in told
        assert not {("job", "other"), ("run", trial["id"])} & set(told)
        await quiet.jobs.remove("nightly")
        assert ("job_removed", "nightly") in brief(await stream.until("job_removed"))
        await api.make("nightly")
        await stream.until("job", id="nightly")
        again = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.RUNNING)
        await stream.until("run", id=again.id)


async def test_a_followed_run_tells_its_lines_in_order_and_its_end_behind_the_last(quiet: App, job: Job) -> None:
    run = await put_run(quiet, job, RunState.RUNNING)
    await put_lines(quiet, run, ["one", "two\nlines\r\u2028", ""])
    async with listening(quiet, f"run:{run.id},runs") as stream:
        told = await stream.until("ready")
        assert [(kind, data.get("seq")) for kind, data in told] == [
            *[("run", None), ("line", 1), ("line", 2), ("line", 3)],
            ("ready", None),
        ]
        assert told[2][1] | {"at": ""} == {
            "seq": 2,
            "at": "",
            "stream": "stdout",
            "level": None,
            "text": "two\nlines\r\u2028",
            "run": run.id,
        }
        await put_lines(quiet, run, [f"line {n}" for n in range(500)])
        await quiet.runs.finish(run, Outcome(state=RunState.SUCCEEDED), 1.0)
        told = await stream.until("run", state="succeeded")
        assert [data["seq"] for kind, data in told if kind == "line"] == list(range(4, 504))
    assert (await now(quiet, f"run:{run.id}@502"))[0] == [("line", "line 499"), ("run", run.id)]


# -- going on ---------------------------------------------------------------------------------------------------------


async def test_what_changed_while_nobody_listened_is_told(
    quiet: App, api: Api, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronapp.core.feed.MARGIN", timedelta(0))
    for name in ("idle", "gone", "edited"):
        await api.make(name)
    run, old = await put_run(quiet, job, RunState.RUNNING), await put_run(quiet, job, RunState.SUCCEEDED)
    _, place = await now(quiet, "jobs,runs")
    told, place = await now(quiet, "jobs,runs", place)
    assert told == [("job", "nightly"), ("run", run.id)], "one that runs may have told of its progress"
    await quiet.jobs.remove("gone")
    await quiet.jobs.pause("edited")
    await quiet.runs.finish(run, Outcome(state=RunState.SUCCEEDED), 1.0)
    new = await put_run(quiet, job, RunState.FAILED)
    waits = await quiet.runs.run_now("edited")
    told, later = await now(quiet, "jobs,runs", place)
    assert told == [
        *[("job_removed", "gone"), ("job", "nightly"), ("job", "edited")],
        *[("run", waits.id), ("run", run.id), ("run", new.id)],
    ]
    assert (await now(quiet, "jobs,runs", after=place))[0] == told, "by the address too"
    assert (await now(quiet, "job:nightly,job:gone", place))[0] == [
        *[("job_removed", "gone"), ("job", "nightly"), ("run", run.id), ("run", new.id)],
    ]
    assert old.id not in [data for _, data in told]
    assert (await now(quiet, "jobs", later))[0] == [("job", "edited")], "a run of it waits"


async def test_a_log_goes_on_in_its_middle_wherever_it_was_left(quiet: App, job: Job) -> None:
    run, other = await put_run(quiet, job, RunState.RUNNING), await put_run(quiet, job, RunState.RUNNING)
    seen: list[int] = []
    place = ""
    for n in range(8):
        await put_lines(quiet, run, [f"text {n} {m}" for m in range(1 + n * 60)])
        await put_lines(quiet, other, ["x"])
        async with listening(quiet, f"run:{run.id},run:{other.id}", place=place) as stream:
            for _ in range(25 + n * 40):  # leaves in the middle of a piece
                kind, data = await stream.next()
                place = stream.place or place
                seen += [data["seq"]] if kind == "line" and data["run"] == run.id else []
                if kind == "ready":
                    break
    last, _ = await now(quiet, f"run:{run.id}", place)
    total = (await quiet.runs.get(run.id)).last_seq
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) + len([one for one in last if one[0] == "line"]) == total


@pytest.mark.parametrize("lost", ["old", "ahead", "shorter"])
async def test_all_is_told_anew_where_nobody_knows_what_changed(quiet: App, job: Job, lost: str) -> None:
    run = await put_run(quiet, job, RunState.RUNNING)
    await put_lines(quiet, run, ["one"])
    days = {"old": -91, "ahead": 1, "shorter": 0}[lost]
    place = str(Place(quiet.clock() + timedelta(days=days), {run.id: 2 if lost == "shorter" else 1}))
    async with listening(quiet, f"jobs,run:{run.id}", place=place) as stream:
        (kind, data), *rest = await stream.until("ready")
        assert (kind, data["reason"].endswith(".")) == ("reset", True)
        assert brief(rest) == [("job", "nightly"), ("run", run.id), ("line", "one"), ("ready", None)]


async def test_who_left_before_all_was_told_begins_anew(quiet: App, job: Job) -> None:
    async with listening(quiet, "jobs") as stream:
        await stream.next()
        assert stream.place == ""
        await stream.until("ready")
        assert place_of(stream.place, "after")


# -- who, and how much ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("", 422, "topics"),
        ("?topics=overview", 422, "topics"),
        ("?topics=job:gone", 404, ""),
        ("?topics=jobs,run:99", 404, ""),
        ("?topics=jobs&after=yesterday", 422, "after"),
        ("?topics=jobs&follow=2", 422, "follow"),
    ],
)
async def test_what_cannot_be_told_is_refused_before_it_begins(asker: Api, query: str, status: int, field: str) -> None:
    problem = await asker.json("GET", f"/events{query}", status)
    assert list(problem.get("errors", {})) == ([field] if field else [])


async def test_who_is_limited_to_tags_is_told_of_nothing_else(quiet: App, api: Api, job: Job) -> None:
    await api.make("mine", tags=["mine"])
    await api.make("leaves", tags=["mine"])
    token = (await api.json("POST", "/tokens", 201, json={"role": "viewer", "tags": ["mine"]}))["token"]
    mine = Api(quiet, {"Authorization": f"Bearer {token}"})
    foreign = await put_run(quiet, job, RunState.RUNNING)
    for topic in ("job:nightly", f"run:{foreign.id}"):
        await mine.json("GET", f"/events?topics={topic}", 404)
    async with listening(quiet, "jobs,runs", token=token) as stream:
        assert brief(await stream.until("ready")) == [("job", "mine"), ("job", "leaves"), ("ready", None)]
        await quiet.runs.finish(foreign, Outcome(state=RunState.SUCCEEDED), 1.0)
        await quiet.jobs.remove("nightly")
        await api.json("PATCH", "/jobs/leaves", json={"tags": []})
        assert await stream.next() == ("job_removed", {"id": "leaves"})
        own = await put_run(quiet, await quiet.jobs.get("mine"), RunState.RUNNING)
        assert brief(await stream.until("run")) == [("job", "mine"), ("run", own.id)]
        place = stream.place
    async with listening(quiet, "jobs,runs", token=token, place=place) as stream:
        assert "nightly" not in json.dumps(await stream.until("ready"))


async def test_it_ends_when_the_token_does_and_when_the_server_does(quiet: App, api: Api) -> None:
    made = await api.json("POST", "/tokens", 201, json={"role": "viewer"})
    async with listening(quiet, "jobs", token=made["token"]) as stream, listening(quiet, "jobs") as other:
        await stream.until("ready")
        await other.until("ready")
        assert len(quiet.hub) == 2
        await quiet.services.tokens.revoke(made["id"])
        with pytest.raises(Ended):
            await stream.next()
        quiet.hub.close()
        with pytest.raises(Ended):
            await other.next()
    await until(lambda: len(quiet.hub) == 0)


async def test_it_gives_signs_of_life_and_ends_after_a_while(
    quiet: App, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "KEEP_ALIVE", 0.05)
    async with listening(quiet, "jobs") as stream:
        await stream.until("ready")
        before = stream.place
        await quiet.jobs.pause("nightly")
        await stream.next()
        assert place_of(await stream.sign(), "after").moment > place_of(before, "after").moment
        monkeypatch.setattr(events_module, "LIFE", 0.1)
        async with listening(quiet, "jobs", place=stream.place) as other:
            await other.until("ready")
            with pytest.raises(Ended):
                await other.next()


async def test_streams_are_counted_and_one_costs_one_call(tmp_path: Path) -> None:
    settings = settings_in(tmp_path).model_copy(update={"streams": 2, "api_rate": 1, "api_burst": 3})
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    try:
        async with listening(app, "jobs") as one, listening(app, "jobs") as two:
            await one.until("ready")
            await two.until("ready")
            reply = await app.site.test_client().get(
                "/api/v1/events?topics=jobs", headers={"Authorization": f"Bearer {TOKEN}"}
            )
            assert reply.status_code == 429
            assert "streams" in (await reply.get_json())["detail"]
    finally:
        await app.close()


async def test_who_asks_only_for_its_head_gets_no_stream(quiet: App) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    reply = await quiet.site.test_client().head("/api/v1/events?topics=jobs", headers=headers)
    assert (reply.status_code, reply.mimetype, await reply.get_data()) == (200, "text/event-stream", b"")


async def test_a_slow_reader_holds_little_and_misses_nothing(
    quiet: App, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks_module, "MOST", 20)
    running = await put_run(quiet, job, RunState.RUNNING)
    feed: Feed = await opened(quiet.site.parts, topics_of(["jobs,runs"]), None)
    quiet.hub.listen(feed.marks)
    pieces = feed.pieces(follow=True)
    read = b""
    while b"event: ready" not in read:
        read += await anext(pieces)
    runs = [await put_run(quiet, job, RunState.SUCCEEDED) for _ in range(30)]
    assert len(feed.marks.runs) + len(feed.marks.jobs) <= 20
    assert feed.marks.behind
    read = b""
    while f'event: run\ndata: {{"id":{runs[-1].id},'.encode() not in read:
        read += await anext(pieces)
    told = [json.loads(line.removeprefix(b"data: ")) for line in read.split(b"\n") if line.startswith(b'data: {"id":')]
    assert {one["id"]: one["state"] for one in told} == {
        "nightly": "active",
        running.id: "running",
        **{run.id: "succeeded" for run in runs},
    }
    assert len(told) == 32, "of each only the newest"
    quiet.bus.publish([RunChanged(runs[0].id, job.id)])
    read = b""
    while f'event: run\ndata: {{"id":{runs[0].id},'.encode() not in read:
        read += await anext(pieces)
    await pieces.aclose()


async def test_what_many_are_told_of_is_read_once(quiet: App, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    news = quiet.services.news
    asked, read = [], news.runs

    async def noted(ids: Sequence[int]) -> dict[int, Run]:
        asked.extend(ids)
        return await read(ids)

    monkeypatch.setattr(news, "runs", noted)
    feeds = [
        await opened(quiet.site.parts, topics_of([asked_for]), None) for asked_for in ("runs", "jobs,runs", "runs")
    ]
    pieces = [feed.pieces(follow=True) for feed in feeds]
    for feed, told in zip(feeds, pieces, strict=True):
        quiet.hub.listen(feed.marks)
        while b"event: ready" not in await anext(told):
            pass
    run = await put_run(quiet, job, RunState.RUNNING)
    for told in pieces:
        while f'"id":{run.id},'.encode() not in (piece := await anext(told)) or b"event: run" not in piece:
            pass
        await told.aclose()
    assert asked == [run.id]


async def test_a_database_that_is_away_for_a_moment_costs_nothing(
    quiet: App, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "AGAIN", 0.01)
    run = await put_run(quiet, job, RunState.RUNNING)
    async with listening(quiet, f"jobs,runs,run:{run.id}") as stream:
        await stream.until("ready")
        asked, read = [], quiet.store.read

        async def away(*args: Any, **kwargs: Any) -> Any:
            asked.append(args)
            if len(asked) < 5:
                raise StoreUnavailable
            return await read(*args, **kwargs)

        monkeypatch.setattr(quiet.store, "read", away)
        quiet.bus.publish([RunChanged(run.id, job.id)])
        await stream.until("job", id="nightly")
        monkeypatch.undo()
        await put_lines(quiet, run, ["one"])
        await stream.until("line", text="one")

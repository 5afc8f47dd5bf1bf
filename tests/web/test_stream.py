"""The live stream: what an open page is told, in which order, and what becomes of it when somebody goes away."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from typing import Any
from urllib.parse import urlencode

import pytest
from quart.testing import QuartClient
from support import TOKEN, Server, until
from visiting import Api, Ended, LogOnPage, Page, Stream, lines_in, page_of, partials, put_lines, put_run, signed_in

from cronapp.app import App
from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import JobChanged, LogAppended, RunChanged
from cronapp.core.models import Job, Outcome, Progress, Run, RunState
from cronapp.service.runs import Written
from cronapp.store import logs
from cronapp.web import stream as stream_module
from cronapp.web.views import log as log_view
from cronapp.web.views.log import BURST, CHUNK

FIGURES = ["#nav-jobs", "#nav-runs"]
"""What every page shows beside its navigation."""


@pytest.fixture
async def job(quiet: App, api: Api) -> Job:
    await api.make("nightly", schedule={"kind": "cron", "expression": "0 3 * * *"})
    return await quiet.jobs.get("nightly")


@pytest.fixture
async def run(quiet: App, job: Job) -> Run:
    return await put_run(quiet, job, RunState.RUNNING)


def targets(html: str) -> list[str]:
    return [part.target for part in partials(html)]


async def stored(app: App, run: Run, until_seq: int) -> None:
    """Waits until the log reaches a line."""

    async def there() -> bool:
        return (await app.runs.get(run.id)).last_seq >= until_seq

    await until(there)


# -- what is told ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "first"),
    [
        ("overview", [f"#overview-{part}" for part in ("glance", "concerns", "running", "next", "ahead", "kept")]),
        ("tasks", ["#tasks"]),
        ("task:hello", ["#task-code", "#task-jobs-of", "#task-runs-of"]),
        ("settings:people", ["#settings-people"]),
        ("settings:audit", ["#settings-audit"]),
        ("settings:views", ["#settings-views"]),
        ("jobs", ["#job-list"]),
        (
            "job:nightly",
            [
                *("#job-head", "#job-unserved", "#job-note", "#job-changes", "#job-cards", "#job-nav"),
                *("#job-hint", "#job-durations", "#job-kept", "#job-backfills", "#job-runs"),
            ],
        ),
        ("runs", ["#run-list"]),
        ("errors", ["#error-list"]),
        ("run:1", ["#log-empty", "#run-head", "#run-outcome", "#run-since", "#run-side"]),
        ("system", ["#system", "#nodes", "#restart", "#limits"]),
    ],
)
@pytest.mark.usefixtures("run")
async def test_the_first_message_is_the_page_as_it_is_now(
    quiet: App, client: QuartClient, topic: str, first: list[str]
) -> None:
    async with Stream(quiet, topic) as stream:
        html = await stream.html()
        assert targets(html) == ["#banner", *FIGURES, *first]
        path = {"overview": "/"}.get(topic, "/" + re.sub("^(job|run|task):", r"\1s/", topic).replace(":", "/"))
        page = await page_of(client, path)
        for part in partials(html):
            assert part.swap == "outerMorph"
            assert page.has_id(part.target[1:]), "it has its place on the page"
            assert Page(part.html).elements[0].attrs["id"] == part.target[1:]
        assert Page(html).faults() == []


async def test_a_row_changes_when_a_run_changes_its_state(quiet: App, job: Job) -> None:
    row = f"#job-row-{job.key}"
    async with Stream(quiet, "jobs", at="/jobs") as stream:
        await stream.html()
        run = await put_run(quiet, job, RunState.RUNNING)
        html = await stream.until(row)
        assert set(targets(html)) <= {row, "#job-tabs", *FIGURES}
        assert f'href="/runs/{run.id}"' in html
        assert "Running" in Page(html).text
        await quiet.runs.finish(run, Outcome(state=RunState.SUCCEEDED), 1.0)
        assert "Succeeded" in Page(await stream.until(row)).text
        await quiet.jobs.pause("nightly")
        html = await stream.until(row)
        assert Page(html).one("tr", data_job="nightly").attrs["data-state"] == "paused"


async def test_the_list_comes_whole_when_a_job_appears_or_goes(quiet: App, api: Api, job: Job) -> None:
    async with Stream(quiet, "jobs", at="/jobs") as stream:
        await stream.html()
        await api.make("another")
        page = Page(await stream.until("#job-list"))
        assert [row.attrs["data-job"] for row in page.all("tr") if "data-job" in row.attrs] == ["another", "nightly"]
        await quiet.jobs.remove("nightly")
        page = Page(await stream.until("#job-list"))
        assert [row.attrs["data-job"] for row in page.all("tr") if "data-job" in row.attrs] == ["another"]


async def test_a_row_that_is_not_on_the_page_is_not_sent(quiet: App, api: Api, job: Job) -> None:
    for n in range(60):
        await api.make(f"job-{n:02}")
    async with Stream(quiet, "jobs", at="/jobs") as stream:
        shown = {e.attrs["data-job"] for e in Page(await stream.html()).all("tr") if "data-job" in e.attrs}
        assert "nightly" not in shown
        connection = next(iter(quiet.hub._connections))
        for n in range(60):
            quiet.hub.heed(JobChanged(f"job-{n:02}"))
        assert len(connection.old) <= 52, "nothing is kept for what the page does not show"
        await quiet.jobs.pause("nightly")
        assert await stream.until("#job-tabs")
        await quiet.jobs.pause("job-00")
        key = (await quiet.jobs.get("job-00")).key
        seen = ""
        while f"#job-row-{key}" not in seen:
            seen += await stream.html()
        assert f"#job-row-{job.key}" not in seen


async def test_a_filtered_list_stays_filtered(quiet: App, api: Api, job: Job) -> None:
    await api.make("other", tags=["x"])
    async with Stream(quiet, "jobs", at="/jobs?state=paused") as stream:
        assert not Page(await stream.html()).all("tr", data_job="nightly")
        await quiet.jobs.pause("nightly")
        assert Page(await stream.until("nightly")).one("tr", data_job="nightly")
        await quiet.jobs.resume("nightly")
        while Page(await stream.until("#job-list")).all("tr", data_job="nightly"):
            pass
    async with Stream(quiet, "runs", at="/runs?job=other&state=failed") as stream:
        await stream.html()
        await put_run(quiet, job, RunState.FAILED)
        await put_run(quiet, await quiet.jobs.get("other"), RunState.FAILED)
        page = Page(await stream.until("data-run"))
        assert [e.attrs["data-run"] for e in page.all("tr") if "data-run" in e.attrs] == ["2"]


async def test_an_older_page_of_runs_follows_only_its_own_runs(quiet: App, run: Run) -> None:
    newer = await quiet.runs.run_now("nightly")
    async with Stream(quiet, "runs", at=f"/runs?cursor={newer.id}") as stream:
        assert targets(await stream.html())[-1] == "#run-list"
        await quiet.runs.cancel(newer.id)
        quiet.bus.publish([RunChanged(run.id, run.job)])
        assert f'id="run-row-{run.id}"' in await stream.until(f"#run-row-{run.id}")
        await quiet.runs.run_now("nightly")
        quiet.bus.publish([RunChanged(run.id, run.job)])
        assert "#run-list" not in targets(await stream.until(f"#run-row-{run.id}"))


async def test_a_jobs_page_follows_its_runs_and_its_removal(quiet: App, job: Job) -> None:
    async with Stream(quiet, "job:nightly") as stream:
        await stream.html()
        run = await put_run(quiet, job, RunState.RUNNING)
        page = Page(await stream.until(f'data-run="{run.id}"'))
        assert page.one("tr", data_run=str(run.id)).attrs["data-state"] == "running"
        await quiet.jobs.remove("nightly")
        assert "This job was removed" in await stream.until("removed")


async def test_a_runs_page_follows_its_state_progress_and_outcome(quiet: App, run: Run) -> None:
    async with Stream(quiet, f"run:{run.id}", after=0) as stream:
        await stream.html()
        await quiet.runs.write([Written(run, [], Progress(done=3, total=10, text="Kiel"))])
        assert "3 of 10" in Page(await stream.until("#run-head")).text
        await quiet.runs.finish(run, Outcome(state=RunState.SUCCEEDED, result={"sent": 3}), 1.0)
        html = ""  # the outcome may come before the head, if it was old already
        while 'data-state="succeeded"' not in html or "sent" not in Page(html).text:
            html += await stream.html()


async def test_the_system_page_is_fresh_without_an_event(quiet: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cronapp.web.views.system.SystemView.pause", lambda self, part: 0.01)
    async with Stream(quiet, "system") as stream:
        assert targets(await stream.html()) == ["#banner", *FIGURES, "#system", "#nodes", "#restart", "#limits"]
        for part in ("#system", "#limits"):
            assert part in await stream.until(part)


async def test_a_page_without_a_topic_of_its_own_only_tells_of_the_master_switch(quiet: App, job: Job) -> None:
    async with Stream(quiet, "page") as stream:
        assert targets(await stream.html()) == ["#banner", *FIGURES]
        await put_run(quiet, job, RunState.RUNNING)
        for _ in range(20):
            await asyncio.sleep(0)
        assert await stream.nothing_waits()
        await quiet.services.switch.pause("moving house", by="admin")
        assert "moving house" in Page(await stream.html()).text
        await quiet.services.switch.resume()
        assert "scheduler" not in Page(await stream.html()).text


async def test_the_master_switch_makes_all_of_a_page_old(quiet: App, job: Job) -> None:
    async with Stream(quiet, "jobs") as stream:
        await stream.html()
        await quiet.services.switch.pause(by="admin")
        html = await stream.until("scheduler paused")
        assert Page(html).one("tr", data_job=job.id)
        await quiet.services.switch.resume()
        assert "scheduler paused" not in await stream.until("countdown")


async def test_a_stream_is_told_as_one_and_kept_by_nobody(quiet: App) -> None:
    async with Stream(quiet, "jobs") as stream:
        headers = stream.connection.headers
        assert headers
        assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"


# -- the log --------------------------------------------------------------------------------------------------------


async def test_log_lines_are_told_as_they_come_and_each_once(quiet: App, client: QuartClient, run: Run) -> None:
    await put_lines(quiet, run, ["one", "two"])
    html = await (await client.get(f"/runs/{run.id}")).get_data(as_text=True)
    log = LogOnPage.of(html)
    async with Stream(quiet, f"run:{run.id}", after=2) as stream:
        assert "data-seq" not in await stream.html()
        for seq, text in enumerate(("three", "<b>four</b>", "five"), start=3):
            await put_lines(quiet, run, [text])
            log.apply(await stream.until(f'data-seq="{seq}"'))
    assert log.lines == list(enumerate(["one", "two", "three", "<b>four</b>", "five"], start=1))


@pytest.mark.parametrize("seed", range(6))
async def test_a_log_has_no_gap_and_no_double_over_any_batches_and_reconnects(
    quiet: App, client: QuartClient, run: Run, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("cronapp.web.views.runs.RunView.pause", lambda self, part: 0.0)
    draw = random.Random(seed)
    sizes = [draw.choice([1, 2, 50, CHUNK - 1, CHUNK, CHUNK + 1, 499, BURST]) for _ in range(12)]
    await put_lines(quiet, run, [f"text {n}" for n in range(1, sizes[0] + 1)])
    log = LogOnPage.of(await (await client.get(f"/runs/{run.id}")).get_data(as_text=True))
    before = CHUNK * len(log.placeholders)
    total = sizes[0]
    last: dict[str, Any] = {"after": total}
    stream = await Stream(quiet, f"run:{run.id}", **last).__aenter__()
    for size in sizes[1:]:
        away = draw.random() < 0.5
        if away:
            place = stream.last or str(last.get("after", ""))
            await stream.leave()
        await put_lines(quiet, run, [f"text {n}" for n in range(total + 1, total + size + 1)])
        total += size
        if away:
            how: dict[str, Any] = draw.choice([{"last": place}, {"after": place}])
            stream = await Stream(quiet, f"run:{run.id}", **how).__aenter__()
        while not log.seqs or log.seqs[-1] < total:
            log.apply(await stream.html())
        assert stream.last == str(total)
    await stream.leave()
    assert log.lines == [(n, f"text {n}") for n in range(before + 1, total + 1)]
    assert [len(lines or ()) for lines in list(log.chunks.values())[before // CHUNK : -1]] == [CHUNK] * (
        len(log.chunks) - 1 - before // CHUNK
    )


@pytest.mark.parametrize("seen", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 10 * CHUNK, 1250])
@pytest.mark.parametrize("more", [BURST, BURST + 1, 15 * CHUNK - 1, 15 * CHUNK, 15 * CHUNK + 1, 3333])
async def test_a_jump_over_many_lines_leaves_places_that_the_page_can_fill(
    quiet: App, client: QuartClient, run: Run, seen: int, more: int
) -> None:
    if seen:
        await put_lines(quiet, run, [f"text {n}" for n in range(1, seen + 1)])
    log = LogOnPage.of(await (await client.get(f"/runs/{run.id}")).get_data(as_text=True))
    await put_lines(quiet, run, [f"text {n}" for n in range(seen + 1, seen + more + 1)])
    total = seen + more
    async with Stream(quiet, f"run:{run.id}", after=seen) as stream:
        message = await stream.message()
        assert message.id == str(total)
        assert len(lines_in(message.data)) <= BURST
        log.apply(message.data)
    assert sorted(log.chunks) == list(range(-(-total // CHUNK)))
    assert list(log.chunks) == sorted(log.chunks), "in their order on the page"
    assert log.seqs[-1] == total
    if more > BURST:
        assert log.placeholders
    for number in log.placeholders:
        reply = await client.get(f"/runs/{run.id}/log?after={number * CHUNK}")
        log.chunks[number] = lines_in(await reply.get_data(as_text=True))
    assert log.lines == [(n, f"text {n}") for n in range(1, total + 1)]


ODD_TEXTS = [
    "a\rb",
    "\r",
    "\r\r\n",
    "two\nlines",
    "\n\n",
    "data: x\n\nevent: bye",
    "</hx-partial>",
    '</span></li></ol></hx-partial><hx-partial hx-target="#main" hx-swap="innerHTML">gone',
    "<script>alert(1)</script>",
    "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029",
    "\x1b[31mred\x1b[0m \x1b[2J\x1b]8;;http://evil.example\x07x\x1b]8;;\x07",
    "id: 99",
    ": comment",
    "&lt;&#13;&amp;",
    "\ufeffbom",
    "  spaces   kept  ",
    "",
]


async def test_no_text_breaks_a_message(quiet: App, run: Run) -> None:
    await put_lines(quiet, run, ["first"])
    async with Stream(quiet, f"run:{run.id}", after=1) as stream:
        await stream.html()
        log = LogOnPage({0: [(1, "first")]})
        for seq, text in enumerate(ODD_TEXTS, start=2):
            await put_lines(quiet, run, [text])
            message = await stream.message()
            assert (message.event, message.id) == ("message", str(seq))
            assert Page(message.data).faults() == []
            assert not Page(message.data).all("script")
            log.apply(message.data)
    assert log.seqs == list(range(1, len(ODD_TEXTS) + 2))
    for (_, shown), text in zip(log.lines[1:], ODD_TEXTS, strict=True):
        if text.isprintable():  # what controls a terminal is drawn, or left out
            assert shown == text


async def test_a_log_of_an_open_page_survives_that_the_database_is_away(
    quiet: App, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, away = quiet.store.read, True
    failures = []

    async def sometimes(question: Any, *args: Any, **more: Any) -> Any:
        if away and question is logs.lines_after:
            failures.append(question)
            raise StoreUnavailable
        return await read(question, *args, **more)

    async with Stream(quiet, f"run:{run.id}", after=0) as stream:
        await stream.html()
        monkeypatch.setattr(quiet.store, "read", sometimes)
        await put_lines(quiet, run, ["one"])
        await until(lambda: len(failures) >= 2)
        away = False
        await put_lines(quiet, run, ["two"])
        log = LogOnPage()
        while len(log.seqs) < 2:
            log.apply(await stream.html())
    assert log.lines == [(1, "one"), (2, "two")]


async def test_lines_are_rendered_once_for_all_who_read_them(
    quiet: App, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[str] = []
    fragment = log_view.fragment

    def counted(name: str, **context: Any) -> Any:
        rendered.append(name)
        return fragment(name, **context)

    monkeypatch.setattr(log_view, "fragment", counted)
    await put_lines(quiet, run, ["first"])
    streams = [await Stream(quiet, f"run:{run.id}", after=1).__aenter__() for _ in range(20)]
    for stream in streams:
        await stream.html()
    await until(lambda: all(not c.old for c in quiet.hub._connections))
    rendered.clear()
    await put_lines(quiet, run, ["second"])
    assert len({await stream.until('data-seq="2"') for stream in streams}) == 1
    assert rendered == ["_log_lines", "_last_line"]
    for stream in streams:
        await stream.leave()


async def test_a_row_is_rendered_once_for_all_who_show_it(
    quiet: App, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    row = quiet.jobs.row

    async def counted(job_id: str) -> Any:
        asked.append(job_id)
        return await row(job_id)

    streams = [await Stream(quiet, "jobs", at="/jobs").__aenter__() for _ in range(20)]
    for stream in streams:
        await stream.html()
    monkeypatch.setattr(quiet.jobs, "row", counted)
    await quiet.jobs.pause("nightly")
    for stream in streams:
        await stream.until(f"#job-row-{job.key}")
        await stream.leave()
    assert asked == ["nightly"]


async def test_a_page_whose_session_ended_while_it_was_away_is_told_so(quiet: App) -> None:
    stranger = quiet.site.test_client()
    reply = await stream_reply(stranger, "text/event-stream")
    assert (reply.status_code, reply.mimetype) == (200, "text/event-stream")
    assert await reply.get_data() == b"event: gone\ndata: \n\n"
    assert (await stream_reply(stranger, "*/*")).status_code == 302
    wrong = {"Authorization": "Bearer wrong"}
    assert (await stranger.get("/stream?topics=jobs", headers=wrong)).status_code == 401
    assert len(quiet.hub) == 0


async def stream_reply(client: QuartClient, accept: str) -> Any:
    return await client.get("/stream?topics=jobs", headers={"Accept": accept})


# -- many views on one connection ------------------------------------------------------------------------------------


def a_view(name: str, topics: str, **more: Any) -> str:
    return urlencode({"name": name, "topics": topics, **more})


async def test_many_views_share_a_connection_and_each_is_told_its_own(quiet: App, job: Job, run: Run) -> None:
    views = [a_view("vlist", "jobs", at="/jobs"), a_view("vrun", f"run:{run.id}", last=0), a_view("vbare", "page")]
    async with Stream(quiet, "", view=views) as stream:
        assert len(quiet.hub) == 3
        first = {(message := await stream.message()).event: message for _ in views}
        assert set(first) == {"vlist", "vrun", "vbare"}
        assert "#job-list" in targets(first["vlist"].data)
        assert targets(first["vbare"].data) == ["#banner", *FIGURES]
        await put_lines(quiet, run, ["one", "two"])
        while "data-seq" not in (message := await stream.message()).data:
            pass
        assert (message.event, message.id) == ("vrun", "vrun 2")
        await quiet.jobs.pause("nightly")
        while f"#job-row-{job.key}" not in (message := await stream.message()).data:
            pass
        assert (message.event, message.id) == ("vlist", "vlist ")
    await until(lambda: len(quiet.hub) == 0)


@pytest.mark.parametrize("seed", range(4))
async def test_logs_have_no_gap_and_no_double_while_pages_come_and_go(
    quiet: App, job: Job, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("cronapp.web.views.runs.RunView.pause", lambda self, part: 0.0)
    draw = random.Random(seed)
    runs = [await put_run(quiet, job, RunState.RUNNING) for _ in range(3)]
    logs = {f"v{one.id}": LogOnPage() for one in runs}
    places, written = dict.fromkeys(logs, "0"), dict.fromkeys(logs, 0)
    for _ in range(8):
        for one in runs:  # written while the connection is made anew
            size = draw.choice([0, 1, 7, 120])
            if size:
                first = written[f"v{one.id}"]
                await put_lines(quiet, one, [f"text {n}" for n in range(first + 1, first + size + 1)])
                written[f"v{one.id}"] += size
        shown = draw.sample(runs, draw.randint(1, 3))
        views = [a_view(f"v{one.id}", f"run:{one.id}", last=places[f"v{one.id}"]) for one in shown]
        async with Stream(quiet, "", view=views) as stream:
            names = {f"v{one.id}" for one in shown}
            while any(int(places[name]) < written[name] for name in names):
                message = await stream.message()
                logs[message.event].apply(message.data)
                places[message.event] = message.id.split(" ")[1] or places[message.event]
    for name, log in logs.items():
        assert log.lines == [(n, f"text {n}") for n in range(1, int(places[name]) + 1)]


async def test_a_view_of_what_is_gone_does_not_end_the_others(quiet: App, job: Job) -> None:
    async with Stream(quiet, "", view=[a_view("vgone", "run:99"), a_view("vlist", "jobs")]) as stream:
        told = {(message := await stream.message()).event: message.data for _ in range(2)}
        assert targets(told["vgone"]) == ["#banner", *FIGURES]
        assert "#job-list" in told["vlist"]


@pytest.mark.parametrize(
    "views",
    [
        [a_view("", "jobs")],
        [a_view("bye", "jobs")],
        [a_view("a b", "jobs")],
        [a_view("v1\ndata: x", "jobs")],
        [a_view("v1", "jobs"), a_view("v1", "runs")],
        [a_view(f"v{n}", "page") for n in range(101)],
    ],
)
async def test_views_without_a_name_of_their_own_are_refused(quiet: App, client: QuartClient, views: list[str]) -> None:
    reply = await client.get("/stream", query_string={"view": views})
    assert reply.status_code == 400
    assert len(quiet.hub) == 0


# -- signs of life, and ends ----------------------------------------------------------------------------------------


async def test_a_silent_stream_gives_signs_of_life(quiet: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "KEEP_ALIVE", 0.02)
    async with Stream(quiet, "page") as stream:
        assert targets(await stream.html()) == ["#banner", *FIGURES]
        for _ in range(3):
            assert (await stream.message()).comment == "here"


async def test_a_stream_ends_with_a_word_when_the_server_closes(quiet: App, job: Job) -> None:
    async with Stream(quiet, "jobs") as idle, Stream(quiet, "system") as busy:
        await idle.html()
        quiet.hub.close()
        for stream in (idle, busy):
            while (message := await stream.message()).event == "message":
                pass
            assert message.event == "bye"
            with pytest.raises(Ended):
                await stream.message()


async def test_a_stream_ends_after_a_while_so_that_the_browser_comes_anew(
    quiet: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "KEEP_ALIVE", 0.01)
    monkeypatch.setattr(stream_module, "LIFE", 0.05)
    async with Stream(quiet, "page") as stream:
        with pytest.raises(Ended):
            await stream.until("what never comes")


@pytest.mark.parametrize("topic", ["page", "system"])
async def test_a_stream_ends_when_its_session_does_also_a_busy_one(
    quiet: App, monkeypatch: pytest.MonkeyPatch, topic: str
) -> None:
    monkeypatch.setattr(stream_module, "KEEP_ALIVE", 0.05)
    monkeypatch.setattr("cronapp.web.views.system.SystemView.pause", lambda self, part: 0.01)
    secret = await quiet.signin.use_link(TOKEN)
    assert secret
    async with Stream(quiet, topic, secret=secret) as stream:
        await stream.message()
        await quiet.signin.sign_out(secret)
        while (message := await stream.message()).event in ("message", "here"):
            pass
        assert message.event == "gone"
        with pytest.raises(Ended):
            await stream.message()


async def test_a_stream_outlives_a_moment_without_the_database(quiet: App, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(stream_module, "KEEP_ALIVE", 0.02)
    secret = await quiet.signin.use_link(TOKEN)
    assert secret
    async with Stream(quiet, "page", secret=secret) as stream:
        assert targets(await stream.html()) == ["#banner", *FIGURES]
        with monkeypatch.context() as patch:
            patch.setattr(quiet.store, "read", away)
            assert (await stream.message()).comment == "here"
            assert (await stream.message()).comment == "here"
        assert (await stream.message()).comment == "here"


async def test_the_hub_forgets_a_closed_connection(quiet: App, job: Job) -> None:
    before = len(asyncio.all_tasks())
    for _ in range(20):
        async with Stream(quiet, "jobs") as stream:
            assert len(quiet.hub) == 1
            await stream.html()
    await until(lambda: len(quiet.hub) == 0)
    await until(lambda: len(asyncio.all_tasks()) <= before)


async def test_a_connection_that_ends_before_its_first_word_is_forgotten_too(quiet: App, client: QuartClient) -> None:
    for _ in range(5):
        connection = client.request("/stream?topics=jobs")
        async with connection:
            await connection.send_complete()
            await connection.disconnect()
    await until(lambda: len(quiet.hub) == 0)


class SlowReader:
    """A browser that takes what comes when it is told to, spoken to as the web server would speak."""

    def __init__(self, app: App, path: str, query: str) -> None:
        self.may_read = asyncio.Event()
        self.gone = asyncio.Event()
        self.got = b""
        scope = {
            "type": "http",
            "asgi": {"spec_version": "2.3", "version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {TOKEN}".encode())],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 5000),
            "extensions": {},
        }
        self._asked = False
        self.task = asyncio.ensure_future(app.site(scope, self._receive, self._send))  # type: ignore[arg-type]

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            await self.may_read.wait()
            self.got += message["body"]


async def test_a_slow_reader_costs_nothing_and_gets_the_newest(quiet: App, run: Run) -> None:
    reader = SlowReader(quiet, "/stream", f"topics=run:{run.id}&after=0")
    await until(lambda: len(quiet.hub) == 1)
    connection = next(iter(quiet.hub._connections))
    for n in range(300):
        await put_lines(quiet, run, [f"text {n}"])
        quiet.hub.heed(LogAppended(run.id, n + 1))
    assert set(connection.old) <= {"banner", "figures", "log", "head", "outcome", "since", "side"}
    assert len(quiet.hub._rendered) <= 4
    assert reader.got == b""
    reader.may_read.set()
    await until(lambda: b'data-seq="300"' in reader.got)
    assert reader.got.count(b"text 0<") == 1
    reader.gone.set()
    await asyncio.wait_for(reader.task, 10)
    await until(lambda: len(quiet.hub) == 0)


async def test_a_reader_that_never_reads_is_forgotten_when_it_goes(quiet: App) -> None:
    reader = SlowReader(quiet, "/stream", "topics=jobs")
    await until(lambda: len(quiet.hub) == 1)
    reader.gone.set()
    await asyncio.wait_for(reader.task, 10)
    await until(lambda: len(quiet.hub) == 0)


async def test_asking_only_for_the_head_of_a_stream_ends(quiet: App, client: QuartClient) -> None:
    async with asyncio.timeout(10):
        reply = await client.head("/stream?topics=jobs")
    assert (reply.status_code, await reply.get_data()) == (200, b"")
    await until(lambda: len(quiet.hub) == 0)


# -- a whole server -------------------------------------------------------------------------------------------------


async def test_lines_of_a_running_task_reach_the_open_page(app: App) -> None:
    api, client = Api(app), await signed_in(app)
    await api.make("steps", "steps", args={"count": 30, "delay": 0.01})
    run_id = (await api.json("POST", "/jobs/steps/run", 202))["id"]
    log = LogOnPage.of(await (await client.get(f"/runs/{run_id}")).get_data(as_text=True))
    async with Stream(app, f"run:{run_id}", after=len(log.seqs)) as stream:
        ended = False
        while len(log.seqs) < 30 or not ended:
            html = await stream.html()
            log.apply(html)
            ended = ended or 'data-state="succeeded"' in html
    assert log.lines == [(n + 1, f"step {n}") for n in range(30)]


def test_a_server_stops_although_pages_are_open_that_never_read(server: Server) -> None:
    server.start()
    server.api("POST", "/jobs", json={"id": "s", "task": "steps", "schedule": {"kind": "manual"}, "args": {"count": 1}})
    port = int(server.url.rpartition(":")[2])
    readers = []
    for topic in ("jobs", "overview", "system", "page"):
        reader = socket.create_connection(("127.0.0.1", port))
        asked = f"GET /stream?topics={topic} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        reader.sendall(asked.encode())
        reader.settimeout(10)
        assert reader.recv(12) == b"HTTP/1.1 200"
        readers.append(reader)
    assert server.stop() == 0
    for reader in readers:
        rest = b""
        while piece := reader.recv(65536):
            rest += piece
        reader.close()
        assert b"event: bye" in rest
    assert "Traceback" not in server.text()

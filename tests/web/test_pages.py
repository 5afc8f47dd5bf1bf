"""Every page with everything there can be on it, and none of it taken for markup."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from quart.testing import QuartClient
from visiting import EVIL, HTMX, Api, Page, page_of, partials, put_in_state, put_lines, put_run, settings_in, signed_in

from cronapp.app import App
from cronapp.core.errors import StoreUnavailable
from cronapp.core.models import Job, JobState, LogLine, LogStream, Progress, Run, RunError, RunState
from cronapp.core.traces import Frame, Problem
from cronapp.service.runs import Written
from cronapp.web.navigation import navigation_of
from cronapp.web.site import Blocked
from cronapp.web.views.log import CHUNK, SCREEN

SETTINGS = ("", "/people", "/tokens", "/audit", "/views", "/browser")
PAGES = (
    *("/", "/jobs", "/jobs/new", "/runs", "/tasks", "/system"),
    *(f"/settings{part}" for part in SETTINGS),
)


@pytest.fixture
async def full(quiet: App, api: Api) -> tuple[App, list[Job], list[Run]]:
    """A job of each kind and each state, each with a run of each state."""
    soon = (quiet.clock() + timedelta(days=1)).isoformat()
    schedules = {
        "active": {"kind": "cron", "expression": "*/5 * * * *", "timezone": "Europe/Berlin"},
        "paused": {"kind": "interval", "every": "90s"},
        "finished": {"kind": "once", "at": soon},
        "needs_attention": {"kind": "manual"},
        "several": [{"kind": "cron", "expression": "0 9 * * *"}, {"kind": "interval", "every": "1d"}],
    }
    for job_id, schedule in schedules.items():
        await api.make(
            job_id,
            schedule=schedule,
            retry={"max_attempts": 3},
            tags=["a", "b c"],
            description="Two\nlines",
            args={"name": "Kiel"},
        )
    jobs, runs = [], []
    for job_id in schedules:
        state = JobState(job_id) if job_id != "several" else JobState.ACTIVE
        job = await put_in_state(quiet, job_id, state, "A reason." if state != "active" else None)
        jobs.append(job)
        for n, run_state in enumerate(RunState):
            run = await put_run(
                quiet,
                job,
                run_state,
                reason="A reason.",
                result={"sent": 3},
                slot=quiet.clock() - timedelta(minutes=n),
                missed=4 if run_state is RunState.MISSED else 1,
            )
            runs.append(run)
            if run.started_at:
                await put_lines(quiet, run, [f"line {n}" for n in range(3)])
            if run_state is RunState.RUNNING:
                await quiet.runs.write([Written(run, [], Progress(done=3, total=10, text="Kiel"))])
    return quiet, jobs, runs


async def test_every_page_shows_jobs_and_runs_in_every_state(
    full: tuple[App, list[Job], list[Run]], client: QuartClient
) -> None:
    _, jobs, runs = full
    for path in PAGES:
        await page_of(client, path)
    listed = await page_of(client, "/jobs")
    for job in jobs:
        assert listed.one("tr", data_job=job.id).attrs["data-state"] == job.state
        for path in (f"/jobs/{job.id}", f"/jobs/{job.id}/edit", f"/jobs/{job.id}/remove"):
            assert job.id in (await page_of(client, path)).text
        assert (await page_of(client, f"/jobs/{job.id}")).with_id("job-head").attrs["data-state"] == job.state
    for run in runs:
        listed = await page_of(client, f"/runs?job={run.job}")
        page = await page_of(client, f"/runs/{run.id}")
        assert page.with_id("run-head").attrs["data-state"] == run.state
        assert listed.one("tr", data_run=str(run.id)).attrs["data-state"] == run.state
        assert [e.attrs["data-seq"] for e in page.all("li") if "data-seq" in e.attrs] == (
            ["1", "2", "3"] if run.started_at else []
        )


async def test_pages_show_what_they_are_asked_for(full: tuple[App, list[Job], list[Run]], client: QuartClient) -> None:
    def rows(page: Page, name: str) -> set[str]:
        return {e.attrs[name] for e in page.all("tr") if name in e.attrs}

    assert rows(await page_of(client, "/jobs?state=paused"), "data-job") == {"paused"}
    assert rows(await page_of(client, "/jobs?q=SEV"), "data-job") == {"several"}
    assert rows(await page_of(client, "/jobs?tag=b+c&state=finished"), "data-job") == {"finished"}
    assert rows(await page_of(client, "/jobs?task=nothing"), "data-job") == set()
    failed = await page_of(client, "/runs?state=failed&job=several")
    assert {e.attrs["data-state"] for e in failed.all("tr") if "data-run" in e.attrs} == {"failed"}
    assert len(rows(failed, "data-run")) == 1


async def test_lists_go_on_where_a_page_ends_and_lose_nothing(quiet: App, client: QuartClient, api: Api) -> None:
    for n in range(60):
        await api.make(f"job-{n:02}")
    job = await quiet.jobs.get("job-00")
    runs = [(await put_run(quiet, job, RunState.SUCCEEDED)).id for _ in range(60)]

    async def walked(path: str, name: str) -> list[str]:
        seen: list[str] = []
        while path:
            page = await page_of(client, path)
            seen += [e.attrs[name] for e in page.all("tr") if name in e.attrs]
            following = page.all("a", rel="next")
            path = following[0].attrs["href"] if following else ""
        return seen

    assert await walked("/jobs", "data-job") == [f"job-{n:02}" for n in range(60)]
    newest_first = [str(run) for run in reversed(runs)]
    assert await walked("/runs", "data-run") == newest_first
    assert await walked("/jobs/job-00", "data-run") == newest_first


@pytest.mark.parametrize("cursor", ["abc", "-1", "0", "99999999999999999999999", "1.5", "%D9%A3", "%00", ""])
async def test_an_odd_cursor_shows_a_page_and_no_fault(client: QuartClient, api: Api, cursor: str) -> None:
    await api.make("nightly")
    for path in ("/jobs", "/runs", "/jobs/nightly"):
        await page_of(client, f"{path}?cursor={cursor}")


@pytest.mark.parametrize("number", ["abc", "-1", "5", "99999999999999999999999", ""])
async def test_an_odd_place_in_a_log_is_empty_or_not_found(
    quiet: App, client: QuartClient, api: Api, number: str
) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.SUCCEEDED)
    for path in (f"log?after={number}", f"log/search?q=x&after={number}", f"log/search?q=x&from={number}"):
        assert (await client.get(f"/runs/{run.id}/{path}")).status_code in (200, 404), path


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/jobs/gone",
        "/jobs/gone/edit",
        "/jobs/gone/remove",
        "/jobs/%00",
        "/jobs/..%2f",
        "/runs/7",
        "/runs/abc",
        "/runs/0",
        "/runs/-1",
        "/runs/99999999999999999999999",
        "/runs/7/log",
        "/runs/7/log.txt",
        "/runs/7/stack",
        "/stream",
        "/stream?topics=nothing",
        "/stream?topics=run:7",
        "/stream?topics=run:99999999999999999999999",
        "/stream?topics=run:x",
    ],
)
async def test_what_is_not_there_is_told_on_a_whole_page(empty: App, path: str) -> None:
    page = await page_of(await signed_in(empty), path, 404)
    assert page.all("a", href="/")


@pytest.mark.parametrize(("method", "path"), [("POST", "/"), ("DELETE", "/jobs"), ("PUT", "/jobs/nightly")])
async def test_a_wrong_method_is_told_on_a_whole_page(empty: App, method: str, path: str) -> None:
    reply = await (await signed_in(empty)).open(path, method=method)
    assert reply.status_code == 405
    assert Page(await reply.get_data(as_text=True)).faults() == []


async def test_a_removed_jobs_runs_can_still_be_read(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.FAILED)
    await put_lines(quiet, run, ["it was like this"])
    await api("DELETE", "/jobs/nightly")
    page = await page_of(client, f"/runs/{run.id}")
    assert "(removed)" in page.text
    assert "it was like this" in page.text
    assert not page.all("form", action=f"/runs/{run.id}/retry")
    await api.make("nightly")
    assert "(removed)" in (await page_of(client, f"/runs/{run.id}")).text, "the new job is another one"
    assert not (await page_of(client, "/jobs/nightly")).all("tr", data_run=str(run.id))


async def test_errors_say_what_to_do(quiet: App, client: QuartClient, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = await page_of(client, "/nowhere", 404)
    assert nowhere.one("a", class_="btn pri", href="/")
    assert nowhere.one("a", class_="btn", href="/search")
    wrong = Page(await (await client.delete("/jobs")).get_data(as_text=True))
    assert "use the page’s own buttons" in wrong.text
    large = await client.post("/jobs", form={"id": "x" * (2 * 1024 * 1024 + 1)})
    assert large.status_code == 413
    assert "At most 2 MB" in await large.get_data(as_text=True)
    toast = await client.post("/jobs", form={"id": "x" * (2 * 1024 * 1024 + 1)}, headers=HTMX)
    assert "At most 2 MB" in partials(await toast.get_data(as_text=True))[0].html

    async def away(*_: object) -> None:
        raise StoreUnavailable("The database cannot be read: nobody is at 10.0.0.7.")

    monkeypatch.setattr(quiet.store, "read", away)
    page = await page_of(client, "/jobs?q=a", 503)
    assert page.one("a", class_="btn pri", href="/jobs?q=a"), "to try again, not to sign in"
    assert "The database is not available at the moment. What runs goes on; try again in a moment." in page.text
    assert "10.0.0.7" not in page.text, "who asks is not known"
    toast = await client.post("/jobs", form={"id": "x"}, headers=HTMX)
    assert "try again in a moment" in partials(await toast.get_data(as_text=True))[0].html


async def test_only_pages_that_there_are_stand_in_the_navigation(quiet: App, client: QuartClient) -> None:
    page = await page_of(client, "/")
    shown = [link.attrs["href"] for link in page.all("a") if "title" in link.attrs]
    for entry in navigation_of(quiet.site.url_map).all:
        assert entry.path in shown
        assert (await client.get(entry.path)).status_code == 200
        assert page.one("div", data_go=entry.path, data_key=f"g {entry.key}")
    assert {"/jobs", "/runs", "/system"} <= set(shown)
    keys = [one.attrs["data-key"] for one in page.all("div") if "data-key" in one.attrs]
    assert [key for key in keys if keys.count(key) > 1] == ["e", "e"], "edits a job; beside a log alone the next error"


async def test_a_fault_of_ours_is_told_by_a_number_that_the_log_knows(
    quiet: App, client: QuartClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(quiet.tasks, "all", broken)
    page = await page_of(client, "/tasks", 500)
    number = page.text.partition("has the details under ")[2][:12]
    assert f"fault {number}" in caplog.text
    assert "secret detail" in caplog.text
    assert "secret detail" not in page.text


# -- a log ----------------------------------------------------------------------------------------------------------


async def test_a_long_log_opens_with_its_end_and_places_for_the_rest(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.RUNNING)
    await put_lines(quiet, run, [f"text {n}" for n in range(1, 2551)])
    page = await page_of(client, f"/runs/{run.id}")
    chunks = page.all("ol", class_="chunk")
    assert [chunk.attrs["data-first"] for chunk in chunks] == [str(n) for n in range(1, 2551, CHUNK)]
    shown = [int(e.attrs["data-seq"]) for e in page.all("li") if "data-seq" in e.attrs]
    assert shown == list(range(2401, 2551)), "no piece is torn, and a screen is filled"
    fetched: list[int] = []
    for chunk in chunks[:-2]:
        reply = await client.get(f"/runs/{run.id}/log?after={int(chunk.attrs['data-first']) - 1}")
        piece = Page(await reply.get_data(as_text=True))
        fetched += [int(e.attrs["data-seq"]) for e in piece.all("li") if "data-seq" in e.attrs]
    assert fetched == list(range(1, 2401))
    assert "after=2550" in page.one("body").attrs["data-stream"]


@pytest.mark.parametrize(
    "count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + SCREEN, 5 * CHUNK - 1, 5 * CHUNK, 5 * CHUNK + 1]
)
async def test_a_page_of_a_log_is_right_at_the_borders_of_its_pieces(
    quiet: App, client: QuartClient, api: Api, count: int
) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.RUNNING)
    if count:
        await put_lines(quiet, run, ["x"] * count)
    page = await page_of(client, f"/runs/{run.id}")
    shown = [int(e.attrs["data-seq"]) for e in page.all("li") if "data-seq" in e.attrs]
    first = shown[0] if shown else 1
    assert shown == list(range(first, count + 1))
    assert first % CHUNK == 1
    assert len(shown) >= min(count, SCREEN)
    assert len(page.all("ol", class_="chunk")) == -(-count // CHUNK)


async def test_a_run_that_can_be_looked_into_has_a_place_for_it(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly")
    job = await quiet.jobs.get("nightly")
    for state in (RunState.QUEUED, RunState.RUNNING, RunState.SUCCEEDED):
        run = await put_run(quiet, job, state)
        page = await page_of(client, f"/runs/{run.id}")
        assert bool(page.all("section", id="run-inside")) == (state is not RunState.SUCCEEDED)
    running = await put_run(quiet, job, RunState.RUNNING)
    page = await page_of(client, f"/runs/{running.id}/stack")  # without JavaScript: the whole page
    assert page.all("header", id="run-head")
    assert "nothing to see at the moment" in page.text


async def test_a_log_can_be_downloaded_whole(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.SUCCEEDED)
    await put_lines(quiet, run, [f"ü {n}" for n in range(4500)])
    await put_lines(quiet, run, ["<b>no markup</b>"], level="WARNING")
    reply = await client.get(f"/runs/{run.id}/log.txt")
    assert reply.content_type == "text/plain; charset=utf-8"
    assert reply.headers["Content-Disposition"] == f'attachment; filename="run-{run.id}.log"'
    lines = (await reply.get_data()).decode().splitlines()
    assert len(lines) == 4501
    assert lines[4499].endswith("Z stdout: ü 4499")
    assert lines[4500].endswith("Z WARNING: <b>no markup</b>")


async def test_a_log_can_be_downloaded_as_json_and_be_searched_step_by_step(
    quiet: App, client: QuartClient, api: Api
) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.SUCCEEDED)
    await put_lines(quiet, run, ["\x1b[31mshop\x1b[0m 1", "<b>bread</b>", "SHOP 2"])
    await put_lines(quiet, run, ["shop 3"], level="ERROR")
    reply = await client.get(f"/runs/{run.id}/log.json")
    assert reply.content_type == "application/x-ndjson"
    assert reply.headers["Content-Disposition"] == f'attachment; filename="run-{run.id}.ndjson"'
    lines = [json.loads(line) for line in (await reply.get_data(as_text=True)).splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]
    assert lines[1]["text"] == "<b>bread</b>"

    async def found(query: str) -> dict[str, int | None]:
        told: dict[str, int | None] = await (await client.get(f"/runs/{run.id}/log/search?{query}")).get_json()
        return told

    assert await found("q=shop") == {"count": 3, "upto": 4}
    assert await found("q=shop&after=1") == {"count": 2, "upto": 4}
    assert await found("q=shop&from=1") == {"count": 3, "upto": 4, "seq": 3, "at": 2}
    assert await found("q=shop&from=1&back=true") == {"count": 3, "upto": 4, "seq": 4, "at": 3}
    assert await found("errors=true&from=0") == {"count": 1, "upto": 4, "seq": 4, "at": 1}
    assert await found("q=nothing&from=2") == {"count": 0, "upto": 4, "seq": None, "at": 0}


# -- text that looks like markup ------------------------------------------------------------------------------------

EVIL_TASKS = f"""
from typing import Literal

EVIL = {EVIL!r}

def harm(text: str = EVIL, kind: Literal[{EVIL!r}, "b"] = "b"):
    {EVIL!r}

harm.__doc__ = EVIL + "\\n\\n" + EVIL + "\\n\\nArgs:\\n    text: " + EVIL
"""


@pytest.fixture
async def evil(tmp_path: Path) -> AsyncIterator[App]:
    """An app in which every text that somebody else wrote is `EVIL`."""
    settings = settings_in(tmp_path, EVIL_TASKS)
    (tmp_path / "broken.py").write_text(f"raise ValueError({EVIL!r})\n")
    settings = settings.model_copy(update={"tasks": (*settings.tasks, str(tmp_path / "broken.py"))})
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    yield app
    await app.close()


def evil_problems() -> tuple[Problem, ...]:
    """Frames of the user's own code and of a library, in the exception and in its cause."""
    frame = Frame(file=EVIL, path=EVIL, line=1, function=EVIL, own=True, first=1, source=(EVIL, EVIL))
    frames = (frame, replace(frame, own=False), frame)
    return tuple(Problem(type=EVIL, message=EVIL, link=link, frames=frames) for link in ("", "cause"))  # type: ignore[arg-type]


def is_harmless(page: Page) -> bool:
    return not page.all("img") and all(script.attrs.get("src") for script in page.all("script"))


async def test_text_of_others_is_never_taken_for_markup(evil: App) -> None:
    api, client = Api(evil), await signed_in(evil)
    await api.make("harm", "harm", args={"text": EVIL}, tags=["a&b<i>"], description=EVIL)
    job = await put_in_state(evil, "harm", JobState.ACTIVE)
    for n, state in enumerate(RunState):
        run = await put_run(
            evil,
            job,
            state,
            reason=EVIL,
            result={EVIL: EVIL},
            error=RunError(EVIL, EVIL, EVIL, problems=evil_problems()) if state is RunState.FAILED else None,
            slot=evil.clock() - timedelta(minutes=n),
        )
        await put_lines(evil, run, [EVIL, f"\x1b[31m{EVIL}\x1b[0m"])
        await put_lines(evil, run, [EVIL], level=EVIL[:20])
        if state is RunState.RUNNING:
            await evil.runs.write([Written(run, [], Progress(done=1, total=2, text=EVIL))])
        page = await page_of(client, f"/runs/{run.id}")
        assert is_harmless(page)
        assert page.text.count("alert(1)") >= 4
    for state in JobState:
        await put_in_state(evil, "harm", state, EVIL)
        for path in (*PAGES, "/jobs/harm", "/jobs/harm/edit", "/jobs/harm/remove", "/jobs/new?task=harm"):
            page = await page_of(client, path)
            assert is_harmless(page), path
    for path in ("/", "/tasks", "/jobs/harm", "/runs"):
        assert "alert(1)" in (await page_of(client, path)).text, path
    edit = await page_of(client, "/jobs/harm/edit")
    assert edit.one("textarea", name="description").text.removeprefix("\n") == EVIL
    assert edit.form("job-form")["args.text"] == EVIL


@pytest.mark.parametrize(
    "path",
    [
        "/jobs?q=EVIL",
        "/jobs?tag=EVIL&task=EVIL&state=EVIL",
        "/runs?job=EVIL&state=EVIL",
        "/jobs?cursor=EVIL",
        "/login?next=/EVIL",
        "/jobs/new?task=EVIL",
        "/form/args?task=harm&args.text=EVIL",
    ],
)
async def test_text_of_an_address_is_never_taken_for_markup(evil: App, path: str) -> None:
    client = await signed_in(evil) if "login" not in path else evil.site.test_client()
    from_address = path.partition("?")
    query = dict(part.split("=", 1) for part in from_address[2].split("&"))
    reply = await client.get(
        from_address[0], query_string={name: value.replace("EVIL", EVIL) for name, value in query.items()}
    )
    assert reply.status_code == 200
    page = Page(await reply.get_data(as_text=True))
    assert is_harmless(page)
    assert page.faults() == []


async def test_an_unknown_address_is_not_echoed(client: QuartClient) -> None:
    page = await page_of(client, "/%3Cscript%3Ealert(1)%3C/script%3E", 404)
    assert is_harmless(page)


async def test_a_tasks_file_that_cannot_be_loaded_is_shown_with_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    settings = settings_in(tmp_path, "def fine():\n    pass\n")
    settings = settings.model_copy(update={"tasks": (*settings.tasks, str(tmp_path / "broken.py"))})
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    try:
        page = await page_of(await signed_in(app), "/tasks")
        assert "broken.py cannot be loaded" in page.text
        assert "No module named 'nothing_of_that_name'" in page.one("pre", aria_label="Traceback").text
        assert page.has_id("task-fine")
    finally:
        await app.close()


# -- the system page ------------------------------------------------------------------------------------------------


async def test_the_system_page_tells_what_blocked_the_event_loop(quiet: App, client: QuartClient) -> None:
    calm = await page_of(client, "/system")
    assert "time.sleep" not in calm.text
    quiet._blocks.appendleft(Blocked(at=quiet.clock(), seconds=1.5, who=f"run #3 of {EVIL}", stack="time.sleep(1.5)"))
    page = await page_of(client, "/system")
    assert is_harmless(page)
    assert "run #3" in page.text
    assert "time.sleep(1.5)" in page.text


async def test_times_are_told_in_utc_with_z_for_the_browser_to_word(
    full: tuple[App, list[Job], list[Run]], client: QuartClient
) -> None:
    page = await page_of(client, "/runs")
    times = page.all("time")
    assert len(times) > 10
    assert all(e.attrs["datetime"].endswith("Z") for e in times)


async def test_lines_of_each_stream_and_level_are_told_apart(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly")
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.RUNNING)
    lines = [
        LogLine(seq=n + 1, at=quiet.clock(), stream=stream, level="ERROR" if stream == "log" else None, text="x")
        for n, stream in enumerate(LogStream)
    ]
    await quiet.runs.write([Written(run, lines, None)])
    page = await page_of(client, f"/runs/{run.id}")
    classes = [e.attrs["class"] for e in page.all("li") if "data-seq" in e.attrs]
    assert classes == ["line s-stdout", "line s-stderr", "line s-log bad", "line s-system"]

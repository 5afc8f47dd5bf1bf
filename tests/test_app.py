"""The whole app: what it takes up at its start, what it does at its end, and what it says about itself."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import TASKS, TOKEN, until
from visiting import Api, page_of, put_run, settings_in, signed_in

from cronapp import app as app_module
from cronapp.app import App, named
from cronapp.core.clock import system_clock
from cronapp.core.errors import CannotStart, StoreUnavailable
from cronapp.core.models import NodeKind, Run, RunState
from cronapp.engine import runner as runner_module
from cronapp.store import beat

MORE = """

async def blocks(seconds: float = 1.0):
    time.sleep(seconds)
    print("it is over")


@task(schedule="0 3 * * *", timezone="Europe/Berlin")
def nightly():
    pass
"""

Open = Callable[..., Any]


@pytest.fixture
async def open_app(tmp_path: Path, capturing: None) -> AsyncIterator[Open]:
    """`await open_app()` is an app on always the same folder."""
    opened: list[App] = []

    async def start(*, worker: bool = True, tasks: str = TASKS + MORE, **settings: Any) -> App:
        for one in opened:
            await one.close()
        opened.clear()
        app = App(settings_in(tmp_path, tasks).model_copy(update=settings), address="http://127.0.0.1:5000")
        await app.start(worker=worker)
        opened.append(app)
        return app

    yield start
    for one in opened:
        await one.close()


@pytest.fixture
def capturing() -> None:
    """The tests of this file read what runs print; see `pytest_runtest_call`."""


async def run_of(app: App, job_id: str, task: str, **args: Any) -> Run:
    api = Api(app)
    await api.make(job_id, task, args=args)
    return await app.runs.run_now(job_id)


async def has_ended(app: App, run: Run) -> Run:
    async def ended() -> Run | None:
        now = await app.runs.get(run.id)
        return now if now.state.ended else None

    return await until(ended, 30)


async def is_running(app: App, run: Run) -> None:
    await until(lambda: run.id in {live.id for live in app.runner.live})


# -- start ----------------------------------------------------------------------------------------------------------


async def test_all_is_there_again_after_a_restart(open_app: Open) -> None:
    app = await open_app()
    run = await has_ended(app, await run_of(app, "a", "hello", name="Kiel"))
    lines = await app.runs.lines(run.id)
    assert [line.text for line in lines] == ["hello Kiel"]
    client = await signed_in(app)
    cookies = client.cookie_jar
    again = await open_app()
    assert (await again.jobs.get("a")).spec.args == {"name": "Kiel"}
    assert await again.runs.get(run.id) == run
    assert await again.runs.lines(run.id) == lines
    client = again.site.test_client()
    client.cookie_jar = cookies
    assert (await client.get("/jobs")).status_code == 200, "who was signed in still is"


async def test_what_a_dead_server_left_running_is_lost_and_tried_again_by_its_rule(open_app: Open) -> None:
    app = await open_app(worker=False)
    api = Api(app)
    await api.make("plain")
    await api.make("again", retry={"max_attempts": 2, "delay": 3600})
    runs = [await put_run(app, await app.jobs.get(job_id), RunState.RUNNING) for job_id in ("plain", "again")]
    waiting = await app.runs.run_now("plain")
    app = await open_app(worker=False)
    for run in runs:
        now = await app.runs.get(run.id)
        assert (now.state, now.reason) == ("lost", "The server that executed this run ended without a word.")
    assert len(await app.runs.attempts(runs[0])) == 1
    assert [one.state for one in await app.runs.attempts(runs[1])] == ["lost", "queued"]
    assert (await app.runs.get(waiting.id)).state == "queued"
    app = await open_app()
    assert (await has_ended(app, waiting)).state == "succeeded", "what waited is carried out"


async def test_jobs_declared_in_code_are_there_and_those_without_their_task_need_attention(open_app: Open) -> None:
    app = await open_app(worker=False)
    job = await app.jobs.get("nightly")
    assert (job.origin, job.state) == ("code", "active")
    await Api(app).make("a", "hello")
    app = await open_app(worker=False, tasks="def other():\n    pass\n")
    for job_id in ("nightly", "a"):
        assert (await app.jobs.get(job_id)).state == "needs_attention"
    assert app.scheduler.timers == 0
    assert "needs attention" in (await page_of(await signed_in(app), "/jobs/a")).text
    app = await open_app(worker=False)
    assert {(await app.jobs.get(job_id)).state for job_id in ("nightly", "a")} == {"active"}
    assert app.scheduler.timers == 1


async def test_a_tasks_file_that_cannot_be_loaded_does_not_stop_the_start(open_app: Open) -> None:
    app = await open_app(tasks="import nothing_of_that_name\n")
    assert await app.ready() == {"database": True, "scheduler": True, "clock": True, "worker": True}
    assert [error.error for error in app.tasks.registry.errors]


async def test_a_second_server_on_the_same_file_says_whose_it_is(open_app: Open, tmp_path: Path) -> None:
    await open_app()
    other = App(settings_in(tmp_path), address="http://127.0.0.1:5001")
    with pytest.raises(CannotStart, match="in use by another Cron-App server"):
        await other.start()


async def test_without_a_worker_nothing_is_executed(open_app: Open) -> None:
    app = await open_app(worker=False)
    run = await run_of(app, "a", "hello")
    assert not app.dispatch.running
    assert (await app.runs.get(run.id)).state == "queued"
    app = await open_app()
    assert (await has_ended(app, run)).state == "succeeded"


# -- end ------------------------------------------------------------------------------------------------------------


async def drained(app: App, hasten: asyncio.Event | None = None) -> list[str]:
    told: list[str] = []
    await asyncio.wait_for(app.drain(hasten or asyncio.Event(), told.append), 30)
    return told


async def test_a_server_that_runs_nothing_ends_at_once_and_says_nothing(open_app: Open) -> None:
    app = await open_app()
    assert await drained(app) == []
    assert not app.scheduler.running
    assert not app.dispatch.running


async def test_a_server_that_stops_lets_runs_finish(open_app: Open) -> None:
    app = await open_app(stop_timeout=30)
    run = await run_of(app, "a", "wait", seconds=0.5)
    await is_running(app, run)
    told = await drained(app)
    assert told == [f"Waiting up to 30 s for 1 run (#{run.id} a). Press Ctrl-C again to stop now."]
    assert (await app.runs.get(run.id)).state == "succeeded"


@pytest.mark.parametrize("task", ["wait", "hold", "work"])
async def test_a_run_that_takes_longer_than_the_limit_is_stopped_and_says_why(open_app: Open, task: str) -> None:
    app = await open_app(stop_timeout=0.1)
    run = await run_of(app, "a", task, seconds=60)
    await is_running(app, run)
    told = await drained(app)
    assert told[-1] == f"Stopping 1 run (#{run.id} a)."
    now = await app.runs.get(run.id)
    assert (now.state, now.reason) == ("lost", "The server was stopped before this run could finish.")


async def test_a_second_signal_hastens_the_end(open_app: Open) -> None:
    app = await open_app(stop_timeout=3600)
    run = await run_of(app, "a", "hold", seconds=60)
    await is_running(app, run)
    hasten = asyncio.Event()
    draining = asyncio.ensure_future(drained(app, hasten))
    await until(lambda: not app.scheduler.running and not app.dispatch.running)
    hasten.set()
    assert len(await draining) == 2
    assert (await app.runs.get(run.id)).state == "lost"


async def test_while_a_server_stops_no_new_run_starts(open_app: Open) -> None:
    app = await open_app(stop_timeout=0.2)
    run = await run_of(app, "a", "hold", seconds=60)
    await is_running(app, run)
    draining = asyncio.ensure_future(drained(app))
    await until(lambda: not app.dispatch.running)
    late = await run_of(app, "b", "hello")
    await draining
    assert (await app.runs.get(late.id)).state == "queued"


async def test_closing_stops_what_runs_and_gives_everything_back(open_app: Open) -> None:
    app = await open_app()
    run = await run_of(app, "a", "wait", seconds=60)
    await is_running(app, run)
    again = await open_app(worker=False)  # which closes the first
    assert (await again.runs.get(run.id)).state == "lost"


async def test_a_stop_ends_though_the_database_is_away_and_the_next_start_marks_what_it_named_as_lost(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "STORING", 0.1)
    app = await open_app(stop_timeout=0.2)

    async def away(*_: object) -> bool:
        raise StoreUnavailable

    monkeypatch.setattr(app.runs, "finish_all", away)
    over = await run_of(app, "a", "hello")
    held = await run_of(app, "b", "hold", seconds=60)
    await is_running(app, held)
    await until(lambda: [run.id for run in app.runner.unended if run not in app.runner.live] == [over.id])
    told = await drained(app)
    assert told == [
        f"Waiting up to 0.2 s for 2 runs (#{over.id} a, #{held.id} b). Press Ctrl-C again to stop now.",
        f"Stopping 1 run (#{held.id} b).",
        f"The end of 2 runs (#{over.id} a, #{held.id} b) could not be stored: the database is away. "
        "The next start marks them lost.",
    ]
    again = await open_app(worker=False)  # which closes the first
    for run in (over, held):
        now = await again.runs.get(run.id)
        assert (now.state, now.reason) == ("lost", "The server that executed this run ended without a word.")


async def test_a_second_signal_hastens_a_stop_that_waits_for_the_database(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "STORING", 0.1)
    app = await open_app(stop_timeout=3600)

    async def away(*_: object) -> bool:
        raise StoreUnavailable

    monkeypatch.setattr(app.runs, "finish_all", away)
    over = await run_of(app, "a", "hello")
    await until(lambda: app.runner.unended and not app.runner.live)
    hasten = asyncio.Event()
    draining = asyncio.ensure_future(drained(app, hasten))
    await until(lambda: not app.dispatch.running)
    hasten.set()
    told = (await draining)[-1]
    assert told.startswith(f"The end of 1 run (#{over.id} a) could not be stored")
    assert told.endswith("marks it lost.")


async def test_a_stop_ends_though_the_database_does_not_answer_who_claims_runs(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "LEAVING", 0.2)
    app = await open_app(stop_timeout=0.2)
    asked = asyncio.Event()

    async def hangs(*_: object) -> list[object]:
        asked.set()
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(app.runs, "claim", hangs)
    await run_of(app, "a", "hello")
    await asyncio.wait_for(asked.wait(), 10)
    assert await drained(app) == []
    await asyncio.wait_for(open_app(worker=False), 30)  # which closes the first
    app.dispatch._claiming.cancel()


async def test_nothing_is_left_of_an_app_that_is_closed(tmp_path: Path) -> None:
    app = App(settings_in(tmp_path), address="http://127.0.0.1:5000")
    await app.start()
    await has_ended(app, await run_of(app, "a", "hello"))
    await app.close()
    assert "cronapp" not in type(sys.stdout).__module__
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert not {name for name in names if name.startswith("cronapp")}
    assert not [handler for handler in logging.getLogger().handlers if "cronapp" in type(handler).__module__]


def test_runs_are_named_for_a_person() -> None:
    class One:
        def __init__(self, number: int) -> None:
            self.id, self.job = number, f"job-{number}"

    runs: Any = [One(n) for n in range(1, 8)]
    assert named(runs[:1]) == "1 run (#1 job-1)"
    assert named(runs[:2]) == "2 runs (#1 job-1, #2 job-2)"
    assert named(runs) == "7 runs (#1 job-1, #2 job-2, #3 job-3, #4 job-4, #5 job-5 and 2 more)"


# -- what it says about itself --------------------------------------------------------------------------------------


async def test_a_run_that_blocks_the_loop_is_named_in_its_log_and_on_the_system_page(open_app: Open) -> None:
    app = await open_app()
    run = await run_of(app, "rude", "blocks", seconds=2.5)
    assert (await has_ended(app, run)).state == "succeeded"
    await until(lambda: app._blocks)
    lines = await app.runs.lines(run.id)
    said = [line.text for line in lines if line.stream == "system"]
    assert any("The event loop has been blocked for" in text and f"run #{run.id} of rude" in text for text in said), (
        said
    )
    assert any("time.sleep(seconds)" in text for text in said)
    page = await page_of(await signed_in(app), "/system")
    assert f"run #{run.id} of rude" in page.text
    assert "time.sleep(seconds)" in page.text


async def test_the_system_page_counts_what_goes_on(open_app: Open) -> None:
    app = await open_app(concurrency=1)
    running, waiting = await run_of(app, "a", "wait", seconds=60), await run_of(app, "b", "hello")
    await is_running(app, running)
    system = await app.system()
    assert (system.running, system.queued, system.concurrency, system.stream_clients) == (1, 1, 1, 0)
    assert system.database.startswith("SQLite, ")
    assert system.database_bytes
    assert set(system.libraries) >= {"quart", "apscheduler", "sqlalchemy"}
    await app.runs.cancel(running.id)
    await has_ended(app, waiting)


async def test_a_sign_in_link_is_told_with_the_servers_address(
    open_app: Open, capfd: pytest.CaptureFixture[str]
) -> None:
    app = await open_app(worker=False)
    await app.announce_link()
    told = capfd.readouterr().out
    assert "http://127.0.0.1:5000/login?token=" in told
    token = told.split("token=")[1].split()[0]
    assert await app.signin.use_link(token)
    assert TOKEN not in told


async def test_a_process_that_wakes_beside_a_version_that_it_cannot_follow_changes_nothing_and_ends(
    tmp_path: Path, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_in(tmp_path).model_copy(update={"database": postgres_url, "stall": 0.5})
    app = App(settings, kind=NodeKind.WORKER)
    await app.start()
    told_to_end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_end.set)
    with psycopg.connect(postgres_url) as conn:
        (present,) = conn.execute("SELECT version_num FROM alembic_version").fetchone() or ("",)
        conn.execute("DELETE FROM nodes")
        conn.execute("UPDATE revisions SET value = '9999' WHERE what = 'program'")
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    try:
        await until(told_to_end.is_set)
        await until(lambda: not app.membership.heard())
        with pytest.raises(StoreUnavailable, match="has not heard of this process"):
            await app.services.fleet.rejoin(app.membership.node)
        assert "the database is of a newer version now, beside which this one cannot work: it ends" in caplog.text
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        await app.close()
        with psycopg.connect(postgres_url) as conn:
            assert conn.execute("SELECT name FROM nodes").fetchall() == []
            conn.execute("UPDATE alembic_version SET version_num = %s", [present])


async def test_a_process_whose_clock_is_an_hour_off_tries_again_in_time(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong_clock() -> datetime:
        return system_clock() + timedelta(hours=1)

    monkeypatch.setattr(beat, "system_clock", wrong_clock)
    settings = settings_in(tmp_path).model_copy(update={"database": postgres_url})
    app = App(settings, clock=wrong_clock)
    began = system_clock()
    await app.start()
    try:
        retry = {"max_attempts": 2, "delay": 1}
        await app.jobs.create({"id": "a", "task": "fail", "schedule": {"kind": "manual"}, "retry": retry}, origin="api")
        run = await app.runs.run_now("a")
        first, second = await until(lambda: both_ended(app, run))
        moments = [began, first.queued_at, first.started_at, first.finished_at]
        moments += [second.not_before, second.started_at, second.finished_at, system_clock()]
        assert moments == sorted(moments, key=lambda moment: moment or began)
    finally:
        await app.close()


async def both_ended(app: App, run: Run) -> list[Run]:
    attempts = await app.runs.attempts(run)
    return attempts if [one.state for one in attempts] == [RunState.FAILED] * 2 else []

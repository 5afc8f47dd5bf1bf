"""SIGKILL in each phase of a run, at moments that are certain: before its row is there, while it waits, between its
claim and its first line, when its work is done and not yet written down, and between two attempts. What is killed
while it works is in test_crash.py."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from auditing import audit
from hurting import (
    EACH_SECOND,
    MARKING,
    asked,
    make,
    marks,
    moment,
    run_of,
    runs_of,
    start,
    until_begun,
    until_done,
    until_in,
)
from support import Server, until

ENDING = ["ends_on_loop", "ends_in_thread", "ends_in_process"]
AGAIN = {"max_attempts": 3, "delay": 0.1}
TASKS = (
    MARKING
    + '''

if Path("deadly").exists():  # when a child reads this file, its run is claimed and its function has not begun
    os.unlink("deadly")
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)  # it dies with the server, a moment later


@task(run_in="process")
def in_process():
    """Leave a mark."""
    mark()


async def ends_on_loop():
    """Wait, and leave a second mark with the last breath."""
    mark()
    while not passed("gate"):
        await asyncio.sleep(0.01)
    mark("over")


def ends_in_thread():
    """Wait, and leave a second mark with the last breath."""
    mark()
    while not passed("gate"):
        time.sleep(0.01)
    mark("over")


@task(run_in="process")
def ends_in_process():
    """Wait, and leave a second mark with the last breath."""
    ends_in_thread()


def fails_once(gate: str = ""):
    """Fail, and the next time wait at the gate."""
    mark()
    if current_run().attempt == 1:
        raise ValueError("as it was told")
    print("begun")
    while gate and not passed(gate):
        time.sleep(0.01)
'''
)


@pytest.fixture
def server(server: Server) -> Server:
    server.write_tasks(TASKS)
    return server


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Another program holds the database, so that the server cannot write."""
    with closing(sqlite3.connect(server.folder / "cronapp.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        yield
        foreign.execute("ROLLBACK")


async def died(server: Server) -> None:
    assert server.process is not None
    await until(lambda: server.process is None or server.process.poll() is not None)


async def is_sound(server: Server) -> None:
    """Stops the server and audits what it left."""
    assert server.stop() == 0, server.text()
    found = await audit(server.folder / "cronapp.db", [one for one in marks(server) if one[4] != "over"])
    assert found.wrong == []


async def test_killed_between_the_trigger_and_the_commit_each_slot_has_its_run_after_all(server: Server) -> None:
    server.start()
    make(server, "second", "short", EACH_SECOND, overlap="queue_all", misfire={"policy": "all", "grace": 3600})
    await until(lambda: runs_of(server, "second"))
    with locked(server):
        at_kill = datetime.now(UTC) + timedelta(seconds=3)
        await until(lambda: datetime.now(UTC) > at_kill)  # triggered, and not written down
        server.kill()
    (newest,) = asked(server, "SELECT max(slot) FROM runs")[0]
    assert at_kill - moment(newest) > timedelta(seconds=2), "some slots were due and had no row"
    server.start()
    await until(lambda: datetime.fromisoformat(runs_of(server, "second")[-1]["slot"]) > at_kill)
    server.api("POST", "/jobs/second/pause")
    await until_done(server, "second")
    assert {run["state"] for run in runs_of(server, "second")} <= {"succeeded", "lost"}
    await is_sound(server)


async def test_killed_before_anybody_took_it_a_run_waits_and_runs_once(server: Server) -> None:
    server.start("--no-worker")
    make(server, "second", "short", EACH_SECOND, overlap="queue_all", misfire={"policy": "all", "grace": 3600})
    await until(lambda: len(runs_of(server, "second")) >= 2)
    server.kill()
    waiting = [run for (run,) in asked(server, "SELECT id FROM runs WHERE state = 'queued'")]
    assert len(waiting) >= 2
    server.start()
    server.api("POST", "/jobs/second/pause")
    await until_done(server, "second")
    assert [run_of(server, run)["state"] for run in waiting] == ["succeeded"] * len(waiting)
    assert {run["attempt"] for run in runs_of(server, "second")} == {1}
    await is_sound(server)


async def test_killed_after_the_claim_and_before_the_first_line_a_run_is_lost_and_tried_again_by_its_rule(
    server: Server,
) -> None:
    server.start()
    make(server, "once", "in_process")
    make(server, "again", "in_process", retry=AGAIN)
    for job in ("once", "again"):
        (server.folder / "deadly").touch()
        run = start(server, job)
        await died(server)
        assert asked(server, "SELECT state FROM runs WHERE id = ?", run) == [("running",)], "claimed, durably"
        assert [one for one in marks(server) if one[0] == job] == [], "and not begun"
        server.start()
        assert run_of(server, run)["state"] == "lost"
    await until(lambda: [run["state"] for run in runs_of(server, "again")] == ["lost", "succeeded"])
    assert [run["state"] for run in runs_of(server, "once")] == ["lost"]
    assert [one[:2] for one in marks(server)] == [["again", "2"]]
    await is_sound(server)


async def test_killed_when_its_work_is_done_and_not_written_down_a_run_is_lost_and_tried_again_by_its_rule(
    server: Server,
) -> None:
    server.start()
    jobs = [f"{task}{again}" for task in ENDING for again in ("", "-again")]
    for job in jobs:
        make(server, job, job.removesuffix("-again"), **({"retry": AGAIN} if job.endswith("-again") else {}))
    runs = {job: start(server, job) for job in jobs}
    await until(lambda: len(marks(server)) == len(jobs))
    with locked(server):
        (server.folder / "gate").touch()
        await until(lambda: [one[4] for one in marks(server)].count("over") == len(jobs))
        server.kill()
    server.start()
    for job, run in runs.items():
        lost = run_of(server, run)
        assert lost["state"] == "lost"
        assert "ended without a word" in lost["reason"]
        await until_done(server, job)
        states = [one["state"] for one in runs_of(server, job)]
        assert states == (["lost", "succeeded"] if job.endswith("-again") else ["lost"])
    over = sorted((one[0], one[1]) for one in marks(server) if one[4] == "over")
    again = [(job, "2") for job in jobs if job.endswith("-again")]
    assert over == sorted([(job, "1") for job in jobs] + again), "at least once, where the rule says so"
    await is_sound(server)


async def test_killed_between_two_attempts_the_next_one_comes_at_its_time_and_once(server: Server) -> None:
    server.start()
    make(server, "flaky", "fails_once", retry={"max_attempts": 2, "delay": 4, "backoff": "fixed"})
    run = start(server, "flaky")
    await until_in(server, run, "failed")
    server.kill()
    ((state, attempt, due),) = asked(server, "SELECT state, attempt, not_before FROM runs WHERE id > ?", run)
    assert (state, attempt) == ("queued", 2), "the next attempt was written down together with the end"
    server.start()
    await until(lambda: [one["state"] for one in runs_of(server, "flaky")] == ["failed", "succeeded"])
    assert datetime.fromisoformat(runs_of(server, "flaky")[1]["started_at"]) >= moment(due)
    await is_sound(server)


async def test_killed_in_its_second_attempt_a_run_has_a_third_and_none_twice(server: Server) -> None:
    server.start()
    make(server, "flaky", "fails_once", args={"gate": "gate"}, retry=AGAIN)
    first = start(server, "flaky")
    await until(lambda: [one["state"] for one in runs_of(server, "flaky")] == ["failed", "running"])
    await until_begun(server, runs_of(server, "flaky")[1]["id"])
    server.kill()
    (server.folder / "gate").touch()
    server.start()
    await until(lambda: [one["state"] for one in runs_of(server, "flaky")] == ["failed", "lost", "succeeded"])
    assert [one["first_attempt"] or one["id"] for one in runs_of(server, "flaky")] == [first] * 3
    assert [one[1] for one in marks(server)] == ["1", "2", "3"]
    await is_sound(server)


async def test_killed_while_it_starts_a_server_leaves_nothing_half_made(server: Server) -> None:
    for tenths in range(
        1, 25, 3
    ):  # somewhere in there it makes the tables; each part of a start is hit on some machine
        server.launch()
        with pytest.raises(AssertionError, match="did not come true"):
            await until(lambda: False, limit=tenths / 10)
        server.kill()
    server.start()
    make(server, "after", "short")
    await until_in(server, start(server, "after"), "succeeded")
    await is_sound(server)

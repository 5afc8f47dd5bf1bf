"""The server dies without a word, again and again: nothing is run twice, nothing is forgotten."""

from __future__ import annotations

import statistics
from datetime import timedelta

from hurting import (
    EACH_SECOND,
    HELD,
    MARKING,
    asked,
    crowding,
    lives,
    log_of,
    make,
    marks,
    moment,
    run_of,
    runs_of,
    start,
    told,
    until_begun,
    until_done,
    until_in,
)
from support import Server, until

NONE_LEFT_OUT = {"misfire": {"policy": "all", "grace": 3600}, "overlap": "queue_all"}
"""On a busy machine a run may take longer than a second, or start more than a few seconds late."""


async def test_runs_of_a_killed_server_are_lost_and_everything_else_is_intact(server: Server) -> None:
    server.write_tasks(MARKING)
    server.start()
    make(server, "good", "short")
    good = start(server, "good")
    await until_in(server, good, "succeeded")
    for task in HELD:
        make(server, task, task)
    make(server, "again", "held_in_thread", retry={"max_attempts": 2, "delay": 0.1})
    make(server, "paused", "short", EACH_SECOND)
    server.api("POST", "/jobs/paused/pause", json={"reason": "not now"})
    running = {job: start(server, job) for job in (*HELD, "again")}
    waiting = start(server, "held_on_loop")  # one at a time, so it waits
    for run in running.values():
        await until_begun(server, run)
    jobs = server.api("GET", "/jobs").json()["items"]
    pids = {job: int(text) for job, _, _, _, text in marks(server)}
    child = pids["held_in_process"]
    assert lives(child)

    server.kill()
    await until(lambda: not lives(child))

    (server.folder / "gate").touch()  # what starts from now on ends at once
    server.start()
    for run in running.values():
        lost = run_of(server, run)
        assert lost["state"] == "lost"
        assert "ended without a word" in lost["reason"]
        assert log_of(server, run) == ["begun"]
    assert run_of(server, good)["state"] == "succeeded"
    await until_in(server, waiting, "succeeded")
    assert len([one for one in marks(server) if one[2] == str(waiting)]) == 1

    # Only the job whose rule says so tries again.
    await until(lambda: [run["state"] for run in runs_of(server, "again")] == ["lost", "succeeded"])
    assert [run["trigger"] for run in runs_of(server, "again")] == ["api", "retry"]
    assert [run["state"] for run in runs_of(server, "held_in_process")] == ["lost"]

    kept = server.api("GET", "/jobs").json()["items"]
    still = ("id", "task", "args", "schedule", "state", "reason", "version")
    assert [{key: job[key] for key in still} for job in kept] == [{key: job[key] for key in still} for job in jobs]


async def test_runs_that_waited_when_the_server_was_killed_run_once_each(server: Server) -> None:
    server.write_tasks(MARKING)
    server.start("--no-worker")
    for n in range(5):
        make(server, f"waits-{n}", "short")
    runs = [start(server, f"waits-{n % 5}") for n in range(40)]
    server.kill()
    server.start()
    for run in runs:
        await until_in(server, run, "succeeded")
    assert sorted(int(one[2]) for one in marks(server)) == runs


async def test_a_server_killed_between_two_runs_of_a_queue_runs_the_rest_once_each(server: Server) -> None:
    server.write_tasks(MARKING)
    server.env["CRONAPP_CONCURRENCY"] = "1"
    server.start()
    make(server, "first", "held_in_thread")
    make(server, "then", "short")
    first = start(server, "first")
    rest = [start(server, "then") for _ in range(20)]
    await until_in(server, first, "running")
    server.kill()
    assert {one[2] for one in marks(server)} <= {str(first)}
    server.start()
    for run in rest:
        await until_in(server, run, "succeeded")
    assert run_of(server, first)["state"] == "lost"
    assert sorted(int(one[2]) for one in marks(server) if one[0] == "then") == rest


async def test_a_job_of_each_second_runs_once_in_each_and_on_time(server: Server) -> None:
    server.write_tasks(MARKING)
    server.start()
    make(server, "second", "short", EACH_SECOND, **NONE_LEFT_OUT)
    await until(lambda: len(runs_of(server, "second")) > 20, limit=60)
    server.api("POST", "/jobs/second/pause")
    await until_done(server, "second")
    assert server.stop() == 0
    rows = asked(server, "SELECT slot, started_at, state FROM runs WHERE job = 'second' ORDER BY slot")
    slots = [moment(slot) for slot, _, _ in rows]
    assert slots == [slots[0] + timedelta(seconds=n) for n in range(len(slots))]
    assert {state for _, _, state in rows} == {"succeeded"}
    ran = [one[3] for one in marks(server)]
    assert sorted(ran) == [slot.isoformat() for slot in slots]
    late = [(started - slot) / 1000 for slot, started, _ in rows]  # milliseconds
    print(f"start after the slot: median {statistics.median(late):.1f} ms, worst {max(late):.1f} ms of {len(late)}")
    assert min(late) >= 0
    assert statistics.median(late) < 50 * crowding()


async def test_what_passed_while_no_server_ran_is_caught_up_as_each_job_says(server: Server) -> None:
    server.write_tasks(MARKING)
    server.start()
    each_minute = {"kind": "cron", "expression": "* * * * *"}
    make(server, "by-default", "short", each_minute)
    for policy in ("skip", "last", "all"):
        make(server, policy, "short", each_minute, overlap="queue_all", misfire={"policy": policy, "grace": 7200})
    server.stop()
    hour = 3_600_000_000
    with_hour_ago = "UPDATE jobs SET last_slot = last_slot - ?, next_slot = next_slot - ?"
    told(server, with_hour_ago, hour, hour)
    server.start()
    await until(lambda: len(runs_of(server, "all")) >= 59)
    for job in ("by-default", "last"):
        caught = [run for run in runs_of(server, job) if run["state"] != "missed"]
        assert len(caught) <= 2, "a storm"
        await until_in(server, caught[0]["id"], "succeeded")
        missed = [run for run in runs_of(server, job) if run["state"] == "missed"]
        assert len(missed) == 1
        assert 58 <= missed[0]["missed"] <= 61
    skipped = [run for run in runs_of(server, "skip") if run["trigger"] == "schedule" and run["state"] == "missed"]
    assert [59 <= run["missed"] <= 61 for run in skipped] == [True]
    assert "not running" in skipped[0]["reason"]
    await until_done(server, "all")
    slots = [run["slot"] for run in runs_of(server, "all")]
    assert len(slots) == len(set(slots))

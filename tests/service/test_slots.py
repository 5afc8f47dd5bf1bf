"""Every slot gets one run, or one record of why not: on time, late, overlapping, missed, at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from recipes import EACH_MINUTE, FAILED, a_job, at, carry
from support import TurnedClock

from cronapp.core.draws import jittered
from cronapp.core.events import CancelRequested, Event, JobChanged, RunChanged
from cronapp.core.models import Job, JobState, Outcome, Run, RunState
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.service.tasks import Tasks
from cronapp.store import runs as stored_runs
from cronapp.store.open import open_store

Ledger = list[tuple[str, str, str, int]]


async def minutely(jobs: Jobs, **fields: Any) -> Job:
    return await jobs.create(a_job("minutely", schedule=EACH_MINUTE, **fields), origin="api")


async def settle(runs: Runs, job: Job) -> Job:
    (settled,), _ = await runs.settle_due([job.key])
    return settled


async def of(runs: Runs, job: Job) -> list[Run]:
    """The job's runs, oldest first."""
    return (await runs.of_job(job, limit=500))[0][::-1]


async def ledger(runs: Runs, job: Job) -> Ledger:
    """When, what became of it, what opened it, and how many slots the row stands for."""
    return [
        (f"{run.slot:%H:%M}", run.state.value, run.trigger.value, run.missed)
        for run in await of(runs, job)
        if run.slot is not None
    ]


# -- on time --------------------------------------------------------------------------------------------------------


async def test_a_slot_that_is_due_is_opened_and_the_job_moves_on(
    jobs: Jobs, runs: Runs, clock: TurnedClock, events: list[Event]
) -> None:
    job = await minutely(jobs)
    assert (await settle(runs, job)).next_slot == at("12:01")  # nothing is due yet
    events.clear()
    clock.turn(60)
    moved = await settle(runs, job)
    assert (moved.last_slot, moved.next_slot, moved.version) == (at("12:01"), at("12:02"), 1)
    (run,) = await of(runs, job)
    assert await ledger(runs, job) == [("12:01", "queued", "schedule", 1)]
    assert events == [RunChanged(run.id, "minutely")]
    assert await settle(runs, job) == moved
    assert len(await of(runs, job)) == 1


async def test_due_jobs_are_settled_together_and_each_is_answered(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    listed = [await jobs.create(a_job(f"job-{n}", schedule=EACH_MINUTE), origin="api") for n in range(5)]
    clock.turn(60)
    settled, _ = await runs.settle_due([*(job.key for job in listed), 999_999])
    assert {job.key for job in settled} == {job.key for job in listed}
    assert {job.next_slot for job in settled} == {at("12:02")}


@pytest.fixture
async def second_node(
    runs: Runs, tasks: Tasks, clock: TurnedClock, events: list[Event], database_url: str
) -> AsyncIterator[Runs]:
    """Another server on the same database; one SQLite file has one server, so there it is another caller."""
    if database_url.startswith("sqlite"):
        yield Runs(runs.store, tasks, runs.blackouts, clock)
        return
    store = await open_store(database_url, events.extend)
    yield Runs(store, tasks, runs.blackouts, clock)
    await store.close()


async def test_two_nodes_open_the_same_slots_once(
    jobs: Jobs, runs: Runs, second_node: Runs, clock: TurnedClock, events: list[Event]
) -> None:
    listed = [
        await jobs.create(a_job(f"job-{n}", schedule=EACH_MINUTE, overlap="queue_all"), origin="api") for n in range(8)
    ]
    keys = [job.key for job in listed]
    for _ in range(5):
        clock.turn(60)
        events.clear()
        await asyncio.gather(*(node.settle_due(keys) for node in (runs, second_node, runs, second_node)))
        assert sum(isinstance(event, RunChanged) for event in events) == 8
    for job in listed:
        assert await ledger(runs, job) == [(f"12:0{n}", "queued", "schedule", 1) for n in range(1, 6)]


# -- nobody was there -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "grace", "expected"),
    [
        ("skip", 3600, [("12:10", "missed", "schedule", 10)]),
        ("last", 3600, [("12:09", "missed", "schedule", 9), ("12:10", "queued", "catch_up", 1)]),
        ("last", 20, [("12:10", "missed", "schedule", 10)]),
        ("all", 3600, [(f"12:{n:02}", "queued", "catch_up", 1) for n in range(1, 11)]),
        (
            "all",
            160,
            [("12:07", "missed", "schedule", 7), *((f"12:{n:02}", "queued", "catch_up", 1) for n in range(8, 11))],
        ),
    ],
)
async def test_what_passed_while_the_server_was_stopped(
    jobs: Jobs, runs: Runs, clock: TurnedClock, policy: str, grace: float, expected: Ledger
) -> None:
    job = await minutely(jobs, misfire={"policy": policy, "grace": grace}, overlap="queue_all")
    clock.turn(10 * 60 + 30)
    settled = await settle(runs, job)
    assert await ledger(runs, job) == expected
    assert (settled.last_slot, settled.next_slot) == (at("12:10"), at("12:11"))
    clock.turn(30)
    await settle(runs, job)
    assert await ledger(runs, job) == [*expected, ("12:11", "queued", "schedule", 1)]


async def test_a_gap_says_why_and_how_many_slots_from_when_to_when(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs, misfire={"policy": "skip"})
    clock.turn(5 * 60 + 30)
    await settle(runs, job)
    (gap,) = await of(runs, job)
    assert gap.reason == "The scheduler was not running, and the misfire rule did not ask to catch up."
    assert (gap.missed, gap.missed_since, gap.slot) == (5, at("12:01"), at("12:05"))
    assert (gap.finished_at, gap.args) == (clock.now, {})


async def test_a_gap_that_goes_on_stays_one_row(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs, misfire={"policy": "skip"})
    for seconds in (90, 60, 180):
        clock.turn(seconds)
        await settle(runs, job)
    (gap,) = await of(runs, job)
    assert (gap.missed, gap.missed_since, gap.slot) == (5, at("12:01"), at("12:05"))
    clock.turn(30)
    await settle(runs, job)
    clock.turn(90)
    await settle(runs, job)
    assert await ledger(runs, job) == [
        ("12:05", "missed", "schedule", 5),
        ("12:06", "queued", "schedule", 1),
        ("12:07", "missed", "schedule", 1),
    ]


async def test_a_slot_served_a_few_seconds_late_is_on_time_whatever_the_policy(
    jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    job = await minutely(jobs, misfire={"policy": "skip"})
    clock.turn(64)
    await settle(runs, job)
    assert await ledger(runs, job) == [("12:01", "queued", "schedule", 1)]


async def test_months_asleep_are_settled_at_once(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await jobs.create(
        a_job("secondly", schedule={"kind": "interval", "every": 1}, misfire={"policy": "all", "grace": 60}),
        origin="api",
    )
    clock.turn(90 * 86_400)
    settled = await settle(runs, job)
    assert settled.last_slot == clock.now
    found = await of(runs, job)
    assert sum(run.missed for run in found) == 90 * 86_400
    assert len(found) <= 62


async def test_a_moment_that_passed_unserved_long_ago_is_missed_and_the_job_finished(
    jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    job = await jobs.create(a_job("once", schedule={"kind": "once", "at": "2026-03-02T12:30Z"}), origin="api")
    clock.turn(5 * 3600)
    assert (await settle(runs, job)).state is JobState.FINISHED
    assert await ledger(runs, job) == [("12:30", "missed", "schedule", 1)]


# -- the end --------------------------------------------------------------------------------------------------------


async def test_a_job_that_runs_once_is_finished_after_it(
    jobs: Jobs, runs: Runs, clock: TurnedClock, events: list[Event]
) -> None:
    job = await jobs.create(a_job("once", schedule={"kind": "once", "at": "2026-03-02T12:30Z"}), origin="api")
    clock.turn(30 * 60)
    events.clear()
    settled = await settle(runs, job)
    assert (settled.state, settled.next_slot) == (JobState.FINISHED, None)
    assert await ledger(runs, job) == [("12:30", "queued", "schedule", 1)]
    assert JobChanged("once") in events
    await carry(runs)  # what was opened is carried out all the same


async def test_a_job_is_finished_after_so_many_runs(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs, max_runs=3, overlap="queue_all")
    for used in (1, 2, 3):
        clock.turn(60)
        settled = await settle(runs, job)
        assert settled.slots_used == used
    assert (settled.state, settled.next_slot) == (JobState.FINISHED, None)
    clock.turn(60)
    await settle(runs, job)
    assert [slot for slot, *_ in await ledger(runs, job)] == ["12:01", "12:02", "12:03"]


async def test_catching_up_does_not_go_beyond_so_many_runs(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs, max_runs=3, overlap="queue_all", misfire={"policy": "all"})
    clock.turn(10 * 60)
    settled = await settle(runs, job)
    assert (settled.state, settled.slots_used) == (JobState.FINISHED, 3)
    assert [slot for slot, *_ in await ledger(runs, job)] == ["12:01", "12:02", "12:03"]


async def test_missed_slots_are_not_counted_as_runs(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs, max_runs=2, misfire={"policy": "skip"}, overlap="queue_all")
    clock.turn(5 * 60 + 30)
    settled = await settle(runs, job)
    assert (settled.state, settled.slots_used) == (JobState.ACTIVE, 0)


async def test_a_job_is_finished_with_its_last_slot_before_the_end(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs, ends_at="2026-03-02T12:02:30Z", overlap="queue_all")
    clock.turn(60)
    assert (await settle(runs, job)).state is JobState.ACTIVE
    clock.turn(60)
    settled = await settle(runs, job)
    assert (settled.state, settled.next_slot) == (JobState.FINISHED, None)
    assert [slot for slot, *_ in await ledger(runs, job)] == ["12:01", "12:02"]


async def test_a_job_has_no_slot_before_its_start(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs, starts_at="2026-03-02T12:30Z")
    assert job.next_slot == at("12:30")
    clock.turn(30 * 60)
    await settle(runs, job)
    assert await ledger(runs, job) == [("12:30", "queued", "schedule", 1)]


# -- overlapping ----------------------------------------------------------------------------------------------------


async def slots_beside_a_running_one(
    jobs: Jobs, runs: Runs, clock: TurnedClock, slots: int = 3, **fields: Any
) -> tuple[Job, list[str]]:
    """The first slot runs while `slots` more come due; answers what became of each."""
    job = await minutely(jobs, **fields)
    clock.turn(60)
    await settle(runs, job)
    await runs.claim("node-1", 1)
    for _ in range(slots):
        clock.turn(60)
        await settle(runs, job)
    return job, [run.state.value for run in await of(runs, job)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"overlap": "skip"}, ["running", "skipped", "skipped", "skipped"]),
        ({"overlap": "skip", "max_running": 2}, ["running", "queued", "skipped", "skipped"]),
        ({"overlap": "queue"}, ["running", "queued", "skipped", "skipped"]),
        ({"overlap": "queue_all"}, ["running", "queued", "queued", "queued"]),
        ({"overlap": "allow"}, ["running", "queued", "queued", "queued"]),
        ({"overlap": "allow", "max_running": 3}, ["running", "queued", "queued", "skipped"]),
        ({"overlap": "cancel_running"}, ["running", "cancelled", "cancelled", "queued"]),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
async def test_what_a_slot_does_beside_a_run_that_goes_on(
    jobs: Jobs, runs: Runs, clock: TurnedClock, fields: dict[str, Any], expected: list[str]
) -> None:
    _, found = await slots_beside_a_running_one(jobs, runs, clock, **fields)
    assert found == expected


async def test_a_skipped_slot_names_the_run_in_its_way(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job, _ = await slots_beside_a_running_one(jobs, runs, clock, slots=1)
    running, skipped = await of(runs, job)
    assert skipped.reason == f"Run #{running.id} was still running."
    assert skipped.finished_at == clock.now


async def test_a_slot_after_the_run_has_ended_runs_again(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs)
    for _ in range(2):
        clock.turn(60)
        await settle(runs, job)
        await carry(runs, FAILED)
    assert [run.state.value for run in await of(runs, job)] == ["failed", "failed"]


async def test_a_run_that_makes_way_is_asked_to_stop_and_the_new_one_waits_for_its_end(
    jobs: Jobs, runs: Runs, clock: TurnedClock, events: list[Event]
) -> None:
    job = await minutely(jobs, overlap="cancel_running")
    clock.turn(60)
    await settle(runs, job)
    (claimed,) = await runs.claim("node-1", 1)
    events.clear()
    clock.turn(60)
    await settle(runs, job)
    new = (await of(runs, job))[-1]
    reason = f"Made way for run #{new.id}."
    assert events == [CancelRequested(claimed.run.id, reason), RunChanged(new.id, "minutely")]
    assert await runs.claim("node-1", 1) == []
    clock.turn(60)
    await settle(runs, job)
    assert (await runs.get(new.id)).reason == f"Made way for run #{new.id + 1}."


async def test_runs_that_may_overlap_are_claimed_up_to_their_bound(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    await slots_beside_a_running_one(jobs, runs, clock, overlap="allow", max_running=3)
    assert len(await runs.claim("node-1", 10)) == 2
    assert await runs.claim("node-1", 10) == []


async def test_slots_that_are_caught_up_wait_for_each_other(
    jobs: Jobs, runs: Runs, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await minutely(jobs, misfire={"policy": "all"})  # and the default overlap rule, which skips
    monkeypatch.delattr(stored_runs, "open_of_job")  # of a thousand slots each would read all before it
    clock.turn(190)
    await settle(runs, job)
    states = {state for _, state, _, _ in await ledger(runs, job)}
    assert states == {"queued"}
    assert len(await of(runs, job)) == 3


async def test_a_skipped_slot_does_not_use_up_max_runs(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs, max_runs=2)
    for _ in range(3):
        clock.turn(60)
        await settle(runs, job)
    assert [state for _, state, _, _ in await ledger(runs, job)].count("skipped") == 2
    (claimed,) = await runs.claim("node", 10)
    await runs.finish(claimed.run, Outcome(state=RunState.SUCCEEDED), 1.0)
    clock.turn(60)
    assert (await settle(runs, job)).state is JobState.FINISHED


# -- spread, blacked out, at the start ------------------------------------------------------------------------------


async def test_a_run_with_jitter_waits_for_its_moment_and_keeps_its_slot(
    jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    job = await minutely(jobs, jitter="40s")
    clock.turn(60)
    await settle(runs, job)
    (run,) = await of(runs, job)
    assert run.slot == at("12:01")
    assert run.not_before == jittered(at("12:01"), 40, "minutely")
    assert await runs.claim("node-1", 10) == []
    assert await runs.next_start(clock()) == run.not_before
    clock.now = run.not_before
    (claimed,) = await runs.claim("node-1", 10)
    assert claimed.run.slot == at("12:01")
    clock.now = at("12:02")
    assert (await settle(runs, job)).next_slot == at("12:03")  # the spread moves no slot


async def test_slots_in_a_blackout_are_one_skipped_row_and_the_list_shows_the_run_after_them(
    jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    job = await minutely(jobs, blackouts=["12:02-12:05"])
    for _ in range(3):
        clock.turn(60)
        await settle(runs, job)
        await carry_all(runs)
    skipped = (await of(runs, job))[-1]
    assert skipped.reason == "Blacked out: 12:02 to 12:05 every day."
    row = await jobs.row("minutely")
    assert (row.job.next_slot, row.next_run) == (at("12:04"), at("12:05"))
    for _ in range(2):
        clock.turn(60)
        await settle(runs, job)
        await carry_all(runs)
    assert await ledger(runs, job) == [
        ("12:01", "succeeded", "schedule", 1),
        ("12:04", "skipped", "schedule", 3),
        ("12:05", "succeeded", "schedule", 1),
    ]
    assert (await of(runs, job))[1].missed_since == at("12:02")


async def test_a_blackout_is_in_the_zone_of_the_schedule_and_uses_up_none_of_max_runs(
    jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    schedule = {"kind": "cron", "expression": "* * * * *", "timezone": "America/New_York"}
    job = await jobs.create(
        a_job("minutely", schedule=schedule, blackouts=["07:00-07:02"], max_runs=1, misfire={"policy": "all"}),
        origin="api",
    )
    clock.turn(3 * 60)
    settled = await settle(runs, job)
    assert await ledger(runs, job) == [("12:01", "skipped", "schedule", 1), ("12:02", "queued", "catch_up", 1)]
    assert settled.state is JobState.FINISHED


async def test_an_unreadable_calendar_skips_its_slots_and_says_so(
    jobs: Jobs, runs: Runs, clock: TurnedClock, tmp_path: Path
) -> None:
    calendar = tmp_path / "holidays.ics"
    calendar.write_text("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//EN\nEND:VCALENDAR\n")
    job = await minutely(jobs, blackouts=["holidays.ics"])
    calendar.unlink()
    clock.turn(60)
    await settle(runs, job)
    (run,) = await of(runs, job)
    assert run.state == "skipped"
    assert run.reason is not None
    assert "holidays.ics cannot be read" in run.reason


async def test_a_job_at_the_start_of_the_server_runs_at_each_start_and_stays_active(
    jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    job = await jobs.create(a_job("boot", schedule={"kind": "cron", "expression": "@reboot"}), origin="api")
    assert (job.state, job.next_slot) == (JobState.ACTIVE, None)
    await runs.open_at_start()
    await carry_all(runs)
    clock.turn(3600)
    await runs.open_at_start()
    assert await ledger(runs, job) == [("12:00", "succeeded", "schedule", 1), ("13:00", "queued", "schedule", 1)]
    assert (await jobs.get("boot")).state is JobState.ACTIVE
    await jobs.pause("boot")
    clock.turn(3600)
    await runs.open_at_start()
    assert len(await of(runs, job)) == 2
    assert (await jobs.resume("boot")).state is JobState.ACTIVE


async def test_a_start_beside_other_schedules_counts_against_max_runs_and_the_window(
    jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    both = [{"kind": "cron", "expression": "@reboot"}, {"kind": "once", "at": "2026-03-02T12:01:00Z"}]
    counted = await jobs.create(a_job("counted", schedule=both, max_runs=2), origin="api")
    later = await jobs.create(a_job("later", schedule=both[0], starts_at="2026-03-02T12:30:00Z"), origin="api")
    ending = await jobs.create(a_job("ending", schedule=both[0], ends_at="2026-03-02T12:00:30Z"), origin="api")
    clock.turn(60)
    assert (await settle(runs, counted)).state is JobState.ACTIVE  # a start may still come
    await carry_all(runs)
    clock.turn(1)
    await runs.open_at_start()
    assert [len(await of(runs, job)) for job in (counted, later, ending)] == [2, 0, 0]
    states = [(await jobs.get(job_id)).state.value for job_id in ("counted", "later", "ending")]
    assert states == ["finished", "active", "finished"]


async def test_a_slot_that_the_condition_refused_is_given_back(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs, max_runs=1)
    clock.turn(60)
    assert (await settle(runs, job)).state is JobState.FINISHED
    await carry(runs, Outcome(state=RunState.SKIPPED, reason="The condition hello said no."))
    again = await jobs.get("minutely")
    assert (again.state, again.slots_used, again.next_slot) == (JobState.ACTIVE, 0, at("12:02"))


async def carry_all(runs: Runs) -> None:
    for claimed in await runs.claim("node-1", 10):
        await runs.finish(claimed.run, Outcome(state=RunState.SUCCEEDED), 1.0)

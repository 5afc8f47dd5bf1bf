"""Every slot gets one run, or one record of why not: on time, late, overlapping, missed, at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from recipes import EACH_MINUTE, FAILED, a_job, at, carry
from support import TurnedClock

from cronapp.core.events import CancelRequested, Event, JobChanged, RunChanged
from cronapp.core.models import Job, JobState, Outcome, Run, RunState
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.service.tasks import Tasks
from cronapp.store.open import open_store

Ledger = list[tuple[str, str, str, int]]


async def minutely(jobs: Jobs, **fields: Any) -> Job:
    return await jobs.create(a_job("minutely", schedule=EACH_MINUTE, **fields), origin="api")


async def settle(runs: Runs, job: Job) -> Job:
    (settled,) = await runs.settle_due([job.key])
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
    settled = await runs.settle_due([*(job.key for job in listed), 999_999])
    assert {job.key for job in settled} == {job.key for job in listed}
    assert {job.next_slot for job in settled} == {at("12:02")}


@pytest.fixture
async def second_node(
    runs: Runs, tasks: Tasks, clock: TurnedClock, events: list[Event], database_url: str
) -> AsyncIterator[Runs]:
    """Another server on the same database; one SQLite file has one server, so there it is another caller."""
    if database_url.startswith("sqlite"):
        yield Runs(runs.store, tasks, clock)
        return
    store = await open_store(database_url, events.extend)
    yield Runs(store, tasks, clock)
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


async def test_a_gap_says_how_many_slots_it_stands_for_and_why(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs, misfire={"policy": "skip"})
    clock.turn(90)
    await settle(runs, job)
    clock.turn(5 * 60)
    await settle(runs, job)
    one, many = await of(runs, job)
    assert one.reason == "The scheduler was not running, and the misfire rule did not ask to catch up."
    assert many.reason == f"5 slots since 2026-03-02 12:02:00 UTC. {one.reason}"
    assert (many.finished_at, many.args) == (clock.now, {})


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


async def test_slots_that_are_caught_up_wait_for_each_other(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs, misfire={"policy": "all"})  # and the default overlap rule, which skips
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

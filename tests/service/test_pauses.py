"""Pauses of jobs: who, why and until when, what they mean before and after, and jobs that pause by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from recipes import BY_HAND, EACH_MINUTE, FAILED, a_job, at, carry
from support import TurnedClock

from cronapp.core.errors import EditConflict, InvalidInput
from cronapp.core.events import Event, JobChanged
from cronapp.core.models import Job, JobState, Outcome, Pause, RunState
from cronapp.service.jobs import Jobs
from cronapp.service.pauses import Pauses
from cronapp.service.runs import Runs
from cronapp.service.tasks import Tasks
from cronapp.store.open import open_store
from cronapp.store.store import Store


@pytest.fixture
def pauses(store: Store, runs: Runs, clock: TurnedClock) -> Pauses:
    return Pauses(store, runs.blackouts, clock)


async def minutely(jobs: Jobs, job_id: str = "minutely", **fields: Any) -> Job:
    return await jobs.create(a_job(job_id, **{"schedule": EACH_MINUTE, **fields}), origin="api")


async def rows(runs: Runs, job: Job) -> list[tuple[str, str, int, str | None]]:
    """The job's slots, oldest first: when, what became of it, how many, and why."""
    listed = (await runs.of_job(job, limit=500))[0][::-1]
    return [(f"{run.slot:%H:%M}", run.state, run.missed, run.reason) for run in listed if run.slot]


# -- who, why, until when -------------------------------------------------------------------------------------------


async def test_a_pause_says_who_why_since_when_and_until_when(jobs: Jobs, clock: TurnedClock) -> None:
    await minutely(jobs)
    paused = await jobs.pause("minutely", " deploying ", by="admin", until=at("13:00"))
    assert (paused.pause, paused.reason) == (Pause(by="admin", at=clock.now, until=at("13:00")), "deploying")
    clock.turn(60)
    longer = await jobs.pause("minutely", None, by="ada", until=at("14:00"))
    assert (longer.pause, longer.reason) == (Pause(by="ada", at=at("12:00"), until=at("14:00")), None)
    assert (await jobs.resume("minutely")).pause is None


@pytest.mark.parametrize(
    ("reason", "until", "fields"),
    [("why", at("12:00"), {"until"}), ("x" * 501, at("11:00"), {"reason", "until"})],
)
async def test_a_pause_that_has_ended_already_or_a_novel_is_refused(
    jobs: Jobs, reason: str, until: datetime, fields: set[str]
) -> None:
    await minutely(jobs)
    with pytest.raises(InvalidInput) as refused:
        await jobs.pause("minutely", reason, until=until)
    assert set(refused.value.errors) == fields
    assert (await jobs.get("minutely")).state is JobState.ACTIVE


@pytest.mark.parametrize(
    ("reason", "told"),
    [("deploying", "Paused by admin: deploying."), (None, "Paused by admin."), ("Really?", "Paused by admin: Really?")],
)
async def test_the_slots_that_passed_say_who_paused_and_why(
    jobs: Jobs, runs: Runs, clock: TurnedClock, reason: str | None, told: str
) -> None:
    job = await minutely(jobs)
    await jobs.pause("minutely", reason, by="admin")
    clock.turn(150)
    await jobs.resume("minutely")
    (run,), _ = await runs.of_job(job)
    assert (run.state, run.cause, run.missed, run.reason) == ("skipped", "pause", 2, told)


# -- its end --------------------------------------------------------------------------------------------------------


async def test_a_pause_that_is_over_ends_at_its_end_and_not_when_it_is_noticed(
    jobs: Jobs, runs: Runs, pauses: Pauses, clock: TurnedClock
) -> None:
    job = await minutely(jobs, misfire={"policy": "all"})
    await jobs.pause("minutely", by="admin", until=at("12:02:30"))
    await jobs.pause((await minutely(jobs, "for-good")).id, by="admin")
    assert (await pauses.over(clock.now), await pauses.next_end(clock.now)) == ([], at("12:02:30"))
    clock.turn(280)
    (ended,) = await pauses.over(clock.now)
    assert (ended.id, await pauses.next_end(clock.now)) == ("minutely", None)
    resumed = await jobs.resume("minutely", pause=ended.pause)
    assert (resumed.state, resumed.next_slot) == (JobState.ACTIVE, at("12:03"))
    await runs.settle_due([job.key])
    assert await rows(runs, job) == [
        ("12:02", "skipped", 2, "Paused by admin."),
        ("12:03", "queued", 1, None),
        ("12:04", "queued", 1, None),
    ]


async def test_a_pause_that_somebody_made_longer_does_not_end_at_its_old_end(jobs: Jobs, clock: TurnedClock) -> None:
    await minutely(jobs)
    old = (await jobs.pause("minutely", until=at("12:02"))).pause
    await jobs.pause("minutely", until=at("13:00"))
    clock.turn(180)
    assert (await jobs.resume("minutely", pause=old)).state is JobState.PAUSED


# -- what it means --------------------------------------------------------------------------------------------------


async def test_before_a_pause_it_is_told_what_passes_and_who_waits(jobs: Jobs, runs: Runs, pauses: Pauses) -> None:
    job = await minutely(jobs, overlap="queue_all")
    for name in ("b", "a"):
        await jobs.create(a_job(name, schedule={"kind": "dependency"}, after={"jobs": ["minutely"]}), origin="api")
    for _ in range(3):
        await runs.run_now("minutely")
    await runs.claim("node-1", 1)
    told = await pauses.pausing(job, at("12:12:30"))
    assert (told.passing, told.first, told.often) == ("12 slots", at("12:01"), "")
    assert (told.waiting, told.running, told.queued) == (("a", "b"), 1, 2)
    open_end = await pauses.pausing(job)
    assert (open_end.passing, open_end.first, open_end.often) == (None, at("12:01"), "1,440 runs a day")
    none = await pauses.pausing(job, at("12:01"))
    assert (none.passing, none.first) == ("no slot", None)
    by_hand = await jobs.create(a_job("by-hand", schedule=BY_HAND), origin="api")
    assert (await pauses.pausing(by_hand)).first is None


async def test_before_a_resume_the_missed_slots_are_listed_newest_first(
    jobs: Jobs, pauses: Pauses, clock: TurnedClock
) -> None:
    await minutely(jobs, blackouts=["13:58-13:59"])
    paused = await jobs.pause("minutely")
    assert (await pauses.resuming(paused)).count == 0
    clock.turn(2 * 3600)
    missed = await pauses.resuming(paused)
    assert (missed.count, missed.runs, len(missed.slots), missed.newest) == (120, 120, 50, at("14:00"))
    assert [(slot.at, bool(slot.refused)) for slot in missed.slots[:3]] == [
        (at("14:00"), False),
        (at("13:59"), False),
        (at("13:58"), True),
    ]


async def test_no_more_is_promised_than_the_rules_let_run(jobs: Jobs, pauses: Pauses, clock: TurnedClock) -> None:
    few, many = await minutely(jobs, "few", max_runs=3), await minutely(jobs, "many")
    for job in (few, many):
        await jobs.pause(job.id)
    clock.turn(86_400)
    assert (await pauses.resuming(await jobs.get("few"))).runs == 3
    assert (await pauses.resuming(await jobs.get("many"))).runs == 1000


# -- by itself ------------------------------------------------------------------------------------------------------


async def fail(runs: Runs, job: str, state: RunState = RunState.FAILED) -> int:
    run = await runs.run_now(job)
    await carry(runs, Outcome(state=state))
    return run.id


async def test_a_job_pauses_by_itself_after_so_many_failures_in_a_row(
    jobs: Jobs, runs: Runs, events: list[Event]
) -> None:
    job = await minutely(jobs, pause_after_failures=3)
    for state in (RunState.FAILED, RunState.TIMED_OUT):
        await fail(runs, "minutely", state)
    await runs.run_now("minutely")
    await carry(runs)
    assert (await jobs.get("minutely")).failures == 0
    for state in (RunState.FAILED, RunState.CANCELLED, RunState.TIMED_OUT):
        await fail(runs, "minutely", state)
    assert ((await jobs.get("minutely")).failures, (await jobs.get("minutely")).state) == (2, JobState.ACTIVE)
    events.clear()
    last = await fail(runs, "minutely")
    paused = await jobs.get("minutely")
    assert JobChanged("minutely") in events
    assert (paused.state, paused.failures, paused.next_slot) == (JobState.PAUSED, 3, None)
    assert (paused.pause and paused.pause.by) == "Cron-App"
    assert paused.reason == f"3 failures in a row, the last one run #{last}."
    with pytest.raises(EditConflict):
        await jobs.edit("minutely", a_job("minutely"), version=job.version)
    assert (await jobs.resume("minutely")).failures == 0


async def test_an_attempt_that_is_followed_by_another_is_no_failure_yet(
    jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    await minutely(jobs, pause_after_failures=1, retry={"max_attempts": 2, "delay": 1})
    await runs.run_now("minutely")
    await carry(runs, FAILED)
    assert (await jobs.get("minutely")).failures == 0
    clock.turn(2)
    last = await carry(runs, FAILED)
    assert (await jobs.get("minutely")).reason == f"1 failure, the last one run #{last.id}."


async def test_a_lost_run_counts_and_a_person_who_paused_before_is_not_overruled(jobs: Jobs, runs: Runs) -> None:
    await minutely(jobs, pause_after_failures=1)
    await runs.run_now("minutely")
    await runs.claim("node-1", 1)
    await jobs.pause("minutely", "mine", by="ada")
    await runs.lose_running("It died.")
    job = await jobs.get("minutely")
    assert (job.failures, job.reason, job.pause and job.pause.by) == (1, "mine", "ada")


async def test_an_edit_counts_failures_anew(jobs: Jobs, runs: Runs) -> None:
    await minutely(jobs, pause_after_failures=2)
    await fail(runs, "minutely")
    await jobs.edit("minutely", a_job("minutely", schedule=EACH_MINUTE, pause_after_failures=2))
    await fail(runs, "minutely")
    assert ((await jobs.get("minutely")).state, (await jobs.get("minutely")).failures) == (JobState.ACTIVE, 1)


async def test_many_failures_at_the_same_moment_are_all_counted_and_pause_once(jobs: Jobs, runs: Runs) -> None:
    await minutely(jobs, pause_after_failures=4, overlap="allow", max_running=10)
    for _ in range(10):
        await runs.run_now("minutely")
    claimed = await runs.claim("node-1", 10)
    await asyncio.gather(*(runs.finish(one.run, FAILED, 1.0) for one in claimed))
    job = await jobs.get("minutely")
    assert (job.failures, job.state, job.version) == (10, JobState.PAUSED, 2)
    assert (job.reason or "").startswith("4 failures in a row")


# -- racing with a firing -------------------------------------------------------------------------------------------


@pytest.fixture
async def other_node(
    runs: Runs, tasks: Tasks, clock: TurnedClock, events: list[Event], database_url: str
) -> AsyncIterator[Runs]:
    """Another server on the same database; one SQLite file has one server, so there it is another caller."""
    if database_url.startswith("sqlite"):
        yield Runs(runs.store, tasks, runs.blackouts, clock)
        return
    store = await open_store(database_url, events.extend)
    yield Runs(store, tasks, runs.blackouts, clock)
    await store.close()


async def test_no_slot_is_opened_after_a_pause_that_raced_with_it(
    jobs: Jobs, runs: Runs, other_node: Runs, clock: TurnedClock
) -> None:
    """A run that is there once the pause was answered was opened before; afterwards none comes."""
    job = await minutely(jobs, overlap="queue_all")
    for n in range(20):
        clock.turn(60)
        firing = [asyncio.ensure_future(node.settle_due([job.key])) for node in (runs, other_node) for _ in range(3)]
        for _ in range(n % 4):
            await asyncio.sleep(0)
        await jobs.pause("minutely")
        opened = len(await rows(runs, job))
        await asyncio.gather(*firing, *(node.settle_due([job.key]) for node in (runs, other_node)))
        assert len(await rows(runs, job)) == opened
        await jobs.resume("minutely")
    slots = [slot for slot, _, count, _ in await rows(runs, job) for _ in range(count)]
    assert slots == sorted(slots)
    assert len(slots) == 20
    assert clock.now == at("12:00") + timedelta(minutes=20)

"""Single slots are skipped and added: each is settled once, and the ledger stays whole."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from recipes import BY_HAND, EACH_MINUTE, HOURLY, a_job, at, carry
from support import TurnedClock

from cronapp.core.draws import jittered
from cronapp.core.errors import Conflict, InvalidInput
from cronapp.core.ledger import Verdict
from cronapp.core.models import Cause, Job, JobState, Run, RunState
from cronapp.service.blackouts import Blackouts
from cronapp.service.history import History
from cronapp.service.jobs import Jobs
from cronapp.service.ledger import Ledger
from cronapp.service.runs import Runs
from cronapp.service.switch import Switch
from cronapp.service.tasks import Tasks
from cronapp.service.upcoming import KEPT, Upcoming
from cronapp.store.open import open_store
from cronapp.store.store import Store

Told = list[tuple[str, str, int]]


@pytest.fixture
def upcoming(store: Store, blackouts: Blackouts, clock: TurnedClock) -> Upcoming:
    return Upcoming(store, blackouts, clock)


@pytest.fixture
def ledger(store: Store, clock: TurnedClock) -> Ledger:
    return Ledger(store, clock)


@pytest.fixture
def history(jobs: Jobs) -> History:
    return History(jobs)


async def settle_at(jobs: Jobs, runs: Runs, clock: TurnedClock, time: str, job_id: str = "hourly") -> Job:
    clock.now = at(time)
    (job,), _ = await runs.settle_due([(await jobs.get(job_id)).key])
    return job


async def rows(runs: Runs, jobs: Jobs, job_id: str = "hourly") -> Told:
    """When, what became of it, and for how many slots the row stands; by the slot."""
    listed, _ = await runs.of_job(await jobs.get(job_id), limit=500)
    return sorted((f"{run.slot:%H:%M}", run.state.value, run.missed) for run in listed if run.slot)


async def in_ledger(ledger: Ledger, job_id: str = "hourly") -> list[tuple[str, str]]:
    """When and what, the oldest first."""
    entries, _ = await ledger.page(job_id, limit=500)
    return [(f"{entry.slot:%H:%M}", entry.verdict.value) for entry in entries][::-1]


async def newest(runs: Runs, job: Job) -> Run:
    return (await runs.of_job(job, limit=1))[0][0]


async def an_hourly(jobs: Jobs, **fields: Any) -> Job:
    return await jobs.create(a_job(**fields), origin="api", by="ada")


# -- skipped --------------------------------------------------------------------------------------------------------


async def test_a_skipped_slot_has_a_row_that_says_who_skipped_it(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, ledger: Ledger, clock: TurnedClock
) -> None:
    await an_hourly(jobs)
    job = await upcoming.skip("hourly", at("13:00"), by="ada")
    assert (job.version, job.next_slot) == (2, at("13:00"))  # at that moment its row is written
    assert (await jobs.row("hourly")).next_run == at("14:00")
    job = await settle_at(jobs, runs, clock, "13:00")
    assert (job.last_slot, job.next_slot) == (at("13:00"), at("14:00"))
    run = await newest(runs, job)
    assert (run.slot, run.state, run.cause, run.reason) == (
        at("13:00"),
        RunState.SKIPPED,
        Cause.BY_HAND,
        "Skipped by ada.",
    )
    await settle_at(jobs, runs, clock, "14:00")
    assert await rows(runs, jobs) == [("13:00", "skipped", 1), ("14:00", "queued", 1)]
    assert await in_ledger(ledger) == [("13:00", "skipped_by_hand"), ("14:00", "waiting")]
    kept = await ledger.kept(await jobs.get("hourly"))
    assert kept.counts[Verdict.BY_HAND] == 1
    assert kept.promised == 0


async def test_a_skip_is_undone_as_long_as_the_slot_lies_ahead(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, clock: TurnedClock
) -> None:
    await an_hourly(jobs)
    await upcoming.skip("hourly", at("13:00"), by="ada")
    again = await upcoming.skip("hourly", at("13:00"), by="bob")
    assert (again.version, again.slot_changes[0].by) == (2, "ada")
    await upcoming.undo_skip("hourly", at("13:00"))
    with pytest.raises(Conflict):
        await upcoming.undo_skip("hourly", at("13:00"))
    await upcoming.skip("hourly", at("14:00"))
    await settle_at(jobs, runs, clock, "13:00")
    await settle_at(jobs, runs, clock, "14:00:30")
    with pytest.raises(InvalidInput, match="has passed"):
        await upcoming.undo_skip("hourly", at("14:00"))
    assert await rows(runs, jobs) == [("13:00", "queued", 1), ("14:00", "skipped", 1)]


async def test_only_a_slot_of_the_schedule_that_lies_ahead_can_be_skipped(
    jobs: Jobs, upcoming: Upcoming, clock: TurnedClock
) -> None:
    await an_hourly(jobs)
    await upcoming.add("hourly", at("12:20"))
    for slot, why in [(at("13:01"), "no slot"), (at("11:00"), "has passed"), (at("12:20"), "Remove it instead")]:
        with pytest.raises(InvalidInput, match=why):
            await upcoming.skip("hourly", slot)


async def test_the_newest_slot_that_nobody_skipped_is_caught_up(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, ledger: Ledger, clock: TurnedClock
) -> None:
    """`last` would else catch up a slot that was not wanted, and miss the one before it."""
    await an_hourly(jobs, misfire={"policy": "last", "grace": "1d"})
    for time in ("14:00", "17:00"):
        await upcoming.skip("hourly", at(time), by="ada")
    await settle_at(jobs, runs, clock, "17:30")
    assert await rows(runs, jobs) == [
        ("13:00", "missed", 1),
        ("14:00", "skipped", 1),
        ("15:00", "missed", 1),
        ("16:00", "queued", 1),
        ("17:00", "skipped", 1),
    ]
    await settle_at(jobs, runs, clock, "21:10")
    assert [verdict for _, verdict in await in_ledger(ledger)] == [
        *("missed", "skipped_by_hand", "missed", "waiting", "skipped_by_hand"),
        *("missed", "missed", "missed", "waiting"),
    ]
    kept = await ledger.kept(await jobs.get("hourly"))
    assert (kept.counts[Verdict.MISSED], kept.counts[Verdict.BY_HAND]) == (5, 2)


async def test_while_a_job_is_paused_its_ledger_tells_skips_apart_and_the_resumption_keeps_them(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, ledger: Ledger, clock: TurnedClock
) -> None:
    await an_hourly(jobs)
    await upcoming.skip("hourly", at("14:00"), by="ada")
    await jobs.pause("hourly")
    clock.now = at("15:30")
    expected = [("13:00", "paused"), ("14:00", "skipped_by_hand"), ("15:00", "paused")]
    assert await in_ledger(ledger) == expected
    only, _ = await ledger.page("hourly", verdicts=(Verdict.BY_HAND,))
    assert [(entry.slot, entry.words) for entry in only] == [(at("14:00"), "Skipped by ada.")]
    assert (await ledger.kept(await jobs.get("hourly"))).counts == {Verdict.PAUSED: 2, Verdict.BY_HAND: 1}
    await jobs.resume("hourly", "all")
    assert await rows(runs, jobs) == [("13:00", "queued", 1), ("14:00", "skipped", 1), ("15:00", "queued", 1)]


async def test_a_skip_of_a_moment_that_is_no_slot_any_more_is_passed_over(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, clock: TurnedClock
) -> None:
    await an_hourly(jobs)
    for time in ("13:00", "14:00"):
        await upcoming.skip("hourly", at(time))
    await jobs.edit("hourly", a_job(schedule={"kind": "cron", "expression": "0 */2 * * *"}))
    slots, _ = await upcoming.slots(await jobs.get("hourly"), 2)
    assert [(one.at, one.skipped is not None) for one in slots] == [(at("14:00"), True), (at("16:00"), False)]
    await settle_at(jobs, runs, clock, "14:00")
    assert await rows(runs, jobs) == [("14:00", "skipped", 1)]


async def test_a_skip_leaves_the_runs_that_a_job_may_have(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, clock: TurnedClock
) -> None:
    await an_hourly(jobs, max_runs=1)
    await upcoming.skip("hourly", at("13:00"))
    slots, more = await upcoming.slots(await jobs.get("hourly"))
    assert ([one.at for one in slots], more) == ([at("13:00"), at("14:00")], False)
    job = await settle_at(jobs, runs, clock, "13:00")
    assert (job.state, job.slots_used) == (JobState.ACTIVE, 0)
    job = await settle_at(jobs, runs, clock, "14:00")
    assert (job.state, job.slots_used) == (JobState.FINISHED, 1)


async def test_a_job_whose_last_slot_is_skipped_is_finished(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, clock: TurnedClock
) -> None:
    await an_hourly(jobs, schedule={"kind": "once", "at": "2026-03-02T13:00:00Z"})
    await upcoming.skip("hourly", at("13:00"))
    assert (await jobs.row("hourly")).next_run is None
    job = await settle_at(jobs, runs, clock, "13:00")
    assert job.state is JobState.FINISHED
    assert await rows(runs, jobs) == [("13:00", "skipped", 1)]


# -- added ----------------------------------------------------------------------------------------------------------


async def test_an_added_slot_runs_once_like_any_other(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, ledger: Ledger, clock: TurnedClock
) -> None:
    await an_hourly(jobs, overlap="skip")
    job = await upcoming.add("hourly", at("12:20"), by="ada")
    assert (job.version, job.next_slot) == (2, at("12:20"))
    await upcoming.add("hourly", at("12:21"), by="ada")
    job = await settle_at(jobs, runs, clock, "12:20")
    assert job.next_slot == at("12:21")
    await settle_at(jobs, runs, clock, "12:20")
    await settle_at(jobs, runs, clock, "12:21")  # the overlap rule holds for it too
    job = await settle_at(jobs, runs, clock, "13:00")
    assert job.next_slot == at("14:00")
    assert await rows(runs, jobs) == [("12:20", "queued", 1), ("12:21", "skipped", 1), ("13:00", "skipped", 1)]
    run = await carry(runs)
    assert (run.slot, run.trigger.value) == (at("12:20"), "schedule")
    assert [when for when, _ in await in_ledger(ledger)] == ["12:20", "12:21", "13:00"]


async def test_added_slots_that_passed_are_caught_up_by_the_misfire_rule(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, ledger: Ledger, clock: TurnedClock
) -> None:
    await an_hourly(jobs, misfire={"policy": "last", "grace": "1d"})
    for time in ("12:20", "13:40"):
        await upcoming.add("hourly", at(time))
    await settle_at(jobs, runs, clock, "13:50")
    assert await rows(runs, jobs) == [("13:00", "missed", 2), ("13:40", "queued", 1)]
    assert await in_ledger(ledger) == [("12:20", "missed"), ("13:00", "missed"), ("13:40", "waiting")]


async def test_it_survives_a_server_that_goes_and_comes_back(
    database_url: str, tasks: Tasks, blackouts: Blackouts, clock: TurnedClock
) -> None:
    first = await open_store(database_url, lambda events: None)
    try:
        await an_hourly(Jobs(first, tasks, blackouts, clock, "UTC"))
        upcoming = Upcoming(first, blackouts, clock)
        await upcoming.add("hourly", at("12:20"))
        await upcoming.skip("hourly", at("13:00"), by="ada")
    finally:
        await first.close()
    second = await open_store(database_url, lambda events: None)
    try:
        jobs, runs = Jobs(second, tasks, blackouts, clock, "UTC"), Runs(second, tasks, blackouts, clock)
        for _ in range(2):
            job = await settle_at(jobs, runs, clock, "13:00:02")
        assert job.next_slot == at("14:00")
        assert await rows(runs, jobs) == [("12:20", "queued", 1), ("13:00", "skipped", 1)]
    finally:
        await second.close()


async def test_an_added_slot_passes_while_its_job_is_paused(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, clock: TurnedClock
) -> None:
    await an_hourly(jobs)
    await jobs.pause("hourly", by="ada")
    job = await upcoming.add("hourly", at("12:20"))
    assert (job.state, job.next_slot) == (JobState.PAUSED, None)
    await settle_at(jobs, runs, clock, "12:30")
    assert await rows(runs, jobs) == []
    job = await jobs.resume("hourly")
    assert await rows(runs, jobs) == [("12:20", "skipped", 1)]
    assert job.next_slot == at("13:00")


async def test_an_added_slot_of_a_paused_scheduler_is_counted_with_what_was_missed(
    store: Store, jobs: Jobs, runs: Runs, upcoming: Upcoming, blackouts: Blackouts, clock: TurnedClock
) -> None:
    switch = Switch(store, blackouts, clock)
    await an_hourly(jobs)
    await upcoming.add("hourly", at("12:20"))
    await upcoming.skip("hourly", at("13:00"))
    await switch.pause()
    clock.now = at("13:30")
    assert (await switch.missed()).slots == 1
    await switch.resume("all")
    assert await rows(runs, jobs) == [("12:20", "queued", 1), ("13:00", "skipped", 1)]


async def test_a_slot_that_the_schedule_promises_as_well_is_one(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, ledger: Ledger, clock: TurnedClock
) -> None:
    await an_hourly(jobs)
    with pytest.raises(InvalidInput, match="already"):
        await upcoming.add("hourly", at("13:00"))
    await upcoming.add("hourly", at("12:30"))
    await jobs.edit("hourly", a_job(schedule={"kind": "cron", "expression": "*/30 * * * *"}))
    slots, _ = await upcoming.slots(await jobs.get("hourly"), 2)
    assert [one.at for one in slots] == [at("12:30"), at("13:00")]
    await settle_at(jobs, runs, clock, "12:30")
    await carry(runs)
    await settle_at(jobs, runs, clock, "13:00")
    assert [when for when, *_ in await rows(runs, jobs)] == ["12:30", "13:00"]
    assert [when for when, _ in await in_ledger(ledger)] == ["12:30", "13:00"]


async def test_a_job_started_by_hand_has_added_slots_too_and_stays_active(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, clock: TurnedClock
) -> None:
    await an_hourly(jobs, schedule=BY_HAND)
    await upcoming.add("hourly", at("12:20"))
    assert (await jobs.row("hourly")).next_run == at("12:20")
    job = await settle_at(jobs, runs, clock, "12:20")
    assert (job.state, job.next_slot) == (JobState.ACTIVE, None)
    assert await rows(runs, jobs) == [("12:20", "queued", 1)]


async def test_a_finished_job_runs_once_more_and_is_finished_again(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, clock: TurnedClock
) -> None:
    await an_hourly(jobs, schedule={"kind": "once", "at": "2026-03-02T13:00:00Z"})
    assert (await settle_at(jobs, runs, clock, "13:00")).state is JobState.FINISHED
    assert (await upcoming.add("hourly", at("15:00"))).state is JobState.ACTIVE
    assert (await upcoming.remove_added("hourly", at("15:00"))).state is JobState.FINISHED
    await upcoming.add("hourly", at("16:00"))
    assert (await settle_at(jobs, runs, clock, "16:00")).state is JobState.FINISHED
    assert [when for when, *_ in await rows(runs, jobs)] == ["13:00", "16:00"]


async def test_max_runs_counts_added_slots(jobs: Jobs, runs: Runs, upcoming: Upcoming, clock: TurnedClock) -> None:
    await an_hourly(jobs, max_runs=1)
    await upcoming.add("hourly", at("12:20"))
    assert (await settle_at(jobs, runs, clock, "12:20")).state is JobState.FINISHED
    with pytest.raises(Conflict, match="had all the runs"):
        await upcoming.add("hourly", at("12:40"))


async def test_what_cannot_run_then_is_not_added(jobs: Jobs, upcoming: Upcoming, clock: TurnedClock) -> None:
    await an_hourly(jobs, blackouts=["2026-03-03"])
    await upcoming.skip("hourly", at("13:00"))
    for slot, why in [
        (at("12:00"), "has passed"),
        (at("13:00"), "Undo that"),
        (at("12:20", 3), "Blacked out"),
    ]:
        with pytest.raises(InvalidInput, match=why):
            await upcoming.add("hourly", slot)
    assert len((await jobs.get("hourly")).slot_changes) == 1


async def test_an_added_slot_is_removed_until_it_is_due(jobs: Jobs, upcoming: Upcoming, clock: TurnedClock) -> None:
    await an_hourly(jobs)
    await upcoming.add("hourly", at("12:20"))
    assert (await upcoming.remove_added("hourly", at("12:20"))).next_slot == at("13:00")
    with pytest.raises(Conflict, match="Skip it instead"):
        await upcoming.remove_added("hourly", at("13:00"))
    await upcoming.add("hourly", at("12:20"))
    clock.now = at("12:20")
    with pytest.raises(InvalidInput, match="has passed"):
        await upcoming.remove_added("hourly", at("12:20"))


async def test_whoever_settles_meanwhile_looks_again(
    store: Store, jobs: Jobs, runs: Runs, upcoming: Upcoming, clock: TurnedClock
) -> None:
    """A skip and the slot's settling at the same moment: the slot has its run, or the row that says who skipped it."""
    for n in range(6):
        job = await jobs.create(a_job(f"job-{n}", schedule=EACH_MINUTE), origin="api")
        slot = (await jobs.get(job.id)).next_slot
        assert slot is not None
        clock.now = slot - timedelta(microseconds=1)
        skipping = asyncio.ensure_future(upcoming.skip(job.id, slot, by="ada"))
        await asyncio.sleep(0)
        clock.now = slot
        settling = asyncio.ensure_future(runs.settle_due([job.key]))
        done = await asyncio.gather(skipping, settling, return_exceptions=True)
        await runs.settle_due([job.key])
        (run,), _ = await runs.of_job(job)
        refused = isinstance(done[0], InvalidInput)
        assert (run.slot, run.state) == (slot, RunState.QUEUED if refused else RunState.SKIPPED)


# -- told and kept --------------------------------------------------------------------------------------------------


async def test_the_slots_ahead_say_what_is_known_of_them(
    jobs: Jobs, upcoming: Upcoming, history: History, clock: TurnedClock
) -> None:
    job = await an_hourly(jobs, jitter=60, blackouts=["14:30-15:30"])
    await upcoming.add("hourly", at("12:20"), by="ada")
    await upcoming.skip("hourly", at("13:00"), by="bob")
    slots, more = await upcoming.slots(await jobs.get("hourly"), 4)
    assert more
    assert [(f"{one.at:%H:%M}", one.added and one.added.by, one.skipped and one.skipped.by) for one in slots] == [
        ("12:20", "ada", None),
        ("13:00", None, "bob"),
        ("14:00", None, None),
        ("15:00", None, None),
    ]
    assert [one.runs for one in slots] == [True, False, True, False]
    assert slots[3].refused is not None
    assert slots[2].starts_at == jittered(at("14:00"), 60, job.id)
    await upcoming.undo_skip("hourly", at("13:00"), by="cleo")
    await upcoming.remove_added("hourly", at("12:20"), by="dan")
    changes, _ = await history.page("hourly")
    assert [(one.kind.value, one.by, one.reason) for one in changes[:4]] == [
        ("slot_removed", "dan", "2026-03-02 12:20:00 UTC"),
        ("skip_undone", "cleo", "2026-03-02 13:00:00 UTC"),
        ("slot_skipped", "bob", "2026-03-02 13:00:00 UTC"),
        ("slot_added", "ada", "2026-03-02 12:20:00 UTC"),
    ]


async def test_what_was_skipped_and_added_long_ago_is_forgotten_and_its_runs_stay(
    jobs: Jobs, runs: Runs, upcoming: Upcoming, clock: TurnedClock
) -> None:
    await an_hourly(jobs, schedule=HOURLY)
    await upcoming.add("hourly", at("12:20"))
    await upcoming.skip("hourly", at("13:00"))
    await upcoming.skip("hourly", at("13:00", 31))
    await settle_at(jobs, runs, clock, "13:00")
    assert await upcoming.prune() == 0
    clock.now = at("13:00") + KEPT
    assert await upcoming.prune() == 1
    clock.turn(1)
    assert await upcoming.prune() == 1
    assert [one.slot for one in (await jobs.get("hourly")).slot_changes] == [at("13:00", 31)]
    assert await rows(runs, jobs) == [("12:20", "queued", 1), ("13:00", "skipped", 1)]

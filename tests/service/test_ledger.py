"""The ledger: every promised slot has an entry that says what became of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

import pytest
from recipes import EACH_MINUTE, FAILED, HOURLY, NOW, SUCCEEDED, a_job, at, carry
from support import TurnedClock

from cronapp.core.ledger import SlotEntry, Verdict
from cronapp.core.models import Cause, Job, JobState, Outcome, RunState
from cronapp.service.backfills import Backfills, Window
from cronapp.service.blackouts import Blackouts
from cronapp.service.jobs import Jobs
from cronapp.service.ledger import ANY, Ledger
from cronapp.service.runs import Runs
from cronapp.service.switch import Switch
from cronapp.service.tasks import Tasks
from cronapp.store.store import Store


@pytest.fixture
def ledger(store: Store, clock: TurnedClock) -> Ledger:
    return Ledger(store, clock)


async def told(ledger: Ledger, job_id: str = "hourly") -> list[tuple[str, str, str]]:
    """When, what, and in which words; the newest first."""
    entries, _ = await ledger.page(job_id, limit=500)
    return [(f"{entry.slot:%H:%M}", entry.verdict.value, entry.words) for entry in entries]


async def settle_at(runs: Runs, jobs: Jobs, clock: TurnedClock, moment: datetime, job_id: str = "hourly") -> None:
    clock.now = moment
    await runs.settle_due([(await jobs.get(job_id)).key])


async def test_slots_that_ran_say_whether_on_time_and_how_it_ended(
    jobs: Jobs, runs: Runs, ledger: Ledger, clock: TurnedClock
) -> None:
    await jobs.create(a_job(schedule=HOURLY), origin="api")
    await settle_at(runs, jobs, clock, at("13:00"))
    await carry(runs, SUCCEEDED)
    await settle_at(runs, jobs, clock, at("14:00"))
    clock.turn(4)
    await carry(runs, FAILED)
    await settle_at(runs, jobs, clock, at("15:00"))
    assert await told(ledger) == [
        ("15:00", "waiting", "Waits for its turn."),
        ("14:00", "late", "Ran 4 s late and failed."),
        ("13:00", "ran", "Ran on time."),
    ]
    (claimed,) = await runs.claim("node-1", 1)
    assert (await told(ledger))[0] == ("15:00", "running", "Runs.")
    clock.now = at("15:30")
    await settle_at(runs, jobs, clock, at("16:00"))
    assert (await told(ledger))[0] == ("16:00", "skipped", f"Skipped: run #{claimed.run.id} was still running.")
    kept = await ledger.kept(await jobs.get("hourly"))
    assert kept.counts == Counter({Verdict.RAN: 1, Verdict.LATE: 1, Verdict.RUNNING: 1, Verdict.SKIPPED: 1})
    assert (kept.promised, kept.share, kept.worst_late) == (3, 1 / 3, 4.0)


async def test_a_night_without_a_server_is_told_slot_by_slot(
    jobs: Jobs, runs: Runs, ledger: Ledger, clock: TurnedClock
) -> None:
    await jobs.create(a_job(schedule=HOURLY, misfire={"policy": "skip"}), origin="api")
    await settle_at(runs, jobs, clock, at("18:30"))
    assert [(when, what) for when, what, _ in await told(ledger)] == [(f"{h}:00", "missed") for h in range(18, 12, -1)]
    entries, _ = await ledger.page("hourly")
    assert {(entry.run, entry.cause, entry.slots) for entry in entries} == {(entries[0].run, Cause.DOWN, 1)}


async def listed(ledger: Ledger, limit: int, verdicts: Collection[Verdict] = ANY) -> list[SlotEntry]:
    """The whole ledger, page by page."""
    found: list[SlotEntry] = []
    before = None
    while True:
        entries, before = await ledger.page("hourly", before=before, verdicts=verdicts, limit=limit)
        found += entries
        if before is None:
            return found


async def test_pages_follow_on_each_other_without_a_gap_or_a_double(
    jobs: Jobs, runs: Runs, ledger: Ledger, clock: TurnedClock
) -> None:
    await jobs.create(a_job(schedule=EACH_MINUTE, misfire={"policy": "skip"}), origin="api")
    await settle_at(runs, jobs, clock, at("12:00", day=4))  # one row for 2,879 slots, and one that is on time
    await carry(runs)
    await settle_at(runs, jobs, clock, at("12:30", day=4))
    found = await listed(ledger, 77)
    slots = [entry.slot for entry in found]
    assert slots == sorted(set(slots), reverse=True)
    assert len(slots) == 2 * 24 * 60 + 30
    counts = Counter(entry.verdict for entry in found)
    assert counts == {Verdict.MISSED: 2879 + 29, Verdict.RAN: 1, Verdict.WAITING: 1}
    kept = await ledger.kept(await jobs.get("hourly"))
    assert kept.counts == counts
    by_hour = {hour.at: hour for hour in kept.hours}
    assert by_hour[at("13:00")].counts == Counter({Verdict.MISSED: 60})
    assert by_hour[at("12:00", day=4)].worst is Verdict.MISSED
    assert sum((hour.counts for hour in kept.hours), Counter()) == counts


async def test_a_week_of_everything_is_listed_by_verdict_and_counted_alike(
    jobs: Jobs, runs: Runs, ledger: Ledger, clock: TurnedClock, store: Store, tasks: Tasks
) -> None:
    chance = random.Random(1)
    spec = a_job(schedule=HOURLY, blackouts=["06:00-18:00 sat"], retry={"max_attempts": 2}, misfire={"policy": "last"})
    await jobs.create(spec, origin="api")
    for hour in range(7 * 24):
        clock.now = NOW + timedelta(hours=hour, seconds=chance.choice([0, 1, 4]))
        await anything(jobs, runs, chance, clock)
    window = Window(since=NOW + timedelta(hours=20), until=NOW + timedelta(hours=90))
    await Backfills(store, tasks, clock).open("hourly", window, by="admin")
    for _ in range(25):
        await carry(runs, chance.choice([SUCCEEDED, FAILED]))

    job = await jobs.get("hourly")
    found = await listed(ledger, 31)
    assert [entry.slot for entry in found] == back_to_start(job, clock.now)
    counts = Counter(entry.verdict for entry in found)
    assert set(counts) > {Verdict.RAN, Verdict.LATE, Verdict.SKIPPED, Verdict.MISSED, Verdict.PAUSED, Verdict.CONDITION}
    kept = await ledger.kept(job)
    assert kept.counts == counts
    for verdict in Verdict:
        assert await listed(ledger, 17, {verdict}) == [entry for entry in found if entry.verdict is verdict]
    await runs.prune(keep_days=3, keep_runs=10_000)
    left = await listed(ledger, 31)
    assert 0 < len(left) < len(found)
    assert (await ledger.kept(job)).counts == Counter(entry.verdict for entry in left)


async def anything(jobs: Jobs, runs: Runs, chance: random.Random, clock: TurnedClock) -> None:
    """What may happen to a job in an hour."""
    job = await jobs.get("hourly")
    doing = chance.choices(["run", "nobody", "leave", "pause", "refuse", "cancel"], [8, 4, 2, 1, 1, 1])[0]
    if job.state is JobState.PAUSED and chance.random() < 0.3:
        await jobs.resume("hourly", chance.choice(["none", "last"]))
    if doing == "nobody":
        return
    if doing == "pause" and job.state is JobState.ACTIVE:
        await jobs.pause("hourly", "deploying", by="admin")
        return
    await runs.settle_due([job.key])
    if doing == "cancel":
        (open_one, *_) = await runs.of_job(job, limit=1)
        if open_one and open_one[0].state is RunState.QUEUED:
            await runs.cancel(open_one[0].id)
    if doing == "leave":
        await runs.claim("node-1", 1)
        return
    refused = Outcome(state=RunState.SKIPPED, cause=Cause.CONDITION, reason="The condition open said no.")
    for run in await runs.running():
        await runs.finish(run, chance.choice([SUCCEEDED, FAILED]), 1.0)
    clock.turn(chance.choice([0, 60]))
    for claimed in await runs.claim("node-1", 3):
        await runs.finish(claimed.run, refused if doing == "refuse" else chance.choice([SUCCEEDED, FAILED]), 1.0)


def back_to_start(job: Job, now: datetime) -> list[datetime]:
    return [slot for n in range(7 * 24) if (slot := NOW + timedelta(hours=n + 1)) <= now][::-1]


async def test_what_somebody_wanted_to_have_no_run_is_excused_and_says_who(
    jobs: Jobs, runs: Runs, ledger: Ledger, clock: TurnedClock
) -> None:
    await jobs.create(a_job(schedule=HOURLY, blackouts=["13:00-13:30"]), origin="api")
    await settle_at(runs, jobs, clock, at("13:00"))
    await settle_at(runs, jobs, clock, at("14:00"))
    (claimed,) = await runs.claim("node-1", 1)
    refused = Outcome(state=RunState.SKIPPED, cause=Cause.CONDITION, reason="The condition open said no.")
    await runs.finish(claimed.run, refused, 0.1)
    await jobs.pause("hourly", "deploying", by="admin")
    clock.now = at("16:30")
    assert await told(ledger) == [
        ("16:00", "paused", "Paused by admin: deploying."),
        ("15:00", "paused", "Paused by admin: deploying."),
        ("14:00", "condition", "The condition open said no."),
        ("13:00", "blacked_out", "Blacked out: 13:00 to 13:30 every day."),
    ]
    kept = await ledger.kept(await jobs.get("hourly"))
    assert (kept.promised, kept.share, kept.counts[Verdict.PAUSED]) == (0, None, 2)
    await jobs.resume("hourly")
    assert [what for _, what, _ in await told(ledger)] == ["paused", "paused", "condition", "blacked_out"]


async def test_slots_that_no_schedule_tells_any_more_stand_together(
    jobs: Jobs, runs: Runs, ledger: Ledger, clock: TurnedClock
) -> None:
    await jobs.create(a_job(schedule=EACH_MINUTE, misfire={"policy": "skip"}), origin="api")
    await settle_at(runs, jobs, clock, at("12:30"))
    await jobs.edit("hourly", a_job(schedule=HOURLY))
    entries, _ = await ledger.page("hourly")
    (gap,) = [entry for entry in entries if entry.slots > 1]
    assert (gap.slots, gap.since, gap.slot) == (29, at("12:01"), at("12:29"))


async def test_a_slot_that_a_backfill_ran_is_told_as_such(
    jobs: Jobs, runs: Runs, ledger: Ledger, clock: TurnedClock, store: Store, tasks: Tasks
) -> None:
    await jobs.create(a_job(schedule=HOURLY, misfire={"policy": "skip"}), origin="api")
    await settle_at(runs, jobs, clock, at("15:30"))
    window = Window(since=at("14:00"), until=at("15:00"))
    await Backfills(store, tasks, clock).open("hourly", window, by="admin")
    for _ in range(2):
        await carry(runs)
    assert await told(ledger) == [
        ("15:00", "late", "Ran 30 min late, by a backfill."),
        ("14:00", "late", "Ran 1 h 30 min late, by a backfill."),
        ("13:00", "missed", (await told(ledger))[2][2]),
    ]


async def test_a_cancelled_backfill_does_not_excuse_what_was_missed(
    jobs: Jobs, runs: Runs, ledger: Ledger, clock: TurnedClock, store: Store, tasks: Tasks
) -> None:
    await jobs.create(a_job(schedule=HOURLY, misfire={"policy": "skip"}), origin="api")
    await settle_at(runs, jobs, clock, at("15:30"))
    window = Window(since=at("13:00"), until=at("15:00"))
    backfills = Backfills(store, tasks, clock)
    opened = await backfills.open("hourly", window, by="admin")
    await carry(runs)
    assert [what for _, what, _ in await told(ledger)] == ["waiting", "waiting", "late"]
    await backfills.cancel("hourly", opened.backfill.id)
    assert [what for _, what, _ in await told(ledger)] == ["missed", "cancelled", "late"]
    kept = await ledger.kept(await jobs.get("hourly"))
    assert kept.counts == {Verdict.MISSED: 1, Verdict.CANCELLED: 1, Verdict.LATE: 1}


async def test_while_the_whole_scheduler_is_paused_slots_say_by_whom(
    jobs: Jobs, ledger: Ledger, clock: TurnedClock, store: Store, blackouts: Blackouts
) -> None:
    await jobs.create(a_job(schedule=HOURLY), origin="api")
    switch = Switch(store, blackouts, clock)
    await switch.pause("a new database", by="admin")
    clock.now = at("14:30")
    words = "The scheduler was paused by admin: a new database."
    told_then = [("14:00", "paused", words), ("13:00", "paused", words)]
    assert await told(ledger) == told_then
    assert (await ledger.kept(await jobs.get("hourly"))).counts == {Verdict.PAUSED: 2}
    await switch.resume("none")
    assert await told(ledger) == told_then

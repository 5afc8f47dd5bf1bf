"""The ledger: every promised slot has an entry that says what became of it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest
from recipes import EACH_MINUTE, FAILED, HOURLY, SUCCEEDED, a_job, at, carry
from support import TurnedClock

from cronapp.core.ledger import SlotEntry, Verdict
from cronapp.core.models import Cause, Outcome, RunState
from cronapp.service.backfills import Backfills, Window
from cronapp.service.jobs import Jobs
from cronapp.service.ledger import Ledger
from cronapp.service.runs import Runs
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


async def test_pages_follow_on_each_other_without_a_gap_or_a_double(
    jobs: Jobs, runs: Runs, ledger: Ledger, clock: TurnedClock
) -> None:
    await jobs.create(a_job(schedule=EACH_MINUTE, misfire={"policy": "skip"}), origin="api")
    await settle_at(runs, jobs, clock, at("20:00"))  # one row for 479 slots, and one that is on time
    await carry(runs)
    await settle_at(runs, jobs, clock, at("20:30"))
    found: list[SlotEntry] = []
    before = None
    while True:
        entries, before = await ledger.page("hourly", before=before, limit=77)
        found += entries
        if before is None:
            break
    slots = [entry.slot for entry in found]
    assert slots == sorted(set(slots), reverse=True)
    assert len(slots) == 8 * 60 + 30
    counts = Counter(entry.verdict for entry in found)
    assert counts == {Verdict.MISSED: 479 + 29, Verdict.RAN: 1, Verdict.WAITING: 1}
    kept = await ledger.kept(await jobs.get("hourly"))
    assert kept.counts == counts
    by_hour = {hour.at: hour for hour in kept.hours}
    assert by_hour[at("13:00")].counts == Counter({Verdict.MISSED: 60})
    assert by_hour[at("20:00")].worst is Verdict.MISSED
    assert sum((hour.counts for hour in kept.hours), Counter()) == counts


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

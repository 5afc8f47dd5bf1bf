"""Backfills: the slots of a past window are run after all, in order, beside what the job does otherwise."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from recipes import BY_HAND, FAILED, HOURLY, SUCCEEDED, a_job, at, carry
from support import TurnedClock

from cronapp.core.errors import Conflict, InvalidInput, NotFound
from cronapp.core.models import JobState, Outcome, RunState, RunTrigger
from cronapp.service.backfills import Backfills, Window
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.service.tasks import Tasks
from cronapp.store.store import Store


@pytest.fixture
def backfills(store: Store, tasks: Tasks, clock: TurnedClock) -> Backfills:
    return Backfills(store, tasks, clock)


def window(since: str, until: str, day: int = 1, **rules: Any) -> Window:
    return Window(since=at(since, day), until=at(until, day), **rules)


async def claimed_slots(runs: Runs, limit: int = 10) -> list[datetime | None]:
    return [claimed.run.slot for claimed in await runs.claim("node-1", limit)]


async def test_the_slots_of_the_window_run_in_order_one_at_a_time(jobs: Jobs, runs: Runs, backfills: Backfills) -> None:
    await jobs.create(a_job(schedule=HOURLY), origin="api")
    opened = await backfills.open("hourly", window("03:00", "06:00"), by="admin")
    assert (len(opened.runs), opened.coverage.left_out) == (4, 0)
    order = []
    for _ in range(4):
        (claimed,) = await runs.claim("node-1", 10)
        assert (claimed.run.trigger, claimed.run.backfill) == (RunTrigger.BACKFILL, opened.backfill.id)
        order.append(claimed.run.slot)
        await runs.finish(claimed.run, SUCCEEDED, 1.0)
    assert order == [at(f"0{hour}:00", 1) for hour in (3, 4, 5, 6)]
    (row,) = await backfills.of_job("hourly")
    assert (row.total, row.done, row.failed, row.over) == (4, 4, 0, True)


async def test_a_backfill_has_its_own_places_and_holds_up_no_slot(
    jobs: Jobs, runs: Runs, backfills: Backfills, clock: TurnedClock
) -> None:
    job = await jobs.create(a_job(schedule=HOURLY), origin="api")
    await backfills.open("hourly", window("00:00", "11:00", max_running=3), by="admin")
    assert len(await claimed_slots(runs)) == 3
    clock.now = at("13:00")
    await runs.settle_due([job.key])
    assert await claimed_slots(runs) == [at("13:00")]


async def test_a_condition_that_refuses_a_past_slot_gives_back_none_of_max_runs(
    jobs: Jobs, runs: Runs, backfills: Backfills, clock: TurnedClock
) -> None:
    job = await jobs.create(a_job(schedule=HOURLY, max_runs=1), origin="api")
    clock.now = at("13:00")
    await runs.settle_due([job.key])
    await carry(runs)
    await backfills.open("hourly", window("03:00", "03:00"), by="admin")
    await carry(runs, Outcome(state=RunState.SKIPPED, reason="The condition said no."))
    job = await jobs.get("hourly")
    assert (job.state, job.slots_used) == (JobState.FINISHED, 1)


async def test_what_has_succeeded_is_left_out_unless_asked_for_and_a_failed_slot_gets_its_next_attempt(
    jobs: Jobs, runs: Runs, backfills: Backfills, clock: TurnedClock
) -> None:
    job = await jobs.create(a_job(schedule=HOURLY), origin="api")
    for hour, outcome in ((13, SUCCEEDED), (14, FAILED)):
        clock.now = at(f"{hour}:00")
        await runs.settle_due([job.key])
        await carry(runs, outcome)
    clock.now = at("14:30")
    whole = window("13:00", "14:00", day=2)
    assert (await backfills.preview("hourly", whole)).slots == (at("14:00"),)
    opened = await backfills.open("hourly", whole, by="admin")
    assert opened.coverage.left_out == 1
    run = await runs.get(opened.runs[0])
    assert (run.slot, run.attempt) == (at("14:00"), 2)
    assert [one.state for one in await runs.attempts(run)] == [RunState.FAILED, RunState.QUEUED]
    with pytest.raises(Conflict):  # it waits already
        await backfills.open("hourly", whole, by="admin")
    again = await backfills.open("hourly", window("13:00", "14:00", day=2, rerun=True), by="admin")
    assert again.coverage.slots == (at("13:00"),)


@pytest.mark.parametrize(
    "schedule",
    [
        {"kind": "interval", "every": "1h"},
        {"kind": "interval", "every": "1d"},
        {"kind": "interval", "every": "1mo"},
        [HOURLY, {"kind": "interval", "every": "7h"}],
    ],
)
async def test_an_interval_reaches_back_before_its_anchor(jobs: Jobs, backfills: Backfills, schedule: Any) -> None:
    job = await jobs.create(a_job(schedule=schedule), origin="api")
    span = Window(since=datetime.fromisoformat("2026-01-15T00:00Z"), until=at("12:00"))
    slots = (await backfills.preview("hourly", span)).slots
    assert slots
    assert slots[0] >= span.since
    assert slots[-1] <= span.until
    every = job.spec.schedule[-1].every if job.spec.schedule[-1].kind == "interval" else ""
    if every == "1h":
        assert len(slots) == (span.until - span.since).total_seconds() // 3600 + 1
    if every == "1mo":
        assert [slot.date().isoformat() for slot in slots] == ["2026-02-02", "2026-03-02"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (window("03:00", "02:00"), "from"),
        (window("11:00", "13:00", day=2), "to"),
        (window("03:00", "04:00", max_running=0), "max_running"),
        (Window(since=datetime.fromisoformat("2020-01-01T00:00Z"), until=at("12:00")), "from"),
    ],
)
async def test_a_wrong_window_is_refused_with_its_field(
    jobs: Jobs, backfills: Backfills, given: Window, field: str
) -> None:
    await jobs.create(a_job(schedule=HOURLY), origin="api")
    with pytest.raises(InvalidInput) as refused:
        await backfills.open("hourly", given, by="admin")
    assert list(refused.value.errors) == [field]


async def test_a_job_without_a_clock_has_nothing_to_fill(jobs: Jobs, backfills: Backfills) -> None:
    await jobs.create(a_job(schedule=BY_HAND), origin="api")
    with pytest.raises(InvalidInput):
        await backfills.preview("hourly", window("03:00", "06:00"))


async def test_the_rest_of_a_backfill_can_be_cancelled(jobs: Jobs, runs: Runs, backfills: Backfills) -> None:
    await jobs.create(a_job(schedule=HOURLY), origin="api")
    opened = await backfills.open("hourly", window("03:00", "06:00"), by="admin")
    assert len(await claimed_slots(runs)) == 1
    assert await backfills.cancel("hourly", opened.backfill.id) == 3
    (row,) = await backfills.of_job("hourly")
    assert (row.total, row.waiting, row.running, row.cancelled, row.done) == (4, 0, 1, 3, 0)
    with pytest.raises(NotFound):
        await backfills.cancel("hourly", 999)

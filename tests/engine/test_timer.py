"""APScheduler as our timer: each slot is reported once, and a herd never holds up the loop.

These tests also cover the names of APScheduler that are not public, for which it is pinned.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import TurnedClock, until

from cronapp.core.models import (
    CronSchedule,
    IntervalSchedule,
    Job,
    JobSpec,
    JobState,
    ManualSchedule,
    OnceSchedule,
    Schedule,
)
from cronapp.core.spec import trigger_for
from cronapp.engine.timer import SLICE, SlicedJobStore, SlotReporter, SlotTrigger, Timer, timer_name

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EACH_SECOND = CronSchedule(expression="* * * * * *")
EACH_MINUTE = CronSchedule(expression="* * * * *")


def job(key: int, schedule: Schedule = EACH_MINUTE, *, now: datetime = START, **fields: Any) -> Job:
    """An active job as its row says it."""
    spec = JobSpec(id=fields.pop("id", f"job-{key}"), task="hello", schedule=(schedule,), **fields)
    return Job(
        key=key,
        spec=spec,
        state=JobState.ACTIVE,
        reason=None,
        origin="api",
        version=1,
        created_at=now,
        updated_at=now,
        last_slot=now,
        next_slot=trigger_for(spec).next_after(now),
        slots_used=0,
    )


class Watch:
    """A timer, and what it reported."""

    def __init__(self, clock: TurnedClock) -> None:
        self.clock = clock
        self.reports: list[list[int]] = []
        self.timer = Timer(self.reports.append)

    @property
    def timers(self) -> list[Any]:
        return list(self.timer._scheduler.get_jobs())

    async def turn(self, seconds: float) -> list[int]:
        """Turns the clock, and answers whose slots were reported then."""
        self.clock.turn(seconds)
        return await self.look()

    async def look(self) -> list[int]:
        before = len(self.reports)
        self.timer._scheduler.wakeup()
        await until(lambda: not self._is_due())
        for _ in range(5):
            await asyncio.sleep(0)
        return sorted(key for report in self.reports[before:] for key in report)

    def _is_due(self) -> bool:
        due = [timer.next_run_time for timer in self.timers]
        return bool(due) and min(due) <= self.clock()


@pytest.fixture
async def watch(turned: TurnedClock) -> AsyncIterator[Watch]:
    watch = Watch(turned)
    watch.timer.start()
    yield watch
    watch.timer.stop()


@pytest.mark.parametrize(
    ("schedule", "step"),
    [
        (EACH_SECOND, 1),
        (EACH_MINUTE, 60),
        (IntervalSchedule(every=7, anchor=START), 7),
        (IntervalSchedule(every="1d", anchor=START, timezone="Europe/Berlin"), 86400),
    ],
)
async def test_each_slot_is_reported_once_and_not_before_it_is_there(
    watch: Watch, schedule: Schedule, step: int
) -> None:
    watch.timer.set(job(1, schedule))
    assert await watch.look() == []
    assert await watch.turn(step - 0.501) == []
    for _ in range(5):
        assert await watch.turn(0.001) == [1]
        assert await watch.look() == []
        assert await watch.turn(step - 0.001) == []


async def test_a_timer_does_not_drift_however_late_it_comes(watch: Watch) -> None:
    watch.timer.set(job(1, IntervalSchedule(every=10, anchor=START)))
    for late in (0.4, 1.3, 7.9, 9.9):
        watch.clock.now = watch.clock.now.replace(microsecond=0)
        slot = trigger_for(job(1, IntervalSchedule(every=10, anchor=START)).spec).next_after(watch.clock())
        assert slot
        assert await watch.turn((slot - watch.clock()).total_seconds() + late) == [1]
        (timer,) = watch.timers
        assert timer.next_run_time == slot + timedelta(seconds=10)


async def test_slots_that_passed_long_ago_are_reported_once(watch: Watch) -> None:
    old = job(1, EACH_SECOND, now=START - timedelta(days=3650))
    began = time.process_time()
    watch.timer.set(old)
    assert await watch.look() == [1]
    assert time.process_time() - began < 1, "ten years of seconds are not listed"
    assert await watch.look() == []
    assert await watch.turn(1) == [1]


async def test_jobs_with_the_same_schedule_share_a_timer(watch: Watch) -> None:
    for key in range(1, 101):
        watch.timer.set(job(key))
    watch.timer.set(job(101, EACH_SECOND))
    watch.timer.set(job(102, CronSchedule(expression="* * * * *", timezone="Europe/Berlin")))
    watch.timer.set(job(103, ends_at=START + timedelta(days=1)))
    assert (len(watch.timer), len(watch.timers)) == (103, 4)
    assert await watch.turn(60) == sorted([*range(1, 104)])


def test_a_schedule_that_is_spread_by_the_jobs_id_is_shared_by_nobody() -> None:
    spread = CronSchedule(expression="H * * * *")
    assert timer_name(job(1, spread)) != timer_name(job(2, spread))
    assert timer_name(job(1)) == timer_name(job(2))
    assert timer_name(job(1)) != timer_name(job(2, starts_at=START))


async def test_a_dropped_job_is_reported_no_more_and_the_others_are(watch: Watch) -> None:
    for key in (1, 2):
        watch.timer.set(job(key))
    watch.timer.drop(1)
    watch.timer.drop(1)
    watch.timer.drop(99)
    assert await watch.turn(60) == [2]
    watch.timer.drop(2)
    assert (len(watch.timer), watch.timers) == (0, [])
    assert await watch.turn(60) == []


@pytest.mark.parametrize(
    "change",
    [
        {"state": JobState.PAUSED},
        {"state": JobState.NEEDS_ATTENTION},
        {"state": JobState.FINISHED},
        {"next_slot": None},
    ],
)
async def test_a_job_that_has_no_slot_to_come_has_no_timer(watch: Watch, change: dict[str, Any]) -> None:
    watch.timer.set(job(1))
    watch.timer.set(replace(job(1), **change))
    assert (len(watch.timer), watch.timers) == (0, [])
    watch.timer.set(replace(job(2), **change))
    watch.timer.set(job(3, ManualSchedule()))
    assert len(watch.timer) == 0
    watch.timer.set(job(1))
    assert await watch.turn(60) == [1]


async def test_a_changed_schedule_takes_the_place_of_the_old_one(watch: Watch) -> None:
    watch.timer.set(job(1, EACH_SECOND))
    watch.timer.set(job(1, EACH_MINUTE))
    assert len(watch.timers) == 1
    assert await watch.turn(1) == []
    assert await watch.turn(59) == [1]


async def test_a_job_that_joins_with_an_earlier_slot_is_reported_at_it(watch: Watch) -> None:
    daily = IntervalSchedule(every=86400, anchor=START)
    watch.timer.set(job(1, daily))
    watch.timer.set(job(2, daily, now=START - timedelta(days=2)))
    assert len(watch.timers) == 1
    assert 2 in await watch.look()
    (timer,) = watch.timers
    assert timer.next_run_time == START + timedelta(days=1)
    assert await watch.turn(86400) == [1, 2]


async def test_set_again_it_is_still_reported_once(watch: Watch) -> None:
    for _ in range(5):
        watch.timer.set(job(1))
    assert await watch.turn(60) == [1]


async def test_a_job_that_runs_once_is_over_after_its_slot(watch: Watch) -> None:
    once = job(1, OnceSchedule(at=START + timedelta(seconds=30)))
    watch.timer.set(once)
    assert await watch.turn(30) == [1]
    assert watch.timers == []
    watch.timer.set(replace(once, next_slot=None, state=JobState.FINISHED))
    assert len(watch.timer) == 0
    watch.timer.set(job(2, OnceSchedule(at=START + timedelta(seconds=90))))
    assert await watch.turn(60) == [2]


async def test_a_stopped_timer_reports_nothing_and_may_be_stopped_again(watch: Watch) -> None:
    watch.timer.set(job(1))
    watch.timer.stop()
    watch.timer.stop()
    watch.clock.turn(3600)
    for _ in range(20):
        await asyncio.sleep(0)
    assert watch.reports == []


async def test_what_is_set_before_the_start_is_reported_after_it(turned: TurnedClock) -> None:
    watch = Watch(turned)
    watch.timer.set(job(1, now=START - timedelta(hours=1)))
    watch.timer.set(job(2))
    watch.timer.drop(2)
    watch.timer.start()
    assert await watch.look() == [1]
    watch.timer.stop()


async def test_the_wall_clock_is_looked_at_every_five_seconds(watch: Watch) -> None:
    store = watch.timer._scheduler._jobstores["default"]
    assert isinstance(store, SlicedJobStore)
    assert store.get_next_run_time() == watch.clock() + timedelta(seconds=5), "also with no timer at all"
    watch.timer.set(job(1, IntervalSchedule(every=86400, anchor=START)))
    assert store.get_next_run_time() == watch.clock() + timedelta(seconds=5)
    watch.timer.set(job(2, EACH_SECOND))
    assert store.get_next_run_time() == START + timedelta(seconds=1)


async def test_a_herd_is_handed_out_in_slices_and_the_loop_goes_on_between_them(turned: TurnedClock) -> None:
    jobs = [job(n, IntervalSchedule(every=3600 + n, anchor=START - timedelta(seconds=n))) for n in range(2000)]
    longest = []
    for _ in range(3):
        watch = Watch(turned)
        watch.timer.start(jobs)
        assert len(watch.timers) == 2000
        assert await watch.look() == []
        turns: Counter[int] = Counter()
        turn, worst, before = 0, 0.0, 0
        watch.clock.now = START + timedelta(hours=2)
        watch.timer._scheduler.wakeup()
        at = time.thread_time()
        seen = before
        while len(watch.reports) - before < 2000:
            await asyncio.sleep(0)
            now = time.thread_time()
            worst, at = max(worst, now - at), now
            turns[turn] += len(watch.reports) - seen
            seen, turn = len(watch.reports), turn + 1
        longest.append(worst)
        assert sorted(key for report in watch.reports[before:] for key in report) == list(range(2000))
        assert max(turns.values()) <= SLICE
        watch.clock.now = START
        watch.timer.stop()
    assert min(longest) < 0.05, "seconds of work between two turns of the loop"


async def test_on_the_machines_clock_each_second_is_reported() -> None:
    moments: list[datetime] = []
    timer = Timer(lambda keys: moments.append(datetime.now(UTC)))
    timer.start()
    timer.set(job(1, EACH_SECOND, now=datetime.now(UTC)))
    await until(lambda: len(moments) >= 3, limit=30)
    timer.stop()
    assert len({moment.replace(microsecond=0) for moment in moments}) == len(moments), "never twice in a second"


def test_what_is_used_of_apscheduler_is_there() -> None:
    trigger = SlotTrigger(trigger_for(job(1, EACH_SECOND).spec))
    now = START + timedelta(days=1)
    assert trigger.get_next_fire_time(None, START) == START + timedelta(seconds=1)
    assert trigger.get_next_fire_time(START, now) == now + timedelta(seconds=1), "what passed is not gone through"
    assert trigger.get_next_fire_time(now, START) == now + timedelta(seconds=1)
    names: list[str] = []
    reporter = SlotReporter(names.append)
    timer = Timer(lambda keys: None)
    added = timer._scheduler.add_job(len, trigger, args=[()], id="x", next_run_time=START, misfire_grace_time=None)
    for way in (reporter.submit_job, reporter._do_submit_job):
        way(added, [START])
    assert names == ["x", "x"]
    store = SlicedJobStore()
    assert store._jobs == []


async def test_a_herd_that_is_due_at_the_start_is_handed_out_in_slices_too(turned: TurnedClock) -> None:
    late = START - timedelta(hours=2)
    jobs = [job(n, IntervalSchedule(every=3600 + n, anchor=late), now=late) for n in range(1000)]
    watch = Watch(turned)
    watch.timer.start(jobs)
    most = seen = 0
    while len(watch.reports) < 1000:
        await asyncio.sleep(0)
        most, seen = max(most, len(watch.reports) - seen), len(watch.reports)
    assert most <= SLICE
    watch.timer.stop()

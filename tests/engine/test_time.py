"""Time without surprises: every shared case through the scheduler's trigger, years of slots through the real scheduler,
and a clock that is set, or sleeps."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from recipes import EACH_MINUTE, a_job, at
from support import TurnedClock, until

from cronapp.core.errors import InvalidInput
from cronapp.core.models import (
    CronSchedule,
    IntervalSchedule,
    Job,
    JobSpec,
    JobState,
    OnceSchedule,
    Run,
    RunState,
    Schedule,
)
from cronapp.core.spec import trigger_for
from cronapp.core.triggers import Trigger, trigger_of
from cronapp.engine import timer as timer_module
from cronapp.engine.scheduler import Scheduler
from cronapp.engine.timer import SlotTrigger, Timer
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.store.runs import RunFilter

DATA = Path(__file__).parents[1] / "data"
CRON = [json.loads(line) for line in (DATA / "cron.jsonl").read_text().splitlines()]
INTERVALS = json.loads((DATA / "intervals.json").read_text())
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LOOK = 5 * MINUTE  # how often the oracle looks at the clock: no rule names a minute between


def a_scheduled_job(key: int, schedule: Schedule, now: datetime) -> Job:
    """An active job as its row says it."""
    spec = JobSpec(id=f"job-{key}", task="hello", schedule=(schedule,))
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


# -- the cases, as APScheduler asks for them ------------------------------------------------------------------------


def fired(trigger: Trigger, start: datetime, count: int) -> list[float]:
    """As APScheduler does it: nothing before the first slot, then each slot when it is there. As timestamps, since two
    moments of the same zone compare by wall clock, which hides a repeated hour."""
    kept = SlotTrigger(trigger)
    found: list[float] = []
    previous, now = None, start
    while len(found) < count and (slot := kept.get_next_fire_time(previous, now)) is not None:
        found.append(slot.timestamp())
        previous = now = slot
    return found


def cases(kind: str) -> pytest.MarkDecorator:
    chosen = [case for case in CRON if case["kind"] == kind]
    return pytest.mark.parametrize("case", chosen, ids=[case["id"] for case in chosen])


@cases("next")
def test_the_scheduler_fires_a_cron_case_at_its_slots(case: dict[str, Any]) -> None:
    start = datetime.fromisoformat(case["start"])
    schedule = CronSchedule(expression=case["expr"], timezone=case["tz"])
    if case["expected"] is None:
        try:
            trigger = trigger_of([schedule])
        except InvalidInput:
            return
        assert fired(trigger, start, 1) == []
        return
    expected = [datetime.fromisoformat(text).timestamp() for text in case["expected"]]
    assert fired(trigger_of([schedule]), start, len(expected)) == expected


@cases("invalid")
def test_an_invalid_expression_never_becomes_a_trigger(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        trigger_of([CronSchedule(expression=case["expr"])])


@pytest.mark.parametrize("case", INTERVALS, ids=[case["id"] for case in INTERVALS])
def test_the_scheduler_fires_an_interval_case_at_its_slots(case: dict[str, Any]) -> None:
    given, zone = case["trigger"], ZoneInfo(case["trigger"]["tz"])

    def moment(text: str) -> datetime:
        read = datetime.fromisoformat(text)
        return read if read.tzinfo else read.replace(tzinfo=zone)

    schedule: Schedule
    if "at" in given:
        schedule = OnceSchedule(at=datetime.fromisoformat(given["at"]), timezone=zone.key)
    else:
        anchor = datetime.fromisoformat(given["anchor"])
        schedule = IntervalSchedule(every=given["every"], anchor=anchor, timezone=zone.key)
    window = {name: moment(given[key]) for name, key in (("starts_at", "start"), ("ends_at", "end")) if key in given}
    expected = [moment(text).timestamp() for text in case["expected"]]
    assert fired(trigger_of([schedule], **window), moment(case["after"]), case["n"]) == expected


# -- a year through the real scheduler ------------------------------------------------------------------------------

YEARS = {"Europe/Berlin": 2026, "America/New_York": 2026, "Australia/Lord_Howe": 2026, "Pacific/Apia": 2011}


@dataclass(frozen=True)
class Rule:
    """A schedule, and which minutes of the clock on the wall it names, said a second time and without its code."""

    schedule: Callable[[str, datetime], Schedule]  # from the zone and the anchor
    named: Callable[[datetime], bool]
    fixed: bool = True  # at fixed times; else through both passes of a repeated hour, and never in a skipped one


def cron(expression: str, named: Callable[[datetime], bool], *, fixed: bool = True) -> Rule:
    return Rule(lambda zone, anchor: CronSchedule(expression=expression, timezone=zone), named, fixed)


def clock_shows(hour: int, minute: int) -> Callable[[datetime], bool]:
    return lambda wall: wall.hour == hour and wall.minute == minute


RULES = (
    cron("30 2 * * *", clock_shows(2, 30)),
    cron("*/30 * * * *", lambda wall: wall.minute % 30 == 0, fixed=False),
    cron("0 9 * * mon-fri", lambda wall: wall.weekday() < 5 and wall.hour == 9 and wall.minute == 0),
    cron("0 0 * * *", clock_shows(0, 0)),
    cron("45 1 * * *", clock_shows(1, 45)),
    cron("15,45 2 * * sun", lambda wall: wall.weekday() == 6 and wall.hour == 2 and wall.minute in (15, 45)),
    cron("*/20 1-3 * * *", lambda wall: 1 <= wall.hour <= 3 and wall.minute % 20 == 0, fixed=False),
    cron("10 */6 1 * *", lambda wall: wall.day == 1 and wall.hour % 6 == 0 and wall.minute == 10, fixed=False),
    Rule(
        lambda zone, anchor: IntervalSchedule(every="1d", anchor=anchor, timezone=zone),
        clock_shows(2, 30),  # the anchor's
    ),
)
ELAPSED_DAY = len(RULES)


def oracle(zone: ZoneInfo, start: datetime, end: datetime) -> dict[int, list[datetime]]:
    """For each rule its slots in (start, end], by a clock that is looked at as Debian's cron does it."""
    slots: dict[int, list[datetime]] = defaultdict(list)
    highest = (start - 2 * DAY).astimezone(zone).replace(tzinfo=None)
    moment = start - DAY
    while moment <= end:
        wall = moment.astimezone(zone).replace(tzinfo=None, fold=0)
        jump = wall - highest
        skipped = [highest + n * LOOK for n in range(1, jump // LOOK)] if jump < timedelta(hours=3) else []
        for key, rule in enumerate(RULES):
            due = rule.named(wall)
            if rule.fixed:
                due = jump > timedelta(0) and (due or any(map(rule.named, skipped)))
            if due and moment > start:
                slots[key].append(moment)
        highest = max(highest, wall)
        moment += LOOK
    return slots


async def live_through(timer: Timer, traveller: time_machine.Traveller, end: datetime) -> None:
    """Turns the machine's clock from one wake-up of the scheduler to the next, until the end."""
    scheduler = timer._scheduler
    while (wake := min(job.next_run_time for job in scheduler.get_jobs())) <= end:
        traveller.move_to(wake)
        scheduler.wakeup()
        await asyncio.sleep(0)


@pytest.mark.parametrize("name", YEARS)
async def test_a_year_through_the_scheduler_has_exactly_the_slots_of_the_oracle(name: str) -> None:
    zone, start = ZoneInfo(name), datetime(YEARS[name], 1, 1, tzinfo=UTC)
    end = start + 366 * DAY
    anchor = datetime(start.year - 1, 12, 20, 2, 30, tzinfo=zone).astimezone(UTC)
    schedules = [rule.schedule(name, anchor) for rule in RULES]
    schedules.append(IntervalSchedule(every="24h", anchor=anchor, timezone=name))
    reported: dict[int, list[datetime]] = defaultdict(list)

    def due(keys: list[int]) -> None:
        for key in keys:
            reported[key].append(datetime.now(UTC))

    with time_machine.travel(start, tick=False) as traveller:
        timer = Timer(due)
        timer.start(a_scheduled_job(key, schedule, start) for key, schedule in enumerate(schedules))
        await live_through(timer, traveller, end)
        timer.stop()
        await asyncio.sleep(0)

    expected = oracle(zone, start, end)
    for key, schedule in enumerate(schedules[:ELAPSED_DAY]):
        assert reported[key] == expected[key], schedule
    first = anchor + (start - anchor) // DAY * DAY + DAY
    assert reported[ELAPSED_DAY] == [first + n * DAY for n in range((end - first) // DAY + 1)]


# -- the clock is set, or the machine sleeps ------------------------------------------------------------------------


async def settle(runs: Runs, job: Job, clock: TurnedClock, minutes: int) -> None:
    """Lives through some minutes, and looks at the end of each."""
    for _ in range(minutes):
        clock.turn(60)
        await runs.settle_due([job.key])


async def rows(runs: Runs, job: Job) -> list[Run]:
    """The job's rows by slot."""
    listed, _ = await runs.page(RunFilter(job=job.id), limit=500)
    return sorted(listed, key=lambda run: run.slot or run.queued_at)


def slots_of(listed: list[Run]) -> list[datetime]:
    """Every slot that the rows of a minutely job stand for."""
    return [run.slot - n * MINUTE for run in listed if run.slot for n in reversed(range(run.missed))]


def each_minute(first: datetime, last: datetime) -> list[datetime]:
    return [first + n * MINUTE for n in range((last - first) // MINUTE + 1)]


@pytest.fixture
async def minutely(jobs: Jobs) -> Job:
    return await jobs.create(a_job("minutely", schedule=EACH_MINUTE, overlap="queue_all"), origin="api")


async def test_a_clock_set_back_by_an_hour_doubles_no_slot(runs: Runs, clock: TurnedClock, minutely: Job) -> None:
    await settle(runs, minutely, clock, 10)
    clock.turn(-3600)
    await settle(runs, minutely, clock, 60)
    assert slots_of(await rows(runs, minutely)) == each_minute(at("12:01"), at("12:10"))
    await settle(runs, minutely, clock, 5)
    listed = await rows(runs, minutely)
    assert slots_of(listed) == each_minute(at("12:01"), at("12:15"))
    assert {(run.state, run.trigger.value) for run in listed} == {(RunState.QUEUED, "schedule")}


@pytest.mark.parametrize(
    ("policy", "grace", "caught_up"),
    [
        ("skip", 3600, []),
        ("last", 3600, [at("13:05")]),
        ("last", 0, []),
        ("all", 600, each_minute(at("12:56"), at("13:05"))),
        ("all", 7200, each_minute(at("12:06"), at("13:05"))),
    ],
)
async def test_an_hour_that_the_clock_leapt_or_the_machine_slept_follows_the_misfire_rule(
    jobs: Jobs, runs: Runs, clock: TurnedClock, policy: str, grace: float, caught_up: list[datetime]
) -> None:
    rule = {"policy": policy, "grace": grace}
    job = await jobs.create(a_job("minutely", schedule=EACH_MINUTE, overlap="queue_all", misfire=rule), origin="api")
    await settle(runs, job, clock, 5)
    clock.turn(3600 + 30)
    await runs.settle_due([job.key])
    clock.turn(-30)
    await settle(runs, job, clock, 5)
    listed = await rows(runs, job)
    assert slots_of(listed) == each_minute(at("12:01"), at("13:10")), "each has one row, and no row stands for another"
    assert [run.slot for run in listed if run.trigger.value == "catch_up"] == caught_up
    missed = [run for run in listed if run.state is RunState.MISSED]
    assert [run.missed for run in missed] == ([60 - len(caught_up)] if len(caught_up) < 60 else [])


async def test_a_leap_that_is_taken_back_doubles_no_slot(runs: Runs, clock: TurnedClock, minutely: Job) -> None:
    await settle(runs, minutely, clock, 5)
    clock.turn(3600)
    await runs.settle_due([minutely.key])
    clock.turn(-3600)
    await settle(runs, minutely, clock, 70)
    assert slots_of(await rows(runs, minutely)) == each_minute(at("12:01"), at("13:15"))


@dataclass
class Kept:
    """The whole scheduler on the clock that is turned, with its own wake-ups."""

    house: Any
    clock: TurnedClock
    scheduler: Scheduler

    async def make(self, job_id: str, expression: str, **fields: Any) -> None:
        schedule = {"kind": "cron", "expression": expression}
        await self.house.make(job_id, schedule=schedule, overlap="queue_all", **fields)
        await until(lambda: self.scheduler.timers == 1)

    async def slots(self, job_id: str) -> list[datetime]:
        return [run.slot for run in await self.house.runs_of(job_id)]

    async def settled(self, job_id: str, slot: datetime) -> None:
        """Returns when the job is settled up to this slot. Nobody wakes the scheduler: it does so itself."""

        async def there() -> bool:
            return bool((await self.house.jobs.get(job_id)).last_slot == slot)

        await until(there)

    async def looked(self) -> None:
        """Returns when the scheduler has looked at the clock, and has settled what it saw."""
        self.scheduler._timer._scheduler.wakeup()

        async def ahead() -> bool:
            slots = [job.next_slot for job in await self.house.jobs.all()]
            timers = [timer.next_run_time for timer in self.scheduler._timer._scheduler.get_jobs()]
            now = self.clock()
            return not self.scheduler._due_keys and all(moment > now for moment in (*slots, *timers) if moment)

        await until(ahead)


@pytest.fixture
async def kept(turned_house: Any, turned: TurnedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kept]:
    monkeypatch.setattr(timer_module, "WAKE_EVERY", timedelta(milliseconds=50))
    scheduler = Scheduler(turned_house.jobs, turned_house.runs)
    turned_house.bus.subscribe(scheduler.heed)
    await scheduler.start()
    yield Kept(turned_house, turned, scheduler)
    await scheduler.stop()


async def test_the_scheduler_notices_by_itself_that_the_clock_leapt_or_the_machine_slept(kept: Kept) -> None:
    await kept.make("a", "*/10 * * * *")
    kept.clock.turn(600)
    await kept.settled("a", at("12:10"))
    kept.clock.turn(3600)
    await kept.settled("a", at("13:10"))
    missed, newest = (await kept.house.runs_of("a"))[1:]
    assert (missed.state, missed.slot, missed.missed) == (RunState.MISSED, at("13:00"), 5)
    assert (newest.state, newest.slot, newest.trigger.value) == (RunState.QUEUED, at("13:10"), "schedule")


async def test_the_scheduler_reports_no_slot_again_after_the_clock_was_set_back(kept: Kept) -> None:
    await kept.make("a", "*/10 * * * *")
    kept.clock.turn(600)
    await kept.settled("a", at("12:10"))
    kept.clock.turn(-3600)
    for _ in range(70):
        await kept.looked()
        kept.clock.turn(60)
    await kept.settled("a", at("12:20"))
    assert await kept.slots("a") == [at("12:10"), at("12:20")]


@pytest.mark.parametrize("once", [False, True])
async def test_a_slot_that_is_taken_back_before_it_is_settled_comes_again(kept: Kept, once: bool) -> None:
    schedule = {"kind": "once", "at": at("13:00").isoformat()} if once else {"kind": "cron", "expression": "0 13 * * *"}
    await kept.house.make("a", schedule=schedule)
    await until(lambda: kept.scheduler.timers == 1)
    timer = kept.scheduler._timer
    pass_on = timer._due

    def set_back(keys: list[int]) -> None:
        timer._due = pass_on
        kept.clock.turn(-3600)
        pass_on(keys)

    timer._due = set_back
    kept.clock.turn(3600)
    await kept.looked()
    assert await kept.slots("a") == []
    kept.clock.turn(3600)
    await kept.settled("a", at("13:00"))
    assert await kept.slots("a") == [at("13:00")]


@pytest.mark.parametrize(
    ("midnight", "slots"),
    [
        ("2026-03-28T23:00", "00:00 00:30 01:00 01:30"),  # 02:15 is skipped, and runs at 03:00
        ("2026-10-24T22:00", "23:00 23:30 00:00 00:15 00:30 01:00 01:30 02:00 02:30"),  # 02:15 the first time only
    ],
)
async def test_a_night_in_which_the_clock_changes_has_each_slot_once_in_the_rows(
    kept: Kept, midnight: str, slots: str
) -> None:
    kept.clock.now = datetime.fromisoformat(midnight).replace(tzinfo=UTC)
    in_berlin = {"kind": "cron", "timezone": "Europe/Berlin"}
    schedule = [{**in_berlin, "expression": "15 2 * * *"}, {**in_berlin, "expression": "*/30 1-3 * * *"}]
    await kept.house.make("a", schedule=schedule, overlap="queue_all")
    await until(lambda: kept.scheduler.timers == 1)
    for _ in range(5 * 12):
        kept.clock.turn(300)
        await kept.looked()
    assert [f"{slot:%H:%M}" for slot in await kept.slots("a")] == slots.split()
    assert {run.trigger.value for run in await kept.house.runs_of("a")} == {"schedule"}, "none came late"

"""The scheduler keeps its timers true to the rows, and has every due slot settled, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import TurnedClock, until

from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import JobChanged, RunChanged
from cronapp.core.models import Job
from cronapp.engine import scheduler as scheduler_module
from cronapp.engine.scheduler import Scheduler
from cronapp.service.upcoming import Upcoming

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EACH_MINUTE = {"kind": "cron", "expression": "* * * * *"}
EACH_SECOND = {"kind": "cron", "expression": "* * * * * *"}


class Kept:
    """A scheduler on the clock that is turned."""

    def __init__(self, house: Any, clock: TurnedClock) -> None:
        self.house = house
        self.clock = clock
        self.scheduler = Scheduler(house.jobs, house.runs)
        house.bus.subscribe(self.scheduler.heed)

    async def turn(self, seconds: float) -> None:
        self.clock.turn(seconds)
        self.wake()

    def wake(self) -> None:
        self.scheduler._timer._scheduler.wakeup()

    async def slots(self, job_id: str, count: int) -> list[datetime | None]:
        """The slots of a job's runs, once there are so many."""

        async def there() -> list[Any] | None:
            found = await self.house.runs_of(job_id)
            return found if len(found) >= count else None

        return [run.slot for run in await until(there)] if count else []

    async def idle(self) -> None:
        """Returns when nothing is left to do, nor being done."""
        scheduler = self.scheduler

        def idle() -> bool:
            waits = bool(scheduler._wake._waiters) and not scheduler._wake.is_set()
            return waits and not scheduler._changed and not scheduler._due_keys

        await until(idle)

    async def timers(self, count: int) -> None:
        await until(lambda: self.scheduler.timers == count)


@pytest.fixture
async def kept(turned_house: Any, turned: TurnedClock) -> AsyncIterator[Kept]:
    kept = Kept(turned_house, turned)
    await kept.scheduler.start()
    yield kept
    await kept.scheduler.stop()


async def test_a_due_slot_gets_its_run_and_the_next_is_waited_for(kept: Kept) -> None:
    await kept.house.make("a", schedule=EACH_MINUTE)
    await kept.timers(1)
    for n in range(1, 4):
        await kept.turn(59.5 if n == 1 else 60)
        assert await kept.slots("a", n) == [START + timedelta(minutes=m) for m in range(1, n + 1)]
    job = await kept.house.jobs.get("a")
    assert (job.last_slot, job.next_slot) == (START + timedelta(minutes=3), START + timedelta(minutes=4))


async def test_what_is_held_for_two_reasons_opens_no_slot_until_both_are_gone(kept: Kept) -> None:
    kept.scheduler.hold(True, "clock")
    kept.scheduler.hold(True)
    await kept.house.make("a", schedule=EACH_MINUTE)
    await kept.timers(1)
    await kept.turn(59.5)
    await until(lambda: kept.scheduler._due_keys)
    kept.scheduler.hold(False)
    assert await kept.house.runs_of("a") == []
    kept.scheduler.hold(False, "clock")
    assert await kept.slots("a", 1) == [START + timedelta(minutes=1)]


async def test_jobs_that_are_there_at_the_start_are_kept_and_what_they_missed_is_due(
    turned_house: Any, turned: TurnedClock
) -> None:
    await turned_house.make("a", schedule=EACH_MINUTE)
    await turned_house.make("manual")
    await turned_house.make("paused", schedule=EACH_MINUTE)
    await turned_house.jobs.pause("paused")
    turned.turn(600)
    kept = Kept(turned_house, turned)
    await kept.scheduler.start()
    assert kept.scheduler.running
    assert kept.scheduler.timers == 1
    runs = await until(lambda: turned_house.runs_of("a"))
    await until(lambda: turned_house.runs_of("a", state="missed"))
    runs = await turned_house.runs_of("a")
    assert {run.state: run.missed for run in runs} == {"missed": 9, "queued": 1}
    assert await turned_house.runs_of("paused") == []
    await kept.scheduler.stop()
    assert not kept.scheduler.running


async def test_added_slots_are_waited_for_and_skipped_ones_get_their_row_in_time(kept: Kept, turned_house: Any) -> None:
    house = turned_house
    upcoming = Upcoming(house.store, house.jobs.blackouts, house.clock)
    await house.make("a", schedule=EACH_MINUTE)
    await house.make("b", schedule=EACH_MINUTE)
    await house.make("manual")
    await kept.timers(2)
    assert len(kept.scheduler._timer._groups) == 1
    half = START + timedelta(seconds=30)
    for job_id in ("a", "manual"):
        await upcoming.add(job_id, half, by="ada")
    await upcoming.skip("a", START + timedelta(minutes=1), by="ada")
    await kept.timers(3)
    await until(lambda: len(kept.scheduler._timer._groups) == 3)  # nobody else wakes for it
    await kept.turn(29.5)
    assert await kept.slots("a", 1) == [half]
    assert await kept.slots("manual", 1) == [half]
    await kept.timers(2)
    await until(lambda: len(kept.scheduler._timer._groups) == 1)
    await kept.turn(30)
    assert await kept.slots("a", 2) == [half, START + timedelta(minutes=1)]
    assert [run.state for run in await house.runs_of("a")] == ["queued", "skipped"]
    assert await kept.slots("b", 1) == [START + timedelta(minutes=1)]
    assert len(await house.runs_of("manual")) == 1


async def test_changes_of_jobs_are_followed(kept: Kept) -> None:
    house = kept.house
    await house.make("a", schedule=EACH_MINUTE)
    await kept.timers(1)
    await house.jobs.pause("a")
    await kept.timers(0)
    await kept.turn(600)
    await kept.idle()
    assert await house.runs_of("a") == []
    await house.jobs.resume("a")
    await kept.timers(1)
    await house.jobs.edit("a", {"task": "hello", "schedule": {"kind": "manual"}})
    await kept.timers(0)
    await house.jobs.edit("a", {"task": "hello", "schedule": EACH_MINUTE})
    await kept.timers(1)
    await house.jobs.remove("a")
    await kept.timers(0)


async def test_a_job_made_anew_under_the_same_id_is_another_one(kept: Kept) -> None:
    house = kept.house
    await house.make("a", schedule=EACH_MINUTE)
    await kept.timers(1)
    for _ in range(3):
        await house.jobs.remove("a")
        await house.make("a", schedule=EACH_MINUTE)
    await kept.idle()
    assert kept.scheduler.timers == 1
    await kept.turn(59.5)
    assert await kept.slots("a", 1) == [START + timedelta(minutes=1)]
    await kept.idle()
    assert len(await house.runs_of("a")) == 1


async def test_an_edit_that_brings_the_next_slot_forward_is_in_time(kept: Kept) -> None:
    await kept.house.make("a", schedule={"kind": "cron", "expression": "0 0 * * *"})
    await kept.timers(1)
    await kept.house.jobs.edit("a", {"task": "hello", "schedule": EACH_MINUTE})
    await kept.idle()
    await kept.turn(59.5)
    assert await kept.slots("a", 1) == [START + timedelta(minutes=1)]


async def test_other_events_are_none_of_its_business(kept: Kept) -> None:
    kept.scheduler.heed(RunChanged(1, "a"))
    assert not kept.scheduler._wake.is_set()
    kept.scheduler.heed(JobChanged("gone"))
    await kept.idle()


# -- nothing is lost ------------------------------------------------------------------------------------------------


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "TRY_AGAIN", 0.01)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("error", [StoreUnavailable("The disk is full."), RuntimeError("unheard of")])
async def test_due_slots_are_kept_while_they_cannot_be_settled(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    await kept.house.make("a", schedule=EACH_MINUTE)
    await kept.timers(1)
    failures = []

    async def away(keys: list[int]) -> Any:
        failures.append(keys)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(kept.house.runs, "settle_due", away)
        await kept.turn(59.5)
        await until(lambda: len(failures) >= 3)
        assert kept.scheduler.running
    assert await kept.slots("a", 1) == [START + timedelta(minutes=1)]
    assert str(error) in caplog.text
    await kept.idle()
    assert len(await kept.house.runs_of("a")) == 1


@pytest.mark.usefixtures("soon")
async def test_changes_are_kept_while_they_cannot_be_read(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = []

    async def away(job_id: str) -> Job:
        failures.append(job_id)
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(kept.house.jobs, "get", away)
        await kept.house.make("a", schedule=EACH_MINUTE)
        await until(lambda: len(failures) >= 3)
        assert kept.scheduler.timers == 0
    await kept.timers(1)


async def test_a_change_that_comes_while_the_one_before_is_read_is_not_lost(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go = asyncio.Event(), asyncio.Event()
    get = kept.house.jobs.get

    async def slow(job_id: str) -> Job:
        job: Job = await get(job_id)
        reading.set()
        await go.wait()
        return job

    await kept.house.make("a", schedule={"kind": "manual"})
    await kept.idle()
    monkeypatch.setattr(kept.scheduler._jobs, "get", slow)
    kept.scheduler.heed(JobChanged("a"))
    await reading.wait()
    monkeypatch.setattr(kept.scheduler._jobs, "get", get)
    await kept.house.jobs.edit("a", {"task": "hello", "schedule": EACH_MINUTE})
    go.set()
    await kept.timers(1)


async def test_a_slot_that_comes_while_the_one_before_is_settled_is_not_lost(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept.house.make("a", schedule=EACH_MINUTE, overlap="queue_all")
    await kept.timers(1)
    settled, go = asyncio.Event(), asyncio.Event()
    settle = kept.house.runs.settle_due

    async def slow(keys: list[int]) -> Any:
        found = await settle(keys)
        settled.set()
        await go.wait()
        return found

    monkeypatch.setattr(kept.house.runs, "settle_due", slow)
    await kept.turn(59.5)
    await asyncio.wait_for(settled.wait(), 10)
    monkeypatch.setattr(kept.house.runs, "settle_due", settle)
    before = kept.scheduler._timer._scheduler.get_jobs()[0].next_run_time
    await kept.turn(60)
    await until(lambda: kept.scheduler._timer._scheduler.get_jobs()[0].next_run_time > before)
    go.set()
    assert await kept.slots("a", 2) == [START + timedelta(minutes=1), START + timedelta(minutes=2)]


async def test_a_herd_is_settled_whole(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "SLICE", 20)
    for n in range(50):
        await kept.house.make(f"job-{n:02}", schedule=EACH_MINUTE)
    await kept.timers(50)
    sizes = []
    settle = kept.house.runs.settle_due

    async def counted(keys: list[int]) -> Any:
        sizes.append(len(keys))
        return await settle(keys)

    monkeypatch.setattr(kept.house.runs, "settle_due", counted)
    await kept.turn(59.5)
    await kept.slots("", 50)
    assert max(sizes) <= 20
    runs = await kept.house.runs_of()
    assert {run.job for run in runs} == {f"job-{n:02}" for n in range(50)}
    assert {run.slot for run in runs} == {START + timedelta(minutes=1)}


# -- one job fails where the others do not --------------------------------------------------------------------------


def broken_for(kept: Kept, monkeypatch: pytest.MonkeyPatch, key: int) -> list[list[int]]:
    """What is settled from now on, of which one job fails."""
    asked: list[list[int]] = []
    settle = kept.house.runs.settle_due

    async def settle_due(keys: list[int]) -> Any:
        asked.append(list(keys))
        if key in keys:
            raise ValueError("this job is beyond me")
        return await settle(keys)

    monkeypatch.setattr(kept.house.runs, "settle_due", settle_due)
    return asked


async def test_a_job_that_cannot_be_settled_holds_up_no_other(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keys = [await kept.house.make(f"job-{n}", schedule=EACH_MINUTE, overlap="queue_all") for n in range(5)]
    await kept.timers(5)
    asked = broken_for(kept, monkeypatch, keys[2])
    kept.scheduler._slice = 5  # as after a while
    for n in range(1, 4):
        await kept.turn(59.5 if n == 1 else 60)
        for good in ("job-0", "job-1", "job-3", "job-4"):
            assert await kept.slots(good, n) == [START + timedelta(minutes=m) for m in range(1, n + 1)]
        await kept.idle()
    assert await kept.house.runs_of("job-2") == []
    slices = [keys for keys in asked if len(keys) > 1]
    assert [keys[2] in one for one in slices] == [True, False, False], "once it has failed, it is left out"
    told = [record for record in caplog.records if "cannot be settled" in record.message]
    assert [record.message.partition(";")[0] for record in told] == ["the slots of job job-2 cannot be settled"]
    assert told[0].exc_info


@pytest.mark.usefixtures("soon")
async def test_a_job_that_failed_is_tried_again_alone_and_less_and_less_often_until_it_works(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key = await kept.house.make("bad", schedule=EACH_MINUTE)
    await kept.house.make("good", schedule=EACH_MINUTE)
    await kept.timers(2)
    pauses = []
    loop = asyncio.get_running_loop()
    later = loop.call_later

    def call_later(pause: float, call: Any, *args: Any, **options: Any) -> asyncio.TimerHandle:
        if call == kept.scheduler._try_again:
            pauses.append(pause)
        return later(pause, call, *args, **options)

    monkeypatch.setattr(loop, "call_later", call_later)
    with monkeypatch.context() as patch:
        asked = broken_for(kept, patch, key)
        await kept.turn(59.5)
        await until(lambda: asked.count([key]) >= 4)
    assert await kept.slots("bad", 1) == [START + timedelta(minutes=1)]
    assert pauses[:4] == [0.01, 0.02, 0.04, 0.08]
    assert caplog.text.count("cannot be settled") == 1
    await until(lambda: not kept.scheduler._put_off)  # a moment after its slot is there
    await kept.turn(60)
    assert len(await kept.slots("good", 2)) == 2


async def test_a_job_that_failed_is_tried_at_once_when_somebody_changed_it(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await kept.house.make("bad", schedule=EACH_MINUTE)
    await kept.timers(1)
    monkeypatch.setattr(scheduler_module, "TRY_AGAIN", 1000)
    with monkeypatch.context() as patch:
        broken_for(kept, patch, key)
        await kept.turn(59.5)
        await until(lambda: kept.scheduler._put_off)
    await kept.house.jobs.edit("bad", {"task": "hello", "schedule": EACH_MINUTE, "tags": ["mended"]})
    assert await kept.slots("bad", 1) == [START + timedelta(minutes=1)]
    assert not kept.scheduler._put_off


async def test_a_job_that_failed_and_is_removed_is_forgotten(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await kept.house.make("bad", schedule=EACH_MINUTE)
    await kept.timers(1)
    broken_for(kept, monkeypatch, key)
    await kept.turn(59.5)
    await until(lambda: kept.scheduler._put_off)
    await kept.house.jobs.remove("bad")
    await until(lambda: not kept.scheduler._put_off)


@pytest.mark.usefixtures("soon")
async def test_while_a_slice_is_settled_one_by_one_the_database_may_go_away_and_no_slot_is_lost(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [await kept.house.make(f"job-{n}", schedule=EACH_MINUTE) for n in range(4)]
    await kept.timers(4)
    settle = kept.house.runs.settle_due
    away = 3

    async def settle_due(asked: list[int]) -> Any:
        nonlocal away
        if len(asked) > 1:
            raise ValueError("one of them is beyond me")
        if asked == [keys[1]] and away:
            away -= 1
            raise StoreUnavailable
        return await settle(asked)

    monkeypatch.setattr(kept.house.runs, "settle_due", settle_due)
    await kept.turn(59.5)
    for n in range(4):
        assert await kept.slots(f"job-{n}", 1) == [START + timedelta(minutes=1)]
    await kept.idle()
    assert len(await kept.house.runs_of()) == 4


async def test_a_changed_job_that_cannot_be_read_holds_up_no_other(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scheduler_module, "UNREADABLE", 0.01)
    get = kept.house.jobs.get
    failures = 2

    async def broken(job_id: str) -> Job:
        nonlocal failures
        if job_id == "bad" and failures:
            failures -= 1
            raise ValueError("this row is beyond me")
        job: Job = await get(job_id)
        return job

    monkeypatch.setattr(kept.house.jobs, "get", broken)
    await kept.house.make("bad", schedule=EACH_MINUTE)
    await kept.house.make("good", schedule=EACH_MINUTE)
    await kept.timers(2)
    assert caplog.text.count("job bad cannot be read") == 2


async def test_after_the_stop_no_slot_is_taken_and_it_is_due_at_the_next_start(kept: Kept) -> None:
    house = kept.house
    await house.make("a", schedule=EACH_MINUTE)
    await kept.timers(1)
    await kept.scheduler.stop()
    await kept.scheduler.stop()
    kept.clock.turn(59.5)
    again = Kept(house, kept.clock)
    assert await house.runs_of("a") == []
    await again.scheduler.start()
    assert await again.slots("a", 1) == [START + timedelta(minutes=1)]
    await again.scheduler.stop()


async def test_on_the_machines_clock_each_second_has_one_run(house: Any) -> None:
    scheduler = Scheduler(house.jobs, house.runs)
    house.bus.subscribe(scheduler.heed)
    await scheduler.start()
    await house.make("a", schedule=EACH_SECOND, overlap="queue_all")

    async def three() -> bool:
        return len(await house.runs_of("a")) >= 3

    await until(three, limit=30)
    await scheduler.stop()
    slots = [run.slot for run in await house.runs_of("a")]
    first = slots[0]
    assert slots == [first + timedelta(seconds=n) for n in range(len(slots))]
    assert first.microsecond == 0

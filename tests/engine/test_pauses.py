"""Pauses end by themselves, of jobs and of the scheduler: once, also after the database was away."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from support import TurnedClock, until

from cronapp.core.errors import StoreUnavailable
from cronapp.core.models import JobState
from cronapp.engine import pauses as pauses_module
from cronapp.engine.pauses import PauseEnds
from cronapp.engine.scheduler import Scheduler
from cronapp.service.pauses import Pauses
from cronapp.service.switch import Switch

EACH_MINUTE = {"kind": "cron", "expression": "* * * * *"}


@dataclass
class Watch:
    house: Any
    clock: TurnedClock
    switch: Switch
    ends: PauseEnds


@pytest.fixture
async def watch(turned_house: Any, turned: TurnedClock) -> AsyncIterator[Watch]:
    house = turned_house
    switch = Switch(house.store, house.jobs.blackouts, turned)
    pauses = Pauses(house.store, house.jobs.blackouts, turned)
    ends = PauseEnds(pauses, house.jobs, switch, turned)
    house.bus.subscribe(ends.heed)
    ends.start()
    yield Watch(house, turned, switch, ends)
    await ends.stop()


async def is_active(house: Any, job: str) -> bool:
    return (await house.jobs.get(job)).state is JobState.ACTIVE


async def test_a_pause_ends_when_its_time_has_come(house: Any) -> None:
    """On the machine's clock, with nobody who says so."""
    switch = Switch(house.store, house.jobs.blackouts, house.clock)
    ends = PauseEnds(Pauses(house.store, house.jobs.blackouts, house.clock), house.jobs, switch, house.clock)
    house.bus.subscribe(ends.heed)
    ends.start()
    await house.make("short", schedule=EACH_MINUTE)
    await house.make("for-good", schedule=EACH_MINUTE)
    await house.jobs.pause("for-good")
    await house.jobs.pause("short", until=house.clock() + timedelta(milliseconds=50))
    await switch.pause(until=house.clock() + timedelta(milliseconds=100))
    await until(lambda: is_active(house, "short"))

    async def goes_on() -> bool:
        return await switch.state() is None

    await until(goes_on)
    assert not await is_active(house, "for-good")
    await ends.stop()


async def test_a_change_is_heeded_and_what_is_over_ends_then(watch: Watch) -> None:
    house = watch.house
    for job in ("a", "b"):
        await house.make(job, schedule=EACH_MINUTE)
        await house.jobs.pause(job, until=watch.clock.now + timedelta(seconds=90))
    watch.clock.turn(200)
    await house.make("c")
    await until(lambda: is_active(house, "a"))
    await until(lambda: is_active(house, "b"))
    (run,) = await house.runs_of("a")
    assert (run.state, run.missed) == ("skipped", 1), "the rest is left to the job's own rule"


async def test_the_database_that_was_away_is_asked_again(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses_module, "TRY_AGAIN", 0.01)
    house, read = watch.house, watch.house.store.read
    away, tries = [True], list[int]()

    async def failing(*args: Any, **options: Any) -> Any:
        if away[0]:
            tries.append(1)
            raise StoreUnavailable
        return await read(*args, **options)

    await house.make("a", schedule=EACH_MINUTE)
    await house.jobs.pause("a", until=watch.clock.now + timedelta(seconds=90))
    watch.clock.turn(200)
    monkeypatch.setattr(house.store, "read", failing)
    watch.ends.heed(pauses_module.SchedulerChanged())
    await until(lambda: tries)
    away[0] = False
    await until(lambda: is_active(house, "a"))


async def test_one_that_cannot_be_ended_holds_up_no_other(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house, resume = watch.house, watch.house.jobs.resume

    async def failing(job_id: str, *args: Any, **options: Any) -> Any:
        if job_id == "a":
            raise RuntimeError("it cannot be resumed")
        return await resume(job_id, *args, **options)

    monkeypatch.setattr(house.jobs, "resume", failing)
    for job in ("a", "b"):
        await house.make(job, schedule=EACH_MINUTE)
        await house.jobs.pause(job, until=watch.clock.now + timedelta(seconds=90))
    watch.clock.turn(200)
    with caplog.at_level(logging.ERROR):
        watch.ends.heed(pauses_module.SchedulerChanged())
        await until(lambda: is_active(house, "b"))
    assert "job a is over and cannot be ended" in caplog.text


async def test_the_scheduler_goes_on_with_what_is_due_once_it_is_resumed(watch: Watch) -> None:
    house = watch.house
    scheduler = Scheduler(house.jobs, house.runs)
    house.bus.subscribe(scheduler.heed)
    await scheduler.start()
    await house.make("a", schedule=EACH_MINUTE)
    await watch.switch.pause(by="admin", until=watch.clock.now + timedelta(seconds=90))
    watch.clock.turn(150)
    watch.ends.heed(pauses_module.SchedulerChanged())

    async def served() -> bool:
        return [(run.state, run.missed) for run in await house.runs_of("a")] == [("skipped", 1), ("queued", 1)]

    await until(served)
    assert (await house.jobs.get("a")).next_slot > watch.clock.now  # type: ignore[operator]
    await scheduler.stop()

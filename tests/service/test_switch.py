"""The master switch: while it is off no slot is settled and only people start runs; and what becomes of the slots."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from recipes import BY_HAND, EACH_MINUTE, FAILED, a_job, at, carry
from support import TurnedClock, until

from cronapp.core.errors import InvalidInput
from cronapp.core.events import Event, SchedulerChanged
from cronapp.core.models import Job, JobState, RunTrigger, SchedulerPause
from cronapp.service import switch as switch_module
from cronapp.service.blackouts import Blackouts
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.service.switch import Switch
from cronapp.store import pauses
from cronapp.store.store import Store, Tx


@pytest.fixture
def switch(store: Store, blackouts: Blackouts, clock: TurnedClock) -> Switch:
    return Switch(store, blackouts, clock)


async def minutely(jobs: Jobs, job_id: str = "minutely", **fields: Any) -> Job:
    return await jobs.create(a_job(job_id, **{"schedule": EACH_MINUTE, **fields}), origin="api")


async def rows(runs: Runs, job: Job) -> list[tuple[str, str, int]]:
    listed = (await runs.of_job(job, limit=500))[0][::-1]
    return [(f"{run.slot:%H:%M}", run.state, run.missed) for run in listed if run.slot]


async def test_the_switch_says_who_turned_it_off_and_tells_of_it_once(
    switch: Switch, clock: TurnedClock, events: list[Event]
) -> None:
    assert await switch.state() is None
    paused = await switch.pause(" moving house ", by="admin", until=at("13:00"))
    assert paused == SchedulerPause(by="admin", at=clock.now, until=at("13:00"), reason="moving house")
    assert await switch.pause("moving house", by="admin", until=at("13:00")) == paused
    clock.turn(60)
    longer = await switch.pause(None, by="ada")
    assert await switch.state() == longer == SchedulerPause(by="ada", at=at("12:00"))
    assert await switch.resume() is True
    assert await switch.resume() is False
    assert await switch.state() is None
    assert events == [SchedulerChanged()] * 3
    with pytest.raises(InvalidInput):
        await switch.pause(until=clock.now)


async def test_no_slot_is_settled_while_it_is_off(switch: Switch, jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs)
    await switch.pause(by="admin")
    clock.turn(600)
    assert (await runs.settle_due([job.key]))[0] == [job]
    assert await rows(runs, job) == []
    assert (await jobs.row("minutely")).held


async def test_a_pause_has_its_turn_however_many_open_slots_and_who_comes_later_is_told_of_it(
    switch: Switch, store: Store, database_url: str
) -> None:
    if store.kind != "postgresql":  # one writer, who takes what comes in its order
        return
    with psycopg.connect(database_url) as opens:
        opens.execute("SELECT pg_advisory_xact_lock_shared(%s)", (pauses.SWITCH,))

        def waiting() -> int:
            asked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            return int(opens.execute(asked).fetchone()[0])  # type: ignore[index]

        pausing = asyncio.create_task(switch.pause("now"))
        await until(lambda: waiting() == 1)
        later = asyncio.create_task(store.write(pauses.is_off))
        await until(lambda: waiting() == 2)
    assert (await pausing).reason == "now"
    assert await later


async def test_only_what_people_start_begins_while_it_is_off(
    switch: Switch, jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    job = await minutely(jobs, overlap="queue_all", retry={"max_attempts": 2, "delay": 0})
    clock.turn(60)
    await runs.settle_due([job.key])
    scheduled = await runs.claim("node-1", 9)
    clock.turn(60)
    await runs.settle_due([job.key])
    await switch.pause(by="admin")
    assert await runs.finish(scheduled[0].run, FAILED, 1.0), "what runs goes on"
    assert await runs.claim("node-1", 9) == [], "neither a slot's run nor a rule's retry"
    by_hand = await runs.run_now("minutely")
    assert [one.run.id for one in await runs.claim("node-1", 9)] == [by_hand.id]
    assert await runs.finish(by_hand and (await runs.get(by_hand.id)), FAILED, 1.0)
    again = await runs.retry(scheduled[0].run.id, trigger=RunTrigger.API)
    assert [one.run.id for one in await runs.claim("node-1", 9)] == [again.id]
    await runs.cancel(again.id)
    await runs.lose_running("It died.")
    await switch.resume()
    assert (await carry(runs)).slot == at("12:02")


async def test_a_retry_that_waits_for_its_time_begins_when_a_person_wants_it(
    switch: Switch, jobs: Jobs, runs: Runs
) -> None:
    await minutely(jobs, retry={"max_attempts": 2, "delay": "1h"})
    await runs.run_now("minutely")
    first = await carry(runs, FAILED)
    await switch.pause(by="admin")
    waiting = await runs.retry(first.id, trigger=RunTrigger.API)
    assert [one.run.id for one in await runs.claim("node-1", 9)] == [waiting.id]


async def test_who_is_woken_while_it_is_off_waits_until_it_is_on(switch: Switch, jobs: Jobs, runs: Runs) -> None:
    await minutely(jobs)
    await jobs.create(a_job("later", schedule={"kind": "dependency"}, after={"jobs": ["minutely"]}), origin="api")
    await switch.pause(by="admin")
    await runs.run_now("minutely")
    ended = await carry(runs)
    assert await runs.claim("node-1", 9) == []
    await switch.resume()
    (woken,) = await runs.claim("node-1", 9)
    assert (woken.run.job, woken.run.woken_by) == ("later", ended.id)


@pytest.mark.parametrize(
    ("catch_up", "slots"),
    [
        ("none", [("12:03", "skipped", 3)]),
        ("last", [("12:02", "skipped", 2), ("12:03", "queued", 1)]),
        ("all", [(f"12:0{n}", "queued", 1) for n in range(1, 4)]),
    ],
)
async def test_what_passed_is_run_as_they_say_and_the_rest_says_why_not(
    switch: Switch,
    jobs: Jobs,
    runs: Runs,
    clock: TurnedClock,
    monkeypatch: pytest.MonkeyPatch,
    catch_up: str,
    slots: list[tuple[str, str, int]],
) -> None:
    monkeypatch.setattr(switch_module, "SLICE", 2)
    listed = [await minutely(jobs, f"job-{n}") for n in range(5)]
    paused = await minutely(jobs, "paused")
    await jobs.pause("paused", by="ada")
    await switch.pause("moving house", by="admin")
    clock.turn(200)
    assert await switch.resume(catch_up)
    for job in listed:
        assert await rows(runs, job) == slots
        assert (await jobs.get(job.id)).next_slot == at("12:04")
    assert await rows(runs, paused) == [], "its own pause goes on"
    told = [run for run in (await runs.of_job(listed[0]))[0] if run.state == "skipped"]
    assert {(run.cause, run.reason) for run in told} <= {
        ("scheduler_pause", "The scheduler was paused by admin: moving house.")
    }
    clock.turn(60)
    await runs.settle_due([listed[0].key])
    assert (await rows(runs, listed[0]))[-1] == ("12:04", "queued", 1)


async def test_one_job_that_fails_where_others_do_not_keeps_nobody_paused(
    switch: Switch, jobs: Jobs, runs: Runs, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch_module, "SLICE", 2)
    listed = [await minutely(jobs, f"job-{n}") for n in range(4)]
    settle = switch_module.settle_job

    def failing(tx: Tx, job: Job, *args: Any, **options: Any) -> None:
        if job.id == "job-1":
            raise RuntimeError("it cannot be settled")
        settle(tx, job, *args, **options)

    monkeypatch.setattr(switch_module, "settle_job", failing)
    await switch.pause(by="admin")
    clock.turn(60)
    assert await switch.resume()
    assert await switch.state() is None
    assert [len(await rows(runs, job)) for job in listed] == [1, 0, 1, 1]


async def test_a_pause_that_is_over_ends_at_its_end(switch: Switch, jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs, misfire={"policy": "all"})
    old = await switch.pause(by="admin", until=at("12:01"))
    new = await switch.pause(by="admin", until=at("12:02"))
    clock.turn(200)
    assert not await switch.resume(pause=old)
    assert await switch.resume(pause=new)
    await runs.settle_due([job.key])
    assert await rows(runs, job) == [
        ("12:01", "skipped", 1),
        ("12:02", "queued", 1),
        ("12:03", "queued", 1),
    ]


async def test_before_it_goes_on_the_missed_slots_are_counted_by_job(
    switch: Switch, jobs: Jobs, runs: Runs, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await minutely(jobs, "a")
    await minutely(jobs, "b", schedule={"kind": "cron", "expression": "*/5 * * * *"})
    await jobs.create(a_job("by-hand", schedule=BY_HAND), origin="api")
    await switch.pause(by="admin")
    assert (await switch.missed()).jobs == 0
    await runs.run_now("by-hand")
    clock.turn(600)
    missed = await switch.missed()
    assert [(one.job, one.count, one.newest) for one in missed.listed] == [
        ("a", 10, at("12:10")),
        ("b", 2, at("12:10")),
    ]
    assert (missed.jobs, missed.slots, missed.waiting) == (2, 12, 1)
    monkeypatch.setattr(switch_module, "LISTED", 1)
    missed = await switch.missed()
    assert (missed.jobs, len(missed.listed), missed.slots) == (2, 1, None)


async def test_a_start_of_the_scheduler_while_it_is_off_is_recorded_as_skipped(
    switch: Switch, jobs: Jobs, runs: Runs
) -> None:
    job = await jobs.create(a_job("at-start", schedule={"kind": "cron", "expression": "@reboot"}), origin="api")
    await switch.pause("moving", by="admin")
    await runs.open_at_start()
    (run,), _ = await runs.of_job(job)
    assert (run.state, run.reason) == ("skipped", "The scheduler was paused by admin: moving.")
    assert (await jobs.get("at-start")).state is JobState.ACTIVE


async def test_neither_a_slot_nor_a_claim_comes_after_a_pause_that_raced_with_them(
    switch: Switch, jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    job = await minutely(jobs, overlap="allow", max_running=1000)
    for n in range(20):
        clock.turn(60)
        firing = [asyncio.ensure_future(runs.settle_due([job.key])) for _ in range(3)]
        claiming = [asyncio.ensure_future(runs.claim("node-1", 9)) for _ in range(3)]
        for _ in range(n % 4):
            await asyncio.sleep(0)
        await switch.pause(by="admin")
        opened = await runs.counts()
        await asyncio.gather(*firing, *claiming, runs.settle_due([job.key]), runs.claim("node-1", 9))
        assert await runs.counts() == opened
        await switch.resume("last")
    assert sum(count for _, _, count in await rows(runs, job)) == 20

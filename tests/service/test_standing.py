"""How things stand in the database, for those who watch many servers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from recipes import BY_HAND, FAILED, HOURLY, NOW, a_job, carry
from support import TurnedClock

from cronapp.core.models import JobState, RunState, RunTrigger
from cronapp.service import standing
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.service.standing import Standings
from cronapp.store import runs as run_rows
from cronapp.store.store import Store


async def test_each_job_tells_when_it_last_succeeded_and_how_often_it_failed_since(
    store: Store, jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    for job_id in ("good", "bad", "newer"):
        await jobs.create(a_job(job_id, schedule=HOURLY if job_id == "bad" else BY_HAND), origin="api", by="ada")
    for _ in range(3):
        await runs.run_now("good")
        await carry(runs, seconds=1)
        await runs.run_now("bad")
        await carry(runs, FAILED, seconds=1)
        clock.turn(60)
    told = {one.job: one for one in (await Standings(store, clock, 10).look()).each}
    assert {job: one.last_success for job, one in told.items()} == {
        "good": NOW + timedelta(seconds=120),
        "bad": None,
        "newer": None,
    }
    assert [told[job].failures for job in ("good", "bad", "newer")] == [0, 3, 0]
    assert told["bad"].next_slot == NOW + timedelta(hours=1)
    assert [one.job for one in (await Standings(store, clock, 2).look()).each] == ["good", "bad"], (
        "the rest is not told"
    )


async def test_what_waits_is_told_by_queue_and_what_may_not_start_yet_waits_for_nobody(
    store: Store, jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    made = {queue: await jobs.create(a_job(queue, queue=queue), origin="api", by="ada") for queue in ("mail", "later")}
    await runs.run_now("mail")
    clock.turn(30)
    await runs.run_now("mail")
    await store.write(
        run_rows.open_run,
        made["later"],
        slot=None,
        trigger=RunTrigger.SCHEDULE,
        now=clock(),
        not_before=clock() + timedelta(hours=1),
    )
    told = await Standings(store, clock, 10).look()
    assert told.open == {("mail", RunState.QUEUED): 2, ("later", RunState.QUEUED): 1}
    assert told.waiting_since == {"mail": NOW}
    assert (told.jobs, told.paused) == ({JobState.ACTIVE: 2}, False)
    assert told.database_bytes


async def test_who_asks_again_and_again_is_told_the_same_for_some_seconds(
    store: Store, jobs: Jobs, clock: TurnedClock, monkeypatch: Any
) -> None:
    asked = Standings(store, clock, 10)
    first = await asked.look()
    await jobs.create(a_job("newer"), origin="api", by="ada")
    assert await asked.look() is first
    monkeypatch.setattr(standing, "FRESH", 0.0)
    assert (await asked.look()).jobs == {JobState.ACTIVE: 1}

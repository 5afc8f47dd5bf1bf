"""Many runs retried or cancelled: what is told before, what is done, and why the rest stays as it is."""

from __future__ import annotations

import pytest
from recipes import FAILED, SUCCEEDED, a_job, carry
from support import TurnedClock

from cronapp.core.errors import Conflict
from cronapp.core.events import CancelRequested, Event
from cronapp.core.models import Run, RunState, RunTrigger
from cronapp.service import bulk_runs as module
from cronapp.service.blackouts import Blackouts
from cronapp.service.bulk_runs import BulkRuns, Left
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.service.tasks import Tasks
from cronapp.store.runs import RunFilter, listing
from cronapp.store.store import Store


@pytest.fixture
def bulk(store: Store, tasks: Tasks, blackouts: Blackouts, clock: TurnedClock) -> BulkRuns:
    return BulkRuns(store, tasks, blackouts, clock)


async def failed(jobs: Jobs, runs: Runs, job_id: str) -> Run:
    if not any(job == job_id for job in await jobs.ids(100)):
        await jobs.create(a_job(job_id, schedule={"kind": "manual"}), origin="api")
    await runs.run_now(job_id)
    return await carry(runs, FAILED)


async def test_only_the_newest_attempt_of_what_failed_is_tried_again(bulk: BulkRuns, jobs: Jobs, runs: Runs) -> None:
    one, two, three = [await failed(jobs, runs, name) for name in ("one", "two", "three")]
    await runs.retry(two.id)
    again = await carry(runs, SUCCEEDED)
    await runs.retry(three.id)
    third = await carry(runs, FAILED)
    await jobs.remove("three")
    assert one.error_group
    ids = await bulk.matching(RunFilter(group=one.error_group))
    assert ids == [third.id, three.id, two.id, one.id]
    plan = await bulk.plan([*ids, 999], "retry")
    assert [(done.id, done.job, done.opened) for done in plan.done] == [(one.id, "one", None)]
    assert (plan.by_state(), plan.by_job()) == ([(RunState.FAILED, 1)], [("one", 1)])
    assert plan.unchanged == (
        Left(three.id, "three", "A later attempt failed; that one counts."),
        Left(two.id, "two", "A later attempt succeeded."),
    )
    assert [left.id for left in plan.refused] == [999, third.id]
    report = await bulk.carry_out(ids, "retry", trigger=RunTrigger.API)
    opened = report.done[0].opened
    assert opened is not None
    told = await runs.get(opened)
    assert (told.attempt, told.first_attempt, told.trigger) == (2, one.id, RunTrigger.API)
    assert len((await runs.page(RunFilter(job="two")))[0]) == 2
    assert (await bulk.carry_out(ids, "retry")).done == ()  # it waits now
    assert again.state is RunState.SUCCEEDED


async def test_what_waits_is_cancelled_what_runs_is_asked_to_stop_and_what_ended_stays(
    bulk: BulkRuns, jobs: Jobs, runs: Runs, events: list[Event]
) -> None:
    over = await failed(jobs, runs, "one")
    await jobs.create(a_job("two", schedule={"kind": "manual"}), origin="api")
    running, waiting = await runs.run_now("two"), await runs.run_now("two")
    await runs.claim("node-1", 1)
    report = await bulk.carry_out([over.id, running.id, waiting.id], "cancel")
    assert [done.id for done in report.done] == [running.id, waiting.id]
    assert report.unchanged == (Left(over.id, "one", "It has ended already."),)
    assert (await runs.get(waiting.id)).state is RunState.CANCELLED
    assert CancelRequested(running.id, "Cancelled by hand.") in events
    plan = await bulk.plan([running.id, waiting.id], "retry")
    assert [left.reason for left in plan.refused] == ["It runs. Cancel it first, or wait for its end."]
    assert [done.id for done in plan.done] == [waiting.id]


async def test_many_runs_are_changed_in_small_transactions_the_oldest_first(
    bulk: BulkRuns, jobs: Jobs, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    monkeypatch.setattr(listing, "STRETCH", 3)
    ids = [(await failed(jobs, runs, "one")).id for _ in range(7)]
    assert await bulk.matching(RunFilter(q="no figures")) == ids[::-1]
    report = await bulk.carry_out(ids, "retry")
    assert [done.id for done in report.done] == ids
    assert sorted(done.opened or 0 for done in report.done) == [done.opened for done in report.done]
    monkeypatch.setattr(module, "MOST", 3)
    with pytest.raises(Conflict, match="More than 3 runs match"):
        await bulk.matching(RunFilter(job="one"))


async def test_an_attempt_that_waits_for_its_time_starts_now(
    bulk: BulkRuns, jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    rule = {"max_attempts": 2, "delay": "1h"}
    await jobs.create(a_job("one", schedule={"kind": "manual"}, retry=rule), origin="api")
    await runs.run_now("one")
    await carry(runs, FAILED)
    (waiting, first), _ = await runs.page(RunFilter())
    assert waiting.not_before
    assert waiting.not_before > clock.now
    report = await bulk.carry_out([waiting.id, first.id], "retry")
    assert [done.opened for done in report.done] == [waiting.id]
    assert report.unchanged == (Left(first.id, "one", "A later attempt waits."),)
    assert (await runs.get(waiting.id)).not_before == clock.now

"""Trials: what is typed in a form is run once, for real, and no job is touched by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from recipes import BY_HAND, FAILED, NOW, SUCCEEDED, a_job
from support import TurnedClock

from cronapp.core.errors import InvalidInput, JobNotFound
from cronapp.core.events import Event, RunChanged
from cronapp.core.models import NO_JOB, RunState, RunTrigger
from cronapp.service.concerns import Worries
from cronapp.service.jobs import Jobs
from cronapp.service.pulse import Pulse
from cronapp.service.runs import Claimed, Runs
from cronapp.service.tasks import Tasks
from cronapp.service.trials import Trials
from cronapp.store.runs import RunFilter
from cronapp.store.store import Store

TYPED: dict[str, Any] = {"id": "nightly", "task": "hello", "args": {"name": "Kiel"}, "timeout": "90"}


async def claim_one(runs: Runs) -> Claimed:
    (claimed,) = await runs.claim("node-1", 1)
    return claimed


@pytest.fixture
def trials(store: Store, tasks: Tasks, clock: TurnedClock) -> Trials:
    return Trials(store, tasks, clock)


async def test_a_trial_runs_what_was_typed_with_its_timeout(runs: Runs, trials: Trials, events: list[Event]) -> None:
    run = await trials.begin({**TYPED, "schedule": "not even typed", "retry.max_attempts": "many"})
    assert (run.job, run.task, run.args, run.trigger) == ("nightly", "hello", {"name": "Kiel"}, RunTrigger.MANUAL)
    assert (run.trial, run.state, run.slot, run.job_key) == (True, RunState.QUEUED, None, NO_JOB)
    assert events == [RunChanged(run.id, "nightly")]
    claimed = await claim_one(runs)
    assert (claimed.run.id, claimed.spec.timeout, claimed.spec.condition) == (run.id, 90, None)
    assert await runs.finish(claimed.run, SUCCEEDED, 1.5)
    assert (await runs.get(run.id)).result == {"greeted": "world"}


async def test_a_trial_of_a_job_that_is_there_counts_nothing_of_it(
    jobs: Jobs, runs: Runs, trials: Trials, clock: TurnedClock
) -> None:
    retry = {"max_attempts": 5}
    await jobs.create(a_job("nightly", schedule=BY_HAND, pause_after_failures=1, retry=retry), origin="api")
    await jobs.create(
        a_job("after", schedule={"kind": "dependency"}, after={"jobs": ["nightly"], "when": "any"}), origin="api"
    )
    await trials.begin(TYPED)
    assert await runs.finish((await claim_one(runs)).run, FAILED, 1.5)
    row = await jobs.row("nightly")
    assert (row.recent, row.job.failures, row.job.state, row.job.version) == ((), 0, "active", 1)
    assert (await runs.of_job(row.job))[0] == []
    assert await runs.claim("node-1", 5) == [], "nothing was woken, and nothing is tried again"
    pulse = Pulse(runs.store, clock)
    assert (await pulse.figures()).today.runs == 0
    assert (await Worries(runs.store, clock).look()).total == 0
    await runs.run_now("nightly")
    assert await runs.finish((await claim_one(runs)).run, SUCCEEDED, 1.5)
    clock.turn(1)
    assert (await pulse.figures()).today.succeeded == 1
    listed = (await runs.page(RunFilter(job="nightly")))[0]
    assert [run.trial for run in listed] == [False, True]


async def test_what_is_usual_for_a_trial_is_that_of_its_like(runs: Runs, trials: Trials) -> None:
    for typed in (TYPED, TYPED, TYPED, {**TYPED, "id": "other"}):
        await trials.begin(typed)
        assert await runs.finish((await claim_one(runs)).run, SUCCEEDED, 2 if typed is TYPED else 500)
    await trials.begin(TYPED)
    usual = await runs.usual_before((await claim_one(runs)).run)
    assert usual is not None
    assert usual.median == 2
    await trials.begin({**TYPED, "id": "third"})
    assert await runs.usual_before((await claim_one(runs)).run) is None


async def test_a_trial_is_cancelled_lost_and_pruned_like_any_run(
    runs: Runs, trials: Trials, clock: TurnedClock
) -> None:
    waiting = await trials.begin(TYPED)
    assert (await runs.cancel(waiting.id)).state is RunState.CANCELLED
    with pytest.raises(JobNotFound):
        await runs.retry(waiting.id)
    lost = await trials.begin(TYPED)
    await claim_one(runs)
    assert [run.id for run in await runs.lose_running("The server stopped.")] == [lost.id]
    clock.now = NOW + timedelta(days=40)
    assert await runs.prune(keep_days=30, keep_runs=1000) == 2


async def test_only_the_newest_trials_are_kept(runs: Runs, trials: Trials) -> None:
    made = [await trials.begin(TYPED) for _ in range(4)]
    for run in made:
        await runs.cancel(run.id)
    assert await runs.prune(keep_days=30, keep_runs=2) == 2
    assert [run.id for run in (await runs.page(RunFilter()))[0]] == [made[3].id, made[2].id]


async def test_what_a_removed_job_left_waiting_is_not_claimed_as_a_trial(
    jobs: Jobs, runs: Runs, trials: Trials
) -> None:
    await jobs.create(a_job("nightly", schedule=BY_HAND, retry={"max_attempts": 2}), origin="api")
    run = await runs.run_now("nightly")
    claimed = await claim_one(runs)
    await runs.finish(claimed.run, FAILED, 1.5)
    await jobs.remove("nightly")
    assert await runs.claim("node-1", 5) == []
    assert (await runs.get(run.id)).trial is False


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"task": ""}, {"task"}),
        ({"task": "gone"}, {"task"}),
        ({"args": {"times": "many", "nmae": 1}}, {"args.times", "args.nmae"}),
        ({"args": []}, {"args"}),
        ({"timeout": "soon", "args": {"times": "many"}}, {"timeout", "args.times"}),
        ({"queue": "a b"}, {"queue"}),
    ],
)
async def test_what_a_trial_needs_is_named_when_it_is_wrong(
    runs: Runs, trials: Trials, typed: dict[str, Any], wrong: set[str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await trials.begin({**TYPED, **typed})
    assert set(caught.value.errors) == wrong
    assert await runs.page(RunFilter()) == ([], None)


async def test_a_trial_whose_id_cannot_be_one_goes_by_its_task(trials: Trials) -> None:
    assert (await trials.begin({**TYPED, "id": "a b"})).job == "hello"
    assert (await trials.begin({**TYPED, "id": None})).job == "hello"

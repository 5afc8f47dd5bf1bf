"""Jobs that come after others: who wakes whom, when, and what is refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from recipes import BY_HAND, FAILED, HOURLY, SUCCEEDED, a_job, at, carry
from support import TurnedClock

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Cause, Job, JobState, Outcome, Run, RunState, RunTrigger
from cronapp.service.backfills import Backfills, Window
from cronapp.service.declarations import Declarations
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.service.tasks import Tasks
from cronapp.store.store import Store

ALONE = {"kind": "dependency"}


async def make(
    jobs: Jobs, job_id: str, *upstreams: str, when: str = "success", mode: str = "all", **fields: Any
) -> Job:
    after = {"jobs": list(upstreams), "when": when, "mode": mode} if upstreams else None
    given = {"schedule": ALONE if upstreams else BY_HAND, "after": after, **fields}
    return await jobs.create(a_job(job_id, **given), origin="api")


async def of(jobs: Jobs, runs: Runs, job_id: str) -> list[Run]:
    """The job's runs, oldest first."""
    return (await runs.of_job(await jobs.get(job_id)))[0][::-1]


async def end(runs: Runs, job_id: str, outcome: Outcome = SUCCEEDED) -> Run:
    run = await runs.run_now(job_id)
    ended = await carry(runs, outcome)
    assert ended.id == run.id
    return ended


@pytest.mark.parametrize(
    ("when", "outcome", "woken"),
    [
        ("success", SUCCEEDED, True),
        ("success", FAILED, False),
        ("failure", SUCCEEDED, False),
        ("failure", FAILED, True),
        ("failure", Outcome(state=RunState.TIMED_OUT), True),
        ("failure", Outcome(state=RunState.CANCELLED), False),
        ("any", Outcome(state=RunState.CANCELLED), True),
        ("any", FAILED, True),
        ("any", SUCCEEDED, True),
    ],
)
async def test_the_end_that_was_asked_for_wakes_and_the_run_names_who_woke_it(
    jobs: Jobs, runs: Runs, when: str, outcome: Outcome, woken: bool
) -> None:
    await make(jobs, "extract")
    await make(jobs, "load", "extract", when=when)
    ended = await end(runs, "extract", outcome)
    found = await of(jobs, runs, "load")
    assert [(run.trigger, run.state, run.woken_by) for run in found] == (
        [(RunTrigger.DEPENDENCY, RunState.QUEUED, ended.id)] if woken else []
    )


async def test_all_wake_once_each_has_ended_since_the_own_last_run(jobs: Jobs, runs: Runs) -> None:
    await make(jobs, "a")
    await make(jobs, "b")
    await make(jobs, "both", "a", "b")
    await end(runs, "a")
    await end(runs, "a")
    assert await of(jobs, runs, "both") == []
    await end(runs, "b")
    assert len(await of(jobs, runs, "both")) == 1
    await carry(runs)
    await end(runs, "b")  # and a has not ended since
    assert len(await of(jobs, runs, "both")) == 1
    await end(runs, "both")  # by hand: from here on both must end anew
    await end(runs, "a")
    assert len(await of(jobs, runs, "both")) == 2
    await end(runs, "b")
    assert len(await of(jobs, runs, "both")) == 3


async def test_each_wakes_by_itself(jobs: Jobs, runs: Runs) -> None:
    await make(jobs, "a")
    await make(jobs, "b")
    await make(jobs, "either", "a", "b", mode="each", overlap="queue_all")
    await end(runs, "a")
    await carry(runs)
    await end(runs, "b")
    assert len(await of(jobs, runs, "either")) == 2


async def test_an_attempt_that_is_tried_again_is_no_end(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    await make(jobs, "extract", retry={"max_attempts": 2, "delay": 10})
    await make(jobs, "alarm", "extract", when="failure")
    await end(runs, "extract", FAILED)
    assert await of(jobs, runs, "alarm") == []
    clock.turn(60)
    last = await carry(runs, FAILED)
    (woken,) = await of(jobs, runs, "alarm")
    assert woken.woken_by == last.id


async def test_a_waiting_run_that_is_cancelled_has_ended(jobs: Jobs, runs: Runs) -> None:
    await make(jobs, "extract")
    await make(jobs, "always", "extract", when="any")
    run = await runs.run_now("extract")
    await runs.cancel(run.id)
    (woken,) = await of(jobs, runs, "always")
    assert woken.woken_by == run.id


async def test_what_may_not_run_now_is_recorded(jobs: Jobs, runs: Runs) -> None:
    await make(jobs, "extract")
    await make(jobs, "paused", "extract")
    await make(jobs, "dark", "extract", blackouts=["00:00-23:59"])
    await make(jobs, "busy", "extract")
    await jobs.pause("paused", "deploying", by="admin")
    await runs.run_now("busy")
    busy = await carry_claimed(runs)
    await end(runs, "extract")
    assert [(run.state, run.cause, run.reason) for run in await of(jobs, runs, "paused")] == [
        (RunState.SKIPPED, Cause.PAUSE, "Paused by admin: deploying.")
    ]
    assert [run.cause for run in await of(jobs, runs, "dark")] == [Cause.BLACKOUT]
    assert [run.cause for run in await of(jobs, runs, "busy")] == [None, Cause.OVERLAP]
    assert busy.state is RunState.RUNNING


async def carry_claimed(runs: Runs) -> Run:
    (claimed,) = await runs.claim("node-1", 1)
    return await runs.get(claimed.run.id)


async def test_max_runs_count_for_woken_runs_too(jobs: Jobs, runs: Runs) -> None:
    await make(jobs, "extract")
    await make(jobs, "twice", "extract", max_runs=2, overlap="queue_all")
    for _ in range(3):
        await end(runs, "extract")
        if await runs.counts():
            await carry(runs)
    assert len(await of(jobs, runs, "twice")) == 2
    assert (await jobs.get("twice")).state is JobState.FINISHED


async def test_a_diamond_wakes_its_end_once(jobs: Jobs, runs: Runs) -> None:
    await make(jobs, "top")
    await make(jobs, "left", "top")
    await make(jobs, "right", "top")
    await make(jobs, "end", "left", "right")
    await end(runs, "top")
    await carry(runs)
    await carry(runs)
    assert len(await of(jobs, runs, "end")) == 1


async def test_a_job_that_is_nowhere_and_a_circle_are_refused_with_their_field(jobs: Jobs) -> None:
    await make(jobs, "extract")
    await make(jobs, "load", "extract")
    with pytest.raises(InvalidInput) as refused:
        await make(jobs, "report", "load", "extrakt")
    assert refused.value.errors == {"after.jobs.1": 'There is no job "extrakt". Did you mean "extract"?'}
    await make(jobs, "report", "load")
    with pytest.raises(InvalidInput) as refused:
        await jobs.edit("extract", a_job("extract", schedule=ALONE, after={"jobs": ["report"]}))
    assert refused.value.errors == {
        "after.jobs": "This would be a circle: extract → load → report → extract. Take one of them out."
    }


async def test_two_edits_at_once_make_no_circle(jobs: Jobs) -> None:
    for job_id in ("a", "b"):
        await make(jobs, job_id)
    made = await asyncio.gather(
        jobs.edit("a", a_job("a", schedule=ALONE, after={"jobs": ["b"]})),
        jobs.edit("b", a_job("b", schedule=ALONE, after={"jobs": ["a"]})),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in made) == ["InvalidInput", "Job"]


async def test_a_backfilled_run_wakes_nobody(jobs: Jobs, runs: Runs, tasks: Tasks, store: Store) -> None:
    await make(jobs, "extract", schedule=HOURLY)
    await make(jobs, "load", "extract", when="any")
    window = Window(since=at("03:00", 1), until=at("03:00", 1))
    await Backfills(store, tasks, jobs.clock).open("extract", window, by="admin")
    assert (await carry(runs)).backfill is not None
    assert await of(jobs, runs, "load") == []
    await end(runs, "extract")
    assert len(await of(jobs, runs, "load")) == 1


async def test_an_upstream_may_be_removed_and_made_anew(jobs: Jobs, runs: Runs) -> None:
    await make(jobs, "extract")
    await make(jobs, "load", "extract")
    await jobs.remove("extract")
    edited = await jobs.edit("load", a_job("load", schedule=ALONE, after={"jobs": ["extract"]}, description="kept"))
    assert edited.state is JobState.ACTIVE
    await make(jobs, "extract")
    await end(runs, "extract")
    assert len(await of(jobs, runs, "load")) == 1


async def test_two_ends_at_once_wake_once(jobs: Jobs, runs: Runs) -> None:
    for job_id in ("a", "b"):
        await make(jobs, job_id)
    await make(jobs, "both", "a", "b", overlap="queue_all")
    for round_ in range(1, 6):
        for job_id in ("a", "b"):
            await runs.run_now(job_id)
        claimed = [one for node in ("node-1", "node-2") for one in await runs.claim(node, 1)]
        await asyncio.gather(*(runs.finish(one.run, SUCCEEDED, 1.0) for one in claimed))
        assert len(await of(jobs, runs, "both")) == round_
        await carry(runs)


async def test_a_run_that_the_condition_refuses_uses_up_nothing(jobs: Jobs, runs: Runs) -> None:
    await make(jobs, "extract")
    await make(jobs, "once", "extract", max_runs=1)
    refused = Outcome(state=RunState.SKIPPED, reason="The condition said no.", cause=Cause.CONDITION)
    await end(runs, "extract")
    assert (await jobs.get("once")).state is JobState.FINISHED
    await carry(runs, refused)
    assert (await jobs.get("once")).state is JobState.ACTIVE
    await end(runs, "extract")
    assert [run.state for run in await of(jobs, runs, "once")] == [RunState.SKIPPED, RunState.QUEUED]


async def test_a_job_whose_runs_are_used_up_stays_finished_after_an_edit_until_it_may_have_more(
    jobs: Jobs, runs: Runs
) -> None:
    await make(jobs, "extract")
    await make(jobs, "once", "extract", max_runs=1)
    await end(runs, "extract")
    await carry(runs)
    spec = a_job("once", schedule=ALONE, after={"jobs": ["extract"]}, max_runs=1, description="The only one.")
    assert (await jobs.edit("once", spec)).state is JobState.FINISHED
    assert (await jobs.edit("once", {**spec, "max_runs": 2})).state is JobState.ACTIVE


async def test_a_job_beside_a_clock_is_woken_too_and_lives_on_when_its_slots_end(
    jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    await make(jobs, "extract")
    once = {"kind": "once", "at": (clock() + timedelta(minutes=1)).isoformat()}
    job = await make(jobs, "both", "extract", schedule=once)
    clock.turn(60)
    await runs.settle_due([job.key])
    await carry(runs)
    assert (await jobs.get("both")).state is JobState.ACTIVE
    await end(runs, "extract")
    assert [run.trigger for run in await of(jobs, runs, "both")] == [RunTrigger.SCHEDULE, RunTrigger.DEPENDENCY]


# -- declared in code -----------------------------------------------------------------------------------------------

DECLARED = """
from cronapp import task

@task(after="load")
def report(): ...

@task(after="extract", schedule="0 3 * * *")
def load(): ...

@task(schedule="0 2 * * *")
def extract(): ...
"""


def from_code(jobs: Jobs, path: Path, code: str) -> Jobs:
    """The same jobs under other code."""
    path.write_text(code)
    return Jobs(jobs.store, Tasks([str(path)]), jobs.blackouts, jobs.clock, "UTC")


async def test_jobs_of_the_code_are_made_in_their_order_and_may_change_it(jobs: Jobs, tmp_path: Path) -> None:
    await Declarations(from_code(jobs, tmp_path / "chain.py", DECLARED)).declare()
    assert {job.id: job.spec.after and job.spec.after.jobs for job in await jobs.all()} == {
        "extract": None,
        "load": ("extract",),
        "report": ("load",),
    }
    turned = DECLARED.replace('after="extract", ', "").replace('schedule="0 2', 'after="report", schedule="0 2')
    await Declarations(from_code(jobs, tmp_path / "turned.py", turned)).declare()
    assert {job.id: job.spec.after and job.spec.after.jobs for job in await jobs.all()} == {
        "extract": ("report",),
        "load": None,
        "report": ("load",),
    }


async def test_a_circle_in_the_code_is_spelt_out_and_nothing_of_it_is_made(
    jobs: Jobs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = DECLARED.replace('schedule="0 2', 'after="report", schedule="0 2')
    await Declarations(from_code(jobs, tmp_path / "circle.py", code)).declare()
    assert await jobs.all() == []
    assert "extract → load → report → extract" in caplog.text

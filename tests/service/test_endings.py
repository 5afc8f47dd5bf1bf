"""Several ends in one transaction: they bring the same as one after another."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from recipes import FAILED, SUCCEEDED, a_job, log_lines

from cronapp.core.models import Cause, Job, Outcome, Run, RunState
from cronapp.engine.gathering import Gathering
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Finished, Runs, Written
from cronapp.store.runs import RunFilter

REFUSED = Outcome(state=RunState.SKIPPED, reason="The condition said no.", cause=Cause.CONDITION)
LOST = Outcome(state=RunState.LOST, reason="It died.")
ALONE: dict[str, Any] = {"schedule": {"kind": "manual"}, "overlap": "queue_all", "max_running": 20}
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "retried": {"retry": {"max_attempts": 2, "delay": 0}},
    "paused": {"pause_after_failures": 2},
    "next": {"after": {"jobs": ["plain", "retried"], "mode": "all"}},
    "each": {"after": {"jobs": ["paused", "next"], "mode": "each", "when": "any"}},
    "once": {"after": {"jobs": ["plain"]}, "max_runs": 2},
}


async def made(jobs: Jobs, prefix: str) -> None:
    for name, fields in KINDS.items():
        after = fields.get("after")
        named = {"after": {**after, "jobs": [prefix + one for one in after["jobs"]]}} if after else {}
        await jobs.create(a_job(prefix + name, **ALONE, **{**fields, **named}), origin="api")


def told(job: Job) -> tuple[Any, ...]:
    return job.state, job.failures, job.version, job.slots_used, (job.reason or "").partition("#")[0]


def told_of(run: Run) -> tuple[Any, ...]:
    return run.state, run.trigger, run.attempt, run.reason, run.cause, run.last_seq, run.woken_by is not None


async def standing(jobs: Jobs, runs: Runs, prefix: str) -> dict[str, Any]:
    found = {}
    for name in KINDS:
        theirs, _ = await runs.page(RunFilter(job=prefix + name), limit=100)
        found[name] = told(await jobs.get(prefix + name)), sorted(map(told_of, theirs), key=repr)
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_ends_stored_together_bring_what_they_bring_one_by_one(jobs: Jobs, runs: Runs, seed: int) -> None:
    stand = []
    for prefix in ("together-", "singly-"):
        chance = random.Random(seed)
        await made(jobs, prefix)
        for _ in range(3):
            for name in KINDS:
                for _ in range(chance.randrange(3)):
                    await runs.run_now(prefix + name)
            claimed = sorted(await runs.claim("node-1", 100), key=lambda one: one.run.id)
            ends = []
            for one in claimed:
                lines = log_lines(*"abc"[: chance.randrange(4)])
                outcome = chance.choice([SUCCEEDED, SUCCEEDED, FAILED, REFUSED, LOST])
                ends.append(Finished(one.run, outcome, 1.0, Written(one.run, lines, None) if lines else None))
            parts = [ends] if prefix == "together-" else [[end] for end in ends]
            for part in parts:
                assert all(await runs.finish_all(part))
        stand.append(await standing(jobs, runs, prefix))
        await runs.claim("node-2", 100)  # so that the others do not take what is left
    assert stand[0] == stand[1]


async def test_an_end_that_is_no_longer_ours_hinders_no_other(jobs: Jobs, runs: Runs) -> None:
    await jobs.create(a_job("a", **ALONE), origin="api")
    for _ in range(3):
        await runs.run_now("a")
    first, second, third = [one.run for one in await runs.claim("node-1", 3)]
    assert await runs.finish(second, FAILED, 1.0)
    last = Written(second, log_lines("late"), None)
    ends = [Finished(first, SUCCEEDED, 1.0), Finished(second, SUCCEEDED, 1.0, last), Finished(third, FAILED, 1.0)]
    assert await runs.finish_all(ends) == [True, False, True]
    assert [(await runs.get(run.id)).state for run in (first, second, third)] == ["succeeded", "failed", "failed"]
    assert (await runs.get(second.id)).last_seq == 0


async def test_two_nodes_whose_runs_end_together_never_wait_for_each_other_in_a_circle(jobs: Jobs, runs: Runs) -> None:
    names = [f"job-{n}" for n in range(6)]
    for name in names:
        await jobs.create(a_job(name, **ALONE), origin="api")
    await jobs.create(a_job("last", **ALONE, after={"jobs": names, "mode": "each", "when": "any"}), origin="api")
    for _ in range(5):
        for name in [*names, *reversed(names)]:
            await runs.run_now(name)
        ends = [Finished(one.run, FAILED, 1.0) for one in await runs.claim("node-1", 100)]
        half = len(ends) // 2
        answers = await asyncio.gather(runs.finish_all(ends[:half]), runs.finish_all(ends[: half - 1 : -1]))
        assert all(map(all, answers))
    assert [(await jobs.get(name)).failures for name in names] == [10] * 6


# -- gathered -------------------------------------------------------------------------------------------------------


async def test_what_comes_meanwhile_goes_together() -> None:
    batches: list[list[int]] = []
    going, gate = asyncio.Event(), asyncio.Event()

    async def double(items: Any) -> list[int]:
        batches.append(list(items))
        going.set()
        await gate.wait()
        return [2 * item for item in items]

    gathering = Gathering(double, "double")
    first = asyncio.create_task(gathering.add(1))
    await going.wait()
    others = [asyncio.create_task(gathering.add(n)) for n in (2, 3, 4)]
    given_up = asyncio.create_task(gathering.add(5))
    await asyncio.sleep(0)
    given_up.cancel()
    gate.set()
    assert [await task for task in (first, *others)] == [2, 4, 6, 8]
    assert batches == [[1], [2, 3, 4, 5]]


async def test_only_what_is_refused_is_told_so() -> None:
    async def picky(items: Any) -> list[int]:
        if 3 in items:
            raise ValueError("not 3")
        return list(items)

    gathering = Gathering(picky, "picky")
    answers = await asyncio.gather(*map(gathering.add, range(5)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["0", "1", "2", "not 3", "4"]

"""Runs: opened by hand, claimed, ended, tried again, cancelled, lost, pruned; and what they print."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from recipes import BY_HAND, EACH_MINUTE, FAILED, NOW, SUCCEEDED, a_job, at, carry, log_lines, states
from support import TASKS, TurnedClock

from cronapp.core.errors import (
    IdempotencyMismatch,
    InvalidInput,
    JobNotFound,
    RunEnded,
    RunNotEnded,
    RunNotFound,
    TaskGone,
)
from cronapp.core.events import CancelRequested, Event, LogAppended, RunChanged
from cronapp.core.models import Job, Outcome, Progress, Run, RunState, RunTrigger
from cronapp.service.declarations import Declarations
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Claimed, Runs, Written
from cronapp.service.tasks import Tasks
from cronapp.store.idempotency import Once
from cronapp.store.runs import RunFilter

TIMED_OUT = Outcome(state=RunState.TIMED_OUT, reason="It took too long.")
CANCELLED = Outcome(state=RunState.CANCELLED, reason="By hand.")
TRY_THRICE = {"max_attempts": 3, "delay": 10, "backoff": "fixed"}


@pytest.fixture
async def job(jobs: Jobs) -> Job:
    """A job that is started by hand."""
    return await jobs.create(a_job("job", schedule=BY_HAND, args={"name": "Kiel"}), origin="api")


async def retried(jobs: Jobs, runs: Runs, **fields: Any) -> Run:
    """The first run of a job that is tried again."""
    await jobs.create(a_job("tried", schedule=BY_HAND, retry=TRY_THRICE, **fields), origin="api")
    return await runs.run_now("tried")


async def attempts(runs: Runs, run: Run) -> list[tuple[int, str, str]]:
    return [(one.attempt, one.state.value, one.trigger.value) for one in await runs.attempts(run)]


async def claim_one(runs: Runs, node: str = "node-1") -> Claimed:
    (claimed,) = await runs.claim(node, 1)
    return claimed


# -- opened by hand -------------------------------------------------------------------------------------------------


async def test_a_run_started_by_hand_waits_with_the_arguments_of_its_job(
    runs: Runs, job: Job, events: list[Event]
) -> None:
    events.clear()
    run = await runs.run_now("job")
    assert (run.state, run.trigger, run.slot, run.args) == (RunState.QUEUED, RunTrigger.MANUAL, None, {"name": "Kiel"})
    assert (run.queued_at, run.attempt, run.first_attempt, run.job_key) == (NOW, 1, run.id, job.key)
    assert events == [RunChanged(run.id, "job")]


async def test_other_arguments_take_the_place_of_the_jobs_one_by_one(runs: Runs, jobs: Jobs, job: Job) -> None:
    run = await runs.run_now("job", {"times": 2}, trigger=RunTrigger.API)
    assert (run.args, run.trigger) == ({"name": "Kiel", "times": 2}, RunTrigger.API)
    assert (await jobs.get("job")).spec.args == {"name": "Kiel"}


async def test_wrong_arguments_are_named_and_nothing_is_opened(runs: Runs, job: Job) -> None:
    with pytest.raises(InvalidInput) as caught:
        await runs.run_now("job", {"times": "many", "nmae": 1})
    assert set(caught.value.errors) == {"args.times", "args.nmae"}
    assert await runs.page(RunFilter()) == ([], None)


async def test_a_job_without_its_task_is_not_run_by_hand(runs: Runs, tasks: Tasks, tmp_path: Path, job: Job) -> None:
    (tmp_path / "tasks.py").write_text("")
    tasks.reload()
    with pytest.raises(TaskGone):
        await runs.run_now("job")
    with pytest.raises(JobNotFound):
        await runs.run_now("none")


async def test_a_paused_job_may_be_run_by_hand(runs: Runs, jobs: Jobs, job: Job) -> None:
    await jobs.pause("job")
    await runs.run_now("job")
    assert (await carry(runs)).state is RunState.SUCCEEDED


async def test_the_same_request_sent_twice_opens_one_run(runs: Runs, job: Job) -> None:
    once = Once("key-1", "fingerprint")
    first, *others = await asyncio.gather(*(runs.run_now("job", once=once) for _ in range(4)))
    assert [*others, await runs.run_now("job", once=once)] == [first] * 4
    with pytest.raises(IdempotencyMismatch):
        await runs.run_now("job", once=Once("key-1", "another"))
    assert len((await runs.page(RunFilter()))[0]) == 1


# -- carried --------------------------------------------------------------------------------------------------------


async def test_a_claim_brings_the_rules_of_the_job(runs: Runs, jobs: Jobs, events: list[Event]) -> None:
    await jobs.create(a_job("job", schedule=BY_HAND, timeout="10m"), origin="api")
    await runs.run_now("job")
    events.clear()
    claimed = await claim_one(runs)
    assert (claimed.run.state, claimed.run.node, claimed.spec.timeout) == (RunState.RUNNING, "node-1", 600)
    assert events == [RunChanged(claimed.run.id, "job")]
    assert await runs.claim("node-2", 5) == []


async def test_the_end_of_a_run_comes_with_its_last_lines_in_one_transaction(
    runs: Runs, job: Job, events: list[Event]
) -> None:
    await runs.run_now("job")
    claimed = await claim_one(runs)
    events.clear()
    last = Written(claimed.run, log_lines("bye"), Progress(done=10))
    assert await runs.finish(claimed.run, SUCCEEDED, 1.25, last)
    run = await runs.get(claimed.run.id)
    assert (run.state, run.duration, run.result, run.last_seq) == (RunState.SUCCEEDED, 1.25, {"greeted": "world"}, 1)
    assert events == [LogAppended(run.id, 1), RunChanged(run.id, "job")]


async def test_who_no_longer_owns_a_run_changes_nothing_of_it(runs: Runs, job: Job, events: list[Event]) -> None:
    await runs.run_now("job")
    claimed = await claim_one(runs)
    await runs.lose_running("It died.")
    events.clear()
    assert not await runs.finish(claimed.run, SUCCEEDED, 1.0, Written(claimed.run, log_lines("late"), None))
    assert (await runs.get(claimed.run.id)).state is RunState.LOST
    assert await runs.lines(claimed.run.id) == []
    assert events == []


async def test_lines_and_progress_of_many_runs_are_written_together(
    runs: Runs, jobs: Jobs, events: list[Event]
) -> None:
    await jobs.create(a_job("many", schedule=BY_HAND, overlap="allow"), origin="api")
    for _ in range(3):
        await runs.run_now("many")
    one, two, three = [claimed.run for claimed in await runs.claim("node-1", 3)]
    events.clear()
    await runs.write(
        [
            Written(one, log_lines("a", "b"), None),
            Written(two, log_lines("c"), Progress(done=1, total=2, text="half")),
            Written(three, [], Progress(done=3)),
        ]
    )
    assert [line.text for line in await runs.lines(one.id)] == ["a", "b"]
    assert [line.text for line in await runs.lines(one.id, 1)] == ["b"]
    assert (await runs.get(two.id)).progress == Progress(done=1, total=2, text="half")
    assert events == [
        LogAppended(one.id, 2),
        LogAppended(two.id, 1),
        RunChanged(two.id, "many"),
        RunChanged(three.id, "many"),
    ]


async def test_of_a_run_that_is_no_longer_its_nodes_nothing_is_written_and_the_others_are(
    runs: Runs, jobs: Jobs, events: list[Event]
) -> None:
    await jobs.create(a_job("many", schedule=BY_HAND, overlap="allow"), origin="api")
    for _ in range(3):
        await runs.run_now("many")
    lost, theirs, mine = [claimed.run for claimed in await runs.claim("node-1", 3)]
    await runs.finish(lost, Outcome(state=RunState.LOST, reason="It died."), 1.0)
    theirs = replace(theirs, node="node-2")
    events.clear()
    written = [Written(run, log_lines("late"), Progress(done=1)) for run in (lost, theirs, mine)]
    assert await runs.write(written) == {mine.id}
    for run in (lost, theirs):
        assert await runs.lines(run.id) == []
        assert (await runs.get(run.id)).progress is None
        assert (await runs.get(run.id)).last_seq == 0
    assert [line.text for line in await runs.lines(mine.id)] == ["late"]
    assert (await runs.get(mine.id)).progress == Progress(done=1)
    assert events == [LogAppended(mine.id, 1), RunChanged(mine.id, "many")]
    assert await runs.write([Written(lost, log_lines("later"), None)]) == set()


async def test_lines_that_come_again_because_the_answer_of_a_commit_got_lost_are_kept_once(
    runs: Runs, job: Job
) -> None:
    await runs.run_now("job")
    run = (await claim_one(runs)).run
    for texts in (["a", "b"], ["a", "b", "c"]):
        assert await runs.write([Written(run, log_lines(*texts), None)]) == {run.id}
    assert await runs.finish(run, SUCCEEDED, 1.0, Written(run, log_lines("c", "d", first=3), None))
    assert [line.text for line in await runs.lines(run.id)] == ["a", "b", "c", "d"]
    assert (await runs.get(run.id)).last_seq == 4


async def test_a_run_that_is_not_there_is_not_found(runs: Runs) -> None:
    for asked in (runs.get(1), runs.cancel(1), runs.retry(1)):
        with pytest.raises(RunNotFound):
            await asked


# -- tried again ----------------------------------------------------------------------------------------------------


async def test_a_failed_run_is_tried_again_after_its_delay(
    runs: Runs, jobs: Jobs, clock: TurnedClock, events: list[Event]
) -> None:
    first = await retried(jobs, runs, args={"name": "Kiel"}, priority=3)
    await carry(runs, FAILED)
    second = (await runs.attempts(first))[1]
    assert events[-2:] == [RunChanged(first.id, "tried"), RunChanged(second.id, "tried")]
    assert (second.state, second.trigger, second.attempt) == (RunState.QUEUED, RunTrigger.RETRY, 2)
    assert (second.first_attempt, second.args, second.not_before) == (first.id, {"name": "Kiel"}, at("12:00:10"))
    assert await runs.next_start(clock()) == at("12:00:10")
    assert await runs.claim("node-1", 1) == []
    clock.turn(10)
    assert (await carry(runs)).id == second.id
    assert await attempts(runs, first) == [(1, "failed", "manual"), (2, "succeeded", "retry")]
    assert await runs.next_start(clock()) is None


async def test_attempts_come_to_an_end(runs: Runs, jobs: Jobs, clock: TurnedClock) -> None:
    first = await retried(jobs, runs)
    for outcome in (FAILED, TIMED_OUT, FAILED):
        await carry(runs, outcome)
        clock.turn(10)
    assert [number for number, _, _ in await attempts(runs, first)] == [1, 2, 3]
    assert await runs.claim("node-1", 1) == []


@pytest.mark.parametrize("outcome", [SUCCEEDED, CANCELLED], ids=lambda outcome: outcome.state.value)
async def test_what_did_not_go_wrong_is_not_tried_again(runs: Runs, jobs: Jobs, outcome: Outcome) -> None:
    first = await retried(jobs, runs)
    await carry(runs, outcome)
    assert len(await attempts(runs, first)) == 1


async def test_the_next_attempt_is_opened_once_however_often_the_end_is_told(runs: Runs, jobs: Jobs) -> None:
    first = await retried(jobs, runs)
    claimed = await claim_one(runs)
    told = await asyncio.gather(*(runs.finish(claimed.run, FAILED, 1.0) for _ in range(4)))
    assert sorted(told) == [False, False, False, True]
    assert len(await attempts(runs, first)) == 2


async def test_an_attempt_of_a_slot_keeps_the_slot(runs: Runs, jobs: Jobs, clock: TurnedClock) -> None:
    job = await jobs.create(a_job("tried", schedule=EACH_MINUTE, retry=TRY_THRICE), origin="api")
    clock.turn(60)
    await runs.settle_due([job.key])
    first = await carry(runs, FAILED)
    assert [(run.slot, run.attempt) for run in await runs.attempts(first)] == [(at("12:01"), 1), (at("12:01"), 2)]


async def test_a_job_that_needs_attention_is_not_tried_again(
    runs: Runs, jobs: Jobs, tasks: Tasks, tmp_path: Path
) -> None:
    first = await retried(jobs, runs)
    claimed = await claim_one(runs)
    (tmp_path / "tasks.py").write_text(TASKS.replace("def hello", "def good_bye"))
    tasks.reload()
    await Declarations(jobs).hold_against_code()
    await runs.finish(claimed.run, FAILED, 1.0)
    assert len(await attempts(runs, first)) == 1


async def test_a_run_that_ended_may_be_tried_again_by_hand(runs: Runs, job: Job, events: list[Event]) -> None:
    first = await runs.run_now("job", {"times": 3})
    with pytest.raises(RunNotEnded):
        await runs.retry(first.id)
    await carry(runs)
    events.clear()
    second = await runs.retry(first.id, trigger=RunTrigger.API)
    assert (second.attempt, second.first_attempt, second.args) == (2, first.id, {"name": "Kiel", "times": 3})
    assert (second.not_before, second.trigger) == (None, RunTrigger.API)
    assert events == [RunChanged(second.id, "job")]
    await carry(runs)
    await asyncio.gather(*(runs.retry(one.id) for one in (first, second, first)))
    assert [run.attempt for run in await runs.attempts(second)] == [1, 2, 3, 4, 5], "each has a number of its own"


async def test_a_run_of_a_removed_job_is_not_tried_again_by_hand(runs: Runs, jobs: Jobs, job: Job) -> None:
    first = await runs.run_now("job")
    await carry(runs)
    await jobs.remove("job")
    with pytest.raises(JobNotFound):
        await runs.retry(first.id)
    await jobs.create(a_job("job"), origin="api")  # another job under its id does not bring it back
    with pytest.raises(JobNotFound):
        await runs.retry(first.id)


# -- cancelled ------------------------------------------------------------------------------------------------------


async def test_a_waiting_run_is_cancelled_at_once(runs: Runs, job: Job, events: list[Event]) -> None:
    run = await runs.run_now("job")
    events.clear()
    cancelled = await runs.cancel(run.id)
    assert (cancelled.state, cancelled.reason, cancelled.finished_at) == (RunState.CANCELLED, "Cancelled by hand.", NOW)
    assert events == [RunChanged(run.id, "job")]
    assert await runs.claim("node-1", 1) == []
    with pytest.raises(RunEnded):
        await runs.cancel(run.id)


async def test_a_running_run_is_asked_to_stop(runs: Runs, job: Job, events: list[Event]) -> None:
    await runs.run_now("job")
    claimed = await claim_one(runs)
    events.clear()
    assert (await runs.cancel(claimed.run.id, "Too long.")).state is RunState.RUNNING
    assert events == [CancelRequested(claimed.run.id, "Too long.")]
    assert await runs.finish(claimed.run, CANCELLED, 1.0)


async def test_a_run_is_either_claimed_or_cancelled(runs: Runs, jobs: Jobs) -> None:
    await jobs.create(a_job("many", schedule=BY_HAND, overlap="allow"), origin="api")
    opened = [await runs.run_now("many") for _ in range(20)]
    claims, *cancels = await asyncio.gather(
        runs.claim("node-1", 20), *(runs.cancel(run.id) for run in opened), return_exceptions=True
    )
    assert isinstance(claims, list)
    claimed = {one.run.id for one in claims}
    cancelled = {run.id for run in opened if (await runs.get(run.id)).state is RunState.CANCELLED}
    assert claimed | cancelled == {run.id for run in opened}
    assert claimed & cancelled == set()
    assert not [answer for answer in cancels if isinstance(answer, BaseException)]


# -- lost -----------------------------------------------------------------------------------------------------------


async def test_what_a_dead_server_left_running_is_lost_and_the_rest_is_untouched(
    runs: Runs, job: Job, clock: TurnedClock, events: list[Event]
) -> None:
    done, left, waiting = [await runs.run_now("job") for _ in range(3)]
    await carry(runs)
    await claim_one(runs)
    clock.turn(30)
    events.clear()
    assert [run.id for run in await runs.lose_running("The server died.")] == [left.id]
    found = await runs.get(left.id)
    assert (found.state, found.reason, found.finished_at) == (RunState.LOST, "The server died.", at("12:00:30"))
    assert [(await runs.get(run.id)).state for run in (done, waiting)] == [RunState.SUCCEEDED, RunState.QUEUED]
    assert events == [RunChanged(left.id, "job")]
    assert await runs.lose_running("Again.") == []


async def test_a_lost_run_is_tried_again_where_the_rule_says_so(runs: Runs, jobs: Jobs, clock: TurnedClock) -> None:
    first = await retried(jobs, runs)
    await claim_one(runs)
    await runs.lose_running("The server died.")
    assert await attempts(runs, first) == [(1, "lost", "manual"), (2, "queued", "retry")]
    clock.turn(10)
    assert (await carry(runs)).attempt == 2


async def test_a_run_that_is_lost_again_and_again_is_not_tried_for_ever(
    runs: Runs, jobs: Jobs, clock: TurnedClock
) -> None:
    rule = {"max_attempts": 10, "delay": 10, "backoff": "fixed"}
    await jobs.create(a_job("poison", schedule=BY_HAND, retry=rule), origin="api")
    first = await runs.run_now("poison")
    for _ in range(3):
        await claim_one(runs)
        await runs.lose_running("The server died.")
        clock.turn(11)
    assert [state for _, state, _ in await attempts(runs, first)] == ["lost", "lost", "lost"]
    told = [run.reason for run in await runs.attempts(first)]
    assert told[:2] == ["The server died."] * 2
    assert told[2].startswith("The server died. It was lost 3 times, so it is not tried again by itself")
    assert (await runs.retry(first.id)).attempt == 4  # by hand it may


# -- listed and pruned ----------------------------------------------------------------------------------------------


async def test_pages_of_runs_follow_on_each_other(runs: Runs, job: Job) -> None:
    ids = [(await runs.run_now("job")).id for _ in range(5)][::-1]
    first, before = await runs.page(RunFilter(), limit=2)
    second, before_second = await runs.page(RunFilter(), before=before, limit=2)
    third, end = await runs.of_job(job, before=before_second, limit=2)
    assert [[run.id for run in page] for page in (first, second, third)] == [ids[:2], ids[2:4], ids[4:]]
    assert (before, before_second, end) == (ids[1], ids[3], None)
    assert (await runs.page(RunFilter(), limit=5))[1] is None


async def test_history_is_pruned_by_age_and_by_number_in_small_batches(
    runs: Runs, jobs: Jobs, job: Job, clock: TurnedClock
) -> None:
    old = [(await runs.run_now("job")).id for _ in range(5)]
    for _ in old:
        await carry(runs)
    clock.turn(timedelta(days=10).total_seconds())
    recent = [(await runs.run_now("job")).id for _ in range(7)]
    for _ in recent:
        await carry(runs)
    waiting = (await runs.run_now("job")).id
    assert await runs.prune(keep_days=9, keep_runs=100, batch=2) == 5
    assert [run.id for run in (await runs.of_job(job))[0]] == [waiting, *recent[::-1]]
    assert await runs.prune(keep_days=9, keep_runs=4, batch=2) == 4
    assert [run.id for run in (await runs.of_job(job))[0]] == [waiting, *recent[:-4:-1]]
    assert await runs.prune(keep_days=9, keep_runs=4, batch=2) == 0
    await jobs.remove("job")
    clock.turn(timedelta(days=10).total_seconds())
    assert await runs.prune(keep_days=9, keep_runs=4) == 4
    assert states((await runs.page(RunFilter()))[0]) == []

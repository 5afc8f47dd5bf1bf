"""What the end of a run brings with it, in the transaction that ends it."""

from __future__ import annotations

from datetime import datetime, timedelta

from cronapp.core.amendments import slots_of
from cronapp.core.events import JobChanged, RunChanged
from cronapp.core.models import Job, JobState, Outcome, Run, RunState, RunTrigger
from cronapp.core.retry import delay_after, unmeant
from cronapp.service.blackouts import Blackouts
from cronapp.service.dependencies import wake
from cronapp.service.streaks import count_end
from cronapp.service.telling import tell_end
from cronapp.store import jobs, runs
from cronapp.store.store import Tx

MOST_LOST = 3
PARKED = f"It was lost {MOST_LOST} times, so it is not tried again by itself: it may be what ends the server."


def follow_up(tx: Tx, run: Run, outcome: Outcome, now: datetime, blackouts: Blackouts) -> None:
    """What the end of a run brings with it: the next attempt, or the runs of those that waited for it, and perhaps a
    pause; or its slot is given back."""
    job = next(iter(jobs.by_keys(tx.conn, [run.job_key])), None)
    if job is None:
        return
    if outcome.state is RunState.SKIPPED and run.attempt == 1:
        if run.backfill is None:  # it counts for no slot ahead
            give_back_slot(tx, job, now)
    elif job.state is JobState.NEEDS_ATTENTION or not try_again(tx, job, run, outcome, now):
        failures = count_end(tx, job, run, outcome.state, now)
        tell_end(tx, job, run, outcome.state, failures, now)
        wake(tx, run, outcome.state, now, blackouts)


def give_back_slot(tx: Tx, job: Job, now: datetime) -> None:
    """A slot that the condition refused uses up none of `max_runs`; a job that this had ended goes on."""
    if job.spec.max_runs is None:
        return
    jobs.count_slots(tx, job.key, -1)
    next_slot = slots_of(job).next_after(now)
    if job.state is JobState.FINISHED and (next_slot or job.spec.after):
        jobs.go_on(tx, job.key, next_slot)
        tx.emit(JobChanged(job.id))


def try_again(tx: Tx, job: Job, run: Run, outcome: Outcome, now: datetime) -> bool:
    """Opens the next attempt if the job's rule wants one; answers whether one comes."""
    delay = delay_after(job.spec.retry, outcome, run.attempt, seed=f"{run.job}/{run.first_attempt}")
    if delay is None:
        if why := unmeant(job.spec.retry, outcome, run.attempt):
            runs.add_reason(tx, run.id, why)
        return False
    if outcome.state is RunState.LOST and runs.lost_attempts(tx.conn, run.first_attempt) >= MOST_LOST:
        runs.add_reason(tx, run.id, PARKED)
        return False
    next_id = runs.open_retry(tx, run, trigger=RunTrigger.RETRY, now=now, not_before=now + timedelta(seconds=delay))
    if next_id is not None:
        tx.emit(RunChanged(next_id, run.job))
    return True

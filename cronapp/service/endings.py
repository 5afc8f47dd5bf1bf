"""What the end of a run brings with it, in the transaction that ends it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cronapp.core.amendments import slots_of
from cronapp.core.events import JobChanged, RunChanged
from cronapp.core.models import Job, JobState, Outcome, Run, RunState, RunTrigger
from cronapp.core.retry import delay_after, unmeant
from cronapp.service.blackouts import Blackouts
from cronapp.service.dependencies import wake
from cronapp.service.streaks import count_end
from cronapp.service.telling import tell_end
from cronapp.store import alerts, dependencies, jobs, runs
from cronapp.store.store import Tx

MOST_LOST = 3
PARKED = f"It was lost {MOST_LOST} times, so it is not tried again by itself: it may be what ends the server."


class Concerned:
    """Whom the ends of several runs concern: their jobs, and those that come after them. They are read once for all,
    and anew only where an end has changed something."""

    def __init__(self, tx: Tx, ends: Sequence[tuple[Run, Outcome]]) -> None:
        self._tx = tx
        keys = {run.job_key for run, _ in ends}
        self.after = dependencies.after(tx.conn, {run.job for run, _ in ends})
        if len(ends) > 1:  # in one order, so that two nodes never wait for each other in a circle
            unwell = {run.job_key for run, outcome in ends if outcome.state is not RunState.SUCCEEDED}
            jobs.lock(tx, unwell.union(*self.after.values()))
        self._jobs = {job.key: job for job in jobs.by_keys(tx.conn, keys)}
        self._changed: set[int] = set()

    def job(self, key: int) -> Job | None:
        """None: it was removed meanwhile."""
        if key in self._changed:
            self._changed.remove(key)
            self._jobs |= {job.key: job for job in jobs.by_keys(self._tx.conn, [key])}
        return self._jobs.get(key)

    def note(self, job: Job, outcome: Outcome) -> None:
        """What this end may have changed."""
        if outcome.state is not RunState.SUCCEEDED or job.failures:
            self._changed.add(job.key)
        self._changed |= self.after.get(job.id, set())


def follow_up(tx: Tx, ends: Sequence[tuple[Run, Outcome]], now: datetime, blackouts: Blackouts) -> None:
    """What the ends of runs bring with them: next attempts, or the runs of those that waited for them, and perhaps
    pauses; or slots are given back."""
    if not ends:
        return
    concerned = Concerned(tx, ends)
    general = alerts.listed(tx.conn)
    for run, outcome in ends:
        job = concerned.job(run.job_key)
        if job is None:
            continue
        if outcome.state is RunState.SKIPPED and run.attempt == 1:
            if run.backfill is None:  # it counts for no slot ahead
                give_back_slot(tx, job, now)
        elif job.state is JobState.NEEDS_ATTENTION or not try_again(tx, job, run, outcome, now):
            failures = count_end(tx, job, run, outcome.state, now)
            tell_end(tx, job, run, outcome.state, failures, now, general)
            if run.job in concerned.after:
                wake(tx, run, outcome.state, now, blackouts)
        concerned.note(job, outcome)


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

"""Failures in a row, after which a job pauses by itself."""

from __future__ import annotations

from datetime import datetime

from cronapp.core.events import JobChanged
from cronapp.core.history import ITSELF, ChangeKind
from cronapp.core.models import RETRIED_STATES, Job, Run, RunState, RunTrigger
from cronapp.service.changing import recorded
from cronapp.store import jobs, pauses
from cronapp.store.store import Tx


def count_end(tx: Tx, job: Job, run: Run, ended: RunState, now: datetime) -> int:
    """Counts a run that ended for good; answers how many failed in a row. A backfill says nothing of how the job does
    now."""
    if run.backfill is not None or run.trigger is RunTrigger.BACKFILL:
        return job.failures
    if ended is RunState.SUCCEEDED and job.failures:
        pauses.forget_failures(tx, job.key)
    elif ended in RETRIED_STATES:
        failures = pauses.count_failure(tx, job.key)
        pause_at_limit(tx, job, run, failures, now)
        return failures
    return 0 if ended is RunState.SUCCEEDED else job.failures


def pause_at_limit(tx: Tx, job: Job, run: Run, failures: int, now: datetime) -> None:
    """Pauses an active job once it has failed as often in a row as its rule allows."""
    limit = job.spec.pause_after_failures
    if limit is None or failures < limit:
        return
    times = "1 failure" if failures == 1 else f"{failures} failures in a row"
    reason = f"{times}, the last one run #{run.id}."
    if pauses.pause_active(tx, job.key, by=ITSELF, reason=reason, now=now):
        for paused in jobs.by_keys(tx.conn, [job.key]):
            recorded(tx, paused, ChangeKind.PAUSED_ITSELF, at=now, by=ITSELF, reason=reason, old=job)
        tx.emit(JobChanged(job.id))

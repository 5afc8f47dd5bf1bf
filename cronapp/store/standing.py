"""How things stand with all jobs and what waits: bounded by the jobs and by what is open, whatever was run before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from cronapp.core.models import NO_JOB, JobState, RunState
from cronapp.store.tables import SUCCEEDED, jobs, runs, scheduler


@dataclass(frozen=True, slots=True)
class JobStands:
    """One job."""

    job: str
    task: str
    state: JobState
    failures: int  # in a row, up to now
    next_slot: datetime | None
    last_success: datetime | None  # when its newest run that succeeded ended, as far as its runs are kept


def each_job(conn: Connection, most: int) -> list[JobStands]:
    """The jobs that were made first, at most so many."""
    own = (runs.c.job_key == jobs.c.key, SUCCEEDED)
    last = select(runs.c.finished_at).where(*own).order_by(runs.c.id.desc()).limit(1).correlate(jobs)
    statement = (
        select(jobs.c.id, jobs.c.task, jobs.c.state, jobs.c.failures, jobs.c.next_slot, last.scalar_subquery())
        .order_by(jobs.c.key)
        .limit(most)
    )
    return [
        JobStands(job, task, JobState(state), failures, slot, success)
        for job, task, state, failures, slot, success in conn.execute(statement)
    ]


def jobs_by_state(conn: Connection) -> dict[JobState, int]:
    statement = select(jobs.c.state, func.count()).group_by(jobs.c.state)
    return {JobState(state): count for state, count in conn.execute(statement)}


def waiting_since(conn: Connection, now: datetime) -> dict[str, datetime]:
    """Since when the oldest run waits that could start, by queue."""
    allowed = func.coalesce(runs.c.not_before, runs.c.queued_at)
    begun = func.min(allowed, type_=runs.c.queued_at.type)
    statement = (
        select(runs.c.queue, begun)
        .where(runs.c.state == RunState.QUEUED, or_(runs.c.not_before.is_(None), runs.c.not_before <= now))
        .where(or_(runs.c.job_key == NO_JOB, runs.c.job_key.in_(select(jobs.c.key))))
        .group_by(runs.c.queue)
    )
    return dict(conn.execute(statement).all())


def alive_at(conn: Connection) -> datetime | None:
    """The last sign of life of whoever serves slots."""
    return conn.execute(select(scheduler.c.alive_at)).scalar()

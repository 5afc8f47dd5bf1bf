"""Pauses of single jobs and of the whole scheduler, and what leads to them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select, update

from cronapp.core.models import Job, JobState, SchedulerPause
from cronapp.store import dialects
from cronapp.store.jobs import JOBS, jobs_of
from cronapp.store.store import Tx
from cronapp.store.tables import jobs, scheduler

ROW = 1  # the only one of its table
SWITCH = 0x43524F57

# -- the master switch ----------------------------------------------------------------------------------------------


def scheduler_pause(conn: Connection, *, lock: bool = False) -> SchedulerPause | None:
    """Who paused the whole scheduler; None: it runs. With `lock`, nobody else pauses or resumes it meanwhile."""
    if lock:
        dialects.lock(conn, SWITCH)
    row = conn.execute(select(scheduler).where(scheduler.c.id == ROW)).mappings().one()
    if row["paused_at"] is None:
        return None
    return SchedulerPause(by=row["paused_by"], at=row["paused_at"], until=row["paused_until"], reason=row["reason"])


def is_off(tx: Tx) -> bool:
    """Whether the whole scheduler is paused. Nobody pauses it until this transaction ends: what it opens or starts has
    come before the pause. Readers do not hinder each other.

    The row itself could be locked by readers too; but then a pause would wait for as long as one reader comes before
    the last has ended, which under load is for ever."""
    dialects.lock(tx.conn, SWITCH, shared=True)
    return tx.conn.execute(select(scheduler.c.paused_at).where(scheduler.c.id == ROW)).scalar_one() is not None


def set_scheduler_pause(tx: Tx, pause: SchedulerPause | None) -> None:
    """Turns the master switch. It is locked by who asks before."""
    tx.conn.execute(
        update(scheduler)
        .where(scheduler.c.id == ROW)
        .values(
            paused_at=pause and pause.at,
            paused_by=pause and pause.by,
            paused_until=pause and pause.until,
            reason=pause and pause.reason,
        )
    )


def due(conn: Connection, now: datetime, limit: int, after: int = 0) -> list[Job]:
    """Active jobs whose next slot has come, from the key `after` on."""
    statement = (
        JOBS.where(jobs.c.state == JobState.ACTIVE, jobs.c.next_slot <= now, jobs.c.key > after)
        .order_by(jobs.c.key)
        .limit(limit)
    )
    return jobs_of(conn, conn.execute(statement).mappings())


def count_due(conn: Connection, now: datetime) -> int:
    """How many active jobs have a slot that has come."""
    statement = select(func.count()).where(jobs.c.state == JobState.ACTIVE, jobs.c.next_slot <= now)
    return conn.execute(statement).scalar_one()


# -- jobs -----------------------------------------------------------------------------------------------------------


def over(conn: Connection, now: datetime) -> list[Job]:
    """The paused jobs whose time has come, the earliest first."""
    statement = JOBS.where(jobs.c.state == JobState.PAUSED, jobs.c.paused_until <= now).order_by(
        jobs.c.paused_until, jobs.c.key
    )
    return jobs_of(conn, conn.execute(statement).mappings())


def next_end(conn: Connection, now: datetime) -> datetime | None:
    """When the next pause ends, of a job or of the scheduler, after this moment."""
    of_jobs = select(func.min(jobs.c.paused_until)).where(jobs.c.state == JobState.PAUSED, jobs.c.paused_until > now)
    of_all = select(scheduler.c.paused_until).where(scheduler.c.paused_until > now)
    ends = [conn.execute(statement).scalar() for statement in (of_jobs, of_all)]
    return min((end for end in ends if end), default=None)


# -- failures in a row ----------------------------------------------------------------------------------------------


def count_failure(tx: Tx, key: int) -> int:
    """One more failure of this job in a row; answers how many."""
    statement = update(jobs).where(jobs.c.key == key).values(failures=jobs.c.failures + 1).returning(jobs.c.failures)
    return tx.conn.execute(statement).scalar() or 0


def forget_failures(tx: Tx, key: int) -> None:
    """A success ends the row of failures."""
    tx.conn.execute(update(jobs).where(jobs.c.key == key, jobs.c.failures != 0).values(failures=0))


def pause_active(tx: Tx, key: int, *, by: str, reason: str, now: datetime) -> bool:
    """Pauses the job where it is active; False: it is not."""
    statement = (
        update(jobs)
        .where(jobs.c.key == key, jobs.c.state == JobState.ACTIVE)
        .values(
            state=JobState.PAUSED,
            reason=reason,
            paused_by=by,
            paused_at=now,
            paused_until=None,
            next_slot=None,
            version=jobs.c.version + 1,
            updated_at=now,
        )
    )
    return tx.conn.execute(statement).rowcount == 1

"""Questions about runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from cronapp.core.models import NO_JOB, OPEN_STATES, Run, RunState
from cronapp.core.routing import Line
from cronapp.store.runs.rows import LISTED, run_of
from cronapp.store.tables import in_state, runs

FOLLOWED_AMONG = 500


def next_start(conn: Connection, after: datetime) -> datetime | None:
    """When the next run may start that has to wait until a moment after `after`: a retry, or one with jitter."""
    statement = select(func.min(runs.c.not_before)).where(in_state(RunState.QUEUED), runs.c.not_before > after)
    return conn.execute(statement).scalar()


def get(conn: Connection, run_id: int) -> Run | None:
    row = conn.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
    return run_of(row) if row else None


def tried(conn: Connection, run_id: int, by: str) -> Run | None:
    """A trial that this person began."""
    own = (runs.c.id == run_id, runs.c.job_key == NO_JOB, runs.c.tried_by == by)
    row = conn.execute(select(runs).where(*own)).mappings().first()
    return run_of(row) if row else None


def attempts(conn: Connection, first_attempt: int) -> list[Run]:
    """All attempts of one run, the first one first."""
    statement = (
        select(*LISTED)
        .where(or_(runs.c.id == first_attempt, runs.c.first_attempt == first_attempt))
        .order_by(runs.c.attempt)
    )
    return [run_of(row) for row in conn.execute(statement).mappings()]


def lost_attempts(conn: Connection, first_attempt: int) -> int:
    """How many attempts of one run were lost."""
    attempt = or_(runs.c.id == first_attempt, runs.c.first_attempt == first_attempt)
    statement = select(func.count()).where(attempt, runs.c.state == RunState.LOST)
    return int(conn.execute(statement).scalar_one())


def of_job(conn: Connection, job_key: int, *, state: str = "", before: int | None = None, limit: int = 50) -> list[Run]:
    """A job's own runs, the newest first; not those of a removed job of the same id."""
    statement = select(*LISTED).where(runs.c.job_key == job_key).order_by(runs.c.id.desc()).limit(limit)
    if state:  # not to be looked for by its index, which goes through the runs of all jobs
        statement = statement.where(func.coalesce(runs.c.state, "") == state)
    if before is not None:
        statement = statement.where(runs.c.id < before)
    return [run_of(row) for row in conn.execute(statement).mappings()]


def followed(conn: Connection, job_key: int) -> Run | None:
    """The newest run of a job that is running, else the newest that was started, among the newest 500."""
    own = select(runs.c.id).where(runs.c.job_key == job_key)
    going = own.where(runs.c.state == RunState.RUNNING).order_by(runs.c.id.desc()).limit(1)
    if (run_id := conn.execute(going).scalar()) is None:
        # What is inside ends the walk along the index, also where only slots were skipped for years.
        newest = own.add_columns(runs.c.started_at).order_by(runs.c.id.desc()).limit(FOLLOWED_AMONG).subquery()
        run_id = conn.execute(select(func.max(newest.c.id)).where(newest.c.started_at.is_not(None))).scalar()
    return None if run_id is None else get(conn, run_id)


def open_of_job(conn: Connection, job_key: int) -> list[Run]:
    """A job's runs that have not ended, the oldest first."""
    statement = select(runs).where(runs.c.job_key == job_key, runs.c.state.in_(OPEN_STATES)).order_by(runs.c.id)
    return [run_of(row) for row in conn.execute(statement).mappings()]


def has_alike(conn: Connection, run_id: int, group: str) -> bool:
    """Whether the group of errors has other runs than this one."""
    found = conn.scalars(select(runs.c.id).where(runs.c.error_group == group).limit(2))
    return any(other != run_id for other in found)


def lines_of(conn: Connection, run_ids: Sequence[int]) -> dict[int, Line]:
    """In which line each of these runs waits."""
    statement = select(runs.c.id, runs.c.queue, runs.c.labels).where(runs.c.id.in_(run_ids))
    return {row.id: Line(row.queue, row.labels) for row in conn.execute(statement)}


def standing(conn: Connection, run_ids: Sequence[int], node: str) -> dict[int, str | None]:
    """Those of the runs that still run on that node, each with why it should stop; None: it may go on."""
    here = (runs.c.id.in_(run_ids), runs.c.state == RunState.RUNNING, runs.c.node == node)
    return {row.id: row.stop_asked for row in conn.execute(select(runs.c.id, runs.c.stop_asked).where(*here))}


def running(conn: Connection, limit: int = 1000, node: str | None = None) -> list[Run]:
    """What runs now, everywhere or on one node, the longest first."""
    statement = select(*LISTED).where(runs.c.state == RunState.RUNNING).order_by(runs.c.id).limit(limit)
    if node is not None:
        statement = statement.where(runs.c.node == node)
    return [run_of(row) for row in conn.execute(statement).mappings()]

"""The limits of groups and queues, and what counts against them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, delete, exists, func, literal, select

from cronapp.core.limits import Limit, LimitKind, Rate
from cronapp.core.models import OPEN_STATES, RunState
from cronapp.core.routing import Line
from cronapp.store import dialects
from cronapp.store.store import Tx
from cronapp.store.tables import jobs, limits, runs


def all_limits(conn: Connection) -> list[Limit]:
    statement = select(limits).order_by(limits.c.kind, limits.c.name)
    return [
        Limit(row.kind, row.name, row.max_running, Rate(row.rate, row.per) if row.rate else None)
        for row in conn.execute(statement)
    ]


def get(conn: Connection, kind: LimitKind, name: str) -> Limit | None:
    return next((one for one in all_limits(conn) if (one.kind, one.name) == (kind, name)), None)


def put(tx: Tx, limit: Limit) -> None:
    """Sets the limit of a group or a queue, in place of the one it had."""
    rate = limit.rate
    dialects.put(
        tx.conn,
        limits,
        kind=limit.kind,
        name=limit.name,
        max_running=limit.max_running,
        rate=rate.starts if rate else None,
        per=rate.per if rate else None,
    )


def clear(tx: Tx, kind: LimitKind, name: str) -> bool:
    return tx.conn.execute(delete(limits).where(limits.c.kind == kind, limits.c.name == name)).rowcount == 1


def starts_since(conn: Connection, queue: str, since: datetime) -> int:
    """How many runs of the queue started after that moment."""
    return conn.execute(
        select(func.count()).select_from(runs).where(runs.c.queue == queue, runs.c.started_at > since)
    ).scalar_one()


def next_allowed(conn: Connection, now: datetime) -> datetime | None:
    """When the next run may start that waits for the rate of its queue; None: none does."""
    moments = []
    for limit in all_limits(conn):
        rate = limit.rate
        if limit.kind != "queue" or rate is None:
            continue
        oldest = conn.execute(
            select(runs.c.started_at)
            .where(runs.c.queue == limit.name, runs.c.started_at.is_not(None))
            .order_by(runs.c.started_at.desc())
            .offset(rate.starts - 1)
            .limit(1)
        ).scalar()
        allowed = None if oldest is None else oldest + timedelta(seconds=rate.per)
        if allowed and allowed > now and waits(conn, limit.name):
            moments.append(allowed)
    return min(moments, default=None)


def waits(conn: Connection, queue: str) -> bool:
    return conn.execute(select(exists().where(runs.c.state == RunState.QUEUED, runs.c.queue == queue))).scalar_one()


def open_by_queue(conn: Connection) -> dict[tuple[str, str], int]:
    """How many runs are open, by queue and state."""
    statement = (
        select(runs.c.queue, runs.c.state, func.count())
        .where(runs.c.state.in_(OPEN_STATES))
        .group_by(runs.c.queue, runs.c.state)
    )
    return {(queue, state): count for queue, state, count in conn.execute(statement)}


def waiting_by_line(conn: Connection, tasks: Collection[str] = ()) -> dict[tuple[Line, str], int]:
    """How many runs wait for the same queue and labels, those of these tasks by their task."""
    task = case((runs.c.task.in_(tasks), runs.c.task), else_="") if tasks else literal("")
    waiting = select(runs.c.queue, runs.c.labels, task.label("task")).where(runs.c.state == RunState.QUEUED).subquery()
    statement = select(*waiting.c, func.count().label("number")).group_by(*waiting.c)
    return {(Line(row.queue, row.labels), row.task): row.number for row in conn.execute(statement)}


def open_by_group(conn: Connection) -> dict[tuple[str, str], int]:
    """How many runs are open of the jobs of each group, by group and state."""
    statement = (
        select(jobs.c.group, runs.c.state, func.count())
        .join(jobs, jobs.c.key == runs.c.job_key)
        .where(runs.c.state.in_(OPEN_STATES), jobs.c.group.is_not(None))
        .group_by(jobs.c.group, runs.c.state)
    )
    return {(group, state): count for group, state, count in conn.execute(statement)}


def groups_in_use(conn: Connection) -> dict[str, int]:
    """The groups that jobs name, and how many do."""
    statement = select(jobs.c.group, func.count()).where(jobs.c.group.is_not(None)).group_by(jobs.c.group)
    return dict(conn.execute(statement).all())

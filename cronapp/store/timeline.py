"""What the timeline shows of a job's runs: the rows, or where they are many, how many began in each cell of time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, func, select, type_coerce

from cronapp.core.models import OPEN_STATES, RunState
from cronapp.core.timeline import WORST_FIRST, Bar, Cell
from cronapp.store.tables import EPOCH, MICROSECOND, runs

BAD = (RunState.FAILED, RunState.TIMED_OUT, RunState.LOST, RunState.MISSED)

began = func.coalesce(runs.c.started_at, runs.c.slot, runs.c.finished_at)
"""When a run began; of a record without one its slot. Never after its end, so one index finds what lies in between."""


def ended_within(job_key: int, since: datetime, until: datetime) -> ColumnElement[bool]:
    return (runs.c.job_key == job_key) & (runs.c.finished_at >= since) & (began < until)


def bars(conn: Connection, job_key: int, since: datetime, until: datetime, limit: int) -> list[Bar]:
    """A job's ended runs that lie within, in the order of their ends, at most `limit`."""
    columns = (runs.c.id, runs.c.state, runs.c.attempt, began, runs.c.finished_at, runs.c.missed, runs.c.missed_since)
    statement = select(*columns).where(ended_within(job_key, since, until)).order_by(runs.c.finished_at).limit(limit)
    return [
        Bar(run, RunState(state), attempt, since or start, end if state != RunState.MISSED else start, missed)
        for run, state, attempt, start, end, missed, since in conn.execute(statement)
    ]


def open_bars(conn: Connection, job_key: int, until: datetime, limit: int) -> tuple[list[Bar], int]:
    """A job's newest runs that have not ended, and how many there are of them."""
    start = func.coalesce(runs.c.started_at, runs.c.not_before, runs.c.queued_at)
    unended = (runs.c.job_key == job_key) & runs.c.state.in_(OPEN_STATES) & (start < until)
    statement = select(runs.c.id, runs.c.state, runs.c.attempt, start).where(unended)
    found = conn.execute(statement.order_by(runs.c.state.desc(), runs.c.id.desc()).limit(limit)).all()
    listed = [Bar(run, RunState(state), attempt, begun, None) for run, state, attempt, begun in found]
    if len(found) < limit:
        return listed[::-1], len(found)
    return listed[::-1], conn.execute(select(func.count()).select_from(runs).where(unended)).scalar_one()


def cells(conn: Connection, job_key: int, since: datetime, until: datetime, cell: timedelta) -> list[Cell]:
    """A job's ended runs that began within, counted by cells of time; from the index alone."""
    size = cell // MICROSECOND
    number = type_coerce(began, BigInteger).op("/")(size)
    statement = (
        select(number, runs.c.state, func.count())
        .where(ended_within(job_key, since, until), began >= since)
        .group_by(number, runs.c.state)
    )
    counted: dict[int, dict[RunState, int]] = {}
    for at, state, count in conn.execute(statement):
        counted.setdefault(at, {})[RunState(state)] = count
    return [
        Cell(
            EPOCH + at * cell,
            EPOCH + (at + 1) * cell,
            sum(states.values()),
            min(states, key=WORST_FIRST.index),
            sum(states.get(state, 0) for state in BAD),
        )
        for at, states in sorted(counted.items())
    ]

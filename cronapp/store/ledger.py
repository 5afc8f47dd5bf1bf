"""The rows of a job's slots."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from cronapp.core.models import Run
from cronapp.store.runs.rows import run_of
from cronapp.store.tables import runs

MOST = 20_000  # rows that are counted of one job


def before(conn: Connection, job_key: int, since: datetime, edge: datetime, limit: int) -> dict[datetime, list[Run]]:
    """The newest `limit` slots from `since` on and before `edge` that have rows, each with its attempts in order."""
    mine = runs.c.job_key == job_key
    slots = (
        select(runs.c.slot)
        .where(mine, runs.c.slot >= since, runs.c.slot < edge)
        .distinct()
        .order_by(runs.c.slot.desc())
        .limit(limit)
    )
    rows = select(runs).where(mine, runs.c.slot.in_(slots.scalar_subquery()))
    found: dict[datetime, list[Run]] = {}
    for row in conn.execute(rows.order_by(runs.c.slot.desc(), runs.c.attempt)).mappings():
        found.setdefault(row["slot"], []).append(run_of(row))
    return found


def reaching(conn: Connection, job_key: int, edge: datetime) -> list[Run]:
    """The rows that stand for several slots, some of them before `edge` and some not."""
    statement = select(runs).where(
        runs.c.job_key == job_key, runs.c.slot >= edge, runs.c.missed > 1, runs.c.missed_since < edge
    )
    return [run_of(row) for row in conn.execute(statement).mappings()]

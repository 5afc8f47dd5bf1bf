"""What the database holds, read without counting rows one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from cronapp.store.tables import jobs, runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    jobs: int
    runs: int  # at most: numbers are given once, and those of deleted runs may lie in between
    oldest: datetime | None  # when the oldest run that is kept ended


def holdings(conn: Connection) -> Holdings:
    first, last = (conn.execute(select(edge(runs.c.id))).scalar() for edge in (func.min, func.max))
    ended = select(func.min(runs.c.finished_at)).where(runs.c.finished_at.is_not(None))
    return Holdings(
        jobs=conn.execute(select(func.count()).select_from(jobs)).scalar_one(),
        runs=last - first + 1 if first is not None and last is not None else 0,
        oldest=conn.execute(ended).scalar(),
    )

"""Old runs are deleted in small bits, so that nothing else waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, select

from cronapp.core.models import OPEN_STATES
from cronapp.store.store import Tx
from cronapp.store.tables import runs


def prune_older(tx: Tx, before: datetime, limit: int) -> int:
    """Deletes at most `limit` ended runs that finished before that moment, with their logs."""
    old = select(runs.c.id).where(runs.c.finished_at < before).order_by(runs.c.finished_at).limit(limit)
    return tx.conn.execute(delete(runs).where(runs.c.id.in_(old.scalar_subquery()))).rowcount


def prune_beyond(tx: Tx, job_key: int, keep: int, limit: int) -> int:
    """Deletes at most `limit` ended runs of a job beyond its newest `keep`, with their logs."""
    edge = tx.conn.execute(
        select(runs.c.id).where(runs.c.job_key == job_key).order_by(runs.c.id.desc()).offset(keep).limit(1)
    ).scalar()
    if edge is None:
        return 0
    old = (
        select(runs.c.id)
        .where(and_(runs.c.job_key == job_key, runs.c.id <= edge, runs.c.state.not_in(OPEN_STATES)))
        .limit(limit)
    )
    return tx.conn.execute(delete(runs).where(runs.c.id.in_(old.scalar_subquery()))).rowcount


def job_keys(conn: Connection) -> Sequence[int]:
    """Every job that has runs, removed ones too; each is one step along an index, however many runs it has."""
    found = select(func.min(runs.c.job_key).label("key")).cte("found", recursive=True)
    following = select(func.min(runs.c.job_key)).where(runs.c.job_key > found.c.key).scalar_subquery()
    found = found.union_all(select(following).where(found.c.key.is_not(None)))
    return conn.execute(select(found.c.key).where(found.c.key.is_not(None))).scalars().all()

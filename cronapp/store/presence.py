"""Signs of life of whoever serves slots, so that it is known afterwards when nobody was there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, and_, case, literal, select, update

from cronapp.core.presence import Outage
from cronapp.store.store import Tx
from cronapp.store.tables import Moment, scheduler


def note(tx: Tx, now: datetime, silent_since: datetime) -> None:
    """Somebody is there now. If the last sign of life is older than `silent_since`, nobody was there in between."""
    silent = and_(scheduler.c.alive_at < silent_since, scheduler.c.alive_at < now)
    tx.conn.execute(
        update(scheduler).values(
            alive_at=now,
            down_since=case((silent, scheduler.c.alive_at), else_=scheduler.c.down_since),
            down_until=case((silent, literal(now, Moment)), else_=scheduler.c.down_until),
        )
    )


def last_outage(conn: Connection, now: datetime, silent_since: datetime) -> Outage | None:
    """The last time that nobody was there. It lasts until now where nobody has said since that somebody is."""
    row = conn.execute(select(scheduler.c.alive_at, scheduler.c.down_since, scheduler.c.down_until)).first()
    if row is None or row.alive_at is None:
        return None
    if row.alive_at < silent_since:
        return Outage(row.alive_at, now)
    return None if row.down_since is None else Outage(row.down_since, row.down_until)

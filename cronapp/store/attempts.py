"""Attempts to sign in, counted in the database, so that all servers on it count together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from cronapp.core.attempts import FORGOTTEN, Counter, left_of
from cronapp.store.dialects import lock
from cronapp.store.store import Tx
from cronapp.store.tables import attempts

COUNTING = 0x43524F41  # one attempt at a time


def admit(tx: Tx, counters: Iterable[Counter], now: datetime) -> float:
    """Counts an attempt before it is made, as if it failed, so that many at once are none too many. Answers how many
    seconds are to be waited instead; then nothing was counted. 0: it may be made."""
    lock(tx.conn, COUNTING)
    tx.conn.execute(delete(attempts).where(attempts.c.at < now - FORGOTTEN))
    counted: dict[str, int] = {}
    wait = 0.0
    for one in counters:
        row = tx.conn.execute(select(attempts).where(attempts.c.key == one.key)).mappings().first()
        counted[one.key] = row["count"] if row else 0
        if row:
            wait = max(wait, left_of(row["count"], one.free, row["at"], now).total_seconds())
    if wait > 0:
        return wait
    for key, count in counted.items():
        if count:
            tx.conn.execute(update(attempts).where(attempts.c.key == key).values(count=count + 1, at=now))
        else:
            tx.conn.execute(insert(attempts).values(key=key, count=1, at=now))
    return 0.0


def forget(tx: Tx, counters: Iterable[Counter]) -> None:
    """What was held against them is forgotten: somebody signed in."""
    tx.conn.execute(delete(attempts).where(attempts.c.key.in_([one.key for one in counters])))


def take_back(tx: Tx, counters: Iterable[Counter]) -> None:
    """The attempt that was counted did not fail."""
    keys = [one.key for one in counters]
    tx.conn.execute(update(attempts).where(attempts.c.key.in_(keys)).values(count=attempts.c.count - 1))
    tx.conn.execute(delete(attempts).where(attempts.c.key.in_(keys), attempts.c.count <= 0))

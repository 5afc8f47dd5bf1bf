"""Which request made what, so that the same request sent twice does not do it twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

from sqlalchemy import Connection, delete, select

from cronapp.core.errors import IdempotencyMismatch
from cronapp.store.dialects import insert_or_ignore, lock
from cronapp.store.store import Tx
from cronapp.store.tables import idempotency_keys

KEPT = timedelta(days=1)
REQUESTS = 0x43524F49 << 32  # one request at a time with the same key


@dataclass(frozen=True, slots=True)
class Once:
    """A client's `Idempotency-Key`, and a fingerprint of the request it came with."""

    key: str
    request: str


def made_before(conn: Connection, once: Once) -> str | None:
    """The id that the same request made before; raises `IdempotencyMismatch` when the key came with another one."""
    row = conn.execute(select(idempotency_keys).where(idempotency_keys.c.key == once.key)).first()
    if row is None:
        return None
    if row.request != once.request:
        raise IdempotencyMismatch
    return str(row.target)


def made_in_turn(tx: Tx, once: Once) -> str | None:
    """The same in the transaction that makes it otherwise: a request that comes twice at once waits for itself here, or
    each would find that nothing was made."""
    lock(tx.conn, REQUESTS + crc32(once.key.encode()))
    return made_before(tx.conn, once)


def remember(tx: Tx, once: Once, target: str, now: datetime) -> None:
    """Notes what the request made, in the transaction that makes it; forgets keys older than a day."""
    tx.conn.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at < now - KEPT))
    values = {"key": once.key, "request": once.request, "target": target, "created_at": now}
    tx.conn.execute(insert_or_ignore(tx.conn, idempotency_keys).values(**values))

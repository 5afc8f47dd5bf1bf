"""What was seen in runs that other processes execute."""

from __future__ import annotations

from sqlalchemy import Connection, select

from cronapp.core.models import Inside
from cronapp.store import dialects
from cronapp.store.store import Tx
from cronapp.store.tables import looks


def put(tx: Tx, inside: Inside) -> None:
    """In place of what was seen before."""
    dialects.put(
        tx.conn,
        looks,
        run=inside.run,
        at=inside.at,
        run_in=inside.run_in,
        stack=inside.stack,
        memory=inside.memory,
        last_line_at=inside.last_line_at,
    )


def get(conn: Connection, run_id: int) -> Inside | None:
    row = conn.execute(select(looks).where(looks.c.run == run_id)).mappings().first()
    return None if row is None else Inside(**row)

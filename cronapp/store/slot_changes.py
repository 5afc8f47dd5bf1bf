"""Single slots of a job that somebody skipped or added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from cronapp.core.models import SlotChange, SlotChangeKind
from cronapp.store.store import Tx
from cronapp.store.tables import jobs, slot_changes

MOST_KEYS = 500  # in one question; of more jobs all are read, there are few such changes


def slot_changes_of(conn: Connection, keys: Sequence[int]) -> dict[int, tuple[SlotChange, ...]]:
    """By the job's key its changes, in the order of the slots."""
    if not keys:
        return {}
    statement = select(slot_changes).order_by(slot_changes.c.job_key, slot_changes.c.slot)
    if len(keys) <= MOST_KEYS:
        statement = statement.where(slot_changes.c.job_key.in_(keys))
    found: dict[int, list[SlotChange]] = {}
    for row in conn.execute(statement).mappings():
        change = SlotChange(slot=row["slot"], kind=SlotChangeKind(row["kind"]), at=row["at"], by=row["by"])
        found.setdefault(row["job_key"], []).append(change)
    return {key: tuple(changes) for key, changes in found.items()}


def put(tx: Tx, key: int, change: SlotChange) -> None:
    """Skips or adds a slot; what was said of the same moment before is forgotten."""
    take_back(tx, key, change.slot)
    values = {"job_key": key, "slot": change.slot, "kind": change.kind, "at": change.at, "by": change.by}
    tx.conn.execute(insert(slot_changes).values(**values))


def take_back(tx: Tx, key: int, slot: datetime) -> None:
    """The slot is as the schedule says."""
    tx.conn.execute(delete(slot_changes).where(slot_changes.c.job_key == key, slot_changes.c.slot == slot))


def prune(tx: Tx, before: datetime) -> int:
    """Forgets those that lie before this moment and are settled; answers how many."""
    settled = select(jobs.c.last_slot).where(jobs.c.key == slot_changes.c.job_key).scalar_subquery()
    statement = delete(slot_changes).where(slot_changes.c.slot < before, slot_changes.c.slot <= settled)
    return tx.conn.execute(statement).rowcount

"""The notes on jobs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from cronapp.core.models import Note
from cronapp.store.store import Tx
from cronapp.store.tables import job_notes


def add(tx: Tx, key: int, text: str, *, at: datetime, by: str) -> Note:
    values = {"job_key": key, "text": text, "at": at, "by": by}
    note_id = tx.conn.execute(insert(job_notes).values(**values).returning(job_notes.c.id)).scalar_one()
    return Note(id=note_id, at=at, by=by, text=text)


def edit(tx: Tx, key: int, note: Note) -> bool:
    """Writes an edited note over the one that it was made of; False: that was edited or removed meanwhile."""
    own = (job_notes.c.job_key == key) & (job_notes.c.id == note.id) & (job_notes.c.edits == note.edits - 1)
    values = {"text": note.text, "edits": note.edits, "edited_at": note.edited_at, "edited_by": note.edited_by}
    return tx.conn.execute(update(job_notes).where(own).values(**values)).rowcount == 1


def remove(tx: Tx, key: int, note_id: int) -> bool:
    statement = delete(job_notes).where(job_notes.c.job_key == key, job_notes.c.id == note_id)
    return tx.conn.execute(statement).rowcount == 1


def get(conn: Connection, key: int, note_id: int) -> Note | None:
    statement = select(job_notes).where(job_notes.c.job_key == key, job_notes.c.id == note_id)
    row = conn.execute(statement).mappings().first()
    return note_of(row) if row else None


def page(conn: Connection, key: int, *, before: int | None = None, limit: int = 50) -> list[Note]:
    """The notes on a job, the newest first."""
    statement = select(job_notes).where(job_notes.c.job_key == key).order_by(job_notes.c.id.desc()).limit(limit)
    if before:
        statement = statement.where(job_notes.c.id < before)
    return [note_of(row) for row in conn.execute(statement).mappings()]


def count(conn: Connection, key: int) -> int:
    return conn.execute(select(func.count()).select_from(job_notes).where(job_notes.c.job_key == key)).scalar_one()


def note_of(row: RowMapping) -> Note:
    return Note(
        id=row["id"],
        at=row["at"],
        by=row["by"],
        text=row["text"],
        edits=row["edits"],
        edited_at=row["edited_at"],
        edited_by=row["edited_by"],
    )

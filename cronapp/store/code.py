"""With what code runs were made. Each source and each environment is kept once, whatever number of runs it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, select, update

from cronapp.core.code import LONGEST, Code, Environment, environment_of, source_hash
from cronapp.core.models import Run
from cronapp.store.dialects import insert_or_ignore
from cronapp.store.runs.rows import of_same, run_of
from cronapp.store.store import Tx
from cronapp.store.tables import SUCCEEDED, environments, runs, sources


def note(tx: Tx, run_ids: Sequence[int], code: Code) -> None:
    """Writes down with what code these runs are made."""
    values = {"source": code.source, "environment": code.environment_hash}
    tx.conn.execute(update(runs).where(runs.c.id.in_(run_ids)).values(**values))


def note_source(tx: Tx, run_id: int, text: str, now: datetime) -> None:
    """A child process reads the tasks file anew: it may have run another source than the server knows."""
    key = source_hash(text)
    tx.conn.execute(update(runs).where(runs.c.id == run_id).values(source=key))
    if key:
        _keep(tx, sources, key, now, text=_kept(text))


def keep(tx: Tx, code: Code, now: datetime) -> None:
    """Keeps the source and the environment, and notes that they are in use."""
    if code.source:
        _keep(tx, sources, code.source, now, text=_kept(code.text))
    _keep(tx, environments, code.environment_hash, now, packages=asdict(code.environment))


def _keep(tx: Tx, table: Table, key: str, now: datetime, **values: Any) -> None:
    used = tx.conn.execute(update(table).where(table.c.hash == key).values(at=now)).rowcount
    if not used:
        tx.conn.execute(insert_or_ignore(tx.conn, table).values(hash=key, at=now, **values))


def _kept(text: str) -> str:
    return text[:LONGEST].replace("\0", "").encode("utf-8", "replace").decode()


def source(conn: Connection, key: str | None) -> str | None:
    """The text of a function's source, while it is kept."""
    text: str | None = conn.execute(select(sources.c.text).where(sources.c.hash == key)).scalar()
    return text


def environment(conn: Connection, key: str | None) -> Environment | None:
    stored: Any = conn.execute(select(environments.c.packages).where(environments.c.hash == key)).scalar()
    return None if stored is None else environment_of(stored)


def last_succeeded(conn: Connection, run: Run) -> Run | None:
    """The job's newest run before this one that succeeded."""
    statement = select(runs).where(of_same(run), runs.c.id < run.id, SUCCEEDED).order_by(runs.c.id.desc()).limit(1)
    row = conn.execute(statement).mappings().first()
    return run_of(row) if row else None


def prune(tx: Tx, before: datetime) -> int:
    """Deletes sources and environments that were in use last before that moment, when no run is kept any more that
    has them. So no run need be looked at."""
    gone = (tx.conn.execute(delete(table).where(table.c.at < before)).rowcount for table in (sources, environments))
    return sum(gone)

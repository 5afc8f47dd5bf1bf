"""Stored secrets, and which jobs name them. Their values are encrypted before they come here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from cronapp.store.dialects import insert_or_ignore
from cronapp.store.store import Tx
from cronapp.store.tables import job_secrets, jobs, secrets


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A stored secret, without its value."""

    name: str
    at: datetime
    by: str
    jobs: int = 0  # that name it in their arguments


def listed(conn: Connection) -> list[StoredSecret]:
    uses = (
        select(func.count())
        .select_from(job_secrets)
        .where(job_secrets.c.name == secrets.c.name)
        .correlate(secrets)
        .scalar_subquery()
    )
    statement = select(secrets.c.name, secrets.c.at, secrets.c.by, uses).order_by(secrets.c.name)
    return [StoredSecret(*row) for row in conn.execute(statement)]


def names(conn: Connection) -> list[str]:
    return list(conn.execute(select(secrets.c.name).order_by(secrets.c.name)).scalars())


def missing(conn: Connection, wanted: Iterable[str]) -> set[str]:
    """Those of these names that no secret has."""
    wanted = set(wanted)
    statement = select(secrets.c.name).where(secrets.c.name.in_(sorted(wanted)))
    return wanted - set(conn.execute(statement).scalars())


def tokens(conn: Connection) -> dict[str, str]:
    """What is kept of each: encrypted, by its name."""
    return {row.name: row.value for row in conn.execute(select(secrets.c.name, secrets.c.value))}


def put(tx: Tx, name: str, value: str, *, at: datetime, by: str) -> bool:
    """Stores a secret, in place of the one of that name. Answers whether there was none."""
    values = {"value": value, "at": at, "by": by}
    added = insert_or_ignore(tx.conn, secrets).values(name=name, **values).returning(secrets.c.name)
    new = tx.conn.execute(added).scalar() is not None
    if not new:
        tx.conn.execute(update(secrets).where(secrets.c.name == name).values(**values))
    return new


def reseal(tx: Tx, name: str, old: str, new: str) -> None:
    """The same value under another key, unless somebody stored another one meanwhile."""
    tx.conn.execute(update(secrets).where(secrets.c.name == name, secrets.c.value == old).values(value=new))


def remove(tx: Tx, name: str) -> bool:
    return tx.conn.execute(delete(secrets).where(secrets.c.name == name)).rowcount == 1


def users(conn: Connection, name: str, limit: int) -> list[str]:
    """The ids of the first jobs that name it."""
    statement = (
        select(jobs.c.id)
        .join(job_secrets, job_secrets.c.job_key == jobs.c.key)
        .where(job_secrets.c.name == name)
        .order_by(jobs.c.id)
        .limit(limit)
    )
    return list(conn.execute(statement).scalars())

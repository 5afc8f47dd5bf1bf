"""A look into the database as it is: nothing is locked, migrated or written, and a server may run meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, func, select
from sqlalchemy.exc import DBAPIError

from cronapp.core.errors import CannotStart, DatabaseOlder
from cronapp.store import dialects
from cronapp.store.migrating import NEWER, is_fit, newest, revision_of
from cronapp.store.open import named_database

T = TypeVar("T")
OLDER = (
    "The database was made by an older version of Cron-App, so its jobs cannot be read yet. "
    "Start `cronapp serve` once: it brings the database up to date."
)


def look(url: str, question: Callable[[Connection], T]) -> T | None:
    """Answers a question from the database; None where there is no database yet. Raises `CannotStart` with what to do
    when it cannot be read."""
    return asked(url, lambda conn: question(conn) if is_ready(conn) else None)


def revision_at(url: str) -> str | None:
    """The revision of the tables that are there; None: there are none yet."""
    return asked(url, revision_of)


def moment_of(conn: Connection) -> datetime:
    """What time it is for the database's machine."""
    moment: datetime = conn.execute(select(func.now())).scalar_one()
    return moment


def asked(url: str, question: Callable[[Connection], T | None]) -> T | None:
    parsed = named_database(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        return None
    engine = engine_for(parsed)
    try:
        with engine.connect() as conn:
            return question(conn)
    except DBAPIError as error:
        name = parsed.database if parsed.get_backend_name() == "sqlite" else dialects.shown(parsed)
        raise CannotStart(f"The database {name} cannot be read: {dialects.cause(error)}.") from None
    finally:
        engine.dispose()


def engine_for(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        return dialects.sqlite_engine(str(url.database), writing=False)
    try:
        return create_engine(url, hide_parameters=True, execution_options={"postgresql_readonly": True})
    except ModuleNotFoundError as error:
        raise CannotStart(f"For PostgreSQL, {error.name} is needed: pip install 'cronapp[postgres]'.") from None


def is_ready(conn: Connection) -> bool:
    """Whether the tables are there, and such that this program can read them."""
    present = revision_of(conn)
    if present is not None and not is_fit(conn):
        raise DatabaseOlder(OLDER) if present < newest() else CannotStart(NEWER)
    return present is not None

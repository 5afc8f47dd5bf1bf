"""The two ends of a copy: nobody else works on either, and the target is empty and of this version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError

from cronapp.core.errors import CannotCopy
from cronapp.core.postgres import line
from cronapp.store import copying, dialects, nodes
from cronapp.store.looking import is_ready
from cronapp.store.migrating import MIGRATION_LOCK, NEWER, migrate, newest, revision_of
from cronapp.store.open import lock_file, make_file, named_database

AT_WORK = (
    "Processes are at work on {}: {}. Stop them first: what they do meanwhile would be missing. One that was killed "
    "counts as gone after half a minute."
)
BUSY = "Another program starts on {}, or copies it. Try again in a moment."
NOT_EMPTY = "{} is not empty: something is in its table {}. Name an empty database, which no server was started on."


def name_of(url: str) -> str:
    """Which database it is, for people; without a password."""
    parsed = named_database(url)
    return str(parsed.database) if parsed.get_backend_name() == "sqlite" else dialects.shown(parsed)


@contextmanager
def source_at(url: str) -> Iterator[Connection]:
    """Reads the whole of it in one view. Raises `CannotStart` with what to do where that cannot be."""
    name, parsed = name_of(url), named_database(url)
    if parsed.get_backend_name() == "sqlite" and not Path(name).exists():
        raise CannotCopy(f"There is no database {name}.")
    with alone_on(parsed, name, writing=False) as conn:
        if not is_ready(conn):
            raise CannotCopy(f"There is nothing in the database {name}.")
        refuse_others(conn, name)
        yield conn


@contextmanager
def target_at(url: str) -> Iterator[Connection]:
    """One transaction: without its end nothing is there, not even the tables. Raises `CannotStart`."""
    name = name_of(url)
    with alone_on(named_database(url), name, writing=True) as conn:
        migrate(conn)
        refuse_others(conn, name)
        if (table := copying.used(conn)) is not None:
            raise CannotCopy(NOT_EMPTY.format(name, table))
        yield conn


def refuse_others(conn: Connection, name: str) -> None:
    """Other versions, whose tables may hold what this one does not know, and other processes. On an SQLite file there
    is none of these, since it is locked."""
    if revision_of(conn) != newest():
        raise CannotCopy(NEWER)
    if conn.dialect.name == "postgresql" and (others := nodes.alive(conn)):
        raise CannotCopy(AT_WORK.format(name, ", ".join(others)))


@contextmanager
def alone_on(url: URL, name: str, *, writing: bool) -> Iterator[Connection]:
    """A transaction on a database on which no server starts meanwhile."""
    if url.get_backend_name() == "sqlite":
        path = Path(name)
        lock = lock_file(path)
        try:
            if writing:
                make_file(path)
            with begun(dialects.sqlite_engine(name, writing=writing), name) as conn:
                yield conn
        finally:
            lock.release()
        return
    with begun(patient_engine(url, writing=writing), name) as conn:
        if not dialects.lock_now(conn, MIGRATION_LOCK):
            raise CannotCopy(BUSY.format(name))
        yield conn


def patient_engine(url: URL, *, writing: bool) -> Engine:
    """While the one side is read, the other has nothing to do, for as long as it takes. A source may be a standby."""
    arguments = line(url.render_as_string(hide_password=False), holding=0)
    if not writing:
        del arguments["target_session_attrs"]
    try:
        return create_engine(
            url,
            hide_parameters=True,
            connect_args=arguments,
            isolation_level="READ COMMITTED" if writing else "REPEATABLE READ",
        )
    except ModuleNotFoundError as error:
        raise CannotCopy(f"For PostgreSQL, {error.name} is needed: pip install 'cronapp[postgres]'.") from None


@contextmanager
def begun(engine: Engine, name: str) -> Iterator[Connection]:
    try:
        with engine.begin() as conn:
            yield conn
    except DBAPIError as error:
        raise CannotCopy(f"The database {name} cannot be used: {dialects.cause(error)}.") from None
    except engine.dialect.loaded_dbapi.Error as error:  # of what went by the driver itself
        raise CannotCopy(f"The database {name} cannot be used: {str(error).splitlines()[0]}.") from None
    finally:
        engine.dispose()

"""Opens the database named by a URL: locks an SQLite file, brings the tables up to date, says clearly what is wrong."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import URL, Connection, ExceptionContext, event, make_url
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import create_async_engine

from cronapp.core.errors import CannotStart, DatabaseInUse
from cronapp.core.events import Event
from cronapp.core.meters import Meter
from cronapp.core.postgres import HOLDING, POOLED, line
from cronapp.store import dialects
from cronapp.store.migrating import is_fit, migrate
from cronapp.store.store import NO_METER, Notices, OnCommit, PostgresStore, SqliteStore, Store

READ_ONLY = "25006"
WAITING = 10.0  # seconds that somebody waits for a free connection
OTHER_VERSION = "The server that works on this database is of another version. Use the command of its version."


class FileLock:
    """Holds `<file>.lock`, so that a second server on the same SQLite file says whose it is and ends."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".lock")
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise DatabaseInUse(
                f"The database {database} is in use by another Cron-App server (process {holder}). Stop that one first."
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        os.close(self._descriptor)


class OpenSqlite(SqliteStore):
    """An SQLite store together with the lock on its file."""

    def __init__(self, path: Path, lock: FileLock, on_commit: OnCommit, meter: Meter) -> None:
        super().__init__(str(path), on_commit, meter)
        self._lock = lock

    async def close(self) -> None:
        await super().close()
        self._lock.release()


def told_to_nobody(events: Sequence[Event]) -> list[str]:
    return []


async def open_store(
    url: str, on_commit: OnCommit, meter: Meter = NO_METER, notices: Notices = told_to_nobody
) -> Store:
    """Opens `sqlite:///FILE` or `postgresql://…`, migrated. Raises `CannotStart` with what to do about it. `notices`
    words what other processes on the same database are told by a transaction."""
    parsed = named_database(url)
    if parsed.get_backend_name() == "sqlite":
        return await open_sqlite(Path(str(parsed.database)), on_commit, meter)
    return await open_postgres(parsed, on_commit, meter, notices)


def named_database(url: str) -> URL:
    """The address of an SQLite file, or of a PostgreSQL database with the driver that is used."""
    try:
        parsed = make_url(url)
    except Exception:
        told = re.sub(r"^(.*?//)?.*@", r"\1…@", url.partition("?")[0])  # it may have a password
        raise CannotStart(f"{told!r} is no database URL. Write sqlite:///cronapp.db or postgresql://…") from None
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise CannotStart("Name a file for the database, as in sqlite:///cronapp.db.")
        return parsed
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise CannotStart(f"Cron-App keeps its data in SQLite or PostgreSQL, not in {parsed.get_backend_name()}.")


async def open_beside(url: str) -> Store:
    """Opens the database for a few changes, also while a server works on its SQLite file: nobody is told of them but by
    the database itself."""
    try:
        return await open_store(url, lambda events: None)
    except DatabaseInUse:
        path = str(named_database(url).database)
        if not await asyncio.to_thread(fits, path):
            raise CannotStart(OTHER_VERSION) from None
        return SqliteStore(path, lambda events: None)


def fits(path: str) -> bool:
    """Whether this program may work with the tables in an SQLite file."""
    engine = dialects.sqlite_engine(path, writing=False)
    try:
        with engine.connect() as conn:
            return is_fit(conn)
    finally:
        engine.dispose()


def lock_file(path: Path) -> FileLock:
    try:
        if not path.parent.is_dir():
            raise CannotStart(
                f"The folder {path.parent} for the database does not exist. Create it, or name another one."
            )
        return FileLock(path)
    except OSError as error:
        raise CannotStart(f"The database {path} cannot be written: {error.strerror}. Check the owner.") from None


async def open_sqlite(path: Path, on_commit: OnCommit, meter: Meter) -> Store:
    try:
        lock = lock_file(path)
    except DatabaseInUse as error:
        raise DatabaseInUse(f"{error} Or name another file with --database.") from None
    try:
        await asyncio.to_thread(migrate_sqlite, path)
    except (sqlite3.DatabaseError, DatabaseError) as error:
        lock.release()
        words = dialects.cause(error) if isinstance(error, DatabaseError) else str(error)
        raise CannotStart(f"The database {path} cannot be used: {words}. {hint(words)}") from None
    except BaseException:
        lock.release()
        raise
    return OpenSqlite(path, lock, on_commit, meter)


async def open_postgres(url: URL, on_commit: OnCommit, meter: Meter, notices: Notices) -> Store:
    try:
        engine = create_async_engine(
            url,
            json_serializer=dialects.dumps,
            hide_parameters=True,
            pool_size=8,
            pool_timeout=WAITING,
            pool_pre_ping=True,
            connect_args=line(url.render_as_string(hide_password=False)),
        )
    except ModuleNotFoundError as error:
        raise CannotStart(f"For PostgreSQL, {error.name} is needed: pip install 'cronapp[postgres]'.") from None
    event.listen(engine.sync_engine, "handle_error", leave_standby)
    try:
        async with engine.begin() as conn:
            await conn.run_sync(refuse_pooler)
            await conn.run_sync(migrate)
    except DatabaseError as error:
        await engine.dispose()
        words = f"The database {dialects.shown(url)} cannot be used: {dialects.cause(error)}."
        raise CannotStart(POOLED.format(words) if "startup parameter" in words else words) from None
    except BaseException:
        await engine.dispose()
        raise
    return PostgresStore(engine, on_commit, meter, notices)


def leave_standby(context: ExceptionContext) -> None:
    """A server that only reads from now on, as after a failover, is as good as gone: all connections are made anew."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def refuse_pooler(conn: Connection) -> None:
    """What was asked for when the connection was made must hold."""
    if conn.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar() != f"{HOLDING:g}s":
        raise CannotStart(POOLED.format("What a connection asks for does not reach the database."))


def hint(words: str) -> str:
    if "readonly" in words or "unable to open" in words:
        return "Make the file and its folder writable for this user."
    if "not a database" in words or "malformed" in words:
        return "It was left untouched: restore it from a backup, or name another file."
    return "Name another file with --database if this one is not Cron-App's."


def make_file(path: Path) -> None:
    if not path.exists():
        path.touch(mode=0o600)  # nobody else on this machine reads it; its companions are made alike


def migrate_sqlite(path: Path) -> None:
    make_file(path)
    engine = dialects.sqlite_engine(str(path), writing=True)
    try:
        with engine.begin() as conn:
            migrate(conn)
    finally:
        engine.dispose()

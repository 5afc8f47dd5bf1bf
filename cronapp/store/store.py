"""Carries questions and changes to the database and tells of what was committed.

`SqliteStore` has one writing thread that puts all changes which arrive while it works into its next transaction (group
commit), each behind a savepoint of its own, and a few reading threads. `PostgresStore` runs the same plain functions
on an asynchronous engine.
"""

from __future__ import annotations

import asyncio
import copy
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeGuard, TypeVar

from sqlalchemy import ARRAY, Connection, Text, func, literal, select
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from cronapp.core.about import About, about, concerning
from cronapp.core.access import SERVER, Principal, asking
from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import Event
from cronapp.core.meters import Asked, Meter, Move, NoMeter
from cronapp.core.models import Ticket
from cronapp.store import dialects
from cronapp.store.scoped import scoped

Conn = Connection
"""What a question is asked of; the services' name for it."""

P = ParamSpec("P")
T = TypeVar("T")
OnCommit = Callable[[list[Event]], None]
Notices = Callable[[Sequence[Event]], list[str]]
"""What the transaction of some events has to tell other processes, as notifications of the channel `cronapp`."""
Carry = Callable[[Any, Sequence[Ticket]], Awaitable[None]]
"""Gives runs to whoever carries them to their nodes, on the driver's connection of the transaction."""
CHANNEL = "cronapp"
NO_METER = NoMeter()
DEADLOCK = "40P01"
TRIES = 5  # of a change that PostgreSQL undoes since it and another wait for each other
UNHEARD = "The database cannot be written: it has not heard of this process for a while. Try again in a moment."
BATCH = 256  # changes put into one transaction at the most


@dataclass(slots=True)
class Tx:
    """One transaction: its connection, who asked for it, and what will be told once it is committed."""

    conn: Connection
    by: Principal = SERVER
    events: list[Event] = field(default_factory=list)
    later: list[Callable[[], None]] = field(default_factory=list)
    """What is done once it is committed, by this server only."""
    moves: list[Move] = field(default_factory=list)
    """How runs moved, for the figures of this server."""
    tickets: list[Ticket] = field(default_factory=list)
    """Runs that are on their way to nodes, once it is committed."""

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def count(self, move: Move) -> None:
        self.moves.append(move)


class Store(Protocol):
    tags: frozenset[str] | None
    """Only what belongs to jobs with one of these is read; None: everything."""

    @property
    def whole(self) -> Store:
        """The store of which this is a part, for what concerns everybody; itself, when it is no part."""

    def scoped(self, tags: frozenset[str]) -> Store:
        """The same store, of which only what belongs to jobs with one of these tags is read. Changes are not limited:
        what they are about must have been read here."""

    async def read(self, question: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Answers a question from one consistent view of the database."""

    async def write(self, change: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Makes a change durable, tells its events, and answers its result. An exception undoes all of it."""

    async def size(self) -> int | None:
        """Bytes that the database takes."""

    async def close(self) -> None: ...

    kind: str
    """`sqlite` or `postgresql`."""

    @property
    def name(self) -> str:
        """Which database this is, for people; without a password."""


@dataclass(slots=True)
class Change:
    run: Callable[[Tx], Any]
    future: asyncio.Future[Any]
    by: Principal
    about: About
    result: Any = None
    error: BaseException | None = None
    events: list[Event] = field(default_factory=list)
    later: list[Callable[[], None]] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)

    def forget(self) -> None:
        """It was undone."""
        self.events, self.later, self.moves = [], [], []


class Watch:
    """Measures what the database takes, as those feel it who wait for it."""

    def __init__(self, meter: Meter, what: Asked) -> None:
        self._meter = meter
        self._what: Asked = what

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, Exception):  # who gave up waiting learnt nothing of the database
            took = time.perf_counter() - self._began
            self._meter.took(self._what, took, good=not isinstance(error, StoreUnavailable))


class SqliteStore:
    """One SQLite file, opened by one server."""

    kind = "sqlite"
    tags: frozenset[str] | None = None
    _whole: Store | None = None

    def __init__(self, path: str, on_commit: OnCommit, meter: Meter = NO_METER) -> None:
        self.path = path
        self._on_commit = on_commit
        self._meter = meter
        self._loop = asyncio.get_running_loop()
        self._writing = dialects.sqlite_engine(path, writing=True)
        self._reading = dialects.sqlite_engine(path, writing=False)
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="cronapp-read")
        self._changes: queue.SimpleQueue[Change | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_all, name="cronapp-write", daemon=True)
        self._writer.start()

    @property
    def name(self) -> str:
        return f"SQLite, {self.path}"

    @property
    def whole(self) -> Store:
        return self._whole or self

    def scoped(self, tags: frozenset[str]) -> Store:
        twin = copy.copy(self)
        twin._whole = self.whole
        twin.tags, twin._reading = tags, scoped(self._reading, tags)
        return twin

    async def read(self, question: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        def ask() -> T:
            with self._reading.connect() as conn:
                return question(conn, *args, **kwargs)

        with Watch(self._meter, "read"):
            try:
                return await self._loop.run_in_executor(self._readers, ask)
            except OperationalError as error:
                raise StoreUnavailable(f"The database cannot be read: {dialects.cause(error)}.") from error

    async def write(self, change: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        future: asyncio.Future[T] = self._loop.create_future()
        with Watch(self._meter, "write"):
            self._changes.put(Change(lambda tx: change(tx, *args, **kwargs), future, asking.get(), about()))
            return await future

    async def size(self) -> int | None:
        files = [Path(self.path + suffix) for suffix in ("", "-wal")]
        return sum(file.stat().st_size for file in files if file.exists())

    async def close(self) -> None:
        """Writes what waits, then closes the file."""
        self._changes.put(None)
        await asyncio.to_thread(self._writer.join)
        self._readers.shutdown()
        self._writing.dispose()
        self._reading.dispose()

    # -- the writing thread ---------------------------------------------------------------------------------------

    def _write_all(self) -> None:
        going = True
        while going:
            batch: list[Change] = []
            going = self._collect(batch)
            if batch:
                self._write(batch)
                self._loop.call_soon_threadsafe(self._deliver, batch)

    def _collect(self, batch: list[Change]) -> bool:
        """Takes all changes that wait; answers False when the store is closing."""
        item = self._changes.get()
        while item is not None:
            batch.append(item)
            if len(batch) == BATCH:
                return True
            try:
                item = self._changes.get_nowait()
            except queue.Empty:
                return True
        return False

    def _write(self, batch: list[Change]) -> None:
        try:
            with self._writing.begin() as conn:
                for change in batch:
                    self._apply(conn, change)
        except Exception as error:
            for change in batch:
                change.error = change.error or unavailable(error)
                change.forget()

    def _apply(self, conn: Connection, change: Change) -> None:
        tx = Tx(conn, change.by)
        savepoint = conn.begin_nested()
        try:
            change.result = change.run(tx)
            savepoint.commit()
        except Exception as error:
            change.error = unavailable(error)
            try:
                savepoint.rollback()
            except OperationalError:  # a full disk undoes the whole transaction: nothing of the batch is left
                raise error from None
        else:
            change.events, change.later, change.moves = tx.events, tx.later, tx.moves

    def _deliver(self, batch: list[Change]) -> None:
        events = [event for change in batch for event in change.events]
        for change in batch:
            if change.future.cancelled():
                continue
            if change.error is not None:
                change.future.set_exception(change.error)
            else:
                change.future.set_result(change.result)
        if moves := [move for change in batch for move in change.moves]:
            self._meter.count(moves)
        if events:
            self._on_commit(events)
        for change in batch:
            carry_out(change.later, change.about)


def unavailable(error: BaseException) -> BaseException:
    """The database being away, full or locked is one situation, told in one way."""
    if is_away(error):
        return StoreUnavailable(f"The database cannot be written: {dialects.cause(error)}.")
    return error


def is_away(error: BaseException) -> TypeGuard[DBAPIError]:
    """Whether it is the database's fault; also that it ended a transaction in the middle of which we were asleep."""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, OperationalError | InterfaceError)


def carry_out(deeds: Iterable[Callable[[], None]], concerned: About) -> None:
    """What is done after a commit, for whom it concerned."""
    with concerning(concerned):
        for deed in deeds:
            deed()


class PostgresStore:
    """One PostgreSQL database, opened by any number of servers."""

    kind = "postgresql"
    tags: frozenset[str] | None = None
    _whole: Store | None = None

    def __init__(
        self, engine: AsyncEngine, on_commit: OnCommit, meter: Meter = NO_METER, notices: Notices = lambda _: []
    ) -> None:
        self._engine = engine
        self._meter = meter
        self._reading = engine.execution_options(isolation_level="REPEATABLE READ")  # one view for a whole question
        self._on_commit = on_commit
        self._notices = notices
        self.carry: Carry | None = None
        self.heard: Callable[[], bool] = lambda: True
        """Whether the others know that this process lives, so that it may change something."""

    @property
    def name(self) -> str:
        return f"PostgreSQL, {dialects.shown(self._engine.url)}"

    @property
    def whole(self) -> Store:
        return self._whole or self

    def scoped(self, tags: frozenset[str]) -> Store:
        twin = copy.copy(self)
        twin._whole = self.whole
        twin.tags, twin._reading = tags, AsyncEngine(scoped(self._reading.sync_engine, tags))
        return twin

    async def read(self, question: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with Watch(self._meter, "read"):
            try:
                async with self._reading.connect() as conn:
                    return await conn.run_sync(lambda sync: question(sync, *args, **kwargs))
            except DBAPIError as error:
                if is_away(error):
                    raise StoreUnavailable(f"The database cannot be read: {dialects.cause(error)}.") from error
                raise
            except PoolTimeout:
                raise StoreUnavailable("The database cannot be read: no connection is free.") from None

    async def write(self, change: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        by, concerned = asking.get(), about()

        def apply(conn: Connection) -> tuple[T, Tx]:
            if not self.heard():  # asked once there is a connection: that there is none is told in its own words
                raise StoreUnavailable(UNHEARD)
            tx = Tx(conn, by)
            result = change(tx, *args, **kwargs)
            if notices := self._notices(tx.events):
                conn.execute(select(func.pg_notify(CHANNEL, func.unnest(literal(notices, ARRAY(Text))))))
            return result, tx

        with Watch(self._meter, "write"):
            for tries_left in range(TRIES - 1, -1, -1):
                try:
                    async with self._engine.begin() as conn:
                        result, tx = await conn.run_sync(apply)
                        if tx.tickets and self.carry:
                            await self.carry((await conn.get_raw_connection()).driver_connection, tx.tickets)
                    break
                except DBAPIError as error:
                    if not tries_left or getattr(error.orig, "sqlstate", None) != DEADLOCK:
                        raise unavailable(error) from error
                except PoolTimeout:
                    raise StoreUnavailable("The database cannot be written: no connection is free.") from None
        if tx.moves:
            self._meter.count(tx.moves)
        if tx.events:
            Context().run(self._on_commit, tx.events)  # what they set going is not done for who asked
        Context().run(carry_out, tx.later, concerned)
        return result

    async def size(self) -> int | None:
        return await self.read(
            lambda conn: conn.execute(select(func.pg_database_size(func.current_database()))).scalar()
        )

    async def close(self) -> None:
        await self._engine.dispose()

"""Events between processes, by LISTEN and NOTIFY of the database that they share.

Two ways lead out. What must not be missed is notified by the transaction that makes it true (`in_transaction`), so it
is told exactly if it happened. What comes by the hundred and is looked at anyway soon - lines, moves of runs - is
gathered and notified right after the commit: a transaction that notifies holds a lock on the whole server until it is
on disk, so that all of them would wait for each other. If a process is killed between the two, its node is found dead,
and everybody looks again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection, OperationalError

from cronapp.bus.local import LocalBus
from cronapp.core.errors import CannotStart
from cronapp.core.events import (
    Audited,
    DeliveriesChanged,
    DrainChanged,
    Event,
    LogAppended,
    Resync,
    RunChanged,
    SessionsChanged,
    TasksLoaded,
    from_json,
    to_json,
)
from cronapp.core.postgres import POOLED, line

log = logging.getLogger(__name__)
CHANNEL = "cronapp"
LISTEN = b"LISTEN cronapp"
MOST = 7_900  # bytes in one notification; PostgreSQL refuses 8,000
GATHER = 0.005  # seconds
PING = 2.0  # seconds between two notifications to ourselves
SILENCE = 8.0  # seconds without hearing even ourselves, after which the connection is made anew
TRY_AGAIN = 0.5
DEAF = 6.0  # seconds after which a process that heard nothing, not even itself, does not start
KEPT = 50_000  # events that wait for a connection; beyond them everybody shall look at everything
OWN = (TasksLoaded, DrainChanged, Resync)
"""What concerns this process alone."""
OFTEN = (RunChanged, LogAppended, SessionsChanged, Audited, DeliveriesChanged)
"""What is told after the commit."""
Work = Callable[[AsyncConnection], Awaitable[None]]


class PostgresBus(LocalBus):
    def __init__(self, conninfo: str) -> None:
        super().__init__()
        self._conninfo = conninfo
        self._name = secrets.token_hex(6)
        self._out: dict[Event, None] = {}  # each once, in order
        self._wake = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._listening = asyncio.Event()
        self._heard = asyncio.Event()  # something, and be it ourselves
        self._problem = "it does not answer"  # why there is no connection

    def publish(self, events: list[Event]) -> None:
        super().publish(events)
        if often := [event for event in events if isinstance(event, OFTEN)]:
            self._out.update(dict.fromkeys(often))
            if len(self._out) > KEPT:
                self._out = {Resync(): None}
            self._wake.set()

    def in_transaction(self, events: Sequence[Event]) -> list[str]:
        return list(payloads(self._name, [event for event in events if not isinstance(event, OWN + OFTEN)]))

    async def start(self) -> None:
        """Answers when what others tell is heard. Raises `CannotStart` where nothing ever is."""
        self._loops = [
            asyncio.create_task(self._again_and_again(self._listen), name="cronapp-listen"),
            asyncio.create_task(self._again_and_again(self._notify), name="cronapp-tell"),
        ]
        try:
            async with asyncio.timeout(DEAF):
                await self._listening.wait()
                self._wake.set()
                await self._heard.wait()
        except TimeoutError:
            await self.stop()
            if not self._listening.is_set():
                raise CannotStart(f"The database cannot be listened to: {self._problem}.") from None
            raise CannotStart(POOLED.format("Notifications of the database do not come through.")) from None

    async def stop(self) -> None:
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    async def _again_and_again(self, work: Work) -> None:
        """The database may be away: the connection is made anew for as long as it takes."""
        told = False
        while True:
            try:
                async with await AsyncConnection.connect(
                    self._conninfo, autocommit=True, **line(self._conninfo)
                ) as conn:
                    told = False
                    await work(conn)
            except (psycopg.Error, OSError, TimeoutError) as error:
                self._problem = str(error).split("\n", 1)[0]
                if not told:
                    log.warning("other processes are not heard: %s. Trying again.", self._problem)
                told = True
            await asyncio.sleep(TRY_AGAIN)

    async def _listen(self, conn: AsyncConnection) -> None:
        await conn.execute(LISTEN)
        if self._listening.is_set():  # what was told meanwhile nobody heard
            self._from_others([Resync()])
        self._listening.set()
        while True:
            heard = False
            async for notification in conn.notifies(timeout=SILENCE):
                heard = True
                self._hear(notification.payload)
            if not heard:
                raise OperationalError("the connection is silent")

    def _hear(self, payload: str) -> None:
        self._heard.set()
        try:
            sender, told = json.loads(payload)
            if sender == self._name:
                return
            events = [from_json(json.dumps(one)) for one in told]
        except (ValueError, TypeError):  # of another version, which says it in other words
            events = [Resync()]
        self._from_others(event for event in events if event is not None)

    def _from_others(self, events: Iterable[Event]) -> None:
        self._tell(events, [one.from_others for one in self._subscribers])

    async def _notify(self, conn: AsyncConnection) -> None:
        await conn.execute("SET synchronous_commit = off")  # nothing is written
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(PING):
                    await self._wake.wait()
            await asyncio.sleep(GATHER)
            self._wake.clear()
            events, self._out = self._out, {}
            told = list(payloads(self._name, events)) or [json.dumps([self._name, []])]
            try:
                await conn.execute("SELECT pg_notify(%s, told) FROM unnest(%s::text[]) AS told", (CHANNEL, told))
            except BaseException:  # the next connection tells them
                self._out = {**events, **self._out}
                raise


def payloads(sender: str, events: Iterable[Event]) -> Iterator[str]:
    """The events as few notifications, each with as many as fit. What does not fit at all is to be looked for."""
    around = f'["{sender}",[%s]]'
    fitting: list[str] = []
    size = len(around)
    for event in events:
        text = to_json(event)
        if len(text) + len(around) > MOST:  # ASCII, so letters are bytes
            text = to_json(Resync())
        if fitting and size + len(text) + 1 > MOST:
            yield around % ",".join(fitting)
            fitting, size = [], len(around)
        fitting.append(text)
        size += len(text) + 1
    if fitting:
        yield around % ",".join(fitting)

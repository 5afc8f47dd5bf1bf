"""This process among those that share its database: it joins them, gives signs of life, and leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from cronapp.core.errors import NameTaken, NodeNotFound, StoreUnavailable
from cronapp.core.events import Event, NodesChanged, Resync, TasksLoaded
from cronapp.core.models import Node
from cronapp.engine.presence import noted
from cronapp.service.fleet import Fleet
from cronapp.store.beat import Beat

log = logging.getLogger(__name__)
BEATS = 5  # signs of life within the stall time
LAST = 2.0  # seconds that the last of them has
REPLACED = "another one has its name now"
OUTGROWN = "the database is of a newer version now, beside which this one cannot work"


class Membership:
    """On an SQLite file, which has one process, it is only written down."""

    def __init__(
        self,
        fleet: Fleet,
        node: Node,
        url: str,
        *,
        came_back: Callable[[], None],
        drained: Callable[[datetime | None], None],
        timed: Callable[[float], None],
        must_end: Callable[[], None],
    ) -> None:
        """What is called when: `came_back` when the others had given this process up, so that its runs are lost,
        `drained` when somebody emptied it elsewhere, or lets it go to work again, `timed` with the seconds that its
        clock is ahead of the database's, and `must_end` when it was given up and cannot come back."""
        self._fleet = fleet
        self._url = url
        self._came_back = came_back
        self._drained = drained
        self._timed = timed
        self._must_end = must_end
        self._gone = False  # it cannot come back: nothing more is said under its name
        self._written: datetime | None = None  # since when it is given no runs, as the others know it
        self._settled = False  # neither coming nor leaving
        self._beat: Beat | None = None
        self._rejoining: asyncio.Task[None] | None = None
        self.node = node

    @property
    def alive(self) -> bool:
        """Whether signs of life are given, or tried to be given."""
        return self._beat is None or self._beat.goes_on

    def heed(self, event: Event) -> None:
        """Tasks that were read again may be there now. Somebody may have emptied this process elsewhere."""
        if isinstance(event, TasksLoaded) and self._fleet.shared:
            self._telling = asyncio.create_task(noted(self._fleet.has_again(self.node.name)), name="cronapp-has-again")
        elif isinstance(event, NodesChanged | Resync) and self._settled:
            self._following = asyncio.create_task(noted(self._follow()), name="cronapp-follow")

    async def join(self, now: datetime) -> str:
        """Answers the name of this process. It is given no runs until it says that it is ready."""
        self.node = await self._fleet.join(replace(self.node, draining=now))
        if self._fleet.shared:
            loop, every = asyncio.get_running_loop(), self._fleet.stall / BEATS

            def given_up() -> None:
                loop.call_soon_threadsafe(self._given_up)

            def outgrown() -> None:
                loop.call_soon_threadsafe(self._end, OUTGROWN)

            def timed(off: float) -> None:
                loop.call_soon_threadsafe(self._timed, off)

            self._beat = Beat(self._url, self.node, every, given_up=given_up, outgrown=outgrown, timed=timed)
            self._beat.start()
        return self.node.name

    def heard(self) -> bool:
        """Whether the database has heard of this process lately. If not, the others may have given it up, or even
        brought the database to a version that this one does not know: it changes nothing there until it is heard."""
        return self._beat is None or self._beat.silence < self._fleet.stall

    async def look_at_clock(self) -> None:
        """At once, not only with the next sign of life."""
        if (off := await self._fleet.clock_off()) is not None:
            self._timed(off)

    async def ready(self) -> None:
        self.node = replace(self.node, draining=None)
        await self._hold()
        self._settled = True

    async def empty(self, now: datetime) -> None:
        """Is given no more runs, since it is about to leave."""
        self._settled = False
        self.node = replace(self.node, draining=now, drained_by=None)
        await self._hold()

    def hold(self, since: datetime | None, by: str | None) -> None:
        """Is given no more runs, or again; in the background."""
        self.node = replace(self.node, draining=since, drained_by=by)
        self._holding = asyncio.create_task(noted(self._hold()), name="cronapp-hold")

    async def _hold(self) -> None:
        node = self.node
        if self._gone:
            return
        await self._fleet.hold(node)
        self._written = node.draining

    async def _follow(self) -> None:
        if self.node.draining != self._written:  # it is being written, or the database was away
            await self._hold()
            return
        try:
            now = (await self._fleet.get(self.node.name)).node
        except NodeNotFound:  # it was given up; the next sign of life tells
            return
        if self._settled and self.node.draining == self._written != now.draining:
            self._written = now.draining
            self.node = replace(self.node, draining=now.draining, drained_by=now.drained_by)
            self._drained(now.draining)

    async def leave(self, *, clean: bool) -> None:
        """Not `clean`: something of it still runs in the books, so the others shall find it silent."""
        self._settled = False
        if self._beat is not None:
            self._beat.stop()
            await asyncio.to_thread(self._beat.join, LAST)
            self._beat = None
        if clean and not self._gone:
            await noted(self._fleet.leave(self.node))

    def _given_up(self) -> None:
        if self._rejoining is None or self._rejoining.done():
            self._rejoining = asyncio.create_task(self._rejoin(), name="cronapp-rejoin")

    async def _rejoin(self) -> None:
        try:
            back = await self._fleet.rejoin(self.node)
        except StoreUnavailable:  # the next sign of life asks again
            return
        except NameTaken:
            self._end(REPLACED)
            return
        if back:
            log.warning("the others took this process for dead; it is one of them again, and what it ran is lost")
            self._came_back()

    def _end(self, why: str) -> None:
        if not self._gone:
            self._gone, self._settled = True, False
            log.error("the others took this process for dead, and %s: it ends", why)
            self._must_end()

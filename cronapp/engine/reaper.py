"""Gives up nodes of which nothing is heard any more: what they ran is lost, and tried again where its rule says so."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from cronapp.core.errors import StoreUnavailable
from cronapp.core.models import Run
from cronapp.engine.machine import is_gone
from cronapp.service.fleet import Fleet

log = logging.getLogger(__name__)
LOOK_EVERY = 0.5
HELD_UP = 0.5  # of the stall time between two looks, beyond which this process itself was asleep or without database

Forget = Callable[[Sequence[str]], Awaitable[None]]


class Reaper:
    """One in each server: whoever notices first does it.

    Silence counts only while this server itself hears of the database all the time. Else, when a database comes back
    after a restart, the first server that reaches it would find everybody silent, and give up runs that go on.
    """

    def __init__(self, fleet: Fleet, machine: str, forget: Forget) -> None:
        """`forget`: nothing more is to be carried to these nodes."""
        self._fleet = fleet
        self._machine = machine
        self._forget = forget
        self._hears_since = time.monotonic()
        self._looked = time.monotonic()
        self._asked: float | None = None  # when it was asked for runs of nodes that are not there
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._look_on(), name="cronapp-reaper")

    async def stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def clear(self) -> None:
        """At the start: gives up the processes of this very machine that are gone. Others have time to be heard."""
        here = [
            load.node
            for load in (await self._fleet.look()).loads
            if self._machine and load.node.machine == self._machine
        ]
        await self._bury([node.name for node in here if is_gone(node.pid, node.started_at)], dead=True)

    async def _look_on(self) -> None:
        self._hears_since = self._looked = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                if await self._hears():
                    await self._bury(await self._fleet.silent())
                    await self._lose_unknown()
            except StoreUnavailable:
                self._hears_since = time.monotonic()
            except Exception:
                log.exception("looking for silent nodes failed; trying again")

    async def _hears(self) -> bool:
        """Whether this server has heard of the database for the whole stall time."""
        now = time.monotonic()
        if now - self._looked > HELD_UP * self._fleet.stall:  # others need the rest of it to be heard again
            self._hears_since = now
        self._looked = now
        return now - self._hears_since >= self._fleet.stall

    async def _lose_unknown(self) -> None:
        """Now and then: a run may have begun on a node that was given up meanwhile, or that left without the answer."""
        if self._asked is None or self._looked - self._asked >= self._fleet.stall:
            self._asked = self._looked
            told(await self._fleet.lose_unknown())

    async def _bury(self, names: Sequence[str], *, dead: bool = False) -> None:
        for name in names:
            try:
                lost = await self._fleet.bury(name, dead=dead)
            except StoreUnavailable:
                raise
            except Exception:  # of one of its runs: the other nodes are given up all the same
                log.exception("node %s cannot be given up; trying again", name)
                continue
            if lost is None:
                continue
            log.warning(
                "node %s is given up: %s", name, "it has ended" if dead else f"silent for {self._fleet.stall:g} s"
            )
            told(lost)
            await self._forget([name])


def told(lost: Sequence[Run]) -> None:
    for run in lost:
        log.warning("run #%s of %s is lost", run.id, run.job)

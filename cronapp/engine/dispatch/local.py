"""Carries runs within this process: claims what waits, as long as there is room, and hands it to the runner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from cronapp.core.clock import Clock
from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import Event, JobChanged, LimitsChanged, RunChanged, SchedulerChanged
from cronapp.engine.runner import Runner
from cronapp.service.runs import Claimed, Runs

log = logging.getLogger(__name__)
LOOK_EVERY = 5.0  # seconds: the net under events, and the pause when the database is away
BATCH = 100  # runs claimed in one transaction


class LocalDispatch:
    def __init__(self, runs: Runs, runner: Runner, clock: Clock, concurrency: int) -> None:
        self._runs = runs
        self._runner = runner
        self._clock = clock
        self._concurrency = concurrency
        self._held = False
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._claiming: asyncio.Future[list[Claimed]] | None = None

    @property
    def running(self) -> bool:
        return self._loop is not None and not self._loop.done()

    def hold(self, held: bool) -> None:
        """Starts no run while it is held."""
        self._held = held
        self._wake.set()

    def heed(self, event: Event) -> None:
        """A run waits, one of a job that runs one at a time ended, there is more room, or all may start again."""
        if isinstance(event, RunChanged | JobChanged | LimitsChanged | SchedulerChanged):
            self._wake.set()

    def heed_others(self, event: Event) -> None:
        self.heed(event)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def forget(self, nodes: Sequence[str]) -> None: ...

    def start(self) -> None:
        self._loop = asyncio.create_task(self._carry(), name="cronapp-dispatch")

    async def stop(self) -> None:
        """Claims nothing more. What is being claimed just now still goes to the runner, before this returns."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        if self._claiming is not None:
            await asyncio.wait([self._claiming])

    async def _carry(self) -> None:
        pause = 0.0
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                looked = self._clock()
                await self._fill()
                pause = await self._until_next_start(looked)
            except StoreUnavailable as error:
                log.warning("%s Waiting runs are kept.", error)
                pause = LOOK_EVERY
            except Exception:
                log.exception("taking runs failed; trying again")
                pause = LOOK_EVERY

    async def _fill(self) -> None:
        """Claims until nothing waits or no room is left."""
        while not self._held and (room := min(self._concurrency - self._runner.busy, BATCH)) > 0:
            # Shielded: a claim that is under way when the server stops must not be claimed and then forgotten.
            self._claiming = claiming = asyncio.ensure_future(self._runs.claim(self._runner.node, room))
            claiming.add_done_callback(self._start)
            if len(await asyncio.shield(claiming)) < room:
                return

    def _start(self, claiming: asyncio.Future[list[Claimed]]) -> None:
        if not claiming.cancelled() and claiming.exception() is None:
            for claimed in claiming.result():
                # Its end is told before its place is free, so that news alone would leave the next run waiting.
                self._runner.start(claimed).add_done_callback(lambda _: self._wake.set())

    async def _until_next_start(self, looked: datetime) -> float:
        """Seconds until the next run may start. Whatever became due since `looked` is not waited for."""
        due = await self._runs.next_start(looked)
        wait = (due - self._clock()) if due else timedelta(seconds=LOOK_EVERY)
        return min(max(wait.total_seconds(), 0.0), LOOK_EVERY)

"""Ends the pauses whose time has come, of single jobs and of the whole scheduler."""

from __future__ import annotations

import asyncio
import logging

from cronapp.core.about import concerning
from cronapp.core.clock import Clock
from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import Event, JobChanged, Resync, SchedulerChanged
from cronapp.core.history import ITSELF
from cronapp.core.models import Job
from cronapp.service.jobs import Jobs
from cronapp.service.pauses import Pauses
from cronapp.service.switch import Switch

log = logging.getLogger(__name__)
LOOK_EVERY = 60.0  # seconds: the net under events, and under a clock that is set
TRY_AGAIN = 1.0  # seconds until the next try when the database is away


class PauseEnds:
    def __init__(self, pauses: Pauses, jobs: Jobs, switch: Switch, clock: Clock) -> None:
        self._pauses = pauses
        self._jobs = jobs
        self._switch = switch
        self._clock = clock
        self._held = False
        self._wake = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None

    def heed(self, event: Event) -> None:
        if isinstance(event, JobChanged | SchedulerChanged | Resync):
            self._wake.set()

    def hold(self, held: bool) -> None:
        """Ends no pause while it is held, since nobody here knows what time it is."""
        self._held = held
        self._wake.set()

    def start(self) -> None:
        self._watcher = asyncio.create_task(self._watch(), name="cronapp-pauses")

    async def stop(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            self._wake.clear()
            try:
                wait = await self._end_what_is_over()
            except StoreUnavailable as error:
                log.warning("%s Pauses end later.", error)
                wait = TRY_AGAIN
            except Exception:
                log.exception("pauses that are over cannot be ended; trying again")
                wait = LOOK_EVERY
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _resume(self, job: Job) -> None:
        try:
            await self._jobs.resume(job.id, by=ITSELF, pause=job.pause)
            log.info("job %s runs again: its pause is over", job.id)
        except StoreUnavailable:
            raise
        except Exception:  # removed meanwhile, or one that fails where others do not: nobody waits for it
            log.exception("the pause of job %s is over and cannot be ended; trying again", job.id)

    async def _end_what_is_over(self) -> float:
        """Answers in how many seconds to look again."""
        if self._held:
            return LOOK_EVERY
        now = self._clock()
        whole = await self._switch.state()
        if whole and whole.until and whole.until <= now:
            await self._switch.resume(pause=whole)
            log.info("the scheduler runs again: its pause is over")
        for job in await self._pauses.over(now):
            with concerning({"job": job.id}):
                await self._resume(job)
        end = await self._pauses.next_end(now)
        ahead = (end - self._clock()).total_seconds() if end else LOOK_EVERY
        return min(max(ahead, 0.0), LOOK_EVERY)

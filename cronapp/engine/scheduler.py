"""Keeps the timers true to the jobs' rows, and has due slots settled."""

from __future__ import annotations

import asyncio
import logging

from cronapp.core.errors import JobNotFound, StoreUnavailable
from cronapp.core.events import Event, JobChanged
from cronapp.engine.timer import Timer
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs

log = logging.getLogger(__name__)
SLICE = 200  # jobs settled in one transaction
TRY_AGAIN = 1.0  # seconds until the next try when the database is away: the slots are kept


class Scheduler:
    def __init__(self, jobs: Jobs, runs: Runs) -> None:
        self._jobs = jobs
        self._runs = runs
        self._timer = Timer(self._due)
        self._due_keys: dict[int, None] = {}  # in the order in which they became due
        self._changed: dict[str, None] = {}
        self._keys: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    @property
    def timers(self) -> int:
        """How many jobs wait for a slot."""
        return len(self._timer)

    @property
    def running(self) -> bool:
        return self._worker is not None and not self._worker.done()

    async def start(self) -> None:
        """Sets a timer for every active job. What passed while nobody was there is due at once."""
        jobs = await self._jobs.all()
        self._keys = {job.id: job.key for job in jobs}
        self._timer.start(jobs)
        self._worker = asyncio.create_task(self._work(), name="cronapp-scheduler")

    async def stop(self) -> None:
        """Takes no new slot; those that come now are due at the next start."""
        self._timer.stop()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    def heed(self, event: Event) -> None:
        if isinstance(event, JobChanged):
            self._changed[event.job] = None
            self._wake.set()

    def _due(self, keys: list[int]) -> None:
        self._due_keys.update(dict.fromkeys(keys))
        self._wake.set()

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._follow_changes()
                await self._settle()
            except StoreUnavailable as error:
                log.warning("%s Due slots are kept.", error)
                await asyncio.sleep(TRY_AGAIN)
                self._wake.set()
            except Exception:
                log.exception("settling due slots failed; trying again")
                await asyncio.sleep(TRY_AGAIN)
                self._wake.set()

    async def _settle(self) -> None:
        while keys := list(self._due_keys)[:SLICE]:
            for key in keys:  # before the work: what becomes due meanwhile is due once more
                del self._due_keys[key]
            try:
                settled = await self._runs.settle_due(keys)
            except Exception:
                self._due(keys)
                raise
            for job in settled:
                self._timer.set(job)

    async def _follow_changes(self) -> None:
        while self._changed:
            job_id = next(iter(self._changed))
            del self._changed[job_id]  # before it is read: a change that comes meanwhile is followed too
            try:
                job = await self._jobs.get(job_id)
            except JobNotFound:
                self._forget(job_id)
            except Exception:
                self._changed[job_id] = None
                raise
            else:
                if self._keys.get(job_id) not in (None, job.key):  # removed, and made anew under the same id
                    self._forget(job_id)
                self._keys[job_id] = job.key
                self._timer.set(job)

    def _forget(self, job_id: str) -> None:
        key = self._keys.pop(job_id, None)
        if key is not None:
            self._timer.drop(key)

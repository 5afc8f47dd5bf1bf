"""Keeps the timers true to the jobs' rows, and has due slots settled."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from cronapp.core.about import concerning
from cronapp.core.errors import JobNotFound, StoreUnavailable
from cronapp.core.events import Event, JobChanged, Resync, SchedulerChanged
from cronapp.core.models import Job
from cronapp.engine.timer import Timer
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs

log = logging.getLogger(__name__)
SLICE = 200  # jobs settled in one transaction, at the most
FEW = 1  # at first, and after an outage: each may have hundreds of slots then
LONG = 1.0  # seconds that a transaction should not take
TRY_AGAIN = 1.0  # seconds until the next try when the database is away: the slots are kept
SLOWEST = 300.0  # seconds between two tries of a job that fails again and again, at the most
UNREADABLE = 60.0  # seconds until a changed job that cannot be read is tried again


@dataclass(slots=True)
class PutOff:
    """A job that failed where others do not. It is tried alone, and more and more rarely: nobody waits for it."""

    tries: int
    again: asyncio.TimerHandle


class Scheduler:
    def __init__(self, jobs: Jobs, runs: Runs) -> None:
        self._jobs = jobs
        self._runs = runs
        self._timer = Timer(self._due)
        self._slice = FEW
        self._due_keys: dict[int, None] = {}  # in the order in which they became due
        self._put_off: dict[int, PutOff] = {}
        self._alone: dict[int, None] = {}  # put off, and now to be tried again
        self._changed: dict[str, None] = {}
        self._keys: dict[str, int] = {}
        self._held: set[str] = set()
        self._unsure = False  # changes may have been missed
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
        await self._runs.open_at_start()
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
        for put_off in self._put_off.values():
            put_off.again.cancel()

    def hold(self, held: bool, why: str = "drain") -> None:
        """Settles no slot while it is held for any reason; those that pass meanwhile are late."""
        (self._held.add if held else self._held.discard)(why)
        self._wake.set()

    def heed(self, event: Event) -> None:
        if isinstance(event, JobChanged):
            self._changed[event.job] = None
            self._wake.set()
        elif isinstance(event, SchedulerChanged):  # what its slots came to was settled, and perhaps more are due
            self._due(list(self._keys.values()))
        elif isinstance(event, Resync):
            self._unsure = True
            self._wake.set()

    def _due(self, keys: Sequence[int]) -> None:
        self._due_keys.update(dict.fromkeys(key for key in keys if key not in self._put_off))
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
        while not self._held and (keys := list(self._due_keys)[: self._slice]):
            for key in keys:  # before the work: what becomes due meanwhile is due once more
                del self._due_keys[key]
            began = time.monotonic()
            await self._settle_slice(keys)
            self._slice = next_slice(self._slice, time.monotonic() - began)
        while not self._held and self._alone:
            key = next(iter(self._alone))
            del self._alone[key]
            await self._settle_slice([key])

    async def _settle_slice(self, keys: Sequence[int]) -> None:
        try:
            settled, until = await self._runs.settle_due(keys)
        except StoreUnavailable:
            self._slice = FEW
            self._keep(keys)
            raise
        except Exception:
            if len(keys) == 1:
                self._set_aside(keys[0])
            else:
                await self._settle_one_by_one(keys)
        else:
            for job in settled:
                self._keep_time(job)
            # Reported before, and not due at that look: the clock was set back for a moment.
            now = self._runs.clock()
            self._due([job.key for job in settled if job.next_slot and until < job.next_slot <= now])

    async def _settle_one_by_one(self, keys: Sequence[int]) -> None:
        """One of them failed and undid the work on all: only that one shall wait."""
        for place, key in enumerate(keys):
            try:
                await self._settle_slice([key])
            except StoreUnavailable:
                self._keep(keys[place:])
                raise

    def _keep(self, keys: Sequence[int]) -> None:
        """The database is away: they stay due."""
        self._due(keys)
        self._alone.update(dict.fromkeys(key for key in keys if key in self._put_off))

    def _keep_time(self, job: Job) -> None:
        try:
            self._timer.set(job)
        except Exception:
            self._set_aside(job.key)
        else:
            self._take_back(job.key)

    # -- jobs that fail where others do not -------------------------------------------------------------------------

    def _set_aside(self, key: int) -> None:
        """Called while the error is handled."""
        tries = self._take_back(key)
        if tries == 0:
            job_id = self._id(key)
            name = f"job {job_id}" if job_id else f"the job with the key {key}"
            with concerning({"job": job_id} if job_id else {}):
                log.exception("the slots of %s cannot be settled; trying again, less and less often", name)
        pause = min(TRY_AGAIN * 2**tries, SLOWEST)
        self._put_off[key] = PutOff(tries + 1, asyncio.get_running_loop().call_later(pause, self._try_again, key))

    def _try_again(self, key: int) -> None:
        self._alone[key] = None
        self._wake.set()

    def _take_back(self, key: int) -> int:
        """It is a job as the others again. Answers how often it has failed."""
        put_off = self._put_off.pop(key, None)
        if put_off is None:
            return 0
        put_off.again.cancel()
        return put_off.tries

    def _id(self, key: int) -> str:
        return next((job_id for job_id, its in self._keys.items() if its == key), "")

    # -- jobs that change -------------------------------------------------------------------------------------------

    async def _follow_changes(self) -> None:
        if self._unsure:
            self._unsure = False
            await self._follow_all()
        while self._changed:
            job_id = next(iter(self._changed))
            del self._changed[job_id]  # before it is read: a change that comes meanwhile is followed too
            try:
                job = await self._jobs.get(job_id)
            except JobNotFound:
                self._forget(job_id)
            except StoreUnavailable:
                self._changed[job_id] = None
                raise
            except Exception:
                with concerning({"job": job_id}):
                    log.exception("job %s cannot be read; trying again", job_id)
                asyncio.get_running_loop().call_later(UNREADABLE, self.heed, JobChanged(job_id))
            else:
                self._follow(job)

    async def _follow_all(self) -> None:
        """Looks at every job again."""
        try:
            found = await self._jobs.all()
        except StoreUnavailable:
            self._unsure = True
            raise
        for job_id in self._keys.keys() - {job.id for job in found}:
            self._forget(job_id)
        for job in found:
            self._follow(job)

    def _follow(self, job: Job) -> None:
        if self._keys.get(job.id) not in (None, job.key):  # removed, and made anew under the same id
            self._forget(job.id)
        self._keys[job.id] = job.key
        if self._take_back(job.key):  # perhaps it was mended
            self._due([job.key])
        self._keep_time(job)

    def _forget(self, job_id: str) -> None:
        key = self._keys.pop(job_id, None)
        if key is not None:
            self._take_back(key)
            self._timer.drop(key)


def next_slice(size: int, took: float) -> int:
    """How many jobs are settled together after so many took so long: more and more, as long as that is quick."""
    if took > LONG:
        return max(size // 2, 1)
    return min(size * 2, SLICE) if took < LONG / 2 else size

"""One run's life in this process: started, its lines written as they come, stopped when asked, its outcome stored."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cronapp.core.clock import Clock
from cronapp.core.errors import CronAppError, StoreUnavailable
from cronapp.core.events import CancelRequested, Event
from cronapp.core.models import JobSpec, LogLine, Outcome, Progress, Run, RunError, RunState
from cronapp.engine.executors import Attempt, StopRequest, execute
from cronapp.engine.runlog import RunLog, clean
from cronapp.service.runs import Claimed, Runs, Written
from cronapp.service.tasks import Tasks

log = logging.getLogger(__name__)
WRITE_EVERY = 0.1  # seconds between two writings of what runs print
TRY_AGAIN = 1.0  # seconds until the next try when the database is away


@dataclass(slots=True, eq=False)
class Live:
    """A run that is being executed here."""

    run: Run
    stop: StopRequest
    lines: RunLog
    progress: Progress | None = None  # reported, not yet written
    unwritten: list[LogLine] = field(default_factory=list)

    def report(self, progress: Progress) -> None:
        self.progress = replace(progress, text=clean(progress.text))

    def written(self, *, flush: bool = False) -> Written | None:
        """What there is to write. Lines that could not be written before stay first in line."""
        if not self.unwritten:
            self.unwritten = self.lines.take(flush=flush)
        elif flush:
            self.unwritten += self.lines.take(flush=True)
        progress, self.progress = self.progress, None
        return Written(self.run, self.unwritten, progress) if self.unwritten or progress else None


class Runner:
    def __init__(
        self, runs: Runs, tasks: Tasks, clock: Clock, *, node: str, log_limit: int, grace: float = 10.0
    ) -> None:
        """`grace`: seconds between asking a run to stop and forcing it; `log_limit`: bytes kept of one run's log."""
        self.node = node
        self._runs = runs
        self._tasks = tasks
        self._clock = clock
        self._log_limit = log_limit
        self._grace = grace
        self._live: dict[int, Live] = {}
        self._lives: set[asyncio.Task[None]] = set()
        self._writer: asyncio.Task[None] | None = None
        self._writing: asyncio.Future[bool] | None = None

    @property
    def busy(self) -> int:
        """How many runs are executed here now."""
        return len(self._lives)

    @property
    def live(self) -> list[Run]:
        return [live.run for live in self._live.values()]

    def heed(self, event: Event) -> None:
        if isinstance(event, CancelRequested) and (live := self._live.get(event.run)):
            live.stop.request(RunState.CANCELLED, event.reason)

    def remark(self, run_id: int, text: str) -> None:
        """Puts a remark of ours into the log of a run that is executed here. May be called from any thread."""
        if live := self._live.get(run_id):
            live.lines.system(text)

    def begin(self) -> None:
        """Starts writing what runs print."""
        self._writer = asyncio.create_task(self._write_on(), name="cronapp-write-logs")

    def start(self, claimed: Claimed) -> asyncio.Task[None]:
        """Executes a claimed run in the background; done when its place is free again."""
        run = claimed.run
        live = self._live[run.id] = Live(run, StopRequest(), RunLog(self._log_limit, self._clock))
        life = asyncio.create_task(self._live_through(live, claimed.spec), name=f"cronapp-run-{run.id}")
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return life

    async def drained(self) -> None:
        """Returns when no run is executed here any more."""
        while self._lives:
            await asyncio.wait(self._lives)

    def stop_all(self, reason: str) -> None:
        """Asks every run to stop; it counts as lost, so that its retry rule may bring it back."""
        for live in self._live.values():
            live.stop.request(RunState.LOST, reason)

    async def end(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    # -- one run --------------------------------------------------------------------------------------------------

    async def _live_through(self, live: Live, spec: JobSpec) -> None:
        began = time.monotonic()
        try:
            outcome = await self._outcome(live, spec.timeout)
        finally:
            del self._live[live.run.id]
        duration = time.monotonic() - began
        await self._finish(live, outcome, duration)
        live.lines.close()

    async def _outcome(self, live: Live, timeout: float | None) -> Outcome:
        try:
            task = self._tasks.get(live.run.task)
        except CronAppError as error:
            return Outcome(state=RunState.FAILED, reason=str(error), error=RunError("TaskNotFound", str(error), ""))
        run = live.run
        attempt = Attempt(
            id=run.id,
            job=run.job,
            attempt=run.attempt,
            slot=run.slot,
            task=task,
            args=run.args,
            log=live.lines,
            on_progress=live.report,
            timeout=timeout,
            grace=self._grace,
        )
        return await execute(attempt, live.stop)

    async def _finish(self, live: Live, outcome: Outcome, duration: float) -> None:
        """Stores the end; while the database is away, again and again."""
        if self._writing is not None:  # it may hold lines of this run, which must not be written twice
            await asyncio.wait([self._writing])
        last = live.written(flush=True)
        while True:
            try:
                if not await self._runs.finish(live.run, outcome, duration, last):
                    log.warning("run #%s ended as %s, but it was no longer ours", live.run.id, outcome.state)
                return
            except StoreUnavailable as error:
                log.warning("the end of run #%s waits: %s", live.run.id, error)
                await asyncio.sleep(TRY_AGAIN)

    # -- what runs print ------------------------------------------------------------------------------------------

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY)
            written = {live: item for live in self._live.values() if (item := live.written())}
            if written:
                self._writing = asyncio.ensure_future(self._write(written))
                if not await asyncio.shield(self._writing):
                    await asyncio.sleep(TRY_AGAIN)

    async def _write(self, written: Mapping[Live, Written]) -> bool:
        try:
            await self._runs.write(list(written.values()))
        except StoreUnavailable as error:
            log.warning("the lines of %d runs wait: %s", len(written), error)
            return False
        except Exception:
            log.exception("the lines of %d runs could not be written; trying again", len(written))
            return False
        for live in written:
            live.unwritten = []
        return True

"""One run's life in this process: started, its lines written as they come, stopped when asked, its outcome stored."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from cronapp.core.about import concerning, concerns
from cronapp.core.clock import Clock
from cronapp.core.conditions import condition_args, is_asked, refusal
from cronapp.core.errors import CronAppError, SecretNotFound, SecretUnreadable, StoreUnavailable
from cronapp.core.events import CancelRequested, Event, Resync
from cronapp.core.models import Inside, Json, Outcome, Run, RunError, RunState
from cronapp.core.registry import Task
from cronapp.core.sealing import resolved
from cronapp.core.spec import zone_of
from cronapp.engine.executors import Attempt, ChildLimits, StopRequest, execute
from cronapp.engine.executors.execution import REAPING
from cronapp.engine.gathering import Gathering
from cronapp.engine.live import Live, plain
from cronapp.engine.outcomes import failed, run_error, told
from cronapp.engine.runlog import Cover, RunLog, clean
from cronapp.engine.secrets import Lookup, hidden
from cronapp.engine.spans import NoTracer, Tracer
from cronapp.service.runs import Claimed, Finished, Runs, Written
from cronapp.service.tasks import Tasks

log = logging.getLogger(__name__)
WRITE_EVERY = 0.1  # seconds between two writings of what runs print
TRY_AGAIN = 1.0  # seconds until the next try when the database is away
TRIES = 3  # for what the database takes badly: then the run goes without it
SLOWEST = 60.0  # seconds between two tries at the most
LEVELS = {RunState.FAILED: logging.WARNING, RunState.TIMED_OUT: logging.WARNING, RunState.LOST: logging.WARNING} | {
    RunState.CANCELLED: logging.INFO
}
"""How loud the server's log tells how a run ended; what went well only by the level `debug`."""
NO_TRACER = NoTracer()
SUPERSEDED = "Others took this process for dead."
STORING = 5.0  # seconds that ends have to be stored when the server stops, once nothing runs any more


class Runner:
    def __init__(
        self,
        runs: Runs,
        tasks: Tasks,
        clock: Clock,
        *,
        node: str,
        log_limit: int,
        grace: float = 10.0,
        child_limits: ChildLimits = ChildLimits(),  # noqa: B008 - it is frozen
        when_idle: Callable[[], None] = lambda: None,
        secrets: Iterable[str] = (),
        variable: Callable[[str], str | None] = lambda _: None,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        """`grace`: seconds between asking a run to stop and forcing it; `log_limit`: bytes kept of one run's log;
        `child_limits`: what each child process may take; `when_idle` is called each time that nothing runs any more;
        `secrets` are masked in all that runs say; `variable` is the environment, for secrets that are not stored."""
        self.node = node
        self._runs = runs
        self._tasks = tasks
        self._clock = clock
        self._log_limit = log_limit
        self._grace = grace
        self._child_limits = child_limits
        self._when_idle = when_idle
        self._cover = Cover(secrets)
        self._variable = variable
        self._tracer = tracer
        self._live: dict[int, Live] = {}
        self._ends: Gathering[Finished, bool] = Gathering(lambda ends: self._runs.finish_all(ends), "cronapp-ends")
        self._ending: dict[int, Run] = {}  # over, and their end is not stored yet
        self._lives: set[asyncio.Task[None]] = set()
        self._writer: asyncio.Task[None] | None = None
        self._writing: asyncio.Future[bool] | None = None
        self._asking: asyncio.Task[None] | None = None

    @property
    def busy(self) -> int:
        """How many runs are executed here now."""
        return len(self._lives)

    def has(self, run_id: int) -> bool:
        """Whether a run is executed here, or its end waits to be stored."""
        return run_id in self._live or run_id in self._ending

    @property
    def live(self) -> list[Run]:
        return [live.run for live in self._live.values()]

    @property
    def unended(self) -> list[Run]:
        """The runs of this process whose end is not stored yet: what is live, and what waits for the database."""
        return sorted([*self.live, *self._ending.values()], key=lambda run: run.id)

    def heed(self, event: Event) -> None:
        if isinstance(event, CancelRequested) and (live := self._live.get(event.run)):
            live.stop.request(RunState.CANCELLED, event.reason)
        elif isinstance(event, Resync) and self._live:
            self._asking = asyncio.create_task(self._ask_whose(), name="cronapp-whose")

    async def _ask_whose(self) -> None:
        """Word may have been lost: stops what was asked to stop, and what others have given up by now."""
        asked = dict(self._live)
        try:
            standing = await self._runs.standing(list(asked), self.node)
        except StoreUnavailable:  # there will be word of it
            return
        for run_id, live in asked.items():
            if self._live.get(run_id) is not live:
                continue
            if run_id not in standing:
                self._superseded(live)
            elif reason := standing[run_id]:
                live.stop.request(RunState.CANCELLED, reason)

    def _superseded(self, live: Live) -> None:
        """The others took this process for dead: the run is no longer ours, and perhaps executed elsewhere by now."""
        if live.disowned:
            return
        with concerning(live.about):
            log.warning("run #%s is no longer ours: it is stopped, and what it prints is not kept", live.run.id)
        live.disown()
        live.stop.request(RunState.LOST, SUPERSEDED)

    def give_up_all(self) -> None:
        """The others took this process for dead, and it cannot come back: nothing here is ours any more."""
        for live in list(self._live.values()):
            self._superseded(live)

    def remark(self, run_id: int, text: str) -> None:
        """Puts a remark of ours into the log of a run that is executed here. May be called from any thread."""
        if live := self._live.get(run_id):
            live.lines.system(text)

    async def look(self, run_id: int) -> Inside | None:
        """Where the code of a run is; None if it is not executed here."""
        live = self._live.get(run_id)
        if live is None or live.call is None:
            return None
        seen = await live.call.look()
        return Inside(
            run=run_id,
            run_in=live.run_in,
            stack=clean(live.lines.cover(seen.stack)),
            memory=seen.memory,
            last_line_at=live.lines.last_line_at,
            at=self._clock(),
        )

    def begin(self) -> None:
        """Starts writing what runs print."""
        self._writer = asyncio.create_task(self._write_on(), name="cronapp-write-logs")

    def start(self, claimed: Claimed) -> asyncio.Task[None]:
        """Executes a claimed run in the background; done when its place is free again."""
        run = claimed.run
        live = self._live[run.id] = Live(run, StopRequest(), self._log())
        life = asyncio.create_task(self._live_through(live, claimed), name=f"cronapp-run-{run.id}")
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return life

    def _log(self) -> RunLog:
        return RunLog(self._log_limit, self._clock, cover=self._cover.copy())

    async def drained(self) -> None:
        """Returns when no run is executed here any more."""
        while self._lives:
            await asyncio.wait(self._lives)

    def stop_all(self, reason: str) -> None:
        """Asks every run to stop; it counts as lost, so that its retry rule may bring it back."""
        for live in self._live.values():
            live.stop.request(RunState.LOST, reason)

    async def stop(self, reason: str) -> list[Run]:
        """Stops every run, and comes to its own end also while the database is away. Answers the runs whose end could
        not be stored: in the books they run, so the next start marks them lost."""
        self.stop_all(reason)
        over = [asyncio.ensure_future(live.over.wait()) for live in self._live.values()]
        await ended(over, self._grace + REAPING + 1)  # the time in which any run is over, however deaf
        await ended(self._lives, STORING)
        left = self.unended
        for one in [*over, *self._lives]:
            one.cancel()
        await ended(self._lives, REAPING)
        return left

    async def end(self) -> None:
        await self._ends.stop()
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    # -- one run --------------------------------------------------------------------------------------------------

    async def _live_through(self, live: Live, claimed: Claimed) -> None:
        began = time.monotonic()
        try:
            with self._tracer.around(live.run, claimed.spec.queue) as live.span:
                concerns(**live.about)
                log.debug("run #%s of %s begins", live.run.id, live.run.job)
                outcome = live.span.outcome = await self._carried_out(live, claimed)
        except Exception as problem:  # of the tracer: a run comes to its end in any case
            log.exception("the span of run #%s failed", live.run.id)
            outcome = live.span.outcome or failed(run_error(problem))
        finally:
            del self._live[live.run.id]
            live.over.set()
            if not self._live:
                self._when_idle()
        duration = time.monotonic() - began
        self._ending[live.run.id] = live.run
        try:
            await self._finish(live, outcome, duration)
        finally:
            del self._ending[live.run.id]
            live.lines.close()

    async def _carried_out(self, live: Live, claimed: Claimed) -> Outcome:
        try:
            return hidden(await self._outcome(live, claimed), live.lines.cover)
        except Exception as problem:
            log.exception("run #%s could not be executed", live.run.id)
            return failed(run_error(problem))

    async def _outcome(self, live: Live, claimed: Claimed) -> Outcome:
        run, spec = live.run, claimed.spec
        lookup = Lookup(self._tasks.vault, claimed.secrets, self._variable, live.lines.cover)
        try:
            task = self._tasks.get(run.task)
            condition = self._tasks.get(spec.condition) if spec.condition else None
        except CronAppError as error:
            return Outcome(state=RunState.FAILED, reason=str(error), error=RunError("TaskNotFound", str(error), ""))
        if condition and is_asked(run):
            args = condition_args(condition, (run.slot or run.queued_at).astimezone(zone_of(spec)))
            said = await self._execute(live, condition, args, spec.timeout, lookup)
            if refused := refusal(condition.name, said):
                return refused
            live.lines.system(f"The condition {condition.name} said yes.")
        try:
            given = resolved(task.signature, run.args, self._tasks.vault, lookup.stored)
        except (SecretNotFound, SecretUnreadable) as error:
            problem = RunError(type(error).__name__, str(error), "")
            return Outcome(state=RunState.FAILED, reason=str(error), error=problem)
        live.lines.cover.add(task.signature.secret_texts(given))
        return await self._execute(live, task, given, spec.timeout, lookup)

    async def _execute(self, live: Live, task: Task, args: Json, timeout: float | None, lookup: Lookup) -> Outcome:
        run = live.run
        attempt = Attempt(
            id=run.id,
            job=run.job,
            attempt=run.attempt,
            slot=run.slot,
            task=task,
            args=args,
            log=live.lines,
            on_progress=live.report,
            on_source=live.made_of if task.name == run.task else lambda _: None,  # it may be the condition's
            timeout=timeout,
            grace=self._grace,
            limits=self._child_limits,
            secret=lookup,
            span=live.span,
            exporters=self._tracer.exporters,
            node=self.node,
        )
        live.run_in = task.run_in
        return await execute(attempt, live.stop, live.begun)

    async def _finish(self, live: Live, outcome: Outcome, duration: float) -> None:
        """Stores the end; while the database is away, again and again. One that it refuses is told in plain words."""
        if self._writing is not None:  # it may hold lines of this run, which must not be written twice
            await asyncio.wait([self._writing])
        run, last = live.run, live.written(flush=True)
        outcome = replace(outcome, source=live.source)
        refused = 0
        while True:
            try:
                if await self._ends.add(Finished(run, outcome, duration, last)):
                    tell_end(run, outcome, duration)
                else:
                    log.warning("run #%s ended as %s, but it was no longer ours", run.id, outcome.state)
                return
            except StoreUnavailable as error:
                if live.disowned:  # how it ended is stored already
                    return
                log.warning("the end of run #%s waits: %s", run.id, error)
            except Exception:
                refused += 1
                log.exception("the end of run #%s could not be stored; trying again", run.id)
                if refused == TRIES:
                    outcome, last = plain(outcome), None
            await asyncio.sleep(min(TRY_AGAIN * 2 ** max(refused - 1, 0), SLOWEST))

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
        """Writes what several runs printed; False: some of it has to wait."""
        try:
            ours = await self._runs.write(list(written.values()))
        except StoreUnavailable as error:
            log.warning("the lines of %d runs wait: %s", len(written), error)
            for live, item in written.items():
                live.keep(item)
            return False
        except Exception:
            if len(written) > 1:  # one by one, so that only what is refused has to wait
                return all([await self._write({live: item}) for live, item in written.items()])
            self._refused(*written.items())
            return False
        for live in written:
            live.unwritten, live.refused = [], 0
            live.trace_kept = bool(live.span.trace_id)
            if live.run.id not in ours:
                self._superseded(live)
        return True

    def _refused(self, refused: tuple[Live, Written]) -> None:
        live, item = refused
        with concerning(live.about):
            log.exception("the lines of run #%s could not be written; trying again", live.run.id)
        live.refused += 1
        live.keep(item)
        if live.refused == TRIES:
            live.give_up_lines()


def tell_end(run: Run, outcome: Outcome, duration: float) -> None:
    level = LEVELS.get(outcome.state, logging.DEBUG)
    if log.isEnabledFor(level):
        figures = {"task": run.task, "state": outcome.state, "attempt": run.attempt, "duration": round(duration, 6)}
        log.log(level, "%s", told(run, outcome, duration), extra={"figures": figures})


async def ended(waited: Iterable[asyncio.Future[Any]], limit: float) -> None:
    """Waits until all have ended, at most `limit` seconds."""
    if waiting := set(waited):
        await asyncio.wait(waiting, timeout=limit)

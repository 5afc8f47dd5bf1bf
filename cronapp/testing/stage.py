"""Where a job is played: a database that nobody else sees, and the services' own transactions."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from cronapp.core.conditions import condition_args, is_asked, refusal
from cronapp.core.current import CURRENT, CurrentRun
from cronapp.core.models import Job, JobSpec, JobState, Json, Outcome, Run, RunState, RunTrigger
from cronapp.core.registry import Task
from cronapp.core.secret import secret
from cronapp.core.spec import trigger_for
from cronapp.engine.outcomes import failed, run_error
from cronapp.service.blackouts import Blackouts
from cronapp.service.calendars import Calendars
from cronapp.service.endings import follow_up
from cronapp.service.slots import settle_due
from cronapp.store import jobs, runs
from cronapp.store.dialects import sqlite_engine
from cronapp.store.migrating import migrate
from cronapp.store.store import Tx
from cronapp.testing.clock import TurnedClock
from cronapp.testing.schedules import TICK

NODE = "play"
ALL = 10_000_000  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One row of the job's ledger: a run, or the record of why slots had none. Moments are aware UTC."""

    slot: datetime | None
    started: datetime | None  # None: no run
    state: RunState
    result: Any = None  # what the function returned, itself
    error: BaseException | None = None  # what it raised, itself
    trigger: RunTrigger = RunTrigger.SCHEDULE
    attempt: int = 1
    reason: str | None = None
    missed: int = 1  # how many slots the record stands for; `slot` is the newest


@contextmanager
def own_database() -> Iterator[Tx]:
    """One transaction on a database that is gone afterwards: to make each slot durable would take most of the time."""
    with TemporaryDirectory(prefix="cronapp-play-") as folder:
        engine = sqlite_engine(str(Path(folder, "play.db")), writing=True)
        try:
            with engine.begin() as conn:
                migrate(conn)
                yield Tx(conn)
        finally:
            engine.dispose()


@dataclass
class Stage:
    tx: Tx
    task: Task
    clock: TurnedClock
    away: Sequence[tuple[datetime, datetime]]  # by their beginnings
    loop: asyncio.Runner | None  # for an async def
    zone: ZoneInfo
    condition: Task | None = None
    blackouts: Blackouts = field(default_factory=lambda: Blackouts(Calendars(Path.cwd())))
    counts_failures: bool = False  # the job pauses by itself, so a success matters too
    results: dict[int, Any] = field(default_factory=dict)
    errors: dict[int, BaseException] = field(default_factory=dict)

    def play(self, spec: JobSpec, begin: datetime, end: datetime) -> list[Played]:
        """The job's ledger from `begin` up to, but without, `end`."""
        before = begin - TICK
        self.counts_failures = spec.pause_after_failures is not None
        first = trigger_for(spec).next_after(before)
        job = jobs.create(self.tx, spec, state=JobState.ACTIVE, reason=None, origin="code", now=before, next_slot=first)
        assert job is not None, "a new database has no other job"
        now, waiting = before, False
        while (moment := self._next(job, now, waiting)) is not None and moment < end:
            assert moment > now, "each step settles all that is due"
            now = moment
            (job,) = settle_due(self.tx, [job.key], now, self.blackouts)
            waiting = self._run_all(job, now)
            if self.condition:  # its no may have given a slot back
                (job,) = jobs.by_keys(self.tx.conn, [job.key])
        return [self._played(run) for run in reversed(runs.of_job(self.tx.conn, job.key, limit=ALL))]

    def _next(self, job: Job, now: datetime, waiting: bool) -> datetime | None:
        """When there is something to do: a slot, or a run that waits; if nobody is there then, when one is back."""
        slot = job.next_slot if job.state is JobState.ACTIVE else None
        start = runs.next_start(self.tx.conn, now) if waiting else None
        moment = min((one for one in (slot, start) if one), default=None)
        for left, back in self.away:
            if moment is not None and left <= moment < back:
                moment = back
        return moment

    def _run_all(self, job: Job, now: datetime) -> bool:
        """Runs what may start now; answers whether more waits for a later moment."""
        while runs.open_of_job(self.tx.conn, job.key):
            claimed = runs.claim(self.tx, node=NODE, now=now, limit=1)
            if not claimed:
                return True
            self._run(claimed[0], now)
        return False

    def _run(self, run: Run, now: datetime) -> None:
        self.clock.now = now
        outcome = self._outcome(run)
        if outcome.state is RunState.SUCCEEDED:
            self.results[run.id] = outcome.result
        runs.finish(self.tx, [runs.End(run, replace(outcome, result=None), 0.0)], now)
        if outcome.state is not RunState.SUCCEEDED or self.counts_failures:
            follow_up(self.tx, [(run, outcome)], now, self.blackouts)

    def _outcome(self, run: Run) -> Outcome:
        if self.condition and is_asked(run):
            args = condition_args(self.condition, (run.slot or run.queued_at).astimezone(self.zone))
            if refused := refusal(self.condition.name, self._call(run, self.condition, args)):
                return refused
        return self._call(run, self.task, run.args)

    def _call(self, run: Run, task: Task, args: Json) -> Outcome:
        context = copy_context()
        context.run(CURRENT.set, CurrentRun(id=run.id, job=run.job, task=run.task, attempt=run.attempt, slot=run.slot))
        try:
            kwargs = task.signature.check(task.signature.resolved(args, secret))
            result = context.run(task.signature.call, task.function, kwargs)
            if self.loop is not None and inspect.iscoroutine(result):
                result = self.loop.run(result, context=context)
        except (Exception, SystemExit, asyncio.CancelledError) as problem:
            self.errors[run.id] = problem
            return failed(run_error(problem))
        return Outcome(state=RunState.SUCCEEDED, result=result)

    def _played(self, run: Run) -> Played:
        return Played(
            slot=run.slot,
            started=run.started_at,
            state=run.state,
            result=self.results.get(run.id),
            error=self.errors.get(run.id),
            trigger=run.trigger,
            attempt=run.attempt,
            reason=run.reason,
            missed=run.missed,
        )

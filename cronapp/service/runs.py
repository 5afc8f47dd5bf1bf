"""Runs: opened, claimed, carried to their end, cancelled, tried again; and their logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cronapp.core.changes import changes
from cronapp.core.clock import Clock
from cronapp.core.errors import Conflict, JobNotFound, RunEnded, RunNotEnded, TaskGone
from cronapp.core.events import LogAppended, RunChanged
from cronapp.core.meters import Printed
from cronapp.core.models import (
    Job,
    JobSpec,
    Json,
    LogLine,
    ManualSchedule,
    Outcome,
    Progress,
    Run,
    RunState,
    RunTrigger,
)
from cronapp.service.blackouts import Blackouts
from cronapp.service.changing import found
from cronapp.service.endings import follow_up
from cronapp.service.run_questions import RunQuestions, found_run
from cronapp.service.secrets import refuse_unknown_secrets
from cronapp.service.slots import open_at_start, settle_due
from cronapp.service.tasks import Tasks
from cronapp.service.telling import ping_begin
from cronapp.store import audit, code, idempotency, jobs, limits, logs, pauses, runs, secrets
from cronapp.store.idempotency import Once
from cronapp.store.store import Conn, Store, Tx


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run to be carried out now, and the rules of its job."""

    run: Run
    spec: JobSpec
    secrets: Mapping[str, str] = field(default_factory=dict)  # the stored ones, encrypted, by their names


@dataclass(frozen=True, slots=True)
class Written:
    """What one run printed and reported since the last time."""

    run: Run
    lines: Sequence[LogLine]
    progress: Progress | None
    trace_id: str = ""  # while it is not stored


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended, after how many seconds, and what it printed and reported last."""

    run: Run
    outcome: Outcome
    duration: float
    last: Written | None = None

    @property
    def end(self) -> runs.End:
        return runs.End(self.run, self.outcome, self.duration, self.last.progress if self.last else None)


def untold(done: int, total: int) -> None:
    """Where nobody wants to know how far it is."""


class Runs(RunQuestions):
    def __init__(self, store: Store, tasks: Tasks, blackouts: Blackouts, clock: Clock) -> None:
        self.store = store
        self.tasks = tasks
        self.blackouts = blackouts
        self.clock = clock
        self._kept: set[str | None] = set()  # sources and environments that are in the store

    # -- opened ---------------------------------------------------------------------------------------------------

    async def settle_due(self, keys: Sequence[int]) -> tuple[list[Job], datetime]:
        """Opens what is due of these jobs; answers them with their next slots, and until when was looked."""

        def change(tx: Tx) -> tuple[list[Job], datetime]:
            now = self.clock()
            return settle_due(tx, keys, now, self.blackouts), now

        return await self.store.write(change)

    async def open_at_start(self) -> None:
        """Opens the runs that are promised for the start of the scheduler."""
        await self.store.write(lambda tx: open_at_start(tx, self.clock(), self.blackouts))

    async def run_now(
        self,
        job_id: str,
        args: Mapping[str, Any] | None = None,
        *,
        whole: bool = False,
        trigger: RunTrigger = RunTrigger.MANUAL,
        once: Once | None = None,
    ) -> Run:
        """Opens a run outside the schedule; `args` take the place of the job's own, one by one, or as a `whole`."""

        def change(tx: Tx) -> Run:
            if once and (made := idempotency.made_in_turn(tx, once)):
                return found_run(tx.conn, int(made))
            job = found(tx.conn, job_id, lock=True)
            given: Json = {**({} if whole else job.spec.args), **(args or {})}  # of which some may be encrypted already
            task = self.tasks.find(job.task)
            if task is None:
                raise TaskGone
            task.signature.check(self.tasks.opened(given))
            given = self.tasks.sealed(job.task, given, job.spec.args)
            refuse_unknown_secrets(tx, given, job.spec.args)
            now = self.clock()
            run_id = runs.open_run(tx, job, slot=None, trigger=trigger, now=now, args=given)
            assert run_id is not None, "a run without a slot meets no other"
            if once:
                idempotency.remember(tx, once, str(run_id), now)
            before, after = changed_args(job, given, self.tasks)
            audit.note(tx, now, "run.started", job.id, before=before, after={"run": run_id, **after})
            tx.emit(RunChanged(run_id, job.id))
            return found_run(tx.conn, run_id)

        return await self.store.write(change)

    async def retry(self, run_id: int, *, trigger: RunTrigger = RunTrigger.MANUAL) -> Run:
        """Opens another attempt of a run that ended, same arguments; one that waits starts now."""

        def change(tx: Tx) -> Run:
            return found_run(tx.conn, tried_again(tx, run_id, trigger=trigger, now=self.clock()))

        return await self.store.write(change)

    # -- carried --------------------------------------------------------------------------------------------------

    async def claim(self, node: str, limit: int) -> list[Claimed]:
        """Takes up to `limit` waiting runs; they are running from now on, and durably so. While the whole scheduler is
        paused only those that people started."""

        def change(tx: Tx) -> list[Claimed]:
            off = pauses.is_off(tx)
            return self.begun(tx, runs.claim(tx, node=node, now=self.clock(), limit=limit, only_by_hand=off))

        return self.kept(await self.store.write(change))

    def begun(self, tx: Tx, started: Sequence[Run]) -> list[Claimed]:
        """What belongs to runs that just began, in the same transaction: with what code they are made, who is told."""
        self._note_code(tx, started)
        specs = {job.key: job.spec for job in jobs.by_keys(tx.conn, {run.job_key for run in started})}
        for run in started:
            tx.emit(RunChanged(run.id, run.job))
            if not run.trial and run.job_key in specs:
                ping_begin(tx, specs[run.job_key], run, self.clock())
        known = secrets.tokens(tx.conn) if started else {}
        return [Claimed(run, specs.get(run.job_key) or rules_of_trial(run), known) for run in started]

    def kept(self, claimed: list[Claimed]) -> list[Claimed]:
        """Called once they are durable: a transaction that failed kept nothing."""
        for one in claimed:
            self._kept.update(made.keys if (made := self.tasks.code(one.run.task)) else ())
        return claimed

    def _note_code(self, tx: Tx, claimed: Sequence[Run]) -> None:
        """With what code the runs are made, so that it can be told later what was different."""
        by_task: dict[str, list[int]] = {}
        for run in claimed:
            by_task.setdefault(run.task, []).append(run.id)
        for name, run_ids in by_task.items():
            if made := self.tasks.code(name):
                code.note(tx, run_ids, made)
                if not self._kept.issuperset(made.keys):
                    code.keep(tx, made, self.clock())

    async def next_start(self, after: datetime) -> datetime | None:
        """When the next run may start that has to wait until a moment after `after`."""

        def ask(conn: Conn) -> datetime | None:
            moments = (runs.next_start(conn, after), limits.next_allowed(conn, after))
            return min((moment for moment in moments if moment), default=None)

        return await self.store.read(ask)

    async def write(self, written: Sequence[Written]) -> set[int]:
        """Keeps what several runs printed and reported, in one transaction. Answers which of the runs are still those
        of their nodes; of the others nothing is kept."""

        def change(tx: Tx) -> set[int]:
            held = runs.held(tx, [item.run for item in written])
            ours = [item for item in written if item.run.id in held]
            write(tx, ours, held)
            for item in ours:
                if item.progress:
                    runs.set_progress(tx, item.run.id, item.progress)
                if item.progress or item.trace_id:
                    tx.emit(RunChanged(item.run.id, item.run.job))
            return set(held)

        return await self.store.write(change)

    async def finish(self, run: Run, outcome: Outcome, duration: float, last: Written | None = None) -> bool:
        """Ends a run. False: it was no longer ours, and nothing changed."""
        return (await self.finish_all([Finished(run, outcome, duration, last)]))[0]

    async def finish_all(self, finished: Sequence[Finished]) -> list[bool]:
        """Ends several runs in one transaction: their last lines, their outcomes, and what follows from them. Answers
        for each whether it was still ours; of the others nothing changed."""

        def change(tx: Tx) -> list[bool]:
            now = self.clock()
            ours = runs.finish(tx, [one.end for one in finished], now)
            ended = [one for one in finished if one.run.id in ours]
            write(tx, [one.last for one in ended if one.last], ours)
            for one in ended:
                if one.outcome.source:
                    code.note_source(tx, one.run.id, one.outcome.source, now)
                tx.emit(RunChanged(one.run.id, one.run.job))
            follow_up(tx, [(one.run, one.outcome) for one in ended], now, self.blackouts)
            return [one.run.id in ours for one in finished]

        return await self.store.write(change)

    async def cancel(self, run_id: int, reason: str = "Cancelled by hand.") -> Run:
        """Ends a waiting run at once, and asks a running one to stop; raises `RunEnded`."""

        def change(tx: Tx) -> Run:
            stopped(tx, run_id, reason, self.clock(), self.blackouts)
            return found_run(tx.conn, run_id)

        return await self.store.write(change)

    async def lose_running(self, reason: str) -> list[Run]:
        """Marks all runs as lost that a dead process left running; opens their next attempts where the rule says so."""
        return await self.store.write(lambda tx: lost_on(tx, None, reason, self.clock(), self.blackouts))

    async def standing(self, run_ids: Sequence[int], node: str) -> dict[int, str | None]:
        """Those of the runs that still run on that node, each with why it should stop; None: it may go on."""
        return await self.store.read(runs.standing, run_ids, node)

    async def prune(
        self, *, keep_days: float, keep_runs: int, batch: int = 500, tell: Callable[[int, int], None] = untold
    ) -> int:
        """Deletes ended runs older than `keep_days`, and those of each job beyond its newest `keep_runs`; in small
        transactions, so that nothing else waits. Answers how many. What code they were made with goes a day later.
        `tell` hears how many jobs of how many were looked at."""
        edge = self.clock() - timedelta(days=keep_days)
        total = 0
        while (gone := await self.store.write(runs.prune_older, edge, batch)) > 0:
            total += gone
        keys = await self.store.read(runs.job_keys)
        for number, key in enumerate(keys):
            tell(number, len(keys))
            while (gone := await self.store.write(runs.prune_beyond, key, keep_runs, batch)) > 0:
                total += gone
        self._kept = set()  # so that what is in use is noted to be
        await self.store.write(code.prune, edge - timedelta(days=1))
        return total


def lost_on(tx: Tx, node: str | None, reason: str, now: datetime, blackouts: Blackouts) -> list[Run]:
    """Marks what runs on a node as lost, or what runs anywhere."""
    going = runs.running(tx.conn, limit=1_000_000, node=node)
    lost = [run for run in going if runs.lose(tx, run, reason=reason, now=now)]
    for run in lost:
        tx.emit(RunChanged(run.id, run.job))
    follow_up(tx, [(run, Outcome(state=RunState.LOST, reason=reason)) for run in lost], now, blackouts)
    return lost


def changed_args(job: Job, given: Json, tasks: Tasks) -> tuple[Json, Json]:
    """With which other arguments than its own a job is run, before and after, without secrets."""
    if given == job.spec.args:
        return {}, {}
    asked = replace(job.spec, args=given)
    found = changes(job.spec, asked, lambda task, args: tasks.masked_for_good(task, args, job.fits))
    return {one.field: one.old for one in found}, {one.field: one.new for one in found}


def rules_of_trial(run: Run) -> JobSpec:
    """What stands for the rules of a job where there is none: how long the run may take."""
    return JobSpec(id=run.job, task=run.task, schedule=(ManualSchedule(),), args=run.args, timeout=run.timeout)


def tried_again(tx: Tx, run_id: int, *, trigger: RunTrigger, now: datetime) -> int:
    """Opens another attempt of a run that ended, or lets the one that waits start now; answers its number."""
    run = found_run(tx.conn, run_id)
    opened = next_attempt(tx, run, trigger=trigger, now=now)
    audit.note(tx, now, "run.retried", run.job, before={"run": run_id}, after={"run": opened})
    return opened


def next_attempt(tx: Tx, run: Run, *, trigger: RunTrigger, now: datetime) -> int:
    by_hand = trigger if pauses.is_off(tx) else None  # only what people start begins then
    if waiting := runs.hurry(tx, run.first_attempt, now, by_hand):
        tx.emit(RunChanged(waiting, run.job))
        return waiting
    if not run.state.ended:
        raise RunNotEnded
    if not jobs.by_keys(tx.conn, [run.job_key]):  # a removed job runs no more, whoever has its id now
        raise JobNotFound
    next_id = runs.open_retry(tx, run, trigger=trigger, now=now, not_before=None)
    if next_id is None:
        raise Conflict("Another attempt of this run was opened at the same moment.")
    tx.emit(RunChanged(next_id, run.job))
    return next_id


def stopped(tx: Tx, run_id: int, reason: str, now: datetime, blackouts: Blackouts) -> None:
    """Ends a waiting run, and asks a running one to stop; raises `RunEnded`."""
    run = found_run(tx.conn, run_id)
    if runs.end_queued(tx, run_id, state=RunState.CANCELLED, reason=reason, now=now):
        tx.emit(RunChanged(run_id, run.job))
        follow_up(tx, [(run, Outcome(state=RunState.CANCELLED, reason=reason))], now, blackouts)
    elif not runs.ask_to_stop(tx, run_id, reason):
        raise RunEnded
    audit.note(tx, now, "run.cancelled", run.job, before={"run": run_id, "state": run.state})


def write(tx: Tx, written: Sequence[Written], held: Mapping[int, int]) -> None:
    """Adds what runs printed beyond their last lines, which `held` has: a commit may be made although its answer got
    lost, and then the same lines come again."""
    new = {item.run.id: [line for line in item.lines if line.seq > held[item.run.id]] for item in written}
    logs.append(tx, new)
    for run_id, lines in new.items():
        if lines:
            tx.emit(LogAppended(run_id, lines[-1].seq))
            tx.count(Printed(len(lines)))
    for item in written:
        if item.trace_id:
            runs.set_trace(tx, item.run.id, item.trace_id)

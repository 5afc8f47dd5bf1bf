"""Backfills: the slots of a past window are run after all, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cronapp.core.backfills import Backfill, BackfillRow, Coverage
from cronapp.core.changes import moment_words
from cronapp.core.clock import Clock
from cronapp.core.errors import Conflict, InvalidInput, NotFound, TaskGone
from cronapp.core.events import JobChanged, RunChanged
from cronapp.core.models import Job, JobState, Json, RunState
from cronapp.core.spec import trigger_for
from cronapp.core.triggers import count_between, slots_between
from cronapp.service.changing import found
from cronapp.service.runs import changed_args
from cronapp.service.secrets import refuse_unknown_secrets
from cronapp.service.tasks import Tasks
from cronapp.store import audit, backfills, runs
from cronapp.store.store import Conn, Store, Tx

MOST_SLOTS = 5_000
MOST_RUNNING = 100
TICK = timedelta(microseconds=1)
TAKEN = (RunState.QUEUED, RunState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What is to be run after all: the slots from `since` to `until`, both included."""

    since: datetime
    until: datetime
    max_running: int = 1
    rerun: bool = False  # also slots that have succeeded
    args: Mapping[str, Any] | None = None  # in place of the job's own, one by one


@dataclass(frozen=True, slots=True)
class Opened:
    backfill: Backfill
    coverage: Coverage
    runs: list[int]  # the first 500


class Backfills:
    def __init__(self, store: Store, tasks: Tasks, clock: Clock) -> None:
        self.store = store
        self.tasks = tasks
        self.clock = clock

    async def of_job(self, job_id: str) -> list[BackfillRow]:
        """A job's newest backfills, the newest first."""
        return await self.store.read(lambda conn: backfills.of_job(conn, found(conn, job_id).key))

    async def preview(self, job_id: str, window: Window) -> Coverage:
        """What the backfill would run. Changes nothing."""
        return await self.store.read(lambda conn: self._coverage(conn, found(conn, job_id), window))

    async def open(self, job_id: str, window: Window, *, by: str) -> Opened:
        """Opens the runs of the window; they start in order, `max_running` at once."""

        def change(tx: Tx) -> Opened:
            job, now = found(tx.conn, job_id, lock=True), self.clock()
            args = self._args(job, window)
            refuse_unknown_secrets(tx, args, job.spec.args)
            coverage = self._coverage(tx.conn, job, window)
            if not coverage.slots:
                raise Conflict(
                    "There is nothing to run: no slot lies in this window, or all have run. Choose another window, or "
                    "run again what has succeeded."
                )
            backfill_id = backfills.open_backfill(
                tx,
                job,
                coverage.slots,
                since=window.since,
                until=window.until,
                max_running=window.max_running,
                args=args,
                by=by,
                now=now,
            )
            before, after = changed_args(job, args, self.tasks)
            what = {"backfill": backfill_id, "runs": len(coverage.slots), **words_of(window), **after}
            audit.note(tx, now, "backfill.opened", job.id, before=before, after=what)
            opened = backfills.run_ids(tx.conn, backfill_id, MOST_SLOTS)
            for run_id in opened:
                tx.emit(RunChanged(run_id, job.id))
            tx.emit(JobChanged(job.id))
            made = backfills.get(tx.conn, backfill_id)
            assert made is not None
            return Opened(made, coverage, opened[:500])

        return await self.store.write(change)

    async def cancel(self, job_id: str, backfill_id: int) -> int:
        """Cancels what of a backfill still waits; answers how many runs. What runs goes on."""

        def change(tx: Tx) -> int:
            job, now = found(tx.conn, job_id), self.clock()
            backfill = backfills.get(tx.conn, backfill_id)
            if backfill is None or backfill.job_key != job.key:
                raise NotFound("This job has no backfill of this number.")
            gone = [
                run_id
                for run_id in backfills.open_runs(tx.conn, backfill_id)
                if runs.end_queued(tx, run_id, state=RunState.CANCELLED, reason="The backfill was cancelled.", now=now)
            ]
            told = {"backfill": backfill_id, "waiting": len(gone)}
            audit.note(tx, now, "backfill.cancelled", job.id, before=told)
            for run_id in gone:
                tx.emit(RunChanged(run_id, job.id))
            tx.emit(JobChanged(job.id))
            return len(gone)

        return await self.store.write(change)

    def _args(self, job: Job, window: Window) -> Json:
        task = self.tasks.find(job.task)
        if task is None:
            raise TaskGone
        if job.state is JobState.NEEDS_ATTENTION:
            raise Conflict(f"This job needs attention and does not run: {job.reason}")
        args: Json = {**job.spec.args, **(window.args or {})}
        task.signature.check(self.tasks.opened(args))
        return self.tasks.sealed(job.task, args, job.spec.args)

    def _coverage(self, conn: Conn, job: Job, window: Window) -> Coverage:
        refuse_odd(window, self.clock())
        trigger = trigger_for(job.spec)
        if not trigger.keeps_time():
            raise InvalidInput.of("from", "This job has no schedule of the clock, so no slots lie behind it.")
        trigger, start = trigger.reaching_back(window.since), window.since - TICK
        count = count_between(trigger, start, window.until)
        if count > MOST_SLOTS:
            raise InvalidInput.of(
                "from", f"{count:,} slots lie in this window, and at most {MOST_SLOTS:,} are run at once. Narrow it."
            )
        slots = slots_between(trigger, start, window.until, MOST_SLOTS)
        states = TAKEN if window.rerun else (*TAKEN, RunState.SUCCEEDED)
        taken = backfills.slots_in_state(conn, job.key, window.since, window.until, states)
        left = tuple(slot for slot in slots if slot not in taken)
        return Coverage(left, len(slots) - len(left))


def words_of(window: Window) -> Json:
    """A window for the audit."""
    return {
        "from": moment_words(window.since),
        "to": moment_words(window.until),
        "max_running": window.max_running,
        **({"rerun": True} if window.rerun else {}),
    }


def refuse_odd(window: Window, now: datetime) -> None:
    errors: dict[str, str] = {}
    if window.until > now:
        errors["to"] = "The window must lie in the past. Choose an end that has passed."
    if window.since > window.until:
        errors["from"] = "The window must begin before it ends."
    if not 1 <= window.max_running <= MOST_RUNNING:
        errors["max_running"] = f"Write a whole number from 1 to {MOST_RUNNING}."
    if errors:
        raise InvalidInput(errors)

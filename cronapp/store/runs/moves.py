"""How runs are opened and move on. A move is one conditional UPDATE: whoever lost the race changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Update, bindparam, func, insert, or_, select, update

from cronapp.core.events import CancelRequested
from cronapp.core.failures import group_of, place_of
from cronapp.core.meters import Ended
from cronapp.core.models import NO_JOB, Cause, Job, Json, Outcome, Progress, Run, RunState, RunTrigger
from cronapp.core.routing import label_text
from cronapp.core.traces import problems_json
from cronapp.store.dialects import insert_or_ignore
from cronapp.store.jobs import forget_ends
from cronapp.store.store import Tx
from cronapp.store.tables import runs


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended on its node, what it reported last, and its duration in seconds by the monotonic clock."""

    run: Run
    outcome: Outcome
    duration: float
    progress: Progress | None = None


def open_run(
    tx: Tx,
    job: Job,
    *,
    slot: datetime | None,
    trigger: RunTrigger,
    now: datetime,
    state: RunState = RunState.QUEUED,
    reason: str | None = None,
    args: Json | None = None,
    not_before: datetime | None = None,
    missed: int = 1,
    missed_since: datetime | None = None,
    cause: Cause | None = None,
    woken_by: int | None = None,
) -> int | None:
    """Inserts attempt 1 of a run, or the record of why a slot has none. None: the slot has its row already."""
    values: dict[str, Any] = {
        "job_key": job.key,
        "job": job.id,
        "task": job.task,
        "args": job.spec.args if args is None else args,
        "slot": slot,
        "state": state,
        "trigger": trigger,
        "attempt": 1,
        "reason": reason,
        "queue": job.spec.queue,
        "labels": label_text(job.spec.labels),
        "priority": job.spec.priority,
        "queued_at": now,
        "not_before": not_before,
        "finished_at": now if state.ended else None,
        "last_seq": 0,
        "missed": missed,
        "missed_since": missed_since,
        "cause": cause,
        "woken_by": woken_by,
    }
    run_id = tx.conn.execute(insert_or_ignore(tx.conn, runs).values(**values).returning(runs.c.id)).scalar()
    if run_id is not None and job.spec.after and state is RunState.QUEUED:
        forget_ends(tx, job.key)  # it comes after what ends from now on
    if run_id is not None and state.ended:
        tx.count(Ended(job.id, job.task, state, slots=missed, cause=cause))
    return run_id


def open_trial(
    tx: Tx,
    *,
    job: str,
    task: str,
    args: Json,
    queue: str,
    labels: Sequence[str],
    timeout: float | None,
    trigger: RunTrigger,
    now: datetime,
) -> int:
    """Inserts a run that belongs to no job. `job` is the id that was typed in the form that it tries out."""
    values: dict[str, Any] = {
        "job_key": NO_JOB,
        "job": job,
        "task": task,
        "args": args,
        "state": RunState.QUEUED,
        "trigger": trigger,
        "attempt": 1,
        "queue": queue,
        "labels": label_text(labels),
        "priority": 0,
        "queued_at": now,
        "last_seq": 0,
        "missed": 1,
        "timeout": timeout,
        "tried_by": tx.by.name,
    }
    return int(tx.conn.execute(insert(runs).values(**values).returning(runs.c.id)).scalar_one())


def lengthen_gap(
    tx: Tx, job: Job, *, state: RunState, reason: str, slot: datetime, missed: int, now: datetime
) -> int | None:
    """Adds slots, the newest of them `slot`, to the job's newest row if that records slots without a run for the same
    reason; None: it does not, so they need a row of their own."""
    newest = select(func.max(runs.c.id)).where(runs.c.job_key == job.key).scalar_subquery()
    statement = (
        update(runs)
        .where(runs.c.id == newest, runs.c.state == state, runs.c.reason == reason, runs.c.missed_since.is_not(None))
        .values(slot=slot, missed=runs.c.missed + missed, queued_at=now, finished_at=now)
        .returning(runs.c.id, runs.c.cause)
    )
    if (row := tx.conn.execute(statement).first()) is None:
        return None
    tx.count(Ended(job.id, job.task, state, slots=missed, cause=row.cause and Cause(row.cause)))
    return int(row.id)


def open_retry(tx: Tx, run: Run, *, trigger: RunTrigger, now: datetime, not_before: datetime | None) -> int | None:
    """Inserts the next attempt of a run. None: it is there already."""
    # Locked, with the first attempt, so that the attempts of a run are opened one after the other: where there is no
    # slot, nothing else keeps two of them from having the same number.
    columns = (runs.c.id, runs.c.queue, runs.c.labels, runs.c.priority)
    locked = select(*columns).where(runs.c.id.in_({run.id, run.first_attempt})).order_by(runs.c.id).with_for_update()
    source = next(row for row in tx.conn.execute(locked).all() if row.id == run.id)
    newest = tx.conn.execute(
        select(func.max(runs.c.attempt)).where(
            or_(runs.c.id == run.first_attempt, runs.c.first_attempt == run.first_attempt)
        )
    ).scalar_one()
    values: dict[str, Any] = {
        "job_key": run.job_key,
        "job": run.job,
        "task": run.task,
        "args": run.args,
        "slot": run.slot,
        "state": RunState.QUEUED,
        "trigger": trigger,
        "attempt": newest + 1,
        "first_attempt": run.first_attempt,
        "queue": source.queue,
        "labels": source.labels,
        "priority": source.priority,
        "queued_at": now,
        "not_before": not_before,
        "last_seq": 0,
        "missed": 1,
        "woken_by": run.woken_by,
        "backfill": run.backfill,
    }
    return tx.conn.execute(insert_or_ignore(tx.conn, runs).values(**values).returning(runs.c.id)).scalar()


def hurry(tx: Tx, first_attempt: int, now: datetime, trigger: RunTrigger | None = None) -> int | None:
    """Lets the attempt of a run that waits for its time start at once, with a trigger as started by that; None: none
    waits."""
    statement = (
        update(runs)
        .where(
            or_(runs.c.id == first_attempt, runs.c.first_attempt == first_attempt),
            runs.c.state == RunState.QUEUED,
            runs.c.not_before > now,
        )
        .values(not_before=now, **({"trigger": trigger} if trigger else {}))
        .returning(runs.c.id)
    )
    return tx.conn.execute(statement).scalar()


def add_reason(tx: Tx, run_id: int, text: str) -> None:
    """Says more about how a run ended."""
    told = func.coalesce(runs.c.reason + " ", "") + text
    tx.conn.execute(update(runs).where(runs.c.id == run_id).values(reason=told))


def held(tx: Tx, owned: Sequence[Run]) -> dict[int, int]:
    """Which of these runs still run on their nodes, and the number of the last line of each; locked, so that none of
    them is lost meanwhile."""
    statement = (
        select(runs.c.id, runs.c.node, runs.c.last_seq)
        .where(runs.c.id.in_([run.id for run in owned]), runs.c.state == RunState.RUNNING)
        .order_by(runs.c.id)
        .with_for_update()
    )
    nodes = {run.id: run.node for run in owned}
    return {row.id: row.last_seq for row in tx.conn.execute(statement) if row.node == nodes[row.id]}


def finish(tx: Tx, ends: Sequence[End], now: datetime) -> dict[int, int]:
    """The ends of running runs; answers those that counted, each with the number of its last line. The others ended
    already, or another node owns them."""
    owned = held(tx, [end.run for end in ends])
    counted = [end for end in ends if end.run.id in owned]
    for reports in (False, True):  # who reported something has one column more
        if rows := [columns_of(end, now) for end in counted if (end.progress is not None) is reports]:
            tx.conn.execute(update(runs).where(runs.c.id == bindparam("run")), rows)
    for end in counted:
        if not end.run.trial:
            tx.count(Ended(end.run.job, end.run.task, end.outcome.state, end.duration, cause=end.outcome.cause))
    return owned


def columns_of(end: End, now: datetime) -> dict[str, Any]:
    run, outcome, error = end.run, end.outcome, end.outcome.error
    return {
        "run": run.id,
        "state": outcome.state,
        "reason": outcome.reason,
        "cause": outcome.cause,
        "result": outcome.result,
        "error_type": error.type if error else None,
        "error_message": error.message if error else None,
        "error_traceback": error.traceback if error else None,
        "error_frames": (problems_json(error.problems) or None) if error else None,
        "error_frame": place_of(error),
        "error_group": group_of(outcome.state, error, run.task),
        "finished_at": now,
        "duration": end.duration,
        **({"progress": asdict(end.progress)} if end.progress else {}),
    }


def ended(
    tx: Tx, statement: Update, state: RunState, duration: float | None = None, cause: Cause | None = None
) -> bool:
    """Carries out what ends one run, and counts it if it belongs to a job; False: somebody else was first."""
    row = tx.conn.execute(statement.returning(runs.c.job_key, runs.c.job, runs.c.task)).first()
    if row is not None and row.job_key != NO_JOB:
        tx.count(Ended(row.job, row.task, state, duration, cause=cause))
    return row is not None


def end_queued(tx: Tx, run_id: int, *, state: RunState, reason: str, now: datetime) -> bool:
    """Ends a run that waits; False when it waits no longer."""
    statement = (
        update(runs)
        .where(runs.c.id == run_id, runs.c.state == RunState.QUEUED)
        .values(state=state, reason=reason, finished_at=now)
    )
    return ended(tx, statement, state)


def lose(tx: Tx, run: Run, *, reason: str, now: datetime) -> bool:
    """Marks a run whose process died."""
    statement = (
        update(runs)
        .where(runs.c.id == run.id, runs.c.state == RunState.RUNNING, runs.c.node == run.node)
        .values(
            state=RunState.LOST,
            reason=reason,
            finished_at=now,
            error_group=group_of(RunState.LOST, None, run.task),
        )
    )
    return ended(tx, statement, RunState.LOST)


def ask_to_stop(tx: Tx, run_id: int, reason: str) -> bool:
    """Asks whoever executes a run to stop it, in a way that is not forgotten; False: it does not run."""
    statement = update(runs).where(runs.c.id == run_id, runs.c.state == RunState.RUNNING).values(stop_asked=reason)
    if tx.conn.execute(statement).rowcount == 0:
        return False
    tx.emit(CancelRequested(run_id, reason))
    return True


def set_trace(tx: Tx, run_id: int, trace_id: str) -> None:
    tx.conn.execute(update(runs).where(runs.c.id == run_id).values(trace_id=trace_id))


def set_progress(tx: Tx, run_id: int, progress: Progress) -> None:
    tx.conn.execute(
        update(runs).where(runs.c.id == run_id, runs.c.state == RunState.RUNNING).values(progress=asdict(progress))
    )

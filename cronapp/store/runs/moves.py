"""How runs are opened and move on. A move is one conditional UPDATE: whoever lost the race changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, or_, select, update

from cronapp.core.models import Cause, Job, Json, Outcome, Progress, Run, RunState, RunTrigger
from cronapp.store.dialects import insert_or_ignore
from cronapp.store.jobs import forget_ends
from cronapp.store.runs.rows import run_of
from cronapp.store.store import Tx
from cronapp.store.tables import jobs, runs


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
    return run_id


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
        .returning(runs.c.id)
    )
    return tx.conn.execute(statement).scalar()


def open_retry(tx: Tx, run: Run, *, trigger: RunTrigger, now: datetime, not_before: datetime | None) -> int | None:
    """Inserts the next attempt of a run. None: it is there already."""
    source = tx.conn.execute(select(runs.c.queue, runs.c.priority).where(runs.c.id == run.id)).one()
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
        "priority": source.priority,
        "queued_at": now,
        "not_before": not_before,
        "last_seq": 0,
        "missed": 1,
        "woken_by": run.woken_by,
        "backfill": run.backfill,
    }
    return tx.conn.execute(insert_or_ignore(tx.conn, runs).values(**values).returning(runs.c.id)).scalar()


def claim(tx: Tx, *, node: str, now: datetime, limit: int) -> list[Run]:
    """Moves up to `limit` waiting runs to running, the most urgent first, none beyond its job's `max_running`."""
    claimed: list[Run] = []
    while len(claimed) < limit:
        found = claimable(tx, now, limit - len(claimed))
        if not found:
            break
        tx.conn.execute(
            update(runs)
            .where(runs.c.id.in_([row["id"] for row in found]), runs.c.state == RunState.QUEUED)
            .values(state=RunState.RUNNING, node=node, started_at=now)
        )
        claimed += [run_of({**row, "state": RunState.RUNNING, "node": node, "started_at": now}) for row in found]
    return claimed


def claimable(tx: Tx, now: datetime, limit: int) -> list[RowMapping]:
    """Waiting runs whose jobs have room, locked. Where many runs of one job wait there may be more behind them."""
    running = (
        select(func.count())
        .where(runs.c.job_key == jobs.c.key, runs.c.state == RunState.RUNNING)
        .correlate(jobs)
        .scalar_subquery()
    )
    waiting = (
        select(runs, jobs.c.max_running)
        .join(jobs, jobs.c.key == runs.c.job_key)
        .where(
            runs.c.state == RunState.QUEUED,
            or_(runs.c.not_before.is_(None), runs.c.not_before <= now),
            running < jobs.c.max_running,
        )
        .order_by(runs.c.priority.desc(), runs.c.id)
        .limit(limit)
        .with_for_update(of=[runs, jobs], skip_locked=True)
    )
    rows = tx.conn.execute(waiting).mappings().all()
    taken = running_of(tx.conn, {row["job_key"] for row in rows})
    found = []
    for row in rows:
        if taken[row["job_key"]] < row["max_running"]:
            taken[row["job_key"]] += 1
            found.append(row)
    return found


def running_of(conn: Connection, job_keys: Iterable[int]) -> Counter[int]:
    """How many runs of each job run now. A claim counts again once it has its locks: on PostgreSQL the statement that
    took them may have looked just before another node's claim was committed."""
    statement = (
        select(runs.c.job_key, func.count())
        .where(runs.c.job_key.in_(list(job_keys)), runs.c.state == RunState.RUNNING)
        .group_by(runs.c.job_key)
    )
    return Counter(dict(conn.execute(statement).all()))


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


def finish(
    tx: Tx,
    run_id: int,
    *,
    node: str,
    outcome: Outcome,
    now: datetime,
    duration: float,
    progress: Progress | None = None,
) -> bool:
    """The end of a running run; False when it ended already, or another node owns it."""
    error = outcome.error
    reported = {"progress": asdict(progress)} if progress else {}
    statement = (
        update(runs)
        .where(runs.c.id == run_id, runs.c.state == RunState.RUNNING, runs.c.node == node)
        .values(
            state=outcome.state,
            reason=outcome.reason,
            cause=outcome.cause,
            result=outcome.result,
            error_type=error.type if error else None,
            error_message=error.message if error else None,
            error_traceback=error.traceback if error else None,
            finished_at=now,
            duration=duration,
            **reported,
        )
    )
    return tx.conn.execute(statement).rowcount == 1


def end_queued(tx: Tx, run_id: int, *, state: RunState, reason: str, now: datetime) -> bool:
    """Ends a run that waits; False when it waits no longer."""
    statement = (
        update(runs)
        .where(runs.c.id == run_id, runs.c.state == RunState.QUEUED)
        .values(state=state, reason=reason, finished_at=now)
    )
    return tx.conn.execute(statement).rowcount == 1


def lose(tx: Tx, run: Run, *, reason: str, now: datetime) -> bool:
    """Marks a run whose process died."""
    statement = (
        update(runs)
        .where(runs.c.id == run.id, runs.c.state == RunState.RUNNING, runs.c.node == run.node)
        .values(state=RunState.LOST, reason=reason, finished_at=now)
    )
    return tx.conn.execute(statement).rowcount == 1


def set_progress(tx: Tx, run_id: int, progress: Progress) -> None:
    tx.conn.execute(
        update(runs).where(runs.c.id == run_id, runs.c.state == RunState.RUNNING).values(progress=asdict(progress))
    )

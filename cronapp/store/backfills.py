"""Backfills, and the runs that they open."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, case, func, insert, select

from cronapp.core.backfills import Backfill, BackfillRow
from cronapp.core.models import OPEN_STATES, Job, Json, RunState, RunTrigger
from cronapp.core.routing import label_text
from cronapp.store.store import Tx
from cronapp.store.tables import backfills, runs

Attempt = tuple[int, int]  # the first attempt of a slot's run, and the number of its newest
FAILED = (RunState.FAILED, RunState.TIMED_OUT, RunState.LOST)


def open_backfill(
    tx: Tx,
    job: Job,
    slots: Sequence[datetime],
    *,
    since: datetime,
    until: datetime,
    max_running: int,
    args: Json,
    by: str,
    now: datetime,
) -> int:
    """Inserts the backfill and a waiting run for each slot; a slot that has a row gets its next attempt."""
    backfill_id: int = tx.conn.execute(
        insert(backfills)
        .values(job_key=job.key, since=since, until=until, max_running=max_running, created_at=now, by=by)
        .returning(backfills.c.id)
    ).scalar_one()
    present = newest_attempts(tx.conn, job.key, since, until)
    rows = [run_of_slot(job, slot, present.get(slot), args, now) | {"backfill": backfill_id} for slot in slots]
    tx.conn.execute(insert(runs), rows)
    return backfill_id


def run_of_slot(job: Job, slot: datetime, present: Attempt | None, args: Json, now: datetime) -> dict[str, Any]:
    return {
        "job_key": job.key,
        "job": job.id,
        "task": job.task,
        "args": args,
        "slot": slot,
        "state": RunState.QUEUED,
        "trigger": RunTrigger.BACKFILL,
        "attempt": present[1] + 1 if present else 1,
        "first_attempt": present[0] if present else None,
        "queue": job.spec.queue,
        "labels": label_text(job.spec.labels),
        "priority": job.spec.priority,
        "queued_at": now,
        "last_seq": 0,
        "missed": 1,
    }


def newest_attempts(conn: Connection, job_key: int, since: datetime, until: datetime) -> dict[datetime, Attempt]:
    statement = (
        select(
            runs.c.slot,
            func.min(func.coalesce(runs.c.first_attempt, runs.c.id)),
            func.max(runs.c.attempt),
        )
        .where(runs.c.job_key == job_key, runs.c.slot >= since, runs.c.slot <= until)
        .group_by(runs.c.slot)
    )
    return {slot: (first, attempt) for slot, first, attempt in conn.execute(statement)}


def slots_in_state(
    conn: Connection, job_key: int, since: datetime, until: datetime, states: Collection[RunState]
) -> set[datetime]:
    """The slots of the window that have a run in one of these states."""
    statement = select(runs.c.slot).where(
        runs.c.job_key == job_key, runs.c.slot >= since, runs.c.slot <= until, runs.c.state.in_(states)
    )
    return set(conn.execute(statement).scalars())


def of_job(conn: Connection, job_key: int, limit: int = 20) -> list[BackfillRow]:
    """A job's newest backfills and how far each is."""
    found = [
        backfill_of(row)
        for row in conn.execute(
            select(backfills).where(backfills.c.job_key == job_key).order_by(backfills.c.id.desc()).limit(limit)
        ).mappings()
    ]
    counts = count_runs(conn, [one.id for one in found])
    return [BackfillRow(one, *counts.get(one.id, (0, 0, 0, 0, 0))) for one in found]


def count_runs(conn: Connection, ids: Sequence[int]) -> Mapping[int, tuple[int, ...]]:
    """For each backfill how many runs it has, and how many of them wait, run, went wrong, and were cancelled. Later
    attempts take the place of those before."""
    newest = select(func.max(runs.c.id)).where(runs.c.backfill.in_(list(ids))).group_by(runs.c.backfill, runs.c.slot)

    def how_many(*states: RunState) -> Any:
        return func.sum(case((runs.c.state.in_(states), 1), else_=0))

    statement = (
        select(
            runs.c.backfill,
            func.count(),
            how_many(RunState.QUEUED),
            how_many(RunState.RUNNING),
            how_many(*FAILED),
            how_many(RunState.CANCELLED),
        )
        .where(runs.c.id.in_(newest.scalar_subquery()))
        .group_by(runs.c.backfill)
    )
    return {backfill: tuple(int(count) for count in counts) for backfill, *counts in conn.execute(statement)}


def run_ids(conn: Connection, backfill_id: int, limit: int) -> list[int]:
    statement = select(runs.c.id).where(runs.c.backfill == backfill_id).order_by(runs.c.id).limit(limit)
    return list(conn.execute(statement).scalars())


def open_runs(conn: Connection, backfill_id: int) -> list[int]:
    statement = select(runs.c.id).where(runs.c.backfill == backfill_id, runs.c.state.in_(OPEN_STATES))
    return list(conn.execute(statement.order_by(runs.c.id)).scalars())


def get(conn: Connection, backfill_id: int) -> Backfill | None:
    row = conn.execute(select(backfills).where(backfills.c.id == backfill_id)).mappings().first()
    return backfill_of(row) if row else None


def backfill_of(row: RowMapping) -> Backfill:
    return Backfill(
        id=row["id"],
        job_key=row["job_key"],
        since=row["since"],
        until=row["until"],
        max_running=row["max_running"],
        created_at=row["created_at"],
        by=row["by"],
    )

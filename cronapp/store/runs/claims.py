"""Which waiting runs may start: the most urgent first, none beyond a limit of its job, group, queue or backfill.

What runs now is little, so it is counted once; what waits may be much, so whatever is full is left out by the query.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, Update, and_, or_, select, true, update

from cronapp.core.meters import Started
from cronapp.core.models import BY_HAND, NO_JOB, Run, RunState, RunTrigger
from cronapp.store import dialects
from cronapp.store.runs.room import Room, room_now
from cronapp.store.runs.rows import run_of
from cronapp.store.store import Tx
from cronapp.store.tables import backfills, jobs, runs

BY_SLOT = frozenset({RunTrigger.SCHEDULE, RunTrigger.CATCH_UP})
CLAIMS = 0x43524F43
MOST_AT_ONCE = 2000  # waiting runs looked at in one go


def claim(tx: Tx, *, node: str, now: datetime, limit: int, only_by_hand: bool = False) -> list[Run]:
    """Moves up to `limit` waiting runs to running; with `only_by_hand` none that a rule started."""
    dialects.lock(tx.conn, CLAIMS)  # what another node claims is counted, or it would be claimed beyond a limit
    room = room_now(tx.conn, now)
    chosen: list[int] = []
    last: RowMapping | None = None
    size = limit
    while len(chosen) < limit:
        found = tx.conn.execute(waiting(now, room, last, size, only_by_hand)).mappings().all()
        for row in found:
            if len(chosen) < limit and room.take(row):
                chosen.append(row["id"])
        if len(found) < size:
            break
        # Places are only taken meanwhile, so who was left out stays so. Many may be: look further each time.
        last, size = found[-1], min(size * 4, MOST_AT_ONCE)
    return start(tx, chosen, node, now)


def start(tx: Tx, chosen: Sequence[int], node: str, now: datetime) -> list[Run]:
    """Those of the runs that still wait run from now on; in the order in which they were chosen."""
    if not chosen:
        return []
    moved = update(runs).where(runs.c.id.in_(chosen), runs.c.state == RunState.QUEUED).values(node=node)
    return started(tx, moved, chosen, now)


def started(tx: Tx, statement: Update, chosen: Sequence[int], now: datetime) -> list[Run]:
    """Lets the runs that a statement is about run from now on; counts them, and answers them as they were chosen."""
    statement = statement.values(state=RunState.RUNNING, started_at=now, sent_at=None)
    rows = tx.conn.execute(statement.returning(runs)).mappings().all()
    for row in rows:
        tx.count(Started(row["queue"], late_by(row)))
    moved = {row["id"]: run_of(row) for row in rows}
    return [moved[run_id] for run_id in chosen if run_id in moved]


def late_by(row: RowMapping) -> float | None:
    """How many seconds after its slot, or its own moment within the spread, a run of a schedule starts."""
    if row["slot"] is None or row["attempt"] != 1 or row["trigger"] not in BY_SLOT:
        return None
    own = max(row["slot"], row["not_before"] or row["slot"])
    return max(float((row["started_at"] - own).total_seconds()), 0.0)


def waiting(now: datetime, room: Room, last: RowMapping | None, size: int, only_by_hand: bool) -> Select[Any]:
    """The next waiting runs, after `last`, of which nothing is full. There may be more of one job than it has places
    for."""
    statement = (
        select(
            runs.c.id,
            runs.c.priority,
            runs.c.task,
            runs.c.job_key,
            runs.c.queue,
            runs.c.backfill,
            jobs.c.group,
            jobs.c.max_running.label("job_limit"),
            backfills.c.max_running.label("backfill_limit"),
        )
        .outerjoin(jobs, jobs.c.key == runs.c.job_key)
        .outerjoin(backfills, backfills.c.id == runs.c.backfill)
        .where(
            runs.c.state == RunState.QUEUED,
            runs.c.node.is_(None),  # else it is on its way already
            or_(jobs.c.key.is_not(None), runs.c.job_key == NO_JOB),  # what a removed job left behind runs no more
            or_(runs.c.not_before.is_(None), runs.c.not_before <= now),
            or_(
                and_(runs.c.backfill.is_(None), runs.c.job_key.not_in(room.full("job"))),
                and_(runs.c.backfill.is_not(None), runs.c.backfill.not_in(room.full("backfill"))),
            ),
            runs.c.queue.not_in(room.full("queue")),
            not_full(jobs.c.group, room.full("group")),
            runs.c.trigger.in_(BY_HAND) if only_by_hand else true(),
        )
        .order_by(runs.c.priority.desc(), runs.c.id)
        .limit(size)
    )
    if last is not None:
        further = or_(runs.c.priority < last["priority"], runs.c.id > last["id"])
        statement = statement.where(runs.c.priority <= last["priority"], further)
    return statement


def not_full(column: Any, full: Sequence[Any]) -> ColumnElement[bool]:
    return or_(column.is_(None), column.not_in(full))

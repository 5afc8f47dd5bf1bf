"""Which waiting runs may start: the most urgent first, the queues in turn, none beyond a limit of its job, group, queue
or backfill.

What runs now is little, so it is counted once; what waits may be much, so whatever is full is left out by the query.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Update,
    and_,
    bindparam,
    or_,
    select,
    text,
    true,
    update,
)

from cronapp.core.meters import Started
from cronapp.core.models import BY_HAND, NO_JOB, Run, RunState, RunTrigger
from cronapp.core.routing import Line
from cronapp.store import dialects, nodes
from cronapp.store.runs.room import Room, room_now
from cronapp.store.runs.rows import run_of
from cronapp.store.store import Tx
from cronapp.store.tables import Moment, backfills, in_state, jobs, runs

Lacking = Callable[[Line], Collection[str] | None]
"""The tasks that nobody has who serves a line and has room; None: nobody serves it."""
BY_SLOT = frozenset({RunTrigger.SCHEDULE, RunTrigger.CATCH_UP})
CLAIMS = 0x43524F43
LEAST_AT_ONCE, MOST_AT_ONCE = 20, 2000  # waiting runs looked at in one go

_STEPS = """
WITH RECURSIVE steps (queue, labels, priority) AS (
    SELECT queue, labels, priority FROM runs WHERE id = (
        SELECT id FROM runs {along}
        WHERE state = 'queued' AND sent_at IS NULL AND (not_before IS NULL OR not_before <= :now)
        ORDER BY queue, labels, priority DESC LIMIT 1)
    UNION ALL
    SELECT head.queue, head.labels, head.priority FROM steps JOIN runs AS head ON head.id = (
        SELECT id FROM runs {along}
        WHERE state = 'queued' AND sent_at IS NULL AND (not_before IS NULL OR not_before <= :now)
            AND (queue, labels) > (steps.queue, steps.labels)
        ORDER BY queue, labels, priority DESC LIMIT 1)
)
SELECT queue, labels, priority FROM steps
"""  # as text: SQLite takes another index, and sorts, unless it is told which
STEPS = [
    text(_STEPS.replace("{along}", along)).bindparams(bindparam("now", type_=Moment()))
    for along in ("", "INDEXED BY ix_runs_lines")
]


def claim(tx: Tx, *, node: str, now: datetime, limit: int, only_by_hand: bool = False) -> list[Run]:
    """Moves up to `limit` waiting runs to running; with `only_by_hand` none that a rule started."""
    if not (found := lines(tx.conn, now)):
        return []
    dialects.lock(tx.conn, CLAIMS)  # what another node claims is counted, or it would be claimed beyond a limit
    here = nodes.get(tx.conn, node)
    room = room_now(tx.conn, now)

    def lacking(line: Line) -> Collection[str] | None:
        return () if here is None or here.serves(line.queue, line.asks) else None

    chosen: list[int] = []
    for row in in_turn(tx.conn, found, now, room, lacking, limit, only_by_hand):
        if room.take(row):
            chosen.append(row["id"])
            if len(chosen) == limit:
                break
    return start(tx, chosen, node, now)


def lines(conn: Connection, now: datetime) -> list[tuple[Line, int]]:
    """What may go waits in these lines: each with the priority of its most urgent run. However many wait, each line is
    one step along an index."""
    found = conn.execute(STEPS[conn.dialect.name == "sqlite"], {"now": now})
    return [(Line(row.queue, row.labels), row.priority) for row in found]


def may_go(now: datetime) -> ColumnElement[bool]:
    """It waits, is on its way to no node yet, and its time has come. Not by its node, which all that ended have:
    PostgreSQL would think that few runs are without one, and wait, and read and sort all of them."""
    due = or_(runs.c.not_before.is_(None), runs.c.not_before <= now)
    return and_(in_state(RunState.QUEUED), runs.c.sent_at.is_(None), due)


def in_turn(
    conn: Connection,
    found: Sequence[tuple[Line, int]],
    now: datetime,
    room: Room,
    lacking: Lacking,
    limit: int,
    only_by_hand: bool,
) -> Iterator[RowMapping]:
    """Waiting runs as they should go: the most urgent first; of equally urgent ones the next of the queue that has the
    fewest runs just now, so that ten thousand in one queue keep no other waiting; then the oldest.

    Who goes through them takes their places in `room`, by which the queues are compared. `lacking` is asked again and
    again: whoever serves a line may be full meanwhile.
    """

    def busy(line: Line) -> int:
        return room.running["queue", line.queue]

    size = max(limit // max(len(found), 1), LEAST_AT_ONCE)
    rest = [of_line(conn, line, now, room, lacking, size, only_by_hand) for line, _ in found]
    heads: list[tuple[int, int, int, int, RowMapping | None]] = [
        (-priority, busy(line), 0, n, None) for n, (line, priority) in enumerate(found)
    ]  # none is read before it is its turn
    heapify(heads)
    while heads:
        urgency, at, run_id, n, row = heappop(heads)
        line = found[n][0]
        if at != busy(line):  # others of its queue went meanwhile
            heappush(heads, (urgency, busy(line), run_id, n, row))
            continue
        if row is not None:
            yield row
        if (further := next(rest[n], None)) is not None:
            heappush(heads, (-further["priority"], busy(line), further["id"], n, further))


def of_line(
    conn: Connection,
    line: Line,
    now: datetime,
    room: Room,
    lacking: Lacking,
    size: int,
    only_by_hand: bool,
) -> Iterator[RowMapping]:
    """The runs of a line, the most urgent first. Places are only taken meanwhile, so who was left out stays so. That
    may be many: it looks further each time."""
    beyond: ColumnElement[bool] = true()
    last: RowMapping | None = None  # of which more may wait that are as urgent
    while (lacked := lacking(line)) is not None and room.left.get(("queue", line.queue), 1) > 0:
        further = and_(beyond, runs.c.task.not_in(lacked)) if lacked else beyond
        rows = conn.execute(waiting(line, now, room, further, size, only_by_hand)).mappings().all()
        yield from rows
        if len(rows) == size:
            last, size = rows[-1], min(size * 4, MOST_AT_ONCE)
            # Not in one question with those that are less urgent: PostgreSQL would read and sort all that wait.
            beyond = and_(runs.c.priority == last["priority"], runs.c.id > last["id"])
        elif last is not None:
            beyond, last = runs.c.priority < last["priority"], None
        else:
            return


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


def waiting(
    line: Line, now: datetime, room: Room, beyond: ColumnElement[bool], size: int, only_by_hand: bool
) -> Select[Any]:
    """The next runs of a line, `beyond` those that were read, of which nothing is full. There may be more of one job
    than it has places for."""
    return (
        select(
            runs.c.id,
            runs.c.priority,
            runs.c.task,
            runs.c.job_key,
            runs.c.queue,
            runs.c.labels,
            runs.c.backfill,
            jobs.c.group,
            jobs.c.max_running.label("job_limit"),
            backfills.c.max_running.label("backfill_limit"),
        )
        .outerjoin(jobs, jobs.c.key == runs.c.job_key)
        .outerjoin(backfills, backfills.c.id == runs.c.backfill)
        .where(
            runs.c.queue == line.queue,
            runs.c.labels == line.labels,
            beyond,
            or_(jobs.c.key.is_not(None), runs.c.job_key == NO_JOB),  # what a removed job left behind runs no more
            may_go(now),
            or_(
                and_(runs.c.backfill.is_(None), runs.c.job_key.not_in(room.full("job"))),
                and_(runs.c.backfill.is_not(None), runs.c.backfill.not_in(room.full("backfill"))),
            ),
            not_full(jobs.c.group, room.full("group")),
            runs.c.trigger.in_(BY_HAND) if only_by_hand else true(),
        )
        .order_by(runs.c.priority.desc(), runs.c.id)
        .limit(size)
    )


def not_full(column: Any, full: Sequence[Any]) -> ColumnElement[bool]:
    return or_(column.is_(None), column.not_in(full))

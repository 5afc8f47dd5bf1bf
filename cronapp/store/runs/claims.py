"""Which waiting runs may start: the most urgent first, none beyond a limit of its job, group, queue or backfill.

What runs now is little, so it is counted once; what waits may be much, so whatever is full is left out by the query.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, or_, select, true, update

from cronapp.core.limits import GROUP_AT_ONCE, Limit
from cronapp.core.models import BY_HAND, Run, RunState
from cronapp.store import dialects, limits
from cronapp.store.runs.rows import run_of
from cronapp.store.store import Tx
from cronapp.store.tables import backfills, jobs, runs

CLAIMS = 0x43524F43
Place = tuple[str, Any]
"""What has a limit: ("job", 7), ("group", "db"), ("queue", "mail"), ("backfill", 3)."""


@dataclass(slots=True)
class Room:
    """How many more runs may start, for each job, group, queue and backfill that has a run now or gets one."""

    limits: dict[Place, Limit]
    left: Counter[Place] = field(default_factory=Counter)

    def full(self, kind: str) -> list[Any]:
        return [name for (its, name), left in self.left.items() if its == kind and left <= 0]

    def take(self, row: RowMapping) -> bool:
        """Takes a place for a waiting run in all that it counts for; False: one of them is full."""
        places = {place: self.of(place, row) for place in places_of(row)}
        if any(left is not None and left <= 0 for left in places.values()):
            return False
        for place, left in places.items():
            if left is not None:
                self.left[place] = left - 1
        return True

    def of(self, place: Place, row: RowMapping) -> int | None:
        """The places left; None: there is no limit."""
        if place in self.left:
            return self.left[place]
        match place[0]:
            case "job":
                return int(row["job_limit"])
            case "backfill":
                return int(row["backfill_limit"])
            case "group":
                limit = self.limits.get(place)
                return limit.max_running if limit and limit.max_running else GROUP_AT_ONCE
        limit = self.limits.get(place)
        return limit.max_running if limit else None


def places_of(row: RowMapping) -> list[Place]:
    """What a run counts for. One of a backfill does not take its job's places: they are for the slots ahead."""
    own: Place = ("job", row["job_key"]) if row["backfill"] is None else ("backfill", row["backfill"])
    return [own, ("queue", row["queue"]), *([("group", row["group"])] if row["group"] else [])]


def claim(tx: Tx, *, node: str, now: datetime, limit: int, only_by_hand: bool = False) -> list[Run]:
    """Moves up to `limit` waiting runs to running; with `only_by_hand` none that a rule started."""
    dialects.lock(tx.conn, CLAIMS)  # what another node claims is counted, or it would be claimed beyond a limit
    room = room_now(tx.conn, now)
    claimed: list[Run] = []
    while len(claimed) < limit:
        found = tx.conn.execute(waiting(now, room, limit - len(claimed), only_by_hand)).mappings().all()
        taken = [row for row in found if room.take(row)]
        if not taken:
            break
        claimed += start(tx, taken, node, now)
    return claimed


def start(tx: Tx, rows: Sequence[RowMapping], node: str, now: datetime) -> list[Run]:
    """Those of the rows that still wait run from now on."""
    moved = (
        update(runs)
        .where(runs.c.id.in_([row["id"] for row in rows]), runs.c.state == RunState.QUEUED)
        .values(state=RunState.RUNNING, node=node, started_at=now)
        .returning(runs.c.id)
    )
    started = set(tx.conn.execute(moved).scalars())
    return [
        run_of({**row, "state": RunState.RUNNING, "node": node, "started_at": now})
        for row in rows
        if row["id"] in started
    ]


def waiting(now: datetime, room: Room, limit: int, only_by_hand: bool) -> Any:
    """Waiting runs of which nothing is full. There may be more of one job than it has places for."""
    return (
        select(
            runs,
            jobs.c.group,
            jobs.c.max_running.label("job_limit"),
            backfills.c.max_running.label("backfill_limit"),
        )
        .join(jobs, jobs.c.key == runs.c.job_key)
        .outerjoin(backfills, backfills.c.id == runs.c.backfill)
        .where(
            runs.c.state == RunState.QUEUED,
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
        .limit(limit)
    )


def not_full(column: Any, full: Sequence[Any]) -> ColumnElement[bool]:
    return or_(column.is_(None), column.not_in(full))


def room_now(conn: Connection, now: datetime) -> Room:
    """The places left by what runs at this moment, and by what started lately in queues that have a rate."""
    room = Room({(limit.kind, limit.name): limit for limit in limits.all_limits(conn)})
    running = (
        select(
            runs.c.job_key,
            runs.c.queue,
            runs.c.backfill,
            jobs.c.group,
            func.max(jobs.c.max_running).label("job_limit"),
            func.max(backfills.c.max_running).label("backfill_limit"),
            func.count().label("count"),
        )
        .join(jobs, jobs.c.key == runs.c.job_key)
        .outerjoin(backfills, backfills.c.id == runs.c.backfill)
        .where(runs.c.state == RunState.RUNNING)
        .group_by(runs.c.job_key, runs.c.queue, runs.c.backfill, jobs.c.group)
    )
    for row in conn.execute(running).mappings():
        for place in places_of(row):
            left = room.of(place, row)
            if left is not None:
                room.left[place] = left - row["count"]
    for place, limit in room.limits.items():
        if limit.rate and limit.kind == "queue":
            started = limits.starts_since(conn, limit.name, now - timedelta(seconds=limit.rate.per))
            by_rate = limit.rate.starts - started
            places = room.left.get(place, limit.max_running)
            room.left[place] = by_rate if places is None else min(places, by_rate)
        elif place not in room.left and limit.max_running is not None:
            room.left[place] = limit.max_running
    return room

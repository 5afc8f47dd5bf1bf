"""The places that jobs, groups, queues and backfills have for runs, and how many of them are left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, select, union_all

from cronapp.core import routing
from cronapp.core.limits import GROUP_AT_ONCE, Full, Limit
from cronapp.core.models import RunState
from cronapp.core.routing import Line
from cronapp.store import limits, nodes
from cronapp.store.tables import backfills, in_state, jobs, runs

Place = tuple[str, Any]
"""What has a limit: ("job", 7), ("group", "db"), ("queue", "mail"), ("backfill", 3)."""


@dataclass(slots=True)
class Room:
    """How many more runs may start, for each job, group, queue and backfill that has a run now or gets one."""

    limits: dict[Place, Limit]
    left: Counter[Place] = field(default_factory=Counter)
    running: Counter[Place] = field(default_factory=Counter)
    sent: Counter[Place] = field(default_factory=Counter)
    """Of these, those that are only on their way to their nodes."""

    def full(self, kind: str) -> list[Any]:
        return [name for (its, name), left in self.left.items() if its == kind and left <= 0]

    def take(self, row: RowMapping) -> bool:
        """Takes a place for a waiting run in all that it counts for; False: one of them is full."""
        places = {place: self.of(place, row) for place in places_of(row)}
        if any(left is not None and left <= 0 for left in places.values()):
            return False
        for place, left in places.items():
            self.running[place] += 1
            if left is not None:
                self.left[place] = left - 1
        return True

    def of(self, place: Place, row: RowMapping) -> int | None:
        """The places left; None: there is no limit."""
        return self.left[place] if place in self.left else self.most(place, row)

    def most(self, place: Place, row: RowMapping) -> int | None:
        """How many may run side by side; None: there is no limit."""
        most: int | None
        match place[0]:
            case "job" | "backfill":
                most = row[f"{place[0]}_limit"]  # none of a job that was removed
                return most
            case "group":
                limit = self.limits.get(place)
                return limit.max_running if limit and limit.max_running else GROUP_AT_ONCE
        limit = self.limits.get(place)
        return limit.max_running if limit else None

    def told(self, place: Place, row: RowMapping) -> Full:
        """A full place, for people."""
        kind, name = place
        most = self.most(place, row)
        running = self.running[place]
        if most is not None and running >= most:
            return Full(kind, str(name), running, most)
        limit = self.limits[place]
        return Full(kind, str(name), running, rate=limit.rate)


def places_of(row: RowMapping) -> list[Place]:
    """What a run counts for. One of a backfill does not take its job's places: they are for the slots ahead."""
    own: Place = ("job", row["job_key"]) if row["backfill"] is None else ("backfill", row["backfill"])
    return [own, ("queue", row["queue"]), *([("group", row["group"])] if row["group"] else [])]


def room_now(conn: Connection, now: datetime) -> Room:
    """The places left by what runs at this moment or is on its way to a node, and by what started lately in queues that
    have a rate."""
    room = Room({(limit.kind, limit.name): limit for limit in limits.all_limits(conn)})
    # In one question: between two of them a run that begins would be no longer on its way, and not yet running.
    # On SQLite nothing is ever on its way, and looking for it would go through all that wait.
    shared = conn.dialect.name != "sqlite"
    open_ones = union_all(counted(RUNNING), counted(SENT)) if shared else counted(RUNNING)
    for row in conn.execute(open_ones).mappings():
        for place in places_of(row):
            room.running[place] += row["count"]
            room.sent[place] += row["count"] if row["state"] == RunState.QUEUED else 0
            left = room.of(place, row)
            if left is not None:
                room.left[place] = left - row["count"]
    for place, limit in room.limits.items():
        if limit.rate and limit.kind == "queue":
            started = limits.starts_since(conn, limit.name, now - timedelta(seconds=limit.rate.per))
            by_rate = limit.rate.starts - started - room.sent[place]
            places = room.left.get(place, limit.max_running)
            room.left[place] = by_rate if places is None else min(places, by_rate)
        elif place not in room.left and limit.max_running is not None:
            room.left[place] = limit.max_running
    return room


RUNNING = in_state(RunState.RUNNING)
SENT = and_(in_state(RunState.QUEUED), runs.c.node.is_not(None))


def counted(which: ColumnElement[bool]) -> Select[Any]:
    """How many of these runs there are in each place."""
    return (
        select(
            runs.c.job_key,
            runs.c.queue,
            runs.c.backfill,
            jobs.c.group,
            runs.c.state,
            func.max(jobs.c.max_running).label("job_limit"),
            func.max(backfills.c.max_running).label("backfill_limit"),
            func.count().label("count"),
        )
        .outerjoin(jobs, jobs.c.key == runs.c.job_key)
        .outerjoin(backfills, backfills.c.id == runs.c.backfill)
        .where(which)
        .group_by(runs.c.job_key, runs.c.queue, runs.c.backfill, jobs.c.group, runs.c.state)
    )


def held_up(conn: Connection, run_ids: Sequence[int], now: datetime) -> dict[int, list[str]]:
    """For each of these waiting runs what has no place for it now, in words, as `the group db runs 1 of 1`."""
    statement = (
        select(
            runs.c.id,
            runs.c.job_key,
            runs.c.queue,
            runs.c.labels,
            runs.c.task,
            runs.c.backfill,
            jobs.c.group,
            jobs.c.max_running.label("job_limit"),
            backfills.c.max_running.label("backfill_limit"),
        )
        .outerjoin(jobs, jobs.c.key == runs.c.job_key)
        .outerjoin(backfills, backfills.c.id == runs.c.backfill)
        .where(runs.c.id.in_(run_ids))
    )
    rows = conn.execute(statement).mappings().all()
    if not rows:
        return {}
    room, loads = room_now(conn, now), nodes.loads(conn)
    told: dict[int, list[str]] = {}
    for row in rows:
        full = [room.told(place, row).words() for place in places_of(row) if room.left.get(place, 1) <= 0]
        away = routing.held_up(loads, Line(row["queue"], row["labels"]), row["task"])
        told[row["id"]] = [*([away] if away else []), *full]
    return told

"""The rows of a job's slots: listed slot by slot, and counted by the hour."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Connection, Select, case, func, null, select, type_coerce

from cronapp.core.ledger import ON_TIME
from cronapp.core.models import Cause, Run, RunState
from cronapp.store.runs.rows import run_of
from cronapp.store.tables import EPOCH, MICROSECOND, runs

HOUR = 3_600_000_000  # microseconds
SECOND = 1_000_000
MOST_GAPS = 2_000  # rows of several slots that are looked at

STATES: tuple[RunState, ...] = tuple(RunState)
CAUSES: tuple[Cause | None, ...] = (None, *Cause)
FATES = len(STATES) * len(CAUSES)


@dataclass(frozen=True, slots=True)
class Fate:
    """What the rows of a slot say of it: the state and cause of its newest attempt, whether one started, and late."""

    state: RunState
    cause: Cause | None
    started: bool
    late: bool

    @property
    def code(self) -> int:
        code = STATES.index(self.state) * len(CAUSES) + CAUSES.index(self.cause)
        return code + FATES * (self.started + self.late)


EACH_FATE = {
    fate.code: fate
    for state in STATES
    for cause in CAUSES
    for fate in (
        Fate(state, cause, started=False, late=False),
        Fate(state, cause, started=True, late=False),
        Fate(state, cause, started=True, late=True),
    )
}


@dataclass(frozen=True, slots=True)
class Counted:
    """How many slots of an hour had one fate, and the worst delay among them in seconds."""

    hour: datetime
    fate: Fate
    slots: int
    worst_late: float


def before(
    conn: Connection,
    job_key: int,
    since: datetime,
    edge: datetime,
    limit: int,
    fates: Collection[Fate] | None = None,
) -> dict[datetime, list[Run]]:
    """The newest `limit` slots from `since` on and before `edge` that have rows, of these fates if some are named, each
    with its attempts in order."""
    mine = runs.c.job_key == job_key
    slots = select(runs.c.slot).where(mine, runs.c.slot >= since, runs.c.slot < edge).distinct()
    if fates is not None:
        told = fates_of(job_key, since, edge).subquery()
        slots = select(told.c.slot).where(told.c.code.in_([fate.code for fate in fates]))
    newest = slots.order_by(slots.selected_columns.slot.desc()).limit(limit)
    rows = select(runs).where(mine, runs.c.slot.in_(newest.scalar_subquery()))
    found: dict[datetime, list[Run]] = {}
    for row in conn.execute(rows.order_by(runs.c.slot.desc(), runs.c.attempt)).mappings():
        found.setdefault(row["slot"], []).append(run_of(row))
    return found


def counted(conn: Connection, job_key: int, since: datetime, edge: datetime) -> list[Counted]:
    """The slots from `since` on and before `edge` that have rows, by hour and fate. Of a row that stands for several
    slots only its newest counts. The database does the counting: a busy job has ten thousand of them in a week."""
    told = fates_of(job_key, since, edge).subquery()
    hour = type_coerce(told.c.slot, BigInteger).op("/")(HOUR)
    statement = select(hour, told.c.code, func.count(), func.max(told.c.late)).group_by(hour, told.c.code)
    return [
        Counted(EPOCH + number * HOUR * MICROSECOND, EACH_FATE[code], slots, (late or 0) / SECOND)
        for number, code, slots, late in conn.execute(statement)
    ]


def fates_of(job_key: int, since: datetime, edge: datetime) -> Select[tuple[datetime, int, int | None]]:
    """Of each slot its fate as a number, and how late its first start was in microseconds."""
    state = case({one: n * len(CAUSES) for n, one in enumerate(STATES)}, value=runs.c.state)
    cause = case({one: n for n, one in enumerate(CAUSES) if one}, value=runs.c.cause, else_=0)
    given_up = (runs.c.state == RunState.CANCELLED) & runs.c.started_at.is_(None)
    # The newest attempt's fate by one MAX: its number counts more than any fate.
    newest = func.max(case((given_up, 0), else_=runs.c.attempt) * FATES + state + cause)
    refused = func.coalesce(runs.c.cause, "") == Cause.CONDITION
    start = func.min(case((refused, null()), else_=type_coerce(runs.c.started_at, BigInteger)))
    own = func.max(case((runs.c.attempt == 1, type_coerce(runs.c.not_before, BigInteger))))
    slot = type_coerce(runs.c.slot, BigInteger)
    each = (
        select(runs.c.slot, newest.label("newest"), start.label("start"), func.coalesce(own, slot).label("own"))
        .where(runs.c.job_key == job_key, runs.c.slot >= since, runs.c.slot < edge)
        .group_by(runs.c.slot)
        .subquery()
    )
    planned = type_coerce(each.c.slot, BigInteger)
    late = each.c.start - case((each.c.own > planned, each.c.own), else_=planned)
    begun = case((each.c.start.is_(None), 0), (late > int(ON_TIME * SECOND), 2), else_=1)
    return select(each.c.slot, (each.c.newest % FATES + begun * FATES).label("code"), late.label("late"))


def gaps(conn: Connection, job_key: int, since: datetime, edge: datetime) -> list[Run]:
    """The newest rows that stand for several slots, some of them from `since` on and some before `edge`."""
    statement = (
        select(runs)
        .where(runs.c.job_key == job_key, runs.c.slot >= since, runs.c.missed > 1, runs.c.missed_since < edge)
        .order_by(runs.c.slot.desc())
        .limit(MOST_GAPS)
    )
    return [run_of(row) for row in conn.execute(statement).mappings()]


def run_after_all(conn: Connection, job_key: int, since: datetime, edge: datetime) -> dict[int, set[datetime]]:
    """By the gap's row the slots within it that have rows of their own all the same, as a backfill makes them."""
    gap, own = runs.alias(), runs.alias()
    inside = (
        (own.c.job_key == gap.c.job_key)
        & (own.c.slot >= gap.c.missed_since)
        & (own.c.slot < gap.c.slot)
        & (own.c.slot >= since)
        & (own.c.slot < edge)
    )
    statement = (
        select(gap.c.id, own.c.slot)
        .select_from(gap.join(own, inside))
        .where(gap.c.job_key == job_key, gap.c.slot >= since, gap.c.missed > 1, gap.c.missed_since < edge)
    )
    found: dict[int, set[datetime]] = {}
    for gap_id, slot in conn.execute(statement):
        found.setdefault(gap_id, set()).add(slot)
    return found

"""What the overview asks of all runs and jobs together: bounded, or counted once for each hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, case, func, or_, select, type_coerce

from cronapp.core.ledger import ON_TIME
from cronapp.core.models import NO_JOB, RETRIED_STATES, Job, JobState, Run, RunState, RunTrigger
from cronapp.store.jobs import JOBS, jobs_of
from cronapp.store.ledger import CAUSES, EACH_FATE, FATES, HOUR, SECOND, STATES, Counted
from cronapp.store.runs.rows import LISTED, along, run_of
from cronapp.store.tables import EPOCH, MICROSECOND, SUCCEEDED, jobs, runs

FAILING_STATES = (JobState.ACTIVE, JobState.FINISHED)
"""Of a paused job somebody knows already, and of one that needs attention that is told first."""
LOOKED_AT = 50  # runs after a job's last success, among which its first failure is looked for

# -- by the hour ----------------------------------------------------------------------------------------------------


def ended_by_hour(conn: Connection, since: datetime, until: datetime) -> dict[datetime, Counter[RunState]]:
    """How many runs of jobs ended from `since` on and before `until`, by hour and state."""
    found: dict[datetime, Counter[RunState]] = {}
    ended = and_(runs.c.finished_at >= since, runs.c.finished_at < until)
    for number, state, count in conn.execute(counted(ended)).all():
        found.setdefault(hour_at(number), Counter())[RunState(state)] += count
    # Tests are few and have an index of their own; to leave them out at once would cost the first query its index.
    for number, state, count in conn.execute(counted(ended, runs.c.job_key == NO_JOB)).all():
        found[hour_at(number)][RunState(state)] -= count
    return {hour: +counts for hour, counts in found.items() if counts.total()}


def counted(*where: ColumnElement[bool]) -> Select[Any]:
    hour = type_coerce(runs.c.finished_at, BigInteger).op("/")(HOUR)
    return select(hour, runs.c.state, func.count()).where(*where).group_by(hour, runs.c.state)


def slots_ended(conn: Connection, since: datetime, until: datetime) -> dict[datetime, list[Counted]]:
    """What became of the slots whose first attempts ended from `since` on and before `until`: by the hours in which
    they ended, told by the hours of the slots. A row that stands for several slots counts as so many, at its newest."""
    state = case({one: n * len(CAUSES) for n, one in enumerate(STATES)}, value=runs.c.state)
    cause = case({one: n for n, one in enumerate(CAUSES) if one}, value=runs.c.cause, else_=0)
    slot, start = type_coerce(runs.c.slot, BigInteger), type_coerce(runs.c.started_at, BigInteger)
    own = func.coalesce(type_coerce(runs.c.not_before, BigInteger), slot)
    late = start - case((own > slot, own), else_=slot)
    begun = case((start.is_(None), 0), (late > int(ON_TIME * SECOND), 2), else_=1)
    ended = type_coerce(runs.c.finished_at, BigInteger).op("/")(HOUR)
    hour, code = slot.op("/")(HOUR), state + cause + begun * FATES
    statement = (  # a plain word about backfills would have SQLite go through all runs of none
        select(ended, hour, code, func.sum(runs.c.missed), func.max(late))
        .where(runs.c.finished_at >= since, runs.c.finished_at < until)
        .where(runs.c.slot.is_not(None), runs.c.attempt == 1, case((runs.c.backfill.is_(None), 1), else_=0) == 1)
        .group_by(ended, hour, code)
    )
    found: dict[datetime, list[Counted]] = {}
    for end, number, one, slots, worst in conn.execute(statement):
        told = Counted(hour_at(number), EACH_FATE[one], int(slots), (worst or 0) / SECOND)
        found.setdefault(hour_at(end), []).append(told)
    return found


def hour_at(number: int) -> datetime:
    return EPOCH + number * HOUR * MICROSECOND


def delays(conn: Connection, newest: int) -> list[float]:
    """How many seconds after their slots, or their own moments within the spread, runs started: of those runs of
    schedules that are among the newest so many of all."""
    columns = (runs.c.trigger, runs.c.attempt, runs.c.slot, runs.c.not_before, runs.c.started_at)
    found = []
    for trigger, attempt, slot, not_before, started in conn.execute(
        select(*columns).order_by(runs.c.id.desc()).limit(newest)
    ):
        if trigger == RunTrigger.SCHEDULE and attempt == 1 and slot and started:
            found.append(max((started - max(slot, not_before or slot)).total_seconds(), 0.0))
    return found


# -- what needs somebody --------------------------------------------------------------------------------------------


def failing(conn: Connection, limit: int) -> tuple[list[Job], int]:
    """The jobs whose last runs failed for good, those with the most failures in a row first, and how many there are."""
    mine = and_(jobs.c.failures > 0, jobs.c.state.in_(FAILING_STATES))
    return _some(conn, mine, (jobs.c.failures.desc(), jobs.c.key), limit)


def paused_by(conn: Connection, who: str, limit: int) -> tuple[list[Job], int]:
    """The jobs that `who` paused, the newest pause first, and how many there are."""
    mine = and_(jobs.c.state == JobState.PAUSED, jobs.c.paused_by == who)
    return _some(conn, mine, (jobs.c.paused_at.desc(), jobs.c.key), limit)


def misfits(conn: Connection, limit: int) -> tuple[list[Job], int]:
    """The jobs that need attention, and how many there are."""
    return _some(conn, jobs.c.state == JobState.NEEDS_ATTENTION, (jobs.c.id,), limit)


def overdue(conn: Connection, before: datetime, limit: int) -> tuple[list[Job], int]:
    """The active jobs whose slot came before that moment and has no run yet, the longest first."""
    mine = and_(jobs.c.state == JobState.ACTIVE, jobs.c.next_slot < before)
    return _some(conn, mine, (jobs.c.next_slot, jobs.c.key), limit)


def _some(
    conn: Connection, mine: ColumnElement[bool], order: Sequence[ColumnElement[object]], limit: int
) -> tuple[list[Job], int]:
    found = jobs_of(conn, conn.execute(JOBS.where(mine).order_by(*order).limit(limit)).mappings())
    count = len(found)
    if count == limit:
        count = conn.execute(select(func.count()).select_from(jobs).where(mine)).scalar_one()
    return found, count


def waiting(conn: Connection, before: datetime, limit: int) -> tuple[list[Run], int]:
    """The runs of jobs that wait for their turn since before that moment, the longest first, and how many there are."""
    allowed = or_(runs.c.not_before.is_(None), runs.c.not_before < before)
    mine = and_(along(runs.c.state, RunState.QUEUED), runs.c.job_key != NO_JOB, runs.c.queued_at < before, allowed)
    rows = conn.execute(select(*LISTED).where(mine).order_by(runs.c.state, runs.c.id).limit(limit)).mappings().all()
    count = len(rows)
    if count == limit:
        count = conn.execute(select(func.count()).select_from(runs).where(mine)).scalar_one()
    return [run_of(row) for row in rows], count


def first_failure(conn: Connection, job_key: int) -> datetime | None:
    """When the job first failed since it last succeeded, as far as its runs are kept."""
    own = select(runs.c.id).where(runs.c.job_key == job_key, SUCCEEDED)
    last = conn.execute(own.order_by(runs.c.id.desc()).limit(1)).scalar() or 0
    after = (
        select(runs.c.state, runs.c.finished_at)
        .where(runs.c.job_key == job_key, runs.c.id > last)
        .order_by(runs.c.id)
        .limit(LOOKED_AT)
    )
    return next((at for state, at in conn.execute(after) if state in RETRIED_STATES), None)

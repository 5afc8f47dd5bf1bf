"""Failures by their groups. Everything is read along indexes that have failures only, of one stretch of time, and of
its newest ones if there are very many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, Subquery, func, or_, select, type_coerce

from cronapp.core.error_groups import Hit
from cronapp.core.models import NO_JOB, Run, RunState
from cronapp.store.runs.rows import LISTED, run_of
from cronapp.store.tables import EPOCH, MICROSECOND, jobs, runs

MOST = 100_000  # failures that are counted
MOST_GROUPS = 1_000
MOST_VERSIONS = 1_000  # runs of a group whose code is looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which failures: from when until when, of which job or group, with what text; counted in so many bars."""

    since: datetime
    until: datetime
    bars: int
    job: str = ""
    group: str = ""
    q: str = ""

    @property
    def width(self) -> timedelta:
        """The time that a bar stands for."""
        return max((self.until - self.since) / self.bars, MICROSECOND)


@dataclass(slots=True)
class Counted:
    """What is counted of one group."""

    id: str
    newest: int
    count: int
    bars: list[int]


def counted(conn: Connection, asked: Asked) -> list[Counted]:
    """The groups, the one that failed last first."""
    some = newest_failures(asked)
    passed = type_coerce(some.c.finished_at, BigInteger) - (asked.since - EPOCH) // MICROSECOND
    timed = select(some.c.error_group, some.c.id, passed.label("passed")).subquery()
    bar = timed.c.passed.op("/")(asked.width // MICROSECOND)
    parted = select(timed.c.error_group, timed.c.id, bar.label("bar")).subquery()
    statement = select(parted.c.error_group, parted.c.bar, func.count(), func.max(parted.c.id))
    found: dict[str, Counted] = {}
    for group, number, count, newest in conn.execute(statement.group_by(parted.c.error_group, parted.c.bar)):
        one = found.setdefault(group, Counted(group, 0, 0, [0] * asked.bars))
        one.count += count
        one.bars[min(number, asked.bars - 1)] += count
        one.newest = max(one.newest, newest)
    return sorted(found.values(), key=lambda one: -one.newest)[:MOST_GROUPS]


def newest_failures(asked: Asked, groups: Sequence[str] = ()) -> Subquery:
    conditions: list[ColumnElement[bool]] = [
        runs.c.error_group.is_not(None),
        runs.c.job_key != NO_JOB,  # a trial out of a form is nobody's failure
        runs.c.finished_at >= asked.since,
        runs.c.finished_at < asked.until,
    ]
    if asked.job:
        conditions.append(runs.c.job_key.in_(select(jobs.c.key).where(jobs.c.id == asked.job)))
    if asked.group:
        conditions.append(runs.c.error_group == asked.group)
    if groups:
        conditions.append(runs.c.error_group.in_(groups))
    columns = (runs.c.error_group, runs.c.finished_at, runs.c.job_key, runs.c.id)
    return select(*columns).where(*conditions).order_by(runs.c.finished_at.desc()).limit(MOST).subquery()


def holding(conn: Connection, ids: Sequence[int], text: str) -> set[int]:
    """Which of these runs have the text in their error, or in the place of it."""
    columns = (runs.c.error_type, runs.c.error_message, runs.c.error_frame, runs.c.reason)
    condition = or_(*(column.icontains(text, autoescape=True) for column in columns))
    return set(conn.scalars(select(runs.c.id).where(runs.c.id.in_(ids), condition)))


def newest_runs(conn: Connection, ids: Sequence[int]) -> dict[int, tuple[Run, datetime]]:
    """These runs, and when the first of the group of each ended."""
    other = runs.alias()
    first = (
        select(other.c.finished_at)
        .where(other.c.error_group == runs.c.error_group)
        .order_by(other.c.id)
        .limit(1)
        .correlate(runs)
        .scalar_subquery()
    )
    statement = select(*LISTED, first.label("first_seen")).where(runs.c.id.in_(ids))
    return {row["id"]: (run_of(row), row["first_seen"]) for row in conn.execute(statement).mappings()}


def hits(conn: Connection, asked: Asked, groups: Sequence[str], shown: int) -> dict[str, tuple[int, tuple[Hit, ...]]]:
    """For each of these groups how many jobs it hit, and those that it hit last."""
    some = newest_failures(asked, groups)
    statement = select(some.c.error_group, some.c.job_key, func.count(), func.max(some.c.id))
    rows = conn.execute(statement.group_by(some.c.error_group, some.c.job_key)).all()
    by_group: dict[str, list[tuple[int, int, int]]] = {}
    for group, key, count, last in rows:
        by_group.setdefault(group, []).append((last, key, count))
    newest = {group: sorted(found, reverse=True)[:shown] for group, found in by_group.items()}
    keys = {key for found in newest.values() for _, key, _ in found}
    names = job_names(conn, [last for found in newest.values() for last, _, _ in found])
    successes = last_successes(conn, keys)
    return {
        group: (
            len(by_group[group]),
            tuple(Hit(names[last], count, last, key in successes, successes.get(key)) for last, key, count in found),
        )
        for group, found in newest.items()
    }


def job_names(conn: Connection, ids: Sequence[int]) -> dict[int, str]:
    return dict(conn.execute(select(runs.c.id, runs.c.job).where(runs.c.id.in_(ids))).all())


def last_successes(conn: Connection, keys: set[int]) -> dict[int, int | None]:
    """The newest run of each of these jobs that succeeded; a job that is gone is not in it."""
    own = select(func.max(runs.c.id)).where(runs.c.job_key == jobs.c.key, runs.c.state == RunState.SUCCEEDED)
    statement = select(jobs.c.key, own.correlate(jobs).scalar_subquery()).where(jobs.c.key.in_(keys))
    return dict(conn.execute(statement).all())


def newest_of(conn: Connection, group: str) -> int | None:
    """The newest run of a group."""
    own = select(func.max(runs.c.id)).where(runs.c.error_group == group, runs.c.job_key != NO_JOB)
    newest: int | None = conn.execute(own).scalar()
    return newest


def versions(conn: Connection, group: str) -> tuple[int, int, int]:
    """With how many versions of the function and of what it met the newest runs of a group were made, and how many
    runs were looked at."""
    own = select(runs.c.id, runs.c.source, runs.c.environment).where(runs.c.error_group == group)
    some = own.order_by(runs.c.id.desc()).limit(MOST_VERSIONS).subquery()
    distinct = [func.count(column.distinct()) for column in (some.c.source, some.c.environment)]
    counts = conn.execute(select(*distinct, func.count(some.c.id))).one()
    return int(counts[0]), int(counts[1]), int(counts[2])

"""The jobs list: its pages in any order, its groups by tag, what it can be filtered by, and what is chosen of it.

Nothing here depends on how many runs there are: what a job's newest run says is looked up along the index, once for
each job that matches.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    ScalarSelect,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from cronapp.core.models import Job, JobState, RunState
from cronapp.store.jobs import JOBS, JobFilter, has_run, is_failing, jobs_of, matching
from cronapp.store.tables import job_tags, jobs, runs

SORTS = ("id", "next", "last", "state", "duration")
MOST_OFFERED = 200  # names of a kind that the filter offers
AT_ONCE = 500  # ids in one question
LARGEST = 2**63


class Rank(IntEnum):
    """How much a job wants to be seen, the most first."""

    NEEDS_ATTENTION = 0
    FAILING = 1
    RUNNING = 2
    ACTIVE = 3
    PAUSED = 4
    FINISHED = 5


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of a list: by the id, the next slot, the newest run, the state (what wants to be seen first), or the
    time that the newest run took. What has no such value comes last, whichever way it goes."""

    by: str = "id"
    down: bool = False


BY_ID = Sort()


@dataclass(frozen=True, slots=True)
class Place:
    """A job's place under a sort; a page starts behind one."""

    value: float | None
    id: str

    def __str__(self) -> str:
        return f"{'' if self.value is None else self.value}~{self.id}"


@dataclass(frozen=True, slots=True)
class Group:
    """The jobs of one tag; None: those without any."""

    tag: str | None
    count: int
    worst: Rank
    failing: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a change of many jobs has to know of each."""

    id: str
    state: JobState
    tags: tuple[str, ...]


def place_of(text: str, sort: Sort) -> Place | None:
    """A place as its text has it; None where it is none."""
    if not text or sort.by == "id":
        return Place(None, text) if text else None
    value, _, job_id = text.partition("~")
    try:
        number = (float(value) if sort.by == "duration" else int(value)) if value else None
    except ValueError:
        return None
    return None if number is not None and not -LARGEST < number < LARGEST else Place(number, job_id)


def page(
    conn: Connection, filters: JobFilter, *, sort: Sort = BY_ID, after: Place | None = None, limit: int = 50
) -> list[tuple[Job, Place]]:
    """The jobs behind a place, each with its own."""
    listed = listed_by(filters, sort)
    order = [listed.c.id.desc() if sort.by == "id" and sort.down else listed.c.id]
    if sort.by != "id":
        order.insert(0, (listed.c.value.desc() if sort.down else listed.c.value).nulls_last())
    statement = JOBS.add_columns(listed.c.value).join(listed, jobs.c.key == listed.c.key)
    if after is not None:
        statement = statement.where(behind(listed, sort, after))
    rows = list(conn.execute(statement.order_by(*order).limit(limit)).mappings())
    return [(job, Place(row["value"], row["id"])) for job, row in zip(jobs_of(conn, rows), rows, strict=True)]


def listed_by(filters: JobFilter, sort: Sort) -> CTE:
    """The jobs that match, each with the value it is sorted by; worked out once, however often it is compared."""
    statement = select(jobs.c.key, jobs.c.id, value_of(sort).label("value")).where(matching(filters))
    return statement.cte("listed").prefix_with("MATERIALIZED") if sort.by != "id" else statement.cte("listed")


def value_of(sort: Sort) -> ColumnElement[Any]:
    match sort.by:
        case "next":
            return type_coerce(jobs.c.next_slot, BigInteger)
        case "last":
            return newest(runs.c.id)
        case "duration":
            return newest(runs.c.duration, runs.c.duration.is_not(None))
        case "state":
            return rank()
        case _:
            return literal(None, BigInteger)


def newest(column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    """What the newest run of a job has there."""
    own = select(column).where(runs.c.job_key == jobs.c.key, *conditions)
    return own.order_by(runs.c.id.desc()).limit(1).correlate(jobs).scalar_subquery()


def rank() -> ColumnElement[int]:
    return case(
        (jobs.c.state == JobState.NEEDS_ATTENTION, Rank.NEEDS_ATTENTION),
        (jobs.c.state == JobState.PAUSED, Rank.PAUSED),
        (is_failing(), Rank.FAILING),
        (has_run(RunState.RUNNING), Rank.RUNNING),
        (jobs.c.state == JobState.FINISHED, Rank.FINISHED),
        else_=Rank.ACTIVE,
    )


def behind(listed: CTE, sort: Sort, place: Place) -> ColumnElement[bool]:
    value, job_id = listed.c.value, listed.c.id
    if sort.by == "id":
        return job_id < place.id if sort.down else job_id > place.id
    if place.value is None:
        return and_(value.is_(None), job_id > place.id)
    further = value < place.value if sort.down else value > place.value
    return or_(further, and_(value == place.value, job_id > place.id), value.is_(None))


def count(conn: Connection, filters: JobFilter) -> int:
    """How many jobs match."""
    return conn.execute(select(func.count()).select_from(jobs).where(matching(filters))).scalar_one()


# -- groups ---------------------------------------------------------------------------------------------------------


def groups(conn: Connection, filters: JobFilter, *, after: str = "", limit: int = 12) -> list[Group]:
    """The tags behind `after` that matching jobs have, in their order; at last the jobs without a tag."""
    ranked = select(jobs.c.key, rank().label("rank")).where(matching(filters)).cte("ranked").prefix_with("MATERIALIZED")
    tag = job_tags.c.tag
    failing = func.sum(case((ranked.c.rank <= Rank.FAILING, 1), else_=0))
    statement = (
        select(tag, func.count(), func.min(ranked.c.rank), failing)
        .select_from(ranked.outerjoin(job_tags, job_tags.c.job_key == ranked.c.key))
        .group_by(tag)
        .order_by(tag.nulls_last())
        .limit(limit)
    )
    if after:
        statement = statement.where(or_(tag > after, tag.is_(None)))
    return [Group(name, n, Rank(worst), int(bad)) for name, n, worst, bad in conn.execute(statement)]


# -- filters --------------------------------------------------------------------------------------------------------

Offers = dict[str, list[tuple[str, int]]]
"""What one can filter by: `{"task": [("hello", 12), …], …}`, the most frequent first."""


def offers(conn: Connection) -> Offers:
    """The tasks, tags, queues, labels, groups and origins that jobs have, and how many jobs have each."""
    columns = {
        "task": jobs.c.task,
        "tag": job_tags.c.tag,
        "queue": jobs.c.spec["queue"].as_string(),
        "group": jobs.c.group,
        "origin": jobs.c.origin,
    }
    found = {name: _counted(conn, column) for name, column in columns.items()}
    return found | {"label": _apart(_counted(conn, jobs.c.spec["labels"].as_string()))}


def _apart(lists: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """How often each is in these lists, which are so frequent."""
    counts: Counter[str] = Counter()
    for told, number in lists:
        for one in json.loads(told):
            counts[one] += number
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _counted(conn: Connection, column: ColumnElement[Any]) -> list[tuple[str, int]]:
    named, number = column.label("name"), func.count().label("number")
    statement = select(named, number).where(column.is_not(None)).group_by(named).order_by(number.desc(), named)
    return [(name, n) for name, n in conn.execute(statement.limit(MOST_OFFERED))]


# -- many at once ---------------------------------------------------------------------------------------------------


def chosen(conn: Connection, filters: JobFilter) -> list[Chosen]:
    """All jobs that match, in the order of their ids."""
    return _chosen(conn, matching(filters))


def chosen_ids(conn: Connection, ids: Sequence[str]) -> list[Chosen]:
    """Those of these jobs that are there, in the order of their ids."""
    found = [_chosen(conn, jobs.c.id.in_(ids[n : n + AT_ONCE])) for n in range(0, len(ids), AT_ONCE)]
    return sorted((one for some in found for one in some), key=lambda one: one.id)


def _chosen(conn: Connection, condition: ColumnElement[bool]) -> list[Chosen]:
    listed = conn.execute(select(jobs.c.key, jobs.c.id, jobs.c.state).where(condition).order_by(jobs.c.id)).all()
    tags = _tags_of(conn, condition)
    return [Chosen(job_id, JobState(state), tuple(tags.get(key, ()))) for key, job_id, state in listed]


def _tags_of(conn: Connection, condition: ColumnElement[bool]) -> dict[int, list[str]]:
    rows: Iterable[Any] = conn.execute(
        select(job_tags.c.job_key, job_tags.c.tag).join(jobs, jobs.c.key == job_tags.c.job_key).where(condition)
    )
    tags: dict[int, list[str]] = {}
    for key, tag in rows:
        tags.setdefault(key, []).append(tag)
    return tags

"""The list of runs under its filters. No question here goes through all runs there are.

Ids grow with the time at which runs are opened, so a stretch of time is a stretch of ids. A filter that has an index
is followed along it; any other is held against stretches of ids, the newest first, and a text against one of them at a
time: the answer says how far was looked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, and_, cast, false, func, or_, select

from cronapp.core.models import Run, RunState
from cronapp.store.runs.rows import LISTED, RunFilter, along, run_of
from cronapp.store.tables import job_tags, runs

STRETCH = 50_000  # ids that are looked through at a time
MOST_STRETCHES = 100  # of filters that cost little; a text is looked for in one
COUNTED = 10_000  # beyond it there are "10,000+"
Guarded = Mapping[str, frozenset[str]]
"""Tasks that take secrets, and the names of their arguments that hold none: only these are searched."""
NONE: Guarded = {}


@dataclass(frozen=True, slots=True)
class Found:
    """One page of runs, and the id to go on before, if there may be more. `looked_to` is the run at which the search
    stopped early, before the page was full."""

    runs: list[Run]
    next: int | None
    looked_to: Run | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many runs there are of each state. `more`: the states of which there are more than were counted; `partly`:
    only the newest runs were looked at."""

    counts: Mapping[str, int]
    more: frozenset[str] = frozenset()
    partly: bool = False

    def of(self, states: tuple[str, ...]) -> int:
        return sum(n for state, n in self.counts.items() if not states or state in states)

    def is_more(self, states: tuple[str, ...]) -> bool:
        return self.partly or any(not states or state in states for state in self.more)


def page(conn: Connection, filters: RunFilter, *, before: int | None = None, limit: int = 50) -> list[Run]:
    """The runs before the id `before`, the newest first."""
    return listed(conn, filters, before=before, limit=limit).runs


def listed(
    conn: Connection,
    filters: RunFilter,
    *,
    before: int | None = None,
    limit: int = 50,
    guarded: Guarded = NONE,
) -> Found:
    """The runs before the id `before` that match, the newest first."""
    low, top = span(conn, filters, before)
    conditions = matching(filters, guarded)
    found: list[Run] = []
    for _ in range(1 if filters.text else MOST_STRETCHES):
        floor = low if has_index(filters) else max(low, top - STRETCH)
        statement = select(*LISTED)
        if has_index(filters) and len(filters.states) == 1:
            state = runs.c.state
            statement = statement.where(along(state, filters.states[0], floor, top)).order_by(state.desc())
        else:
            statement = statement.where(runs.c.id >= floor, runs.c.id < top, *conditions)
        rows = conn.execute(statement.order_by(runs.c.id.desc()).limit(limit + 1 - len(found))).mappings()
        found += [run_of(row) for row in rows]
        if len(found) > limit:
            return Found(found[:limit], found[limit - 1].id)
        top = floor
        if floor <= low:
            return Found(found, None)
    return Found(found, top, _at_or_after(conn, top))


def ids(
    conn: Connection, filters: RunFilter, before: int | None, limit: int, guarded: Guarded
) -> tuple[list[int], int]:
    """The ids of matching runs of one stretch, the newest first, and where the next stretch ends; 0: nowhere."""
    low, top = span(conn, filters, before)
    floor = max(low, top - STRETCH)
    statement = select(runs.c.id).where(runs.c.id >= floor, runs.c.id < top, *matching(filters, guarded))
    return list(conn.scalars(statement.order_by(runs.c.id.desc()).limit(limit))), floor if floor > low else 0


def tally(conn: Connection, filters: RunFilter, guarded: Guarded = NONE) -> Tally:
    """How many runs of each state match the filters besides their states."""
    others = replace(filters, state="")
    low, top = span(conn, others, None)
    if others == RunFilter(since=filters.since, until=filters.until):
        return _tally_of_all(conn, low, top)
    floor = low if has_index(others) else max(low, top - STRETCH)
    conditions = (runs.c.id >= floor, runs.c.id < top, *matching(others, guarded))
    newest = select(runs.c.state).where(*conditions).order_by(runs.c.id.desc()).limit(COUNTED + 1).subquery()
    counts: dict[str, int] = dict(conn.execute(select(newest.c.state, func.count()).group_by(newest.c.state)).all())
    return Tally(counts, partly=floor > low or sum(counts.values()) > COUNTED)


def _tally_of_all(conn: Connection, low: int, top: int) -> Tally:
    """Each state by its own index, up to a limit."""
    counts = {}
    for state in RunState:
        some = select(runs.c.id).where(runs.c.state == state, runs.c.id >= low, runs.c.id < top).limit(COUNTED + 1)
        counts[state.value] = conn.execute(select(func.count()).select_from(some.subquery())).scalar_one()
    more = frozenset(state for state, n in counts.items() if n > COUNTED)
    return Tally({state: min(n, COUNTED) for state, n in counts.items() if n}, more)


# -- stretches of ids -----------------------------------------------------------------------------------------------


def span(conn: Connection, filters: RunFilter, before: int | None) -> tuple[int, int]:
    """The ids that come into question: from the first on, and before the second."""
    ends = (
        select(end(runs.c.id)).scalar_subquery() for end in (func.min, func.max)
    )  # asked together, SQLite reads all
    low, highest = conn.execute(select(*ends)).one()
    if low is None:
        return 0, 0
    top = highest + 1
    if filters.since:
        low = first_since(conn, filters.since, low, top)
    if filters.until:
        top = first_since(conn, filters.until, low, top)
    return low, max(low, min(top, before)) if before is not None else top


def first_since(conn: Connection, moment: datetime, low: int, top: int) -> int:
    """The first id between these that was opened at that moment or later, by halving.

    Records of several slots are passed over: their time moves on with each further slot.
    """
    while low < top:
        middle = (low + top) // 2
        own = (runs.c.id >= middle, runs.c.id < top, runs.c.missed == 1)
        row = conn.execute(select(runs.c.id, runs.c.queued_at).where(*own).order_by(runs.c.id).limit(1)).first()
        if row is not None and row.queued_at < moment:
            low = row.id + 1
        else:
            top = middle
    return low


def _at_or_after(conn: Connection, run_id: int) -> Run | None:
    row = conn.execute(select(*LISTED).where(runs.c.id >= run_id).order_by(runs.c.id).limit(1)).mappings().first()
    return run_of(row) if row else None


# -- what matches ---------------------------------------------------------------------------------------------------


def has_index(filters: RunFilter) -> bool:
    """Whether one index leads to all that matches, in its order."""
    others = replace(filters, since=None, until=None)
    alone = (
        RunFilter(),
        RunFilter(job=filters.job),
        RunFilter(group=filters.group),
        RunFilter(backfill=filters.backfill),
        RunFilter(state=filters.state) if len(filters.states) == 1 else RunFilter(),
    )
    return others in alone


def matching(filters: RunFilter, guarded: Guarded) -> list[ColumnElement[bool]]:
    plain = {
        runs.c.job: filters.job,
        runs.c.task: filters.task,
        runs.c.trigger: filters.trigger,
        runs.c.node: filters.node,
        runs.c.error_group: filters.group,
    }
    found = [column == value for column, value in plain.items() if value]
    if filters.states:
        found.append(
            runs.c.state == filters.states[0] if len(filters.states) == 1 else runs.c.state.in_(filters.states)
        )
    if filters.backfill is not None:
        found.append(runs.c.backfill == filters.backfill)
    if filters.tag:
        found.append(runs.c.job_key.in_(select(job_tags.c.job_key).where(job_tags.c.tag == filters.tag)))
    found += [args_match(text, guarded) for text in filters.args]
    if filters.result:
        found.append(holds(as_text(runs.c.result), filters.result))
    if filters.error:
        found.append(error_holds(filters.error))
    if filters.q:
        found.append(anywhere(filters.q, guarded))
    return found


def anywhere(text: str, guarded: Guarded) -> ColumnElement[bool]:
    """The text in the arguments, the result or the error, or the number of the run."""
    own = [runs.c.id == int(text.lstrip("#"))] if text.lstrip("#").isdecimal() and len(text) < 18 else []
    return or_(*own, error_holds(text), args_match(text, guarded), holds(as_text(runs.c.result), text))


def error_holds(text: str) -> ColumnElement[bool]:
    told = func.coalesce(runs.c.error_type, "") + ": " + func.coalesce(runs.c.error_message, "")
    return or_(
        and_(runs.c.error_type.is_not(None), holds(told, text)),
        and_(runs.c.reason.is_not(None), holds(runs.c.reason, text)),
    )


def args_match(text: str, guarded: Guarded) -> ColumnElement[bool]:
    """`shop=Kiel` is an argument of that name and value, anywhere within; other text stands anywhere. Of a task with
    secrets only its other arguments are looked at, each as a whole."""
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    searched = as_text(runs.c.args)
    given = or_(*(searched.icontains(like, autoescape=True) for like in json_forms(name, value))) if equals else false()
    plain = or_(given, holds(searched, text))
    if not guarded:
        return plain
    known = [task for task, names in guarded.items() if name in names]
    whole = cast(runs.c.args[name].as_string(), Text) == value if equals and name else false()
    return or_(and_(runs.c.task.not_in(list(guarded)), plain), and_(runs.c.task.in_(known), whole))


def json_forms(name: str, value: str) -> list[str]:
    """How the argument stands in JSON, as it is kept: without a space, as a text, or as a number or the like."""
    key = json.dumps(name, ensure_ascii=False)
    forms = [f"{key}:{json.dumps(value, ensure_ascii=False)}"]
    try:
        other = json.dumps(json.loads(value), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return forms
    return forms + [f"{key}:{other}{end}" for end in (",", "}")]


def as_text(column: ColumnElement[Any]) -> ColumnElement[str]:
    return cast(column, Text)


def holds(text: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """In small or capital letters."""
    return text.icontains(part, autoescape=True)

"""The limits that jobs share: those of groups and of queues."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cronapp.core.clock import Clock
from cronapp.core.errors import InvalidInput, NotFound
from cronapp.core.events import LimitsChanged
from cronapp.core.limits import GROUP_AT_ONCE, Limit, LimitKind, Rate, parse_rate
from cronapp.core.models import Json, RunState
from cronapp.store import audit, limits
from cronapp.store.store import Conn, Store, Tx

NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
MOST_RUNNING = 10_000


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A group or a queue: its limit, and what of it runs and waits now."""

    limit: Limit
    running: int
    waiting: int
    is_set: bool  # False: nobody gave it a limit

    @property
    def at_once(self) -> int | None:
        """How many may run side by side; None: as many as want to."""
        default = GROUP_AT_ONCE if self.limit.kind == "group" else None
        return self.limit.max_running or default


class Limits:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def all(self) -> list[LimitRow]:
        """Every group and queue that has a limit, is named by a job, or has runs now."""

        def ask(conn: Conn) -> list[LimitRow]:
            given = {(limit.kind, limit.name): limit for limit in limits.all_limits(conn)}
            groups, queues = limits.open_by_group(conn), limits.open_by_queue(conn)
            names: set[tuple[LimitKind, str]] = {
                *given,
                *(("group", name) for name in limits.groups_in_use(conn)),
                *(("queue", name) for name, _ in queues),
            }
            return [row(kind, name, given, groups if kind == "group" else queues) for kind, name in sorted(names)]

        return await self.store.whole.read(ask)

    async def set(self, kind: str, name: str, given: Mapping[str, Any]) -> Limit:
        """Gives a group or a queue a limit, as JSON `{"max_running": 2, "rate": "10/m"}`; raises `InvalidInput`."""
        limit = checked(kind, name, given)

        def change(tx: Tx) -> Limit:
            old = limits.get(tx.conn, limit.kind, limit.name)
            limits.put(tx, limit)
            self._note(tx, "limit.set", limit, words_of(old), words_of(limit))
            tx.emit(LimitsChanged())
            return limit

        return await self.store.write(change)

    async def clear(self, kind: str, name: str) -> None:
        """Takes a limit away: a group is back at one at a time, a queue has none."""
        its = kind_of(kind)

        def change(tx: Tx) -> None:
            old = limits.get(tx.conn, its, name)
            if old is None or not limits.clear(tx, its, name):
                raise NotFound("There is no limit of this name.")
            self._note(tx, "limit.cleared", old, words_of(old))
            tx.emit(LimitsChanged())

        await self.store.write(change)

    def _note(self, tx: Tx, action: str, limit: Limit, before: Json, after: Json | None = None) -> None:
        audit.note(tx, self.clock(), action, f"{limit.kind} {limit.name}", before=before, after=after)


def words_of(limit: Limit | None) -> Json:
    """A limit for the audit."""
    if limit is None:
        return {}
    told = {"max_running": limit.max_running, "rate": limit.rate and str(limit.rate)}
    return {name: value for name, value in told.items() if value is not None}


def row(
    kind: LimitKind,
    name: str,
    given: Mapping[tuple[LimitKind, str], Limit],
    counts: Mapping[tuple[str, str], int],
) -> LimitRow:
    limit = given.get((kind, name))
    return LimitRow(
        limit or Limit(kind, name),
        counts.get((name, RunState.RUNNING), 0),
        counts.get((name, RunState.QUEUED), 0),
        limit is not None,
    )


def kind_of(kind: str) -> LimitKind:
    match kind:
        case "group" | "queue":
            return kind
    raise NotFound("There are limits of groups and of queues: write group or queue.")


def checked(kind: str, name: str, given: Mapping[str, Any]) -> Limit:
    its = kind_of(kind)
    errors: dict[str, str] = {}
    if not NAME.fullmatch(name):
        errors["name"] = "Use 1 to 100 letters, digits, dots, hyphens and underscores."
    for field in given:
        if field not in ("max_running", "rate"):
            errors[field] = "There is no such field."
    at_once = given.get("max_running")
    if at_once is not None and (type(at_once) is not int or not 1 <= at_once <= MOST_RUNNING):
        errors["max_running"] = f"A whole number from 1 to {MOST_RUNNING:,} is expected."
    rate = rate_of(its, given.get("rate"), errors)
    if errors:
        raise InvalidInput(errors)
    return Limit(its, name, at_once, rate)


def rate_of(kind: LimitKind, given: Any, errors: dict[str, str]) -> Rate | None:
    if given in (None, ""):
        return None
    if kind == "group":
        errors["rate"] = "A rate is for queues. Give the jobs a queue of their own."
        return None
    try:
        return parse_rate(given if isinstance(given, str) else "")
    except ValueError as error:
        errors["rate"] = str(error)
        return None

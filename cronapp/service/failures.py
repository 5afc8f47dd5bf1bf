"""Failures by their groups: what goes wrong, since when, how often, and whether it still does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cronapp.core.clock import Clock
from cronapp.core.error_groups import ErrorGroup, standing_of
from cronapp.core.errors import ErrorGroupNotFound
from cronapp.core.models import Run
from cronapp.core.ranges import Range
from cronapp.service.run_questions import found_run
from cronapp.store import failures
from cronapp.store.failures import Asked, Counted
from cronapp.store.store import Conn, Store

PAGE = 50  # groups
HITS = 5  # jobs shown of each
DEFAULT = Range("7d")
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """One page of groups; `failures` are counted over all of them."""

    asked: Asked
    groups: list[ErrorGroup]
    next: int | None
    count: int
    failures: int
    more: bool  # only the newest failures were counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One group with its newest run, of which all frames are there; the jobs are those that it ever hit."""

    asked: Asked
    group: ErrorGroup
    newest: Run
    versions: int
    environments: int
    looked_at: int


class Failures:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    def asked(self, stretch: Range, *, job: str = "", q: str = "", bars: int = 28) -> Asked:
        """The stretch of time as moments: at most a year, and it ends."""
        now = self.clock()
        since, until = stretch.at(now)
        until = until or now + timedelta(seconds=1)
        since = max(since or until - LONGEST, until - LONGEST)
        return Asked(since=min(since, until - timedelta(minutes=1)), until=until, bars=bars, job=job, q=q)

    async def groups(self, asked: Asked, *, before: int | None = None, limit: int = PAGE) -> Groups:
        """The groups whose newest run is before that id, the one that failed last first."""

        def ask(conn: Conn) -> Groups:
            found = failures.counted(conn, asked)
            if asked.q:
                fitting = failures.holding(conn, [one.newest for one in found], asked.q)
                found = [one for one in found if one.newest in fitting]
            total = sum(one.count for one in found)
            rest = [one for one in found if before is None or one.newest < before]
            shown = rest[:limit]
            return Groups(
                asked=asked,
                groups=told(conn, asked, shown, self.clock()),
                next=shown[-1].newest if len(rest) > limit else None,
                count=len(found),
                failures=total,
                more=total >= failures.MOST,
            )

        return await self.store.read(ask)

    async def detail(self, group: str, asked: Asked) -> Detail:
        """One group; raises `ErrorGroupNotFound`."""

        def ask(conn: Conn) -> Detail:
            newest = failures.newest_of(conn, group)
            if newest is None:
                raise ErrorGroupNotFound
            own = replace(asked, group=group, job="", q="")
            found = failures.counted(conn, own) or [Counted(group, newest, 0, [0] * asked.bars)]
            versions, environments, looked = failures.versions(conn, group)
            return Detail(
                asked=own,
                group=told(conn, replace(own, since=own.until - LONGEST), found, self.clock())[0],
                newest=found_run(conn, newest),
                versions=versions,
                environments=environments,
                looked_at=looked,
            )

        return await self.store.read(ask)


def told(conn: Conn, asked: Asked, found: Sequence[Counted], now: datetime) -> list[ErrorGroup]:
    """The groups with their newest runs, and the jobs that they hit in that time."""
    if not found:
        return []
    newest = failures.newest_runs(conn, [one.newest for one in found])
    hit = failures.hits(conn, asked, [one.id for one in found], HITS)
    groups = []
    for one in found:
        run, first_seen = newest[one.newest]
        jobs, hits = hit.get(one.id, (0, ()))
        groups.append(
            ErrorGroup(
                id=one.id,
                newest=run,
                count=one.count,
                bars=tuple(one.bars),
                jobs=jobs,
                hits=hits,
                first_seen=first_seen,
                last_seen=run.finished_at or run.queued_at,
                standing=standing_of(hits, first_seen, now),
            )
        )
    return groups

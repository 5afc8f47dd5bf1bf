"""How things stand in the database, for those who watch many servers: the same for all nodes, and asked at most every
few seconds."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from cronapp.core.clock import Clock
from cronapp.core.models import JobState
from cronapp.service.fleet import waiting_for_nobody
from cronapp.store import limits, nodes, pauses, standing
from cronapp.store.standing import JobStands
from cronapp.store.store import Conn, Store

FRESH = 5.0  # seconds for which an answer is good: two who watch, or one who is impatient, cost as much as one


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    at: datetime
    open: dict[tuple[str, str], int]  # runs by queue and state
    waiting_since: dict[str, datetime]  # the oldest run that could start, by queue
    unserved: dict[str, int]  # runs that no process would ever take, by queue
    jobs: dict[JobState, int]
    each: list[JobStands]  # the first so many
    paused: bool  # the whole scheduler
    alive_at: datetime | None
    database_bytes: int | None


class Standings:
    def __init__(self, store: Store, clock: Clock, most: int) -> None:
        """`most`: how many jobs are told one by one."""
        self.store = store
        self.clock = clock
        self.most = most
        self._kept: tuple[float, Standing] | None = None
        self._asking = asyncio.Lock()

    async def look(self) -> Standing:
        """Raises `StoreUnavailable`."""
        async with self._asking:
            if self._kept and time.monotonic() - self._kept[0] < FRESH:
                return self._kept[1]
            standing = await self.store.read(self._ask, self.clock(), await self.store.size())
            self._kept = time.monotonic(), standing
            return standing

    def _ask(self, conn: Conn, now: datetime, size: int | None) -> Standing:
        return Standing(
            at=now,
            open=limits.open_by_queue(conn),
            waiting_since=standing.waiting_since(conn, now),
            unserved=unserved_by_queue(conn),
            jobs=standing.jobs_by_state(conn),
            each=standing.each_job(conn, self.most),
            paused=pauses.scheduler_pause(conn) is not None,
            alive_at=standing.alive_at(conn),
            database_bytes=size,
        )


def unserved_by_queue(conn: Conn) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in waiting_for_nobody(conn, nodes.all_nodes(conn)):
        found[one.line.queue] += one.count
    return found

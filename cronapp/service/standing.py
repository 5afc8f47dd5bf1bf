"""How things stand in the database, for those who watch many servers: the same for all nodes, and asked at most every
few seconds."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime

from cronapp.core.clock import Clock
from cronapp.core.models import JobState
from cronapp.store import limits, pauses, standing
from cronapp.store.standing import JobStands
from cronapp.store.store import Conn, Store

FRESH = 5.0  # seconds for which an answer is good: two who watch, or one who is impatient, cost as much as one


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    at: datetime
    open: dict[tuple[str, str], int]  # runs by queue and state
    waiting_since: dict[str, datetime]  # the oldest run that could start, by queue
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
            jobs=standing.jobs_by_state(conn),
            each=standing.each_job(conn, self.most),
            paused=pauses.scheduler_pause(conn) is not None,
            alive_at=standing.alive_at(conn),
            database_bytes=size,
        )

"""Whether the server may be restarted now, and when it may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronapp.core.amendments import wanted_slots_of
from cronapp.core.clock import Clock
from cronapp.core.durations import duration_words
from cronapp.core.gaps import Promise, next_gap
from cronapp.core.models import Job, JobState, Run, RunState
from cronapp.core.presence import STAMP
from cronapp.store import jobs, runs
from cronapp.store.store import Conn, Store

SHORT = 1.0  # seconds that a run is thought to take of which nothing is known
MOST_DUE = 50
MOST_KNOWN = 500  # jobs whose durations are looked up


@dataclass(frozen=True, slots=True)
class Ending:
    """A run that goes on, and when it is likely to be over."""

    run: Run
    ends_about: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """What a restart would meet within the next `minutes`."""

    minutes: float
    running: tuple[Ending, ...]
    waiting: int
    due: tuple[Job, ...]  # with their next slots, at most 50
    gap: datetime | None  # from when on nothing runs for so long

    @property
    def safe(self) -> bool:
        return not self.running and not self.waiting and not self.due

    def words(self) -> str:
        length = duration_words(self.minutes * 60)
        if self.safe:
            return f"Nothing runs, and nothing is due within {length}."
        parts = [f"{counted(len(self.running), 'run')} under way"] if self.running else []
        parts += [f"{counted(self.waiting, 'run')} waiting"] if self.waiting else []
        parts += [f"{counted(len(self.due), 'job')} due within {length}"] if self.due else []
        when = f" The next gap begins at {self.gap:{STAMP}}." if self.gap else " There is no gap within a day."
        return f"{', '.join(parts)}.{when}"


def counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"


class Restarts:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def look(self, minutes: float) -> Restart:
        """What runs, what is due within `minutes`, and when the next gap of so many minutes begins."""
        now = self.clock()
        length = timedelta(minutes=minutes)

        def ask(conn: Conn) -> tuple[list[Ending], int, list[Job], list[Promise]]:
            usual = durations(conn)
            running = [ending(run, usual, now) for run in runs.running(conn)]
            waiting = runs.counts_by_state(conn).get(RunState.QUEUED, 0)
            active = [job for job in jobs.all_jobs(conn) if job.state is JobState.ACTIVE and job.next_slot]
            taken = {job.key: usual(job.key) for job in active[:MOST_KNOWN]}
            promises = [Promise(wanted_slots_of(job), taken.get(job.key, SHORT)) for job in active]
            due = [job for job in active if job.next_slot and job.next_slot <= now + length]
            return running, waiting, due, promises

        running, waiting, due, promises = await self.store.read(ask)
        ends = [one.ends_about or now for one in running]
        gap = await asyncio.to_thread(next_gap, max([now, *ends]), promises, length)
        due.sort(key=lambda job: job.next_slot or now)
        return Restart(minutes=minutes, running=tuple(running), waiting=waiting, due=tuple(due[:MOST_DUE]), gap=gap)


def durations(conn: Conn) -> Callable[[int], float]:
    """How many seconds the runs of a job usually take, asked once for each."""
    known: dict[int, float] = {}

    def usual(key: int) -> float:
        if key not in known:
            told = runs.usual(conn, [key]).get(key)
            known[key] = told.median if told else SHORT
        return known[key]

    return usual


def ending(run: Run, usual: Callable[[int], float], now: datetime) -> Ending:
    """One that goes on beyond what it usually takes may be over at any moment, and nobody knows when; nor
    do we know it of a trial."""
    about = run.started_at and run.started_at + timedelta(seconds=usual(run.job_key))
    return Ending(run, about if about and about > now and not run.trial else None)

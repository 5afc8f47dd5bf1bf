"""What of a stream's topics changed and is not told yet: ids only, and not many of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from cronapp.core.events import Event, JobChanged, LogAppended, Resync, RunChanged
from cronapp.core.feed import Topics

MOST = 1000  # jobs and runs; beyond it the rows themselves are asked what changed
PAUSE = 0.25  # seconds between two looks at jobs and runs: what changes meanwhile is told once


class Marks:
    """`jobs` and `runs` by their ids; `followed`: runs whose logs are told, True where the run itself changed too."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics
        self.behind = True  # so much changed that nobody knows what; as at the beginning
        self.jobs: dict[str, None] = {}
        self.runs: dict[int, None] = {}
        self.followed: dict[int, bool] = {}
        self._wake = asyncio.Event()
        self._looked = 0.0

    def heed(self, event: Event) -> None:
        topics = self.topics
        match event:
            case JobChanged(job=job) if topics.jobs or job in topics.of_jobs:
                self.jobs[job] = None
            case LogAppended(run=run) if run in topics.lines:
                self.followed.setdefault(run, False)
            case RunChanged(run=run, job=job):
                self._run_changed(run, job)
            case Resync():  # word from other processes may have been lost: the rows are asked
                self.fall_behind()
            case _:
                return
        if len(self.jobs) + len(self.runs) > MOST:
            self.fall_behind()
        self._wake.set()

    def _run_changed(self, run: int, job: str) -> None:
        topics = self.topics
        if topics.jobs or job in topics.of_jobs:
            self.jobs[job] = None
        if run in topics.lines:
            self.followed[run] = True
        elif topics.runs or job in topics.of_jobs:
            self.runs[run] = None

    def fall_behind(self) -> None:
        self.behind = True
        self.jobs, self.runs = {}, {}

    def catch_up(self) -> None:
        """From now on it is noted again what changes."""
        self.behind = False
        self.jobs, self.runs = {}, {}
        self.followed = dict.fromkeys(self.topics.lines, True)

    def take(self) -> tuple[list[str], list[int]]:
        """The jobs and runs that are due, which are told from here on."""
        jobs, runs = list(self.jobs), list(self.runs)
        self.jobs, self.runs = {}, {}
        self._looked = asyncio.get_running_loop().time()
        return jobs, runs

    @property
    def due(self) -> bool:
        """Whether jobs and runs are to be told, at most four times a second."""
        return bool(self.jobs or self.runs) and self._left <= 0

    @property
    def _left(self) -> float:
        return self._looked + PAUSE - asyncio.get_running_loop().time()

    async def wait(self) -> None:
        """Until something is to be told: lines at once."""
        while not (self.behind or self.followed or self.due):
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._left if self.jobs or self.runs else None):
                    await self._wake.wait()

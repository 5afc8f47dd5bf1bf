"""What somebody looks for: jobs, runs and tasks by a few letters, whatever there are many of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cronapp.core.models import Job, Run
from cronapp.core.ranking import best
from cronapp.core.registry import Task
from cronapp.service.tasks import Tasks
from cronapp.store import jobs, runs, search
from cronapp.store.store import Conn, Store

LONGEST = 100  # letters that are looked at
JOBS, RUNS, TASKS = 8, 3, 5  # of each kind that are told
NUMBER = re.compile(r"#?\s*([1-9]\d{0,17})")


@dataclass(frozen=True, slots=True)
class Found:
    """What fits, the best of each kind first. `run` is the one whose number was typed; `runs` are the newest ones of
    the first job."""

    jobs: tuple[Job, ...] = ()
    run: Run | None = None
    runs: tuple[Run, ...] = ()
    tasks: tuple[Task, ...] = ()


class Search:
    def __init__(self, store: Store, tasks: Tasks) -> None:
        self.store = store
        self.tasks = tasks

    async def find(self, typed: str) -> Found:
        """What fits the letters."""
        typed = " ".join(typed.split())[:LONGEST]
        if not typed:
            return Found()
        number = NUMBER.fullmatch(typed)

        def ask(conn: Conn) -> Found:
            listed = [] if typed.startswith("#") else search.fitting(conn, typed, JOBS)
            newest = runs.of_job(conn, listed[0].key, limit=RUNS) if listed else []
            return Found(tuple(listed), runs.get(conn, int(number[1])) if number else None, tuple(newest))

        found = await self.store.read(ask)
        return Found(found.jobs, found.run, found.runs, tuple(self._tasks(typed)))

    async def recent(self, ids: Sequence[str]) -> tuple[Job, ...]:
        """Those of these jobs that are still there, in their order."""
        there = {job.id: job for job in await self.store.read(jobs.by_ids, ids[:JOBS])}
        return tuple(there[job_id] for job_id in dict.fromkeys(ids) if job_id in there)

    def _tasks(self, typed: str) -> list[Task]:
        return best(typed, self.tasks.all(), lambda task: (task.name,), TASKS)

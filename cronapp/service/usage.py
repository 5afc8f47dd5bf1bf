"""What is made of the tasks: their jobs and runs."""

from __future__ import annotations

from dataclasses import dataclass

from cronapp.core.models import Job, Run
from cronapp.store import usage
from cronapp.store.store import Conn, Store
from cronapp.store.usage import Use

CHIPS = 4  # jobs of each task in the list
MOST_JOBS, MOST_RUNS = 50, 10  # on a task's own page


@dataclass(frozen=True, slots=True)
class TaskUse:
    """The jobs of a task, whether there are more, and its newest runs."""

    jobs: tuple[Job, ...]
    more: bool
    runs: tuple[Run, ...]


class Usage:
    def __init__(self, store: Store) -> None:
        self.store = store

    async def of_all(self) -> dict[str, Use]:
        """Of each task that has jobs, by its name."""
        return await self.store.read(usage.uses, CHIPS)

    async def of(self, task: str) -> TaskUse:
        def ask(conn: Conn) -> TaskUse:
            found = usage.jobs_of_task(conn, task, MOST_JOBS + 1)
            shown = found[:MOST_JOBS]
            newest = usage.runs_of_task(conn, [job.key for job in shown], MOST_RUNS)
            return TaskUse(tuple(shown), len(found) > MOST_JOBS, tuple(newest))

        return await self.store.read(ask)

"""What is told to those who follow jobs and runs: what changed since a moment, and what is there of what changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime

from cronapp.core.models import JobRow, Run, RunState
from cronapp.service.jobs import Jobs
from cronapp.store import jobs as stored_jobs
from cronapp.store import news
from cronapp.store.store import Conn, Store

PIECE = 200  # jobs or runs that are read at once
EITHER = (RunState.RUNNING, RunState.QUEUED)


class News:
    def __init__(self, store: Store, jobs: Jobs) -> None:
        self.store = store
        self.listed = jobs

    async def jobs_since(self, since: datetime | None) -> AsyncIterator[list[JobRow]]:
        """The jobs that changed since, or of which a run did, piece by piece; None: all jobs."""
        after = 0
        while True:

            def ask(conn: Conn, after: int = after) -> list[JobRow]:
                return self.listed.rows(conn, news.jobs_since(conn, since, after, PIECE), 1)

            rows = await self.store.read(ask)
            if rows:
                yield rows
            if len(rows) < PIECE:
                return
            after = rows[-1].job.key

    async def jobs(self, ids: Collection[str]) -> dict[str, JobRow]:
        """Those of these jobs that are there, by their ids."""

        def ask(conn: Conn) -> list[JobRow]:
            return self.listed.rows(conn, stored_jobs.by_ids(conn, ids), 1)

        return {row.job.id: row for row in await self.store.read(ask)}

    async def departed(self, since: datetime, ids: Collection[str] | None = None) -> list[str]:
        """The jobs that were removed since, or are no longer among those that who asks may see."""
        return await self.store.whole.read(news.departed, since, self.store.tags, ids)

    async def open_runs(self, since: datetime | None, keys: Collection[int] | None) -> AsyncIterator[list[Run]]:
        """All that run, and those that wait since then, piece by piece; None: all that wait. With `keys` only those of
        these jobs."""
        for state in EITHER:
            after = 0
            while True:
                found = await self.store.read(news.open_runs, state, since, keys, after, PIECE)
                if found:
                    yield found
                if len(found) < PIECE:
                    break
                after = found[-1].id

    async def ended_runs(self, since: datetime, keys: Collection[int] | None) -> AsyncIterator[list[Run]]:
        """The runs that ended since, in the order in which they did, piece by piece."""
        after = 0
        while True:
            found = await self.store.read(news.ended_runs, since, after, keys, PIECE)
            if found:
                yield found
            if len(found) < PIECE:  # others may end all the time, and are told as they do
                return
            since, after = moment_of(found[-1]), found[-1].id

    async def runs(self, ids: Sequence[int]) -> dict[int, Run]:
        """Those of these runs that are there, by their numbers."""
        return {run.id: run for run in await self.store.read(news.runs_of, ids)}


def moment_of(run: Run) -> datetime:
    assert run.finished_at is not None
    return run.finished_at

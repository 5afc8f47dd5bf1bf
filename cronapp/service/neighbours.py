"""The jobs that hang together with one, by which runs after which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cronapp.core.dependencies import Edges, connected
from cronapp.core.models import AfterMode, Job, JobRow
from cronapp.store import dependencies, jobs
from cronapp.store.store import Conn

SHOWN = 40  # jobs drawn at the most


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    job: Job
    near: Sequence[str]  # by their ids, the nearest first; a removed one may be among them
    more: int  # and so many are too far away to be shown
    edges: Edges
    rows: Mapping[str, JobRow]  # those that are there, with their newest run
    ended: Mapping[str, int]  # which of those it waits for have ended since its last run, with their runs

    @property
    def direct(self) -> tuple[JobRow, ...]:
        """This job, if it runs after others, and those that run after it."""
        near = [self.rows[one] for one in self.near if one in self.rows]
        return tuple(
            row for row in near if row.job.spec.after and self.job.id in (row.job.id, *row.job.spec.after.jobs)
        )

    @property
    def waits(self) -> tuple[str, ...]:
        """The jobs whose ends are still awaited, while others have ended already."""
        after = self.job.spec.after
        if after is None or after.mode is AfterMode.EACH or not self.ended:
            return ()
        return tuple(one for one in after.jobs if one not in self.ended)


def neighbours_of(conn: Conn, job: Job, rows: Callable[[Sequence[Job]], Sequence[JobRow]]) -> Neighbours | None:
    """What hangs together with the job; None: it runs after none, and none after it."""
    if job.spec.after is None and not dependencies.waiting_for(conn, job.id):
        return None
    edges = dependencies.edges(conn)
    near, more = connected(job.id, edges, SHOWN)
    return Neighbours(
        job=job,
        near=near,
        more=more,
        edges=edges,
        rows={row.job.id: row for row in rows(jobs.by_ids(conn, near))},
        ended=dependencies.ended(conn, job.key),
    )

"""The history of a job's changes: told, and an older version taken back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from cronapp.core.changes import FieldChange, Mask, changes
from cronapp.core.errors import Conflict, InvalidInput, JobNotFound
from cronapp.core.history import ChangeKind, JobChange
from cronapp.core.models import Job, JobSpec, Json
from cronapp.core.spec import spec_to_json
from cronapp.service.changing import found
from cronapp.service.jobs import Jobs
from cronapp.store import job_changes, jobs
from cronapp.store.store import Conn

KEPT = 200  # changes of each job; older ones are deleted


@dataclass(frozen=True, slots=True)
class Restoring:
    """What it would mean to take an older version of a job back."""

    job: Job
    version: int
    fields: tuple[FieldChange, ...]  # from the present job to that version
    spec: JobSpec


class History:
    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs

    async def page(
        self, job_id: str, *, before: int | None = None, limit: int = 50
    ) -> tuple[list[JobChange], int | None]:
        """One page of the changes of a job, the newest first, and the number to go on before, if there are more.

        For an id that no job has any more they are those of the last one that had it, as long as they are kept.
        """

        def ask(conn: Conn) -> list[JobChange]:
            job = jobs.get(conn, job_id)
            key = job.key if job else job_changes.last_key(conn, job_id)
            if key is None:
                raise JobNotFound
            return job_changes.page(conn, key, before=before, limit=limit + 1)

        listed = await self.jobs.store.read(ask)
        return [self._aligned(change) for change in listed[:limit]], listed[limit - 1].id if len(
            listed
        ) > limit else None

    def _aligned(self, change: JobChange) -> JobChange:
        """The change, of which a secret that was encrypted anew and is the same is none."""
        if change.spec is None or change.before is None:
            return change
        return replace(change, spec=self.jobs.tasks.aligned_spec(change.spec, change.before))

    async def removal(self, job_id: str) -> JobChange:
        """Who removed the job that had this id last, and when; raises `JobNotFound` where one has it now, or where
        nothing is kept of it."""

        def ask(conn: Conn) -> JobChange:
            key = None if jobs.get(conn, job_id) else job_changes.last_key(conn, job_id)
            newest = job_changes.page(conn, key, limit=1) if key else []
            if not newest or newest[0].kind is not ChangeKind.REMOVED:
                raise JobNotFound
            return newest[0]

        return await self.jobs.store.read(ask)

    async def savers(self, job: Job, version: int) -> list[str]:
        """Who changed what the job says since that version of it."""
        return await self.jobs.store.read(job_changes.savers, job.key, version)

    def mask(self, fits: Json | None = None) -> Mask:
        """Hides the secrets of the arguments of older versions, whose task may be another one or gone. `fits` is what
        the job's arguments fitted last."""
        return lambda task, args: self.jobs.tasks.masked_for_good(task, args, fits)

    async def mask_of(self, job_id: str) -> Mask:
        """The same for the job of that id, which may be removed."""
        job = await self.jobs.store.read(jobs.get, job_id)
        return self.mask(job.fits if job else None)

    async def restoring(self, job_id: str, version: int) -> Restoring:
        """The version, and how the present job differs from it."""

        def ask(conn: Conn) -> Restoring:
            job = found(conn, job_id)
            spec = job_changes.spec_at(conn, job.key, version) if 0 < version <= job.version else None
            if spec is None:
                raise InvalidInput.of("version", f"Version {version} of this job is not kept. Choose another one.")
            spec = self.jobs.tasks.aligned_spec(spec, job.spec)
            if spec == job.spec:
                raise Conflict(f"This job is as it was in version {version}, so there is nothing to restore.")
            return Restoring(job, version, tuple(changes(job.spec, spec, self.mask(job.fits))), spec)

        return await self.jobs.store.read(ask)

    async def restore(self, job_id: str, version: int, *, by: str = "somebody", expected: int | None = None) -> Job:
        """The job as it was in that version, which goes through the same checks as an edit. With `expected` only if it
        still has that version (`EditConflict`)."""
        old = await self.restoring(job_id, version)
        return await self.jobs.edit(
            job_id,
            spec_to_json(old.spec),
            by=by,
            version=old.job.version if expected is None else expected,
            kind=ChangeKind.RESTORED,
            reason=f"Version {version}.",
        )

    async def prune(self, *, keep_days: float, batch: int = 500) -> int:
        """Deletes what is beyond the newest 200 changes of each job, and what is older than `keep_days` of jobs that
        were removed; in small transactions. Answers how many."""
        store, edge = self.jobs.store, self.jobs.clock() - timedelta(days=keep_days)
        total = await until_none(partial(store.write, job_changes.prune_removed, edge, batch))
        for key in await store.read(job_changes.longer_than, KEPT):
            total += await until_none(partial(store.write, job_changes.prune_beyond, key, KEPT, batch))
        return total


async def until_none(prune: Callable[[], Awaitable[int]]) -> int:
    total = 0
    while (gone := await prune()) > 0:
        total += gone
    return total

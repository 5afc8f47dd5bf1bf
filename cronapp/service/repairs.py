"""Jobs that the code left behind: pointed at another task, their arguments fixed, or given back to the code."""

from __future__ import annotations

from dataclasses import replace

from cronapp.core.changes import FieldChange, changes
from cronapp.core.differences import Difference, carried
from cronapp.core.errors import Conflict, InvalidInput, TaskGone
from cronapp.core.history import ChangeKind
from cronapp.core.models import Job, JobSpec, JobState
from cronapp.service.changing import edited, found, replaced
from cronapp.service.jobs import Jobs
from cronapp.store.store import Tx

FITS = "This job fits its task, so there is nothing to mend. Edit it to change it."
GUESS = "Its arguments cannot be fixed without a guess. Edit the job and give what is missing."
NOT_FROM_CODE = "This job is not from the code, so the code has no version of it."


class Repairs:
    """What one click mends. Nothing else of the job changes; slots that passed meanwhile go by its misfire rule."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs

    async def repoint(self, job_id: str, task: str, *, by: str = "somebody") -> Job:
        """Points a job that does not fit at another task. Its arguments go along as far as that takes no guess; else
        they stay as they are, and the job still needs attention for them."""
        target = self.jobs.tasks.find(task)
        if target is None:
            raise InvalidInput.of("task", f"There is no task named {task!r}. Choose one of the tasks page.")

        def change(tx: Tx) -> Job:
            job, _ = self._unfit(tx, job_id)
            args, _ = carried(job.spec, job.fits, target, self.jobs.tasks.opened) or (job.spec.args, "")
            return self._write(tx, job, replace(job.spec, task=task, args=args), ChangeKind.REPOINTED, by)

        return await self.jobs.store.write(change)

    async def fit(self, job_id: str, *, by: str = "somebody") -> Job:
        """Drops the arguments that the task does not take any more, and moves those that were renamed."""

        def change(tx: Tx) -> Job:
            job, present = self._unfit(tx, job_id)
            if self.jobs.tasks.find(job.task) is None:
                raise TaskGone
            if present.args is None:
                raise Conflict(GUESS)
            return self._write(tx, job, replace(job.spec, args=present.args), ChangeKind.FITTED, by)

        return await self.jobs.store.write(change)

    async def reset(self, job_id: str, *, by: str = "somebody") -> Job:
        """The job as the code declares it; from now on it follows the code again."""
        job = await self.jobs.get(job_id)
        if job.code is None:
            raise Conflict(NOT_FROM_CODE)
        return await self.jobs.edit(job_id, job.code, by=by, version=job.version, kind=ChangeKind.RESET)

    def overrides(self, job: Job) -> list[FieldChange]:
        """What was changed here of a job that the code declares: as the code has it, and as it is, without secrets."""
        code = job.code and self.jobs.as_declared(job.code, job.spec)
        return changes(code, job.spec, self.jobs.mask(job)) if code else []

    def _unfit(self, tx: Tx, job_id: str) -> tuple[Job, Difference]:
        job = found(tx.conn, job_id, lock=True)
        present = self.jobs.difference(job)
        if present is None:
            raise Conflict(FITS)
        return job, present

    def _write(self, tx: Tx, job: Job, spec: JobSpec, kind: ChangeKind, by: str) -> Job:
        now = self.jobs.clock()
        rest = self.jobs.difference(replace(job, spec=spec))
        if rest is None:
            spec = replace(spec, args=self.jobs.tasks.sealed(spec.task, spec.args, job.spec.args))
            mended = replace(edited(job, spec, now), fits=self.jobs.tasks.snapshot(spec.task))
        elif job.state is JobState.NEEDS_ATTENTION:
            mended = replace(job, spec=spec, reason=rest.reason)
        else:
            mended = replace(job, spec=spec)
        return replaced(tx, job, mended, kind, at=now, by=by, mask=self.jobs.mask(job))

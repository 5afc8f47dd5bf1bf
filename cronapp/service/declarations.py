"""Jobs held against the code: those it declares are made, and those that no longer fit their task need attention."""

from __future__ import annotations

import logging
from dataclasses import replace

from cronapp.core.declared import all_declared
from cronapp.core.dependencies import in_order
from cronapp.core.errors import InvalidInput
from cronapp.core.events import JobChanged
from cronapp.core.history import CODE, ITSELF, ChangeKind
from cronapp.core.models import Job, JobState, Json
from cronapp.core.spec import trigger_for
from cronapp.service.changing import edited, recorded, replaced
from cronapp.service.dependencies import refuse_circle, refuse_wrong_upstreams
from cronapp.service.jobs import Jobs
from cronapp.store import jobs
from cronapp.store.store import Tx

log = logging.getLogger(__name__)


class Declarations:
    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs

    async def declare(self) -> None:
        """Makes the jobs that the code declares, and follows the code where nobody overrode it."""
        data = all_declared(self.jobs.tasks.all(), self.jobs.tasks.declared, self.jobs.timezone)
        by_id = {one["id"]: one for one in data}
        edges = {one["id"]: upstreams_of(one) for one in data}
        for job_id in in_order(edges):
            try:
                refuse_circle(job_id, edges[job_id], edges)  # else the first of them would only miss the next
                await self._declare(by_id[job_id])
            except InvalidInput as error:
                task = by_id[job_id]["task"]
                log.warning("the job %s that the code declares for %s cannot be used: %s", job_id, task, error)

    async def _declare(self, data: Json) -> None:
        present = await self.jobs.store.read(jobs.get, data["id"])
        if present and (present.origin != "code" or self._declares(present.code, data)):
            return
        spec = self.jobs.check(data, old=present.spec if present else None)
        code = self.jobs.tasks.sealed_json(data["task"], data, spec)

        def change(tx: Tx) -> None:
            refuse_wrong_upstreams(tx, spec, present.spec if present else None)
            now = self.jobs.clock()
            if present is None:
                next_slot = trigger_for(spec).next_after(now)
                state = JobState.ACTIVE
                made = jobs.create(
                    tx, spec, state=state, reason=None, origin="code", now=now, next_slot=next_slot, code=code
                )
                if made:
                    recorded(tx, made, ChangeKind.CREATED, at=now, by=CODE, mask=self.jobs.mask(made))
                tx.emit(JobChanged(spec.id, created=True))
            elif present.code and present.spec == self.jobs.as_declared(present.code, present.spec):
                new = replace(edited(present, spec, now), code=code)
                replaced(tx, present, new, ChangeKind.EDITED, at=now, by=CODE, mask=self.jobs.mask(present))
            else:  # somebody changed the job: theirs stays, and the code's new version is kept beside it
                replaced(tx, present, replace(present, code=code), ChangeKind.CODE_CHANGED, at=now, by=CODE)

        await self.jobs.store.write(change)

    def _declares(self, code: Json | None, data: Json) -> bool:
        """Whether the code says what it said when the job was made of it."""
        try:
            return code is not None and self.jobs.tasks.opened_json(code) == self.jobs.tasks.opened_json(data)
        except (AttributeError, TypeError, ValueError):  # not readable: the check tells what is wrong with it
            return False

    async def hold_against_code(self) -> list[Job]:
        """Compares each job with its task, after the tasks files were read. Those that no longer fit are kept and need
        attention; those that fit again run again. Answers the jobs that need attention."""

        def change(tx: Tx) -> list[Job]:
            attention, fitting = [], {}
            for job in jobs.all_jobs(tx.conn):
                misfit, now = self.jobs.difference(job), self.jobs.clock()
                if misfit is None:
                    if job.state is JobState.NEEDS_ATTENTION:
                        again = replace(edited(job, job.spec, now), failures=job.failures)  # nobody edited it
                        replaced(tx, job, again, ChangeKind.FITS_AGAIN, at=now, by=ITSELF)
                    if job.fits != (fits := self.jobs.tasks.snapshot(job.task)):
                        fitting[job.key] = fits
                elif job.state is JobState.ACTIVE or job.state is JobState.NEEDS_ATTENTION:
                    flagged = replace(job, state=JobState.NEEDS_ATTENTION, reason=misfit.reason, next_slot=None)
                    if job.state is JobState.ACTIVE or job.reason != misfit.reason:
                        kind = ChangeKind.NEEDS_ATTENTION
                        replaced(tx, job, flagged, kind, at=now, by=ITSELF, reason=misfit.reason)
                    attention.append(flagged)
            jobs.remember_fits(tx, fitting)
            return attention

        return await self.jobs.store.write(change)


def upstreams_of(data: Json) -> tuple[str, ...]:
    """The jobs after which it comes, as far as that can be read; what is wrong is told when it is checked."""
    after = data.get("after")
    jobs = after.get("jobs") if isinstance(after, dict) else ()
    return tuple(job for job in jobs if isinstance(job, str)) if isinstance(jobs, list | tuple) else ()

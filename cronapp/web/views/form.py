"""The open job form: whether somebody else saved the job meanwhile, and the run that tries out what is typed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from markupsafe import Markup

from cronapp.core.changes import changes
from cronapp.core.errors import JobNotFound, RunNotFound
from cronapp.core.events import Event, JobChanged, LogAppended, RunChanged
from cronapp.core.logs import LogFilter
from cronapp.core.models import Job, JobSpec, Run
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.log import LogPart, last_written, log_context
from cronapp.web.views.shown import Shown


def form_topic(job_id: str, version: Any, run_id: int | None = None) -> str:
    """`form:nightly:3:812`: the job that is edited, its version in the form, and the run that tries it out; each may be
    missing."""
    return f"form:{job_id}:{version or ''}:{run_id or ''}"


class FormView(Shown):
    """`base` is the job as the form shows it, if it is still so when the page comes."""

    def __init__(
        self, parts: Parts, job_id: str, version: int | None, base: JobSpec | None, run: Run | None, seen: int
    ) -> None:
        super().__init__(parts)
        self.job_id = job_id
        self.version = version
        self.base = base
        self.run = run
        self.log = LogPart(parts, run.id, LogFilter(), seen) if run else None

    @classmethod
    async def of(cls, house: Parts, job_id: str, version: int | None, run_id: int | None, seen: int) -> FormView:
        base = run = None
        with suppress(JobNotFound):  # its note says so
            job = await house.jobs.get(job_id) if version else None
            base = job.spec if job and job.version == version else None
        with suppress(RunNotFound):  # it was pruned while the form stood open
            run = await house.runs.get(run_id) if run_id else None
        return cls(house, job_id, version, base, run, seen)

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case JobChanged(job=self.job_id) if self.version:
                return ("saved",)
            case LogAppended(run=run) if self.run and run == self.run.id:
                return ("log",)
            case RunChanged(run=run) if self.run and run == self.run.id:
                return ("log", "test")
        return ()

    def parts(self) -> Iterable[str]:
        return (*(("saved",) if self.version else ()), *(("log", "test") if self.run else ()))

    async def show(self, part: str) -> Markup:
        if part == "saved":
            return await self._saved()
        assert self.run is not None
        assert self.log is not None
        if part == "test":
            return await self._test(self.run)
        html = await self.log.show()
        self.ageing = ("log",) if self.log.behind else ()
        return html

    async def _saved(self) -> Markup:
        try:
            job = await self.house.jobs.get(self.job_id)
        except JobNotFound:
            job = None
        changed = [] if job is None else self._changed(job)
        savers = await self.house.history.savers(job, self.version) if job and self.version else []
        told = {"job": job, "version": self.version, "changed": changed, "savers": savers}
        return partial("#form-saved", fragment("_form_saved", **told))

    def _changed(self, job: Job) -> list[str] | None:
        """Which fields somebody else changed, in words; None: nobody can say any more."""
        return None if self.base is None else [one.label for one in changes(self.base, job.spec)]

    async def _test(self, run: Run) -> Markup:
        told = await state_context(self.house, run.id)
        head = partial("#test-head", fragment("_form_trial_head", **told))
        return head + partial("#test-outcome", fragment("_form_trial_outcome", **told))

    @property
    def place(self) -> str:
        return str(self.log.seen) if self.log else ""

    def pause(self, part: str) -> float:
        return 0.1 if part == "log" else 0.25


async def state_context(house: Parts, run_id: int) -> dict[str, Any]:
    run = await house.runs.get(run_id)
    return {"run": run, "held_up": await house.runs.held_up_by(run)}


async def trial_context(house: Parts, run: Run) -> dict[str, Any]:
    """The panel of a run that tries a form out, with the lines that it has so far."""
    told = await state_context(house, run.id)
    log = await log_context(house, told["run"], {})
    last = last_written([line for *_, lines in log["chunks"] for line in lines or ()])
    return {**told, "log": log, "last_line_at": last, "errors": None}

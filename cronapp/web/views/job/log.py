"""A job's tab with the log of whatever run of it is active: the log goes over to a run that starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from cronapp.core.events import Event, JobChanged, LogAppended, RunChanged
from cronapp.core.models import Job, Run
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.job.frame import JobTab
from cronapp.web.views.log import LogPart, log_context, log_filter
from cronapp.web.views.shown import EMPTY


class LogTab(JobTab):
    """The page has the log of one run, up to the line that `last` names."""

    tab = "log"
    own = ("run", "log")

    def __init__(self, parts: Parts, job_id: str, query: Mapping[str, str], last: str) -> None:
        super().__init__(parts, job_id, query, last)
        run, seen = place_of(last)
        self.log = LogPart(parts, run, log_filter(query), seen)
        self.left: Run | None = None  # the run whose log was shown before this one's

    def heed_own(self, event: Event) -> Iterable[str]:
        match event:
            case LogAppended(run=self.log.run_id):
                return ("log",)
            case RunChanged(job=self.job_id) | JobChanged(job=self.job_id):
                return self.own
        return ()

    async def show_own(self, part: str) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        run = await self.house.runs.followed(job)
        if run is not None and run.id != self.log.run_id:
            return await self._switch(job, run) + await self._newest()  # nobody heeded what came during the switch
        if part == "run":
            return await self.house.hub.once(
                ("job", self.job_id), ("log", run and run.id, self.left and self.left.id), lambda: self._line(job, run)
            )
        return await self._newest() if run else EMPTY

    async def _newest(self) -> Markup:
        html = await self.log.show()
        self.ageing = ("log",) if self.log.behind else ()
        return html

    async def _line(self, job: Job, run: Run | None) -> Markup:
        return partial("#job-log-run", fragment("_job_log_run", job=job, run=run, left=self.left))

    async def _switch(self, job: Job, run: Run) -> Markup:
        """The whole log of another run, and the line that says so. Not by the hub: each reader was at a run of their
        own, and a log comes whole only here."""
        left = await self.house.runs.find(self.log.run_id) if self.log.run_id else None
        context = await log_context(self.house, run, self.query)
        panel = partial("#job-log-panel", fragment("_job_log_panel", job=job, **context), "outerHTML")
        self.log, self.left = LogPart(self.house, run.id, self.log.wanted, run.last_seq), left
        return await self._line(job, run) + panel

    @property
    def place(self) -> str:
        return place(self.log.run_id, self.log.seen)

    def pause(self, part: str) -> float:
        return 0.1 if part == "log" else super().pause(part)


def place(run: int, seen: int) -> str:
    """Where a reader is: in the log of which run, and behind which line."""
    return f"{run}.{seen}"


def place_of(text: str) -> tuple[int, int]:
    run, _, seen = text.partition(".")
    return (int(run), int(seen)) if all(_is_number(part) for part in (run, seen)) else (0, 0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


async def log_tab_context(house: Parts, job: Job, query: Mapping[str, str]) -> dict[str, Any]:
    run = await house.runs.followed(job)
    own = await log_context(house, run, query) if run else {"run": None}
    return {**own, "left": None, "after": place(run.id, run.last_seq) if run else None}

"""A job's tab with what runs before and after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from markupsafe import Markup

from cronapp.core.events import Event, JobChanged, RunChanged
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.job.frame import JobTab


class DependenciesTab(JobTab):
    tab = "dependencies"
    own = ("graph",)

    def __init__(self, parts: Parts, job_id: str, query: Mapping[str, str], last: str) -> None:
        super().__init__(parts, job_id, query, last)
        self.near: frozenset[str] = frozenset()  # whose runs and states the graph shows

    def heed_own(self, event: Event) -> Iterable[str]:
        match event:
            case JobChanged():  # it may come after this one from now on
                return self.own
            case RunChanged(job=job) if job == self.job_id or job in self.near:
                return self.own
        return ()

    async def show_own(self, part: str) -> Markup:
        """Asked by each connection: it has to know whose runs it heeds from now on."""
        job, near = await self.house.jobs.get(self.job_id), await self.house.jobs.neighbours(self.job_id)
        self.near = frozenset(near.near if near else ())
        return partial("#job-graph", fragment("_job_graph", job=job, near=near))

    def pause(self, part: str) -> float:
        return 0.5 if part == "graph" else super().pause(part)

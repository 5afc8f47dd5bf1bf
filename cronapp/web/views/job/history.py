"""A job's tab with the history of its changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from cronapp.core.events import Event, TasksLoaded
from cronapp.core.models import Job
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.job.frame import JobTab
from cronapp.web.views.job.lists import change_list


class HistoryTab(JobTab):
    """Its newest page follows what happens; what lies further back stays as it was."""

    tab = "history"

    def __init__(self, parts: Parts, job_id: str, query: Mapping[str, str], last: str) -> None:
        super().__init__(parts, job_id, query, last)
        self.own = () if query.get("cursor") else ("history",)

    def heed_own(self, event: Event) -> Iterable[str]:
        match event:
            case TasksLoaded():  # which arguments are secret
                return self.own
        return super().heed_own(event)

    async def show_own(self, part: str) -> Markup:
        return await self.house.hub.once(("job", self.job_id), part, self._history)

    async def _history(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-history", fragment("_job_history", **await history_context(self.house, job, None)))


async def history_context(house: Parts, job: Job, before: int | None) -> dict[str, Any]:
    return {"job": job, **await change_list(house, job.id, before, spec=job.spec, fits=job.fits)}

"""A job's tab that tells its definition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from cronapp.core.blackouts import blackout_for
from cronapp.core.events import Event, TasksLoaded
from cronapp.core.models import Job
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.job.frame import JobTab
from cronapp.web.views.overrides import differing


class ConfigurationTab(JobTab):
    tab = "configuration"
    own = ("detail",)

    def heed_own(self, event: Event) -> Iterable[str]:
        return self.own if isinstance(event, TasksLoaded) else super().heed_own(event)

    async def show_own(self, part: str) -> Markup:
        return await self.house.hub.once(("job", self.job_id), part, self._detail)

    async def _detail(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-detail", fragment("_job_detail", **detail_context(self.house, job)))


def detail_context(house: Parts, job: Job) -> dict[str, Any]:
    return {
        "job": job,
        "task": house.tasks.find(job.task),
        "args": house.tasks.masked_of(job),
        "blackouts": [blackout_words(line) for line in job.spec.blackouts],
        "overrides": differing(house, job),
    }


def blackout_words(line: str) -> str:
    try:
        return blackout_for(line).words()
    except ValueError:  # stored by a version that took it; that nothing runs meanwhile, each slot says
        return line

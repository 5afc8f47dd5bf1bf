"""A job's tab with the slots that lie ahead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from cronapp.core.events import Event, JobChanged, RunChanged, TasksLoaded
from cronapp.core.models import Job
from cronapp.service.upcoming import MOST_SHOWN, SHOWN
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.job.frame import JobTab
from cronapp.web.views.zones import job_zone

MORE = 80  # further slots that one more page shows


class UpcomingTab(JobTab):
    """The form that adds a slot is no part of it, so that what is typed there stays."""

    tab = "upcoming"
    own = ("upcoming",)

    def __init__(self, parts: Parts, job_id: str, query: Mapping[str, str], last: str) -> None:
        super().__init__(parts, job_id, query, last)
        self.shown = shown_of(query)

    def heed_own(self, event: Event) -> Iterable[str]:
        match event:
            case JobChanged(job=self.job_id) | RunChanged(job=self.job_id) | TasksLoaded():
                return self.own
        return ()

    async def show_own(self, part: str) -> Markup:
        return await self.house.hub.once(("job", self.job_id), (part, self.shown), self._upcoming)

    def pause(self, part: str) -> float:
        return 0.5 if part == "upcoming" else super().pause(part)

    async def _upcoming(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial(
            "#job-upcoming", fragment("_job_upcoming", **await upcoming_context(self.house, job, self.shown))
        )


def shown_of(query: Mapping[str, str]) -> int:
    """How many slots the address asks for."""
    found = re.fullmatch("[1-9][0-9]{0,4}", query.get("shown", ""))
    return min(int(found[0]), MOST_SHOWN) if found else SHOWN


async def upcoming_context(house: Parts, job: Job, shown: int) -> dict[str, Any]:
    slots, more = await house.upcoming.slots(job, shown)
    wider = min(shown + MORE, MOST_SHOWN)
    return {
        "job": job,
        "slots": slots,
        "usual": await house.runs.usual_for(job),
        "zone": ZoneInfo(job_zone(house, job.spec)),
        "more": wider if more and wider > shown else None,
    }

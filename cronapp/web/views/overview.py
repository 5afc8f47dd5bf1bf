"""The overview."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from cronapp.core.events import Event, JobChanged, RunChanged
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import Shown
from cronapp.web.views.zones import zones_of


class OverviewView(Shown):
    def heed(self, event: Event) -> Iterable[str]:
        return ("all",) if isinstance(event, JobChanged | RunChanged) else ()

    def parts(self) -> Iterable[str]:
        return ("all",)

    async def show(self, part: str) -> Markup:
        return await self.house.hub.once(("jobs", ""), "overview", self._render)

    async def _render(self) -> Markup:
        return partial("#overview", fragment("_overview", **await overview_context(self.house)))

    def pause(self, part: str) -> float:
        return 1.0


async def overview_context(house: Parts) -> dict[str, Any]:
    counts = await house.jobs.counts()
    activity = await house.runs.activity()
    stats = {
        "jobs": counts["all"],
        "active": counts["active"],
        "paused": counts["paused"],
        "attention": counts["needs_attention"],
        "running": activity.running,
        "queued": activity.queued,
        "succeeded_24h": activity.succeeded,
        "failed_24h": activity.failed,
        "hours": activity.hours,
    }
    running, failures = await house.runs.running(10), await house.runs.failures()
    return {
        "stats": stats,
        "running": running,
        "upcoming": await house.jobs.upcoming(),
        "attention": await house.jobs.attention(),
        "failures": failures,
        "zones": await zones_of(house, [*running, *failures]),
    }

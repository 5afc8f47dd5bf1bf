"""The overview: each of its cards is a part of its own, so that what changes in one moves no other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from cronapp.core.events import Event, JobChanged, LimitsChanged, RunChanged, TasksLoaded
from cronapp.service.load import Load
from cronapp.service.pulse import Figures
from cronapp.web.heat import hours_ahead
from cronapp.web.hourly import kept
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import EMPTY, Shown
from cronapp.web.views.zones import job_zone, zones_of

PAUSES = {"glance": 1.0, "concerns": 2.0, "running": 0.5, "next": 1.0, "ahead": 30.0, "kept": 15.0}
"""The parts, in seconds between two messages; what costs more to make comes less often."""
SHOWN = 8  # runs that go on, and jobs that come next
AHEAD = 24  # hours


class OverviewView(Shown):
    ageing = ("concerns", "ahead", "kept")

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.told: dict[str, Markup] = {}

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case RunChanged():
                return "glance", "running", "concerns", "next"
            case JobChanged() | TasksLoaded():
                return PAUSES
            case LimitsChanged():
                return "concerns", "ahead"
        return ()

    def parts(self) -> Iterable[str]:
        return PAUSES

    async def show(self, part: str) -> Markup:
        """What is as it was told before is not told again."""
        age = int(self.house.clock().timestamp() / PAUSES[part]) if part in self.ageing else None
        html = await self.house.hub.once(("jobs", ""), ("overview", part, age), lambda: overview_part(self.house, part))
        if self.told.get(part) == html:
            return EMPTY
        self.told[part] = html
        return html

    def pause(self, part: str) -> float:
        return PAUSES[part]


async def overview_part(house: Parts, part: str) -> Markup:
    return partial(f"#overview-{part}", fragment(f"_overview_{part}", **await PART_CONTEXTS[part](house)))


async def overview_context(house: Parts) -> dict[str, Any]:
    """The whole page."""
    context = await ahead_context(house, await house.loads.lately())  # the stream brings a newer one
    for part, ask in PART_CONTEXTS.items():
        context |= await ask(house) if part != "ahead" else {}
    return context


async def glance_context(house: Parts) -> dict[str, Any]:
    figures = await house.pulse.figures()
    return {"figures": figures, "trend": trend(figures), "limit": await house.fleet.places(house.settings.concurrency)}


async def concerns_context(house: Parts) -> dict[str, Any]:
    concerns = await house.worries.look(late=house.drain.since is None)
    jobs = await house.jobs.by_keys({one.key for one in concerns.listed})
    return {
        "concerns": concerns,
        "concern_zones": {job.key: job_zone(house, job.spec) for job in jobs},
        "broken": [error for error in house.tasks.registry.errors if error.source not in stale_sources(house)],
    }


def stale_sources(house: Parts) -> set[str]:
    """Of them the banner tells."""
    return {one.source for one in house.tasks.stale}


async def running_context(house: Parts) -> dict[str, Any]:
    going = await house.pulse.going(SHOWN + 1)
    return {
        "going": going[:SHOWN],
        "more_running": len(going) > SHOWN,
        "at": house.clock(),
        "zones": await zones_of(house, [one.run for one in going[:SHOWN]]),
    }


async def next_context(house: Parts) -> dict[str, Any]:
    upcoming = await house.jobs.upcoming(SHOWN)
    return {"upcoming": upcoming, "takes": await house.runs.usual([row.job for row in upcoming])}


async def ahead_context(house: Parts, load: Load | None = None) -> dict[str, Any]:
    return {"ahead": hours_ahead(load or await house.loads.look())[:AHEAD]}


async def kept_context(house: Parts) -> dict[str, Any]:
    told = await house.pulse.kept()
    return {"kept": told, "kept_chart": kept(told.hours)}


PART_CONTEXTS = {
    "glance": glance_context,
    "concerns": concerns_context,
    "running": running_context,
    "next": next_context,
    "ahead": ahead_context,
    "kept": kept_context,
}


def trend(figures: Figures) -> dict[str, Any]:
    """How the last day stands to the one before: runs in per cent, success in points; None where there is nothing to
    compare with."""
    today, before = figures.today, figures.before
    points = None
    if today.share is not None and before.share is not None:
        points = 100 * (today.share - before.share)
    return {"runs": 100 * (today.runs / before.runs - 1) if before.runs else None, "success": points}

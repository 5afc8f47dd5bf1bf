"""What every open page shows around its own content: the banner of what concerns all of them, and the figures beside
the navigation."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from cronapp.core.events import DrainChanged, Event, JobChanged, RunChanged, SchedulerChanged, TasksLoaded
from cronapp.web.hub import View
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import EMPTY

BANNER = "banner"
FIGURES = "figures"
COUNTED = ("jobs", "runs")
"""The entries of the navigation that have a figure."""


class Framed:
    """A page's own view, the figures, and the banner: the scheduler is paused, the server is emptied, or a tasks file
    cannot be imported. Once one of the first two changes all of the page is old."""

    def __init__(self, house: Parts, view: View) -> None:
        self.house = house
        self.view = view
        self.told = EMPTY

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case SchedulerChanged() | DrainChanged():
                return self.parts()
            case TasksLoaded():
                return (BANNER, *self.view.heed(event))
            case JobChanged() | RunChanged():
                return (*self.view.heed(event), FIGURES)
        return self.view.heed(event)

    def parts(self) -> Iterable[str]:
        return (BANNER, FIGURES, *self.view.parts())

    async def show(self, part: str) -> Markup:
        if part == FIGURES:
            return await self._changed_figures()
        if part != BANNER:
            return await self.view.show(part)
        return await self.house.hub.once(("scheduler", ""), BANNER, self._banner)

    async def _changed_figures(self) -> Markup:
        """Most changes leave them as they are; then there is nothing to send."""
        html = await self.house.hub.once(("jobs", ""), FIGURES, self._figures)
        told, self.told = self.told, html
        return html if html != told else EMPTY

    async def _figures(self) -> Markup:
        figures = await self.house.jobs.figures()
        told = [partial(f"#nav-{name}", fragment("_nav_figure", entry=name, nav_figures=figures)) for name in COUNTED]
        return Markup("").join(told)

    async def _banner(self) -> Markup:
        return await banner(self.house)

    @property
    def place(self) -> str:
        return self.view.place

    def pause(self, part: str) -> float:
        return {BANNER: 0.25, FIGURES: 2.0}.get(part) or self.view.pause(part)

    @property
    def ageing(self) -> Iterable[str]:
        return self.view.ageing


async def banner(house: Parts) -> Markup:
    return partial("#banner", await banner_html(house))


async def banner_html(house: Parts) -> Markup:
    told = {"draining": house.drain.since, "clock_off": house.clock_off(), "stale": house.tasks.stale}
    return fragment("_banner", switch=await house.switch.state(), **told)

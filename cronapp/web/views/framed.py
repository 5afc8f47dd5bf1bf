"""What every open page shows around its own content: the banner of what concerns all of them."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from cronapp.core.events import DrainChanged, Event, SchedulerChanged, TasksLoaded
from cronapp.web.hub import View
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts

BANNER = "banner"


class Framed:
    """A page's own view, and the banner: the scheduler is paused, the server is emptied, or a tasks file cannot be
    imported. Once one of the first two changes all of the page is old."""

    def __init__(self, house: Parts, view: View) -> None:
        self.house = house
        self.view = view

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case SchedulerChanged() | DrainChanged():
                return self.parts()
            case TasksLoaded():
                return (BANNER, *self.view.heed(event))
        return self.view.heed(event)

    def parts(self) -> Iterable[str]:
        return (BANNER, *self.view.parts())

    async def show(self, part: str) -> Markup:
        if part != BANNER:
            return await self.view.show(part)
        return await self.house.hub.once(("scheduler", ""), BANNER, self._banner)

    async def _banner(self) -> Markup:
        return await banner(self.house)

    @property
    def place(self) -> str:
        return self.view.place

    def pause(self, part: str) -> float:
        return 0.25 if part == BANNER else self.view.pause(part)

    @property
    def ageing(self) -> Iterable[str]:
        return self.view.ageing


async def banner(house: Parts) -> Markup:
    told = {"switch": await house.switch.state(), "draining": house.drain.since, "stale": house.tasks.stale}
    return partial("#banner", fragment("_banner", **told))

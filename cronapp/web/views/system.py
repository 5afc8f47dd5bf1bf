"""The system page."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from cronapp.web.render import fragment, partial
from cronapp.web.views.shown import Shown


class SystemView(Shown):
    """The system page: its figures are read again every two seconds."""

    ageing = ("all",)

    def parts(self) -> Iterable[str]:
        return ("all",)

    async def show(self, part: str) -> Markup:
        return partial("#system", fragment("_system", system=await self.house.system()))

    def pause(self, part: str) -> float:
        return 2.0

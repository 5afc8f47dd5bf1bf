"""The system page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from cronapp.core.events import Event, LimitsChanged, NodesChanged
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import Shown

GAP = 5.0  # minutes that a restart should have


class SystemView(Shown):
    """The system page: its figures are read again every two seconds."""

    ageing = ("all", "nodes", "restart", "limits")

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case LimitsChanged():
                return ("limits",)
            case NodesChanged():
                return ("nodes",)
        return ()

    def parts(self) -> Iterable[str]:
        return self.ageing

    async def show(self, part: str) -> Markup:
        if part == "limits":
            return await limits_partial(self.house)
        if part == "nodes":
            return partial("#nodes", fragment("_nodes", **await nodes_context(self.house)))
        if part == "restart":
            return await restart_partial(self.house)
        return partial("#system", fragment("_system", **await system_context(self.house)))

    def pause(self, part: str) -> float:
        return 5.0 if part == "restart" else 2.0


async def system_context(house: Parts) -> dict[str, Any]:
    return {"system": await house.system(), "switch": await house.switch.state()}


async def nodes_context(house: Parts) -> dict[str, Any]:
    """Where there are several processes, or one is missing."""
    return {"fleet": await house.fleet.look(), "here": house.node, "shared": house.fleet.shared}


async def restart_context(house: Parts) -> dict[str, Any]:
    return {"restart": await house.restarts.look(GAP), "draining": house.drain.since}


async def restart_partial(house: Parts) -> Markup:
    return partial("#restart", fragment("_restart", **await restart_context(house)))


async def limits_partial(house: Parts) -> Markup:
    return partial("#limits", fragment("_limits", limits=await house.limits.all()))

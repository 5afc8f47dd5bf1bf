"""For those who watch a process: is it alive, can it do its work."""

from __future__ import annotations

from cronapp import wire
from cronapp.web.described.part import Part
from cronapp.web.described.replies import Unavailable
from cronapp.web.site import parts

api = Part("health", __name__, "Health")
pages = api.blueprint


@api.get("/healthz")
async def alive() -> wire.Health | Unavailable[wire.Health]:
    """Whether the process is there at all; 503 where only a new one helps."""
    if parts().alive():
        return wire.Health(status="ok")
    return Unavailable(wire.Health(status="unavailable"))


@api.get("/readyz")
async def ready() -> wire.Ready | Unavailable[wire.Ready]:
    """Whether the database, the scheduler, the clock and the worker can do their part; 503 while one cannot."""
    state = await parts().ready()
    if all(state.values()):
        return wire.Ready(status="ok", **state)
    return Unavailable(wire.Ready(status="unavailable", **state))

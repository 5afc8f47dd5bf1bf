"""For those who watch the server: is it alive, can it do its work."""

from __future__ import annotations

from cronapp import wire
from cronapp.web.described.part import Part
from cronapp.web.described.replies import Unavailable
from cronapp.web.site import parts

api = Part("health", __name__, "Health")
pages = api.blueprint


@api.get("/healthz")
async def alive() -> wire.Health:
    """Whether the server is there at all."""
    return wire.Health(status="ok")


@api.get("/readyz")
async def ready() -> wire.Ready | Unavailable[wire.Ready]:
    """Whether the database, the scheduler, the clock and the worker can do their part; 503 while one cannot."""
    state = await parts().ready()
    if all(state.values()):
        return wire.Ready(status="ok", **state)
    return Unavailable(wire.Ready(status="unavailable", **state))

"""For those who watch the server: is it alive, can it do its work."""

from __future__ import annotations

from quart import Blueprint
from quart.typing import ResponseReturnValue

from cronapp.web.site import parts

pages = Blueprint("health", __name__)


@pages.get("/healthz")
async def alive() -> ResponseReturnValue:
    return {"status": "ok"}


@pages.get("/readyz")
async def ready() -> ResponseReturnValue:
    """503 while the database, the scheduler or the worker cannot do its part."""
    state = await parts().ready()
    good = all(state.values())
    return {"status": "ok" if good else "unavailable", **state}, 200 if good else 503

"""The overview."""

from __future__ import annotations

from quart import Blueprint

from cronapp.web.shell import show
from cronapp.web.site import parts
from cronapp.web.views.overview import overview_context

pages = Blueprint("overview", __name__)


@pages.get("/")
async def overview() -> str:
    return await show("overview", nav="overview", topic="overview", **await overview_context(parts()))

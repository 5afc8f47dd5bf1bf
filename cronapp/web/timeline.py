"""The timeline: past and planned runs of each job on one axis."""

from __future__ import annotations

from quart import Blueprint, request

from cronapp.web.shell import show
from cronapp.web.site import parts
from cronapp.web.views.timeline import look_of, timeline_context
from cronapp.web.views.zones import reader_zone

pages = Blueprint("timeline", __name__)


@pages.get("/timeline")
async def index() -> str:
    house, look = parts(), look_of(request.args.to_dict(), reader_zone(parts()))
    context = await timeline_context(house, look, look.window(house.clock()))
    return await show("timeline", nav="timeline", topic="timeline", **context)

"""The load forecast, and spreading a crowd."""

from __future__ import annotations

from datetime import datetime

from quart import Blueprint, request

from cronapp.core.errors import InvalidInput
from cronapp.web.addresses import whole
from cronapp.web.auth import who
from cronapp.web.shell import show
from cronapp.web.site import parts
from cronapp.web.views.load import load_context
from cronapp.web.views.timeline import at_of
from cronapp.web.views.zones import reader_zone

pages = Blueprint("load", __name__)
WITHIN = (5, 10, 30, 60)  # minutes over which a crowd can be spread
USUAL = 10


@pages.get("/timeline/load")
async def index() -> str:
    context = await load_context(parts(), at_of(request.args.get("at", "")), reader_zone(parts()), fresh=True)
    return await show("load", nav="timeline", topic="load", **context)


@pages.get("/timeline/spread")
async def ask() -> str:
    """What would be changed. Changes nothing."""
    at, within = moment(request.args.get("at", "")), minutes(request.args.get("within", ""))
    spread = await parts().spreads.propose(at, within)
    return await show("spread", nav="timeline", spread=spread, choices=WITHIN)


@pages.post("/timeline/spread")
async def apply() -> str:
    form = await request.form
    at, within = moment(form.get("at", "")), minutes(form.get("within", ""))
    chosen = {job: whole(form.get(f"version-{job}")) or -1 for job in form.getlist("job")}  # -1: no version is that
    report = await parts().spreads.apply(at, within, chosen, by=who())
    return await show("spread_done", nav="timeline", report=report, at=at, within=within)


def moment(text: str) -> datetime:
    at = at_of(text)
    if at is None:
        raise InvalidInput.of("at", "Write the moment of the crowd, as 2026-03-02T00:00Z.")
    return at


def minutes(text: str) -> int:
    return int(text) if text in map(str, WITHIN) else USUAL

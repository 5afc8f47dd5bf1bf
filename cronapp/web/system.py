"""The system page."""

from __future__ import annotations

from quart import Blueprint

from cronapp.web.shell import show
from cronapp.web.site import parts
from cronapp.web.views.system import limits_context, restart_context, system_context

pages = Blueprint("system", __name__)


@pages.get("/system")
async def system() -> str:
    context = {**await system_context(parts()), **await restart_context(parts()), **await limits_context(parts())}
    return await show("system", nav="system", topic="system", **context)

"""The tasks page."""

from __future__ import annotations

from quart import Blueprint

from cronapp.web.shell import show
from cronapp.web.site import parts
from cronapp.web.views.tasks import tasks_context

pages = Blueprint("tasks", __name__)


@pages.get("/tasks")
async def tasks() -> str:
    return await show("tasks", nav="tasks", topic="tasks", **await tasks_context(parts()))

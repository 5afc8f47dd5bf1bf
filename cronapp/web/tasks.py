"""The tasks, and one task."""

from __future__ import annotations

from quart import Blueprint, request

from cronapp.web.shell import show
from cronapp.web.site import parts
from cronapp.web.views.tasks import task_context, tasks_context

pages = Blueprint("tasks", __name__)


@pages.get("/tasks")
async def tasks() -> str:
    q = request.args.get("q", "").strip()
    return await show("tasks", nav="tasks", topic="tasks", **await tasks_context(parts(), q))


@pages.get("/tasks/<name>")
async def task(name: str) -> str:
    return await show("task", nav="tasks", topic=f"task:{name}", **await task_context(parts(), name))

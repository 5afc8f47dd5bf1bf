"""The tasks page."""

from __future__ import annotations

from quart import Blueprint

from cronapp.web.shell import show
from cronapp.web.site import parts

pages = Blueprint("tasks", __name__)


@pages.get("/tasks")
async def tasks() -> str:
    house = parts()
    return await show(
        "tasks",
        nav="tasks",
        tasks=house.tasks.all(),
        errors=house.tasks.registry.errors,
        jobs=await house.jobs.counts_by_task(),
    )

"""The tasks page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from cronapp.core.events import Event, JobChanged, TasksLoaded
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import Shown


class TasksView(Shown):
    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case TasksLoaded() | JobChanged(gone=True) | JobChanged(created=True):
                return ("all",)
        return ()

    def parts(self) -> Iterable[str]:
        return ("all",)

    async def show(self, part: str) -> Markup:
        return partial("#tasks", fragment("_tasks", **await tasks_context(self.house)))

    def pause(self, part: str) -> float:
        return 1.0


async def tasks_context(house: Parts) -> dict[str, Any]:
    return {
        "tasks": house.tasks.all(),
        "errors": house.tasks.registry.errors,
        "stale": house.tasks.stale,
        "jobs": await house.jobs.counts_by_task(),
    }

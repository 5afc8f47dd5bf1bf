"""GET /tasks, GET /tasks/{name}."""

from __future__ import annotations

from quart import Blueprint

from cronapp.core.models import Json
from cronapp.web.api.told import items, task_json
from cronapp.web.site import parts

api = Blueprint("tasks", __name__)


@api.get("/tasks")
async def index() -> Json:
    return items([task_json(task) for task in parts().tasks.all()])


@api.get("/tasks/<name>")
async def show(name: str) -> Json:
    return task_json(parts().tasks.get(name))

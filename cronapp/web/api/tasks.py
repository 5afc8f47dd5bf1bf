"""GET /tasks, GET /tasks/{name}, and a task tried out."""

from __future__ import annotations

from quart import Blueprint

from cronapp.core.models import Json, RunTrigger
from cronapp.web.api.asked import body
from cronapp.web.api.told import items, run_json, task_json
from cronapp.web.site import parts

api = Blueprint("tasks", __name__)


@api.get("/tasks")
async def index() -> Json:
    return items([task_json(task) for task in parts().tasks.all()])


@api.get("/tasks/<name>")
async def show(name: str) -> Json:
    return task_json(parts().tasks.get(name))


@api.post("/tasks/<name>/test")
async def test(name: str) -> tuple[Json, int]:
    """Runs the task once, without a job: `{"args": {…}, "timeout": 60, "queue": "default", "job": "nightly"}`."""
    sent = await body(needed=False)
    asked = {"task": parts().tasks.get(name).name, "id": sent.pop("job", None), **sent}
    run = await parts().trials.begin(asked, trigger=RunTrigger.API)
    return run_json(run, parts().tasks), 202

"""GET /tasks, GET /tasks/{name}, and a task tried out."""

from __future__ import annotations

from cronapp import wire
from cronapp.core.errors import TaskNotFound
from cronapp.core.models import RunTrigger
from cronapp.web.api.asked import body, text_of
from cronapp.web.api.told import items, run_told, task_told
from cronapp.web.described.part import Part
from cronapp.web.described.replies import Opened
from cronapp.web.site import parts

api = Part("tasks", __name__, "Tasks")


@api.get("/tasks")
async def index() -> wire.Items[wire.Task]:
    """The tasks, with the JSON Schema of their arguments."""
    return items(wire.Task, [task_told(task) for task in parts().tasks.all()])


@api.get("/tasks/<name>", refuses=(TaskNotFound,))
async def show(name: str) -> wire.Task:
    """One task."""
    return task_told(parts().tasks.get(name))


@api.post("/tasks/<name>/test", takes=wire.TestAsked, needed=False, refuses=(TaskNotFound,))
async def test(name: str) -> Opened[wire.Run]:
    """Run a task once, without a job.

    The run counts nowhere, wakes nobody and is not tried again.
    """
    sent = await body(needed=False)
    asked = {**sent, "task": parts().tasks.get(name).name, "id": text_of(sent, "job")}
    run = await parts().trials.begin(asked, trigger=RunTrigger.API)
    return Opened(run_told(run, parts().tasks), f"/api/v1/runs/{run.id}")

"""/jobs/{id}: pointed at another task, its arguments fixed, given back to the code."""

from __future__ import annotations

from cronapp import wire
from cronapp.core.errors import Conflict, TaskGone
from cronapp.web.api.asked import body
from cronapp.web.api.jobs import told
from cronapp.web.auth import who
from cronapp.web.described.part import Part
from cronapp.web.site import parts

api = Part("repairs", __name__, "Jobs")


@api.post("/jobs/<job_id>/repoint", takes=wire.RepointAsked, refuses=(Conflict,))
async def repoint(job_id: str) -> wire.Job:
    """Point a job that does not fit its task at another one; its arguments go along as far as they fit."""
    await parts().repairs.repoint(job_id, str((await body()).get("task", "")), by=who())
    return await told(job_id)


@api.post("/jobs/<job_id>/fit", refuses=(Conflict, TaskGone))
async def fit(job_id: str) -> wire.Job:
    """Drop arguments that the task does not take any more, and move renamed ones."""
    await parts().repairs.fit(job_id, by=who())
    return await told(job_id)


@api.post("/jobs/<job_id>/reset", refuses=(Conflict,))
async def reset(job_id: str) -> wire.Job:
    """Take the code's version of a job from code."""
    await parts().repairs.reset(job_id, by=who())
    return await told(job_id)

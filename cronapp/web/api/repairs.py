"""/jobs/{id}: pointed at another task, its arguments fixed, given back to the code."""

from __future__ import annotations

from quart import Blueprint
from quart.typing import ResponseReturnValue

from cronapp.web.api.asked import body
from cronapp.web.api.jobs import told
from cronapp.web.auth import who
from cronapp.web.site import parts

api = Blueprint("repairs", __name__)


@api.post("/jobs/<job_id>/repoint")
async def repoint(job_id: str) -> ResponseReturnValue:
    await parts().repairs.repoint(job_id, str((await body()).get("task", "")), by=who())
    return await told(job_id)


@api.post("/jobs/<job_id>/fit")
async def fit(job_id: str) -> ResponseReturnValue:
    await parts().repairs.fit(job_id, by=who())
    return await told(job_id)


@api.post("/jobs/<job_id>/reset")
async def reset(job_id: str) -> ResponseReturnValue:
    await parts().repairs.reset(job_id, by=who())
    return await told(job_id)

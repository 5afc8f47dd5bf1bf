"""One click for a job that the code left behind: another task, fitting arguments, or the code's own version."""

from __future__ import annotations

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.models import Job, JobState
from cronapp.web.auth import who
from cronapp.web.render import toast
from cronapp.web.shell import done
from cronapp.web.site import parts
from cronapp.web.views.job import FIRST, VIEWS, Tab, tab_at, tab_of

pages = Blueprint("repairs", __name__)
MENDED = ("head", "changes", "tabs", "detail")  # the parts of a job's page that a repair changes


@pages.post("/jobs/<job_id>/repoint")
async def repoint(job_id: str) -> ResponseReturnValue:
    job = await parts().repairs.repoint(job_id, (await request.form).get("task", ""), by=who())
    if job.state is JobState.NEEDS_ATTENTION:
        return await mended(job, f"{job_id} is pointed at {job.task}. Its arguments need a look.")
    return await mended(job, f"{job_id} is pointed at {job.task}.")


@pages.post("/jobs/<job_id>/fit")
async def fit(job_id: str) -> ResponseReturnValue:
    return await mended(await parts().repairs.fit(job_id, by=who()), f"The arguments of {job_id} fit again.")


@pages.post("/jobs/<job_id>/reset")
async def reset(job_id: str) -> ResponseReturnValue:
    job = await parts().repairs.reset(job_id, by=who())
    return await mended(job, f"{job_id} follows the code again.", tab_of("configuration"))


async def mended(job: Job, told: str, home: Tab = FIRST) -> ResponseReturnValue:
    tab = tab_at(request.headers.get("HX-Current-URL", ""), job.id) or home
    view = VIEWS[tab.name](parts(), job.id, {}, "")
    changed = [await view.show(part) for part in view.parts() if part in MENDED]
    return done(tab.address(job.id), *changed, toast(told))

"""One job's page: the tabs that tell of it."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import JobNotFound
from cronapp.core.models import JobRow
from cronapp.web.addresses import whole
from cronapp.web.shell import show
from cronapp.web.site import parts
from cronapp.web.views.job.configuration import code_context, detail_context, told_context
from cronapp.web.views.job.frame import frame_context
from cronapp.web.views.job.lists import state_in
from cronapp.web.views.job.log import log_tab_context
from cronapp.web.views.job.removed import removed_context
from cronapp.web.views.job.runs import runs_tab_context
from cronapp.web.views.job.tabs import tab_of

pages = Blueprint("job", __name__)


async def show_tab(row: JobRow, name: str, **context: Any) -> str:
    """The page of one tab, rendered by `pages/job_NAME.html`; `context` is what is the tab's own."""
    frame = await frame_context(parts(), row, name)
    return await show(f"job_{name}", nav="jobs", topic=tab_of(name).topic(row.job.id), **frame | context)


async def show_removed(job_id: str, name: str) -> ResponseReturnValue:
    """What is left of a job that was removed; raises `JobNotFound` where nothing is kept of it."""
    context = await removed_context(parts(), job_id, name, request.args)
    topic = tab_of(context["tab"]).topic(job_id)
    return await show("job_removed", nav="jobs", topic=topic, **context), JobNotFound.status


@pages.get("/jobs/<job_id>")
async def runs(job_id: str) -> ResponseReturnValue:
    try:
        row = await parts().jobs.row(job_id)
    except JobNotFound:
        return await show_removed(job_id, "runs")
    state, before = state_in(request.args), whole(request.args.get("cursor"))
    return await show_tab(row, "runs", **await runs_tab_context(parts(), row.job, state, before))


@pages.get("/jobs/<job_id>/log")
async def log(job_id: str) -> str:
    row = await parts().jobs.row(job_id)
    return await show_tab(row, "log", **await log_tab_context(parts(), row.job, request.args))


@pages.get("/jobs/<job_id>/configuration")
async def configuration(job_id: str) -> str:
    row = await parts().jobs.row(job_id)
    context = detail_context(parts(), row.job) | code_context(parts(), row.job)
    context |= await told_context(parts(), row.job)
    return await show_tab(row, "configuration", **context)


@pages.get("/jobs/<job_id>/dependencies")
async def dependencies(job_id: str) -> str:
    row = await parts().jobs.row(job_id)
    return await show_tab(row, "dependencies", near=await parts().jobs.neighbours(job_id))

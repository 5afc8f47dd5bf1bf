"""Jobs: the list, and what one can do with a job."""

from __future__ import annotations

from markupsafe import Markup
from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.web.asked import asked_of
from cronapp.web.auth import who
from cronapp.web.shell import go, show
from cronapp.web.site import parts
from cronapp.web.views.job.frame import head_partial
from cronapp.web.views.job.tabs import tab_at
from cronapp.web.views.joblist import job_list_context, job_row_partial

pages = Blueprint("jobs", __name__)


@pages.get("/jobs")
async def index() -> str:
    context = await job_list_context(parts(), asked_of(request.query_string.decode()))
    return await show("jobs", nav="jobs", topic="jobs", **context)


# -- what one can do ------------------------------------------------------------------------------------------------


@pages.get("/jobs/<job_id>/remove")
async def ask_remove(job_id: str) -> str:
    job, dependants = await parts().jobs.get(job_id), await parts().jobs.dependants(job_id)
    return await show("job_remove", nav="jobs", job=job, dependants=dependants)


@pages.post("/jobs/<job_id>/remove")
async def remove(job_id: str) -> ResponseReturnValue:
    await parts().jobs.remove(job_id, by=who())
    return go("/jobs")


async def changed(job_id: str) -> list[Markup]:
    """The fragments of this job that the asking page shows."""
    page = request.headers.get("HX-Current-URL", "")
    path, _, query = page.partition("?")
    if path.endswith("/jobs") and not asked_of(query).grouped:
        return [await job_row_partial(parts(), job_id)]
    if tab_at(page, job_id):
        return [await head_partial(parts(), job_id)]
    return []

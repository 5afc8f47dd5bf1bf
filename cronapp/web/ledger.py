"""The ledger of a job: what became of each slot that it promised."""

from __future__ import annotations

from quart import Blueprint, request

from cronapp.web.addresses import moment_of
from cronapp.web.shell import show
from cronapp.web.site import parts
from cronapp.web.views.ledger import ledger_context, ledger_filter
from cronapp.web.views.zones import job_zone

pages = Blueprint("ledger", __name__)


@pages.get("/jobs/<job_id>/slots")
async def slots(job_id: str) -> str:
    house = parts()
    job = await house.jobs.get(job_id)
    context = await ledger_context(house, job, ledger_filter(request.args), moment_of(request.args.get("cursor")))
    zone = job_zone(house, job.spec)
    return await show("slots", nav="jobs", topic=f"slots:{job_id}", job_zone=zone, **context)

"""The slots that lie ahead of a job: one skipped, one added."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import Conflict, InvalidInput
from cronapp.core.models import Job
from cronapp.core.until import parse_until
from cronapp.core.zones import zone
from cronapp.web.api.asked import parse_moment
from cronapp.web.auth import who
from cronapp.web.job import show_tab
from cronapp.web.render import fragment, toast
from cronapp.web.schedules import Texts
from cronapp.web.shell import by_htmx, done
from cronapp.web.site import parts
from cronapp.web.views.job.tabs import tab_of
from cronapp.web.views.job.upcoming import shown_of, upcoming_context
from cronapp.web.views.zones import job_zone

pages = Blueprint("upcoming", __name__)


class Change(Protocol):
    """What `Upcoming` does with one slot."""

    async def __call__(self, job_id: str, slot: datetime, *, by: str) -> Job: ...


@pages.get("/jobs/<job_id>/upcoming")
async def index(job_id: str) -> str:
    return await shown(job_id, {}, {})


@pages.post("/jobs/<job_id>/slots/skip")
async def skip(job_id: str) -> ResponseReturnValue:
    return await changed(job_id, parts().upcoming.skip, "The slot is skipped.")


@pages.post("/jobs/<job_id>/slots/undo-skip")
async def undo_skip(job_id: str) -> ResponseReturnValue:
    return await changed(job_id, parts().upcoming.undo_skip, "The slot runs after all.")


@pages.post("/jobs/<job_id>/slots/remove")
async def remove_added(job_id: str) -> ResponseReturnValue:
    return await changed(job_id, parts().upcoming.remove_added, "The added slot is removed.")


@pages.post("/jobs/<job_id>/slots/add")
async def add(job_id: str) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    job = await parts().jobs.get(job_id)
    try:
        job = await parts().upcoming.add(job_id, typed(texts, job), by=who())
    except InvalidInput as error:
        errors = {"at": next(iter(error.errors.values()))}
        if by_htmx():
            return str(fragment("_slot_form", **form_context(job, texts, errors))), error.status
        return await shown(job_id, texts, errors), error.status
    emptied = fragment("_slot_form", **form_context(job, {}, {}), fresh=True)
    return done(tab_of("upcoming").address(job_id), emptied, toast("The slot is added."))


async def changed(job_id: str, change: Change, told: str) -> ResponseReturnValue:
    """Changes the slot that a button is for; the stream brings what the page shows of it."""
    try:
        await change(job_id, parse_moment((await request.form).get("slot", ""), "slot"), by=who())
    except InvalidInput as error:  # there is no field beside which it could stand
        raise Conflict(*error.errors.values()) from None
    return done(tab_of("upcoming").address(job_id), toast(told))


def typed(texts: Texts, job: Job) -> datetime:
    """The moment in the form, in the job's zone."""
    text = texts.get("at", "").strip()
    if not text:
        raise InvalidInput.of("at", "Choose a moment.")
    try:
        return parse_until(text, parts().clock(), zone(job_zone(parts(), job.spec)))
    except ValueError as error:
        raise InvalidInput.of("at", str(error)) from None


async def shown(job_id: str, values: Texts, errors: dict[str, str]) -> str:
    row = await parts().jobs.row(job_id)
    context = await upcoming_context(parts(), row.job, shown_of(request.args.to_dict()))
    return await show_tab(row, "upcoming", **context | form_context(row.job, values, errors))


def form_context(job: Job, values: Texts, errors: dict[str, str]) -> dict[str, Any]:
    """The version makes the form's field a new one once a slot is added, so that it is empty."""
    return {"job": job, "values": values, "errors": errors, "its_zone": job_zone(parts(), job.spec)}

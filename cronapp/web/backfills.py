"""A job's backfills: the form with its preview, and what is under way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import Conflict, InvalidInput
from cronapp.core.models import Job
from cronapp.core.spec import zone_of
from cronapp.core.zones import resolve
from cronapp.service.backfills import MOST_RUNNING, Window
from cronapp.web.auth import who
from cronapp.web.render import fragment, toast
from cronapp.web.shell import by_htmx, done, go, show
from cronapp.web.site import parts
from cronapp.web.views.job.runs import backfills_partial

pages = Blueprint("backfills", __name__)
LISTED = 20  # slots that the preview shows
Texts = Mapping[str, str]


@pages.get("/jobs/<job_id>/backfill")
async def ask(job_id: str) -> str:
    job = await parts().jobs.get(job_id)
    day = (parts().clock().astimezone(zone_of(job.spec)) - timedelta(days=1)).replace(hour=0, minute=0, second=0)
    end = parts().clock().astimezone(zone_of(job.spec))
    values = {"from": local(day), "to": local(end), "max_running": "1"}
    return await show("backfill", nav="jobs", **await context(job, values))


@pages.post("/jobs/<job_id>/backfill/preview")
async def preview(job_id: str) -> str:
    """What the window that is typed would run. Changes nothing."""
    job = await parts().jobs.get(job_id)
    found = await context(job, (await request.form).to_dict())
    return str(fragment("_backfill_preview", **found) + fragment("_backfill_go", swapped=True, **found))


@pages.post("/jobs/<job_id>/backfill")
async def start(job_id: str) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    job = await parts().jobs.get(job_id)
    try:
        opened = await parts().backfills.open(job_id, window_of(texts, job), by=who())
    except (InvalidInput, Conflict) as error:
        found = await context(job, texts, error)
        if by_htmx():
            return str(fragment("_backfill_form", **found)), error.status
        return await show("backfill", nav="jobs", **found), error.status
    return go(f"/runs?backfill={opened.backfill.id}")


@pages.post("/jobs/<job_id>/backfills/<int:backfill_id>/cancel")
async def cancel(job_id: str, backfill_id: int) -> ResponseReturnValue:
    gone = await parts().backfills.cancel(job_id, backfill_id)
    told = toast(f"{gone} waiting run{'s are' if gone != 1 else ' is'} cancelled. What runs goes on.")
    return done(f"/jobs/{job_id}", await backfills_partial(parts(), job_id), told)


async def context(job: Job, texts: Texts, error: InvalidInput | Conflict | None = None) -> dict[str, Any]:
    errors: dict[str, str] = {}
    coverage = None
    try:
        coverage = await parts().backfills.preview(job.id, window_of(texts, job))
    except InvalidInput as wrong:
        errors = wrong.errors
    if isinstance(error, Conflict):
        errors["from"] = str(error)
    return {
        "job": job,
        "job_zone": zone_of(job.spec).key,
        "values": dict(texts),
        "errors": errors,
        "coverage": coverage,
        "listed": LISTED,
        "told": error is not None,
    }


def window_of(texts: Texts, job: Job) -> Window:
    """What was typed, by the clock of the job's zone; raises `InvalidInput`."""
    errors: dict[str, str] = {}
    moments = {name: moment_of(texts.get(name, ""), job, name, errors) for name in ("from", "to")}
    at_once = texts.get("max_running", "").strip() or "1"
    if not at_once.isdigit():
        errors["max_running"] = f"Write a whole number from 1 to {MOST_RUNNING}."
    since, until = moments["from"], moments["to"]
    if errors or since is None or until is None:
        raise InvalidInput(errors)
    return Window(since=since, until=until, max_running=int(at_once), rerun="rerun" in texts)


def moment_of(text: str, job: Job, name: str, errors: dict[str, str]) -> datetime | None:
    try:
        naive = datetime.fromisoformat(text.strip())
    except ValueError:
        errors[name] = "Write a date and a time."
        return None
    found = resolve(naive.replace(tzinfo=None), zone_of(job.spec))
    if found is None:
        errors[name] = "This moment does not exist in the job's time zone."
    return found


def local(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")

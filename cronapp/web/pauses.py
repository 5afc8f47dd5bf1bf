"""Pausing and resuming a job, with what it brings: questions as dialogs, or as pages of their own."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup
from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Job, JobState
from cronapp.core.zones import zone
from cronapp.web.auth import who
from cronapp.web.forms import until_of
from cronapp.web.jobs import changed
from cronapp.web.render import fragment, toast
from cronapp.web.schedules import Texts, local
from cronapp.web.shell import answered, ask, by_htmx, done, go
from cronapp.web.site import parts
from cronapp.web.views.zones import job_zone

pages = Blueprint("pauses", __name__)


@pages.get("/jobs/<job_id>/pause")
async def ask_pause(job_id: str) -> ResponseReturnValue:
    job = await parts().jobs.get(job_id)
    return await asked(job, request.args.to_dict() or as_it_is(job))


@pages.get("/jobs/<job_id>/pause/told")
async def told(job_id: str) -> str:
    """What the pause would mean, as it is chosen so far."""
    return str(await consequences(await parts().jobs.get(job_id), request.args.to_dict()))


@pages.post("/jobs/<job_id>/pause")
async def pause(job_id: str) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    job = await parts().jobs.get(job_id)
    try:
        until = until_of(texts, parts().clock(), zone_of(job))
        await parts().jobs.pause(job_id, texts.get("reason"), by=who(), until=until)
    except InvalidInput as error:
        return await asked(job, texts, error)
    return done(f"/jobs/{job_id}", answered(), *await changed(job_id), told_paused(job_id))


@pages.get("/jobs/<job_id>/resume")
async def ask_resume(job_id: str) -> ResponseReturnValue:
    job = await parts().jobs.get(job_id)
    if job.state is not JobState.PAUSED:
        return go(f"/jobs/{job_id}")
    missed = await parts().pauses.resuming(job)
    context: dict[str, Any] = {"job": job, "missed": missed, "job_zone": job_zone(parts(), job.spec)}
    return await ask("_ask_resume", nav="jobs", title=f"Resume {job_id}", **context)


@pages.post("/jobs/<job_id>/resume")
async def resume(job_id: str) -> ResponseReturnValue:
    """Resumes at once where nothing was missed; else it asks what becomes of that, unless it is said."""
    job = await parts().jobs.get(job_id)
    catch_up = (await request.form).get("catch_up")
    if catch_up is None and job.state is JobState.PAUSED and (await parts().pauses.resuming(job)).count:
        return await ask_resume(job_id) if by_htmx() else go(f"/jobs/{job_id}/resume")
    await parts().jobs.resume(job_id, catch_up or "none", by=who())
    told = toast(f"{job_id} runs again.", href=f"/jobs/{job_id}", link="Show the job")
    return done(f"/jobs/{job_id}", answered(), *await changed(job_id), told)


def told_paused(job_id: str) -> Markup:
    return toast(f"{job_id} is paused.", undo=f"/jobs/{job_id}/resume", link="Resume")


def zone_of(job: Job) -> ZoneInfo:
    return zone(job_zone(parts(), job.spec))


def as_it_is(job: Job) -> dict[str, str]:
    """The form of a job that is paused already, to be changed."""
    if job.pause is None:
        return {}
    end = {"until": "at", "until_at": local(job.pause.until, zone_of(job))} if job.pause.until else {}
    return {"reason": job.reason or "", **end}


async def asked(job: Job, texts: Texts, error: InvalidInput | None = None) -> ResponseReturnValue:
    context: dict[str, Any] = {
        "action": f"/jobs/{job.id}/pause",
        "back": f"/jobs/{job.id}",
        "told": await consequences(job, texts),
        "values": texts,
        "errors": error.errors if error else {},
        "zone": job_zone(parts(), job.spec),
    }
    title = f"Pause {job.id}" if job.pause is None else f"Change the pause of {job.id}"
    return await ask("_ask_pause", nav="jobs", title=title, status=error.status if error else 200, **context)


async def consequences(job: Job, texts: Texts) -> Markup:
    try:
        until = until_of(texts, parts().clock(), zone_of(job))
    except InvalidInput:  # while it is typed; the form says so when it is sent
        return fragment("_pause_told", job=job, told=None)
    return fragment("_pause_told", job=job, told=await parts().pauses.pausing(job, until), until=until)

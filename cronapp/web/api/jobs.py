"""/jobs: listed, made, changed, removed, run, paused, resumed."""

from __future__ import annotations

from collections.abc import Callable

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import Conflict, EditConflict, InvalidInput
from cronapp.core.models import Job, Json, RunTrigger
from cronapp.core.spec import spec_to_json
from cronapp.web.api.asked import body, expected_version, limit, once, reason_of, until_of
from cronapp.web.api.told import items, row_json, run_json
from cronapp.web.asked import asked_of
from cronapp.web.auth import who
from cronapp.web.site import parts

api = Blueprint("jobs", __name__)


async def told(job_id: str, status: int = 200, **headers: str) -> ResponseReturnValue:
    row = await parts().jobs.row(job_id)
    misfit = parts().jobs.difference(row.job)
    difference = {"difference": misfit.sentences} if misfit else {}
    return {**row_json(row, parts().tasks), **difference}, status, {"ETag": f'"{row.job.version}"', **headers}


@api.get("/jobs")
async def index() -> Json:
    asked = asked_of(request.query_string.decode())
    rows, following = await parts().jobs.page(
        asked.filters, sort=asked.sort, after=asked.cursor, limit=limit(), strip=1
    )
    return items([row_json(row, parts().tasks) for row in rows], following)


@api.post("/jobs")
async def create() -> ResponseReturnValue:
    job = await parts().jobs.create(await body(), origin="api", by=who(), once=await once())
    return await told(job.id, 201, Location=f"/api/v1/jobs/{job.id}")


@api.get("/jobs/<job_id>")
async def show(job_id: str) -> ResponseReturnValue:
    return await told(job_id)


@api.put("/jobs/<job_id>")
async def replace(job_id: str) -> ResponseReturnValue:
    sent = await body()
    await save(job_id, lambda _: sent)
    return await told(job_id)


@api.patch("/jobs/<job_id>")
async def change(job_id: str) -> ResponseReturnValue:
    """The fields that are sent take the place of the job's; those of `misfire` and `retry` one by one."""
    sent = await body()
    await save(job_id, lambda job: merged(job, sent))
    return await told(job_id)


def merged(job: Job, sent: Json) -> Json:
    old = spec_to_json(job.spec)
    groups = {name: {**old[name], **sent[name]} for name in ("misfire", "retry") if isinstance(sent.get(name), dict)}
    return {**old, **sent, **groups}


READ_ONLY = (
    *("state", "reason", "pause", "failures", "origin", "created_at", "updated_at"),
    *("next_slot", "next_run", "last_run", "version"),
    "difference",
)
TRIES = 10  # to save what was made of a job while others save it too


async def save(job_id: str, make: Callable[[Job], Json]) -> None:
    """Saves what is made of the job as it is now. If somebody saves meanwhile, it is made anew of theirs, so that
    nothing of it is lost; but not where the client named a version."""
    wanted = expected_version()
    for _ in range(TRIES):
        job = await parts().jobs.get(job_id)
        try:
            version = job.version if wanted is None else wanted
            await parts().jobs.edit(job_id, cleaned(make(job), job), by=who(), version=version)
        except EditConflict:
            if wanted is not None:
                raise
        else:
            return
    raise Conflict("Others change this job all the time, so this change was not made. Try again in a moment.")


def cleaned(sent: Json, job: Job) -> Json:
    """A job as it was got and changed: what only the server says of it is passed over, and secrets are the old ones."""
    data = {name: value for name, value in sent.items() if name not in READ_ONLY}
    task = parts().tasks.find(str(data.get("task")))
    if task and isinstance(data.get("args"), dict):
        data["args"] = task.signature.unmasked(data["args"], job.spec.args)
    return data


@api.delete("/jobs/<job_id>")
async def remove(job_id: str) -> ResponseReturnValue:
    await parts().jobs.remove(job_id, version=expected_version(), by=who())
    return "", 204


@api.post("/jobs/<job_id>/run")
async def run(job_id: str) -> ResponseReturnValue:
    args = (await body(needed=False)).get("args", {})
    if not isinstance(args, dict):
        raise InvalidInput.of("args", "The arguments must be a JSON object, by their names.")
    opened = await parts().runs.run_now(job_id, args, trigger=RunTrigger.API, once=await once())
    return run_json(opened, parts().tasks), 202, {"Location": f"/api/v1/runs/{opened.id}"}


@api.post("/jobs/<job_id>/pause")
async def pause(job_id: str) -> ResponseReturnValue:
    sent = await body(needed=False)
    await parts().jobs.pause(job_id, reason_of(sent), by=who(), until=until_of(sent, parts().clock()))
    return await told(job_id)


@api.post("/jobs/<job_id>/resume")
async def resume(job_id: str) -> ResponseReturnValue:
    catch_up = str((await body(needed=False)).get("catch_up", "none"))
    await parts().jobs.resume(job_id, catch_up, by=who())
    return await told(job_id)

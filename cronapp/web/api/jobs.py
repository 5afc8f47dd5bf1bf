"""/jobs: listed, made, changed, removed, run, paused, resumed."""

from __future__ import annotations

from collections.abc import Callable

from quart import request

from cronapp import wire
from cronapp.core.errors import Conflict, EditConflict, InvalidInput, TaskGone
from cronapp.core.models import Job, Json, RunTrigger
from cronapp.core.spec import spec_to_json
from cronapp.core.spec.shapes import JobInput
from cronapp.store.listing import SORTS
from cronapp.web.api.asked import (
    AFTER_NAME,
    DRY_RUN,
    IF_MATCH,
    LIMIT,
    ONCE,
    body,
    expected_version,
    limit,
    once,
    reason_of,
    until_of,
)
from cronapp.web.api.told import items, job_told, run_told
from cronapp.web.asked import asked_of
from cronapp.web.auth import who
from cronapp.web.described.part import Param, Part
from cronapp.web.described.replies import Created, Done, Opened
from cronapp.web.site import parts

api = Part("jobs", __name__, "Jobs")
FILTERS = (
    Param("q", "A text in the id, the task, the description or a tag."),
    Param("state", "A job's state, `running` or `failing`."),
    Param("task", "Of this task."),
    Param("tag", "With this tag; of several, with all of them.", many=True),
    Param("untagged", "`1`: without any tag."),
    Param("queue", "Of this queue."),
    Param("label", "That ask for this label."),
    Param("in_group", "Of this group, which shares a limit."),
    Param("origin", "`browser`, `api` or `code`."),
    Param("sort", f"`{'`, `'.join(SORTS)}`; with `-` before it the largest first."),
)

PAST = Param("past", "`1`: its moments may lie in the past, as those of a job that comes back from a file.")


async def told(job_id: str) -> wire.Job:
    row = await parts().jobs.row(job_id)
    misfit = parts().jobs.difference(row.job)
    return job_told(row, parts().tasks, misfit.sentences if misfit else None)


@api.get("/jobs", params=(*FILTERS, AFTER_NAME, LIMIT))
async def index() -> wire.Items[wire.Job]:
    """The jobs that fit. A filter that makes no sense is passed over."""
    asked = asked_of(request.query_string.decode())
    rows, following = await parts().jobs.page(
        asked.filters, sort=asked.sort, after=asked.cursor, limit=limit(), strip=1
    )
    return items(wire.Job, [job_told(row, parts().tasks) for row in rows], following)


@api.post("/jobs", takes=JobInput, params=(ONCE, PAST))
async def create() -> Created[wire.Job]:
    """Make a job. Only `id`, `task` and `schedule` are needed."""
    past = request.args.get("past", "") in ("1", "true")
    job = await parts().jobs.create(await body(), origin="api", by=who(), once=await once(), past=past)
    return Created(await told(job.id), f"/api/v1/jobs/{job.id}")


@api.get("/jobs/<job_id>")
async def show(job_id: str) -> wire.Job:
    """One job."""
    return await told(job_id)


@api.put("/jobs/<job_id>", takes=wire.JobReplaced, params=(IF_MATCH, DRY_RUN), refuses=(Conflict,))
async def replace(job_id: str) -> wire.Job:
    """Put another job in its place. What is left out is at its default."""
    sent = await body()
    if request.args.get("dry_run", "") in ("1", "true"):
        new = cleaned(sent, await parts().jobs.get(job_id))
        return job_told(await parts().jobs.would_be(job_id, new, version=expected_version()), parts().tasks)
    await save(job_id, lambda _: sent)
    return await told(job_id)


@api.patch("/jobs/<job_id>", takes=wire.JobChanged, params=(IF_MATCH,), refuses=(Conflict,))
async def change(job_id: str) -> wire.Job:
    """Change only what is sent.

    The fields take the place of the job's; those of `misfire` and `retry` one by one.
    """
    sent = await body()
    await save(job_id, lambda job: merged(job, sent))
    return await told(job_id)


def merged(job: Job, sent: Json) -> Json:
    old = spec_to_json(job.spec)
    groups = {name: {**old[name], **sent[name]} for name in ("misfire", "retry") if isinstance(sent.get(name), dict)}
    return {**old, **sent, **groups}


READ_ONLY = wire.Job.model_fields.keys() - JobInput.model_fields.keys()
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


@api.delete("/jobs/<job_id>", params=(IF_MATCH,))
async def remove(job_id: str) -> Done:
    """Remove a job. Its runs are kept."""
    await parts().jobs.remove(job_id, version=expected_version(), by=who())
    return Done()


@api.post("/jobs/<job_id>/run", takes=wire.RunAsked, needed=False, params=(ONCE,), refuses=(Conflict, TaskGone))
async def run(job_id: str) -> Opened[wire.Run]:
    """Run it now, with other arguments if some are sent."""
    args = (await body(needed=False)).get("args", {})
    if not isinstance(args, dict):
        raise InvalidInput.of("args", "The arguments must be a JSON object, by their names.")
    opened = await parts().runs.run_now(job_id, args, trigger=RunTrigger.API, once=await once())
    return Opened(run_told(opened, parts().tasks), f"/api/v1/runs/{opened.id}")


@api.post("/jobs/<job_id>/pause", takes=wire.PauseAsked, needed=False, refuses=(Conflict,))
async def pause(job_id: str) -> wire.Job:
    """No slot of it runs until then, or until it is resumed."""
    sent = await body(needed=False)
    await parts().jobs.pause(job_id, reason_of(sent), by=who(), until=until_of(sent, parts().clock()))
    return await told(job_id)


@api.post("/jobs/<job_id>/resume", takes=wire.ResumeAsked, needed=False, refuses=(Conflict,))
async def resume(job_id: str) -> wire.Job:
    """Its slots run again."""
    catch_up = str((await body(needed=False)).get("catch_up", "none"))
    await parts().jobs.resume(job_id, catch_up, by=who())
    return await told(job_id)

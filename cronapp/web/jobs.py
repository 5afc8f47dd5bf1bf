"""Jobs: the list, the form, and what one can do with a job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from markupsafe import Markup
from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.conditions import unfit_condition
from cronapp.core.dependencies import after_words
from cronapp.core.errors import InvalidInput, JobNotFound
from cronapp.core.models import After, Job, JobSpec, Json
from cronapp.core.registry import Task
from cronapp.core.spec import parse_fields
from cronapp.core.zones import zone_names
from cronapp.web.asked import asked_of
from cronapp.web.auth import who
from cronapp.web.forms import Texts, args_of, beside, form_of, job_from_form, schedule_from_form
from cronapp.web.render import fragment
from cronapp.web.shell import by_htmx, go, show
from cronapp.web.simulations import simulated
from cronapp.web.site import parts
from cronapp.web.views import whole
from cronapp.web.views.job.frame import head_partial
from cronapp.web.views.job.tabs import tab_at
from cronapp.web.views.joblist import job_list_context, job_row_partial
from cronapp.web.views.zones import job_zone

pages = Blueprint("jobs", __name__)
PREVIEWED = 10  # slots told beside the form
OFFERED = 500  # jobs that a job can be put behind, in the list that helps to type them


@pages.get("/jobs")
async def index() -> str:
    context = await job_list_context(parts(), asked_of(request.query_string.decode()))
    return await show("jobs", nav="jobs", topic="jobs", **context)


# -- the form -------------------------------------------------------------------------------------------------------


@pages.get("/jobs/new")
async def new() -> str:
    if like := request.args.get("like"):
        return await duplicate(await parts().jobs.get(like))
    task = parts().tasks.find(request.args.get("task", ""))
    values = {"task": task.name if task else "", "schedule.kind": "cron", "schedule.timezone": parts().timezone}
    return await show("job_form", nav="jobs", **await form_context(values, task))


async def duplicate(job: Job) -> str:
    """The form of a new job that is like another one, under an id that is free."""
    taken = set(await parts().jobs.ids(OFFERED))
    names = (f"{job.id[:90]}-copy{number}" for number in ("", *range(2, OFFERED + 3)))
    task = parts().tasks.find(job.task)
    values = form_of(job.spec, task, parts().timezone) | {"id": next(name for name in names if name not in taken)}
    return await show("job_form", nav="jobs", **await form_context(values, task))


@pages.post("/jobs")
async def create() -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    task = parts().tasks.find(texts.get("task", ""))
    try:
        job = await parts().jobs.create(await read_form(texts, task), origin="browser", by=who())
    except InvalidInput as error:
        return await refused(error, await form_context(texts, task, errors=error.errors))
    return await saved(job, texts)


@pages.get("/jobs/<job_id>/edit")
async def edit(job_id: str) -> str:
    job = await parts().jobs.get(job_id)
    task = parts().tasks.find(request.args.get("task") or job.task)
    misfit = parts().jobs.difference(job)
    spec = replace(job.spec, args=misfit.carried) if misfit and misfit.carried is not None else job.spec
    values = form_of(spec, task, parts().timezone) | ({"task": task.name} if task else {})
    errors = unfit_fields(spec, task) if misfit else None
    return await show("job_form", nav="jobs", **await form_context(values, task, job, errors))


def unfit_fields(spec: JobSpec, task: Task | None) -> dict[str, str]:
    """What is wrong with a job that no longer fits this task, by the form's fields. What the task does not take has no
    field, and is dropped when the form is saved."""
    wrong = parts().jobs.misfit(task.name if task else spec.task, spec.args)
    wrong |= parts().jobs.misfit_condition(spec.condition)
    shown = {f"args.{field.name}" for field in task.signature.fields()} if task else set()
    return {name: text for name, text in wrong.items() if not name.startswith("args.") or name in shown}


@pages.post("/jobs/<job_id>")
@pages.post("/jobs/<job_id>/edit")
async def save(job_id: str) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    old = await parts().jobs.get(job_id)
    task = parts().tasks.find(texts.get("task", ""))
    try:
        data = await read_form(texts, task, old)
        job = await parts().jobs.edit(job_id, data, by=who(), version=whole(texts.get("version")))
    except InvalidInput as error:
        return await refused(error, await form_context(texts, task, old, errors=error.errors))
    return await saved(job, texts)


async def read_form(texts: Texts, task: Task | None, old: Job | None = None) -> Json:
    """The form as a job; raises `InvalidInput` with every wrong field, of the arguments and of the rest."""
    try:
        args = task.signature.from_form(args_of(texts), old.spec.args if old else None) if task else {}
    except InvalidInput as wrong:
        others = await parts().jobs.problems(job_from_form(texts, {}, parts().timezone, old), old.spec if old else None)
        rest = {name: text for name, text in others.items() if not name.startswith("args.")}
        raise InvalidInput(rest | wrong.errors) from None
    return job_from_form(texts, args, parts().timezone, old)


async def form_context(
    values: dict[str, str], task: Task | None, job: Job | None = None, errors: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "mode": "edit" if job else "new",
        "action": f"/jobs/{job.id}/edit" if job else "/jobs",
        "tasks": parts().tasks.all(),
        "task": task,
        "fields": task.signature.fields() if task else (),
        "conditions": conditions(values.get("condition", "")),
        "limits": [row.limit for row in await parts().limits.all()],
        "values": values,
        "errors": beside(errors or {}),
        "zones": zone_names(),
        "others": [one for one in await parts().jobs.ids(OFFERED) if job is None or one != job.id],
        "job_zone": job_zone(parts(), job.spec) if job else None,
        "preview": await preview_of(values, job) if values.get("schedule.expression") or job else None,
        "version": values.get("version") or (job.version if job else None),
    }


def conditions(chosen: str) -> list[tuple[str, str]]:
    """The tasks that can decide over a slot, and the one that was chosen, whether it can or not."""
    names = [task.name for task in parts().tasks.all() if unfit_condition(task) is None]
    return [(name, name) for name in dict.fromkeys([*names, *([chosen] if chosen else [])])]


async def refused(error: InvalidInput, context: dict[str, Any]) -> ResponseReturnValue:
    """The same form with what was typed and what is wrong."""
    if by_htmx():
        return str(fragment("_job_form", **context)), error.status
    return await show("job_form", nav="jobs", **context), error.status


async def saved(job: Job, texts: Texts) -> ResponseReturnValue:
    if texts.get("then") == "run":
        run = await parts().runs.run_now(job.id)
        return go(f"/runs/{run.id}")
    return go(f"/jobs/{job.id}")


@pages.get("/form/args")
async def form_args() -> str:
    """The arguments' fields of the chosen task; what was typed for the same names stays."""
    task = parts().tasks.find(request.args.get("task", ""))
    fields = task.signature.fields() if task else ()
    return str(fragment("_form_args", task=task, fields=fields, values=request.args.to_dict(), errors={}, mode="new"))


@pages.post("/form/preview")
async def form_preview() -> str:
    """What the typed job is going to do, and for an edit old against new. Changes nothing; a POST because it brings the
    whole form."""
    texts = (await request.form).to_dict()
    try:
        job = await parts().jobs.get(texts.get("id", "")) if texts.get("version") else None  # only an edit has one
    except JobNotFound as error:
        return str(fragment("_form_preview", preview={"errors": {"id": str(error)}}))
    return str(fragment("_form_preview", preview=await preview_of(texts, job)))


async def preview_of(texts: Texts, job: Job | None = None) -> dict[str, Any] | None:
    """The form as the simulation of a job; None while nothing is typed yet."""
    schedule = schedule_from_form(texts)
    said = [text for name, text in schedule.items() if text and name not in ("kind", "timezone")]
    data = job_from_form(texts, {}, parts().timezone, job)
    if not said and schedule["kind"] != "manual" and not (schedule["kind"] == "dependency" and data["after"]):
        return None
    try:
        found = await simulated(data, now=parts().clock(), count=PREVIEWED, job=job)
        after = after_in(data)
        if after and (wrong := await parts().jobs.wrong_upstreams(str(data["id"]), after, job)):
            return {"errors": wrong}
    except InvalidInput as error:
        return {"errors": error.errors}
    alone = schedule["kind"] == "dependency"
    return {
        "errors": None,
        "told": found.told,
        "zone": found.zone,
        "after": after and after_words(after),
        "alone": alone,
    }


def after_in(data: Json) -> After | None:
    """The jobs before the typed one; raises `InvalidInput`."""
    given = parse_fields({"after": data["after"]}).after
    return After(**dict(given)) if given else None


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

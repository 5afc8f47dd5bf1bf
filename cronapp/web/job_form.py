"""The job form: shown, sent, and what it tells while one types."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.alert_words import EVENT_LABELS, general_words
from cronapp.core.changes import label_of
from cronapp.core.conditions import unfit_condition
from cronapp.core.errors import EditConflict, InvalidInput, JobNotFound
from cronapp.core.ids import id_problem
from cronapp.core.models import USUAL_EVENTS, Job, JobSpec, Json
from cronapp.core.ranking import SCATTERED, rank
from cronapp.core.registry import Task
from cronapp.core.simple import Simple
from cronapp.core.summary import GROUPS
from cronapp.core.zones import zone_names
from cronapp.web.addresses import whole
from cronapp.web.arguments import args_of
from cronapp.web.auth import who
from cronapp.web.drafts import (
    Typed,
    base_text,
    changes_of,
    clashes_of,
    contest,
    preview_of,
    read,
    rows_told,
    summary_of,
    with_theirs,
)
from cronapp.web.form_args import caught_up, pressed
from cronapp.web.forms import beside, form_of, job_from_form, usual_texts
from cronapp.web.notify_form import pings_in, rules_in, with_row, without_row
from cronapp.web.permissions import may
from cronapp.web.render import fragment, partial
from cronapp.web.schedules import SIMPLE, Texts, row_name, rows_of, simple_texts, wrong_rows
from cronapp.web.shell import by_htmx, go, show
from cronapp.web.site import parts
from cronapp.web.views.form import form_topic
from cronapp.web.views.tasks import fits
from cronapp.web.views.zones import job_zone

pages = Blueprint("job_form", __name__)
TASKS_SHOWN = 60
OFFERED = 500  # jobs that a job can be put behind, in the list that helps to type them


@pages.get("/jobs/new")
async def new() -> str:
    if like := request.args.get("like"):
        return await duplicate(await parts().jobs.get(like))
    task = parts().tasks.find(request.args.get("task", ""))
    values = {"schedule.kind": SIMPLE, "schedule.timezone": parts().timezone}
    values |= {f"schedule.{name}": text for name, text in simple_texts(Simple()).items()}
    values |= {f"notify.on.{event}": "on" for event in USUAL_EVENTS}
    if len(may.tags) == 1:
        values["tags"] = may.tags[0]
    if task:
        values |= {"task": task.name, "id": await parts().jobs.suggested_id(task.name)}
    return await show_form(await form_context(values, task) | {"suggested": True})


async def duplicate(job: Job) -> str:
    """The form of a new job that is like another one, under an id that is free."""
    task = parts().tasks.find(job.task)
    values = form_of(job.spec, task, parts().timezone) | {"id": await parts().jobs.free_id(f"{job.id[:90]}-copy")}
    return await show_form(await form_context(values, task))


@pages.post("/jobs")
async def create() -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    task = parts().tasks.find(texts.get("task", ""))
    texts = caught_up(task, texts)
    if (other := reshaped(texts)) is not None:
        return await refused(await form_context(other[0], task) | {"cursor": other[1]}, 200)
    if made := pressed(task, texts):
        return await show_form(await form_context(made.texts, task, errors=made.errors) | {"focus": made.focus})
    try:
        job = await parts().jobs.create(await read_form(texts, task), origin="browser", by=who())
    except InvalidInput as error:
        return await refused(await form_context(texts, task, errors=error.errors), error.status)
    return await saved(job, texts)


@pages.get("/jobs/<job_id>/edit")
async def edit(job_id: str) -> str:
    job = await parts().jobs.get(job_id)
    task = parts().tasks.find(request.args.get("task") or job.task)
    misfit = parts().jobs.difference(job)
    spec = replace(job.spec, args=misfit.carried) if misfit and misfit.carried is not None else job.spec
    values = form_of(spec, task, parts().timezone) | ({"task": task.name} if task else {})
    errors = unfit_fields(spec, task) if misfit else None
    return await show_form(await form_context(values, task, job, errors))


def unfit_fields(spec: JobSpec, task: Task | None) -> dict[str, str]:
    """What is wrong with a job that no longer fits this task, by the form's fields. What the task does not take has no
    field, and is dropped when the form is saved."""
    wrong = parts().jobs.misfit(task.name if task else spec.task, spec.args)
    wrong |= parts().jobs.misfit_condition(spec.condition)
    shown = {field.name for field in task.signature.fields()} if task else set()
    return {n: text for n, text in wrong.items() if not n.startswith("args.") or n.split(".")[1] in shown}


@pages.post("/jobs/<job_id>")
@pages.post("/jobs/<job_id>/edit")
async def save(job_id: str) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    old = await parts().jobs.get(job_id)
    task = parts().tasks.find(texts.get("task", ""))
    texts = caught_up(task, texts)
    if texts.get("then", "").startswith("take:"):
        return await merged(with_theirs(texts, old, {texts["then"].removeprefix("take:")}), old)
    if (other := reshaped(texts)) is not None:
        return await refused(await form_context(other[0], task, old) | {"cursor": other[1]}, 200)
    if made := pressed(task, texts):
        return await show_form(await form_context(made.texts, task, old, made.errors) | {"focus": made.focus})
    try:
        return await store(texts, task, old, whole(texts.get("version")))
    except InvalidInput as error:
        return await refused(await form_context(texts, task, old, errors=error.errors), error.status)
    except EditConflict as conflict:
        return await conflicted(texts, await parts().jobs.get(job_id), conflict)


async def store(texts: Texts, task: Task | None, old: Job, version: int | None) -> ResponseReturnValue:
    data = await read_form(texts, task, old)
    return await saved(await parts().jobs.edit(old.id, data, version=version, by=who()), texts)


async def conflicted(texts: dict[str, str], now: Job, conflict: EditConflict) -> ResponseReturnValue:
    """Somebody else saved meanwhile. What they changed and this form did not is taken over; what both changed is shown,
    theirs against mine. Where they changed nothing of what the form says, as in a pause, it is saved."""
    task = parts().tasks.find(texts.get("task", ""))
    found = clashes_of(read(texts, now))
    if not found:
        try:
            return await store(texts, task, now, now.version)
        except InvalidInput as error:
            return await refused(await form_context(texts, task, now, errors=error.errors), error.status)
    taken = {clash.field for clash in found if not clash.both}
    savers = await parts().history.savers(now, whole(texts.get("version")) or now.version)
    return await merged(with_theirs(texts, now, taken), now, taken, conflict.status, savers)


async def merged(
    texts: dict[str, str], now: Job, taken: Collection[str] = (), status: int = 200, savers: Collection[str] = ()
) -> ResponseReturnValue:
    """The form with what both changed, to be chosen between. Saved once more, it is theirs that it replaces."""
    task = parts().tasks.find(texts.get("task", ""))
    typed = read(texts, now)
    contested = [contest(typed, clash) for clash in clashes_of(typed) if clash.both]
    clash = {"job": now, "savers": savers, "taken": sorted(map(label_of, taken)), "contested": contested}
    context = await form_context(texts | {"version": str(now.version)}, task, now)
    return await refused(context | {"clash": clash}, status)


async def read_form(texts: Texts, task: Task | None, old: Job | None = None) -> Json:
    """The form as a job; raises `InvalidInput` with every wrong field, of the arguments, the simple schedules and the
    rest."""
    wrong = wrong_rows(texts)
    args: Json = {}
    try:
        args = (
            task.signature.from_form(args_of(texts), parts().tasks.opened(old.spec.args) if old else None)
            if task
            else {}
        )
    except InvalidInput as error:
        wrong |= error.errors
    data = job_from_form(texts, args, parts().timezone, old)
    if wrong:
        others = await parts().jobs.problems(data, old.spec if old else None)
        rest = {name: text for name, text in others.items() if not name.startswith("args.")}
        raise InvalidInput(rest | wrong)
    return data


def reshaped(texts: Texts) -> tuple[dict[str, str], int | str] | None:
    """The form with another row of schedules, of rules of who is told or of pings, or without one, if that was asked
    for, and where the cursor belongs: into the new one, or to the button that adds; else None."""
    then, _, number = texts.get("then", "").partition(":")
    match then:
        case "add":
            row = rows_of(texts)[-1] + 1
            fresh = {"kind": SIMPLE, **simple_texts(Simple())}
            return {**texts, **{f"{row_name(row)}.{part}": text for part, text in fresh.items()}}, row
        case "drop":
            name = f"schedule.{number}."
            return {field: text for field, text in texts.items() if not field.startswith(name)}, "add"
        case "tell" | "ping":
            return with_row(texts, then)
        case "untell" | "unping":
            what = then.removeprefix("un")
            return without_row(texts, what, number), what
    return None


async def form_context(
    values: Texts, task: Task | None, job: Job | None = None, errors: dict[str, str] | None = None
) -> dict[str, Any]:
    typed = read(values, job)
    await parts().secrets.names()
    return {
        "mode": "edit" if job else "new",
        "action": f"/jobs/{job.id}/edit" if job else "/jobs",
        "tasks": parts().tasks.all(),
        "task": task,
        "fields": task.signature.fields() if task else (),
        "conditions": conditions(values.get("condition", "")),
        "labels": await labels_offered(typed),
        "limits": [row.limit for row in await parts().limits.all()],
        **await notify_context(typed),
        "rows": rows_told(typed),
        "errors": beside(errors or {}, values),
        "zones": zone_names(),
        "others": [one for one in await parts().jobs.ids(OFFERED) if job is None or one != job.id],
        "job_zone": job_zone(parts(), job.spec) if job else None,
        "preview": await preview_of(typed),
        "changes": changes_of(typed),
        "groups": GROUPS,
        "version": values.get("version") or (job.version if job else None),
        "base": values.get("base") or (base_text(job) if job else None),
        "suggested": False,
        "cursor": None,
        "clash": None,
        "trial": None,
    }


async def notify_context(typed: Typed) -> dict[str, Any]:
    """What the form says of who is told."""
    return {
        "values": typed.texts,
        "usual": usual_texts(typed.texts),
        "told_rows": rules_in(typed.texts),
        "ping_rows": pings_in(typed.texts),
        "channels": await parts().channels.names(),
        "events": EVENT_LABELS,
        "told_beside": await told_beside(typed),
        "summary": summary_of(typed),
    }


async def labels_offered(typed: Typed) -> list[str] | None:
    """The labels that processes have; None: nobody could have another, and the job asks for none."""
    fleet = await parts().fleet.look()
    found = sorted({label for load in fleet.loads for label in load.node.labels})
    return found if found or parts().fleet.shared or typed.texts.get("labels") else None


async def told_beside(typed: Typed) -> list[tuple[str, str]]:
    """The rules that hold beside the job's own: for whom, and what they do."""
    tags, rules = set(typed.draft.spec.tags), await parts().alerts.rules()
    return [
        (f"For jobs with the tag {one.tag}" if one.tag else "For all jobs", general_words(one))
        for one in rules
        if one.channels and (not one.tag or one.tag in tags)
    ]


def conditions(chosen: str) -> list[tuple[str, str]]:
    """The tasks that can decide over a slot, and the one that was chosen, whether it can or not."""
    names = [task.name for task in parts().tasks.all() if unfit_condition(task) is None]
    return [(name, name) for name in dict.fromkeys([*names, *([chosen] if chosen else [])])]


async def show_form(context: dict[str, Any]) -> str:
    job_id = context["values"].get("id", "") if context["mode"] == "edit" else ""
    return await show("job_form", nav="jobs", topic=form_topic(job_id, context["version"]), **context)


async def refused(context: dict[str, Any], status: int) -> ResponseReturnValue:
    """The same form with what was typed and what is wrong."""
    return (str(fragment("_job_form", **context)) if by_htmx() else await show_form(context)), status


async def saved(job: Job, texts: Texts) -> ResponseReturnValue:
    if texts.get("then") == "run":
        run = await parts().runs.run_now(job.id)
        return go(f"/runs/{run.id}")
    return go(f"/jobs/{job.id}")


# -- while one types ------------------------------------------------------------------------------------------------


@pages.get("/form/id")
async def form_id() -> str:
    """What is to say of an id that is being typed. With a task and no id: which one suits it."""
    typed = request.args.get("id", "").strip()
    problem = id_problem(typed) if typed else None
    free = None if problem or not typed else await parts().jobs.free_id(typed)
    return str(fragment("_form_id", id=typed, problem=problem, free=free))


@pages.get("/form/tasks")
async def form_tasks() -> str:
    """The tasks that fit what is typed, those first whose name does. The name of the chosen task asks for all."""
    typed, chosen = request.args.get("find", "").strip(), request.args.get("task", "")
    wanted = "" if typed == chosen else typed
    fitting = [(rank(wanted, task.name), task) for task in parts().tasks.all() if fits(task, wanted)]
    fitting.sort(key=lambda found: SCATTERED if found[0] is None else found[0])
    shown = [task for _, task in fitting[:TASKS_SHOWN]]
    return str(fragment("_form_tasks", shown=shown, more=len(fitting) - len(shown), chosen=chosen))


@pages.post("/form/preview")
async def form_preview() -> str:
    """What the typed job is going to do, in words and slot by slot, and for an edit old against new. Changes nothing; a
    POST because it brings the whole form."""
    texts = (await request.form).to_dict()
    try:
        job = await edited_job(texts)
    except JobNotFound as error:
        return str(fragment("_form_preview", preview={"errors": {"id": str(error)}}))
    typed = read(texts, job)
    told = summary_of(typed)
    preview = await preview_of(typed)
    html = [fragment("_form_preview", preview=preview)]
    html += [partial("#form-heard", fragment("_form_heard", preview=preview), "innerMorph")]
    html += [partial(f"#form-told-{row.row}", fragment("_form_told", told=row)) for row in rows_told(typed)]
    html += [partial("#form-summary", fragment("_form_summary", summary=told))]
    html += [partial(f"#rules-{group}", fragment("_form_rules", group=group, summary=told)) for group in GROUPS]
    if job:
        html += [partial("#form-changes", fragment("_form_changes", changes=changes_of(typed)))]
    return "".join(html)


@pages.post("/form/notify")
async def form_notify() -> str:
    """The rows of who is told, with another one or without one. Stores nothing."""
    texts = (await request.form).to_dict()
    other, cursor = reshaped(texts) or (texts, None)
    context = await notify_context(read(other, await edited_job(other)))
    return str(fragment("_form_notify", **context, errors={}, cursor=cursor))


async def edited_job(texts: Texts) -> Job | None:
    """The job that the form edits, which has a version; raises `JobNotFound`."""
    return await parts().jobs.get(texts.get("id", "")) if texts.get("version") else None

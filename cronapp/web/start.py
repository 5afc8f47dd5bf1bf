"""Starting a job by hand: as it is, or with other arguments."""

from __future__ import annotations

from markupsafe import Markup
from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput, TaskGone
from cronapp.core.models import Job, Run
from cronapp.core.registry import Task
from cronapp.web.arguments import args_of, named
from cronapp.web.form_args import Done, caught_up, pressed
from cronapp.web.forms import beside
from cronapp.web.jobs import changed
from cronapp.web.render import toast
from cronapp.web.shell import answered, ask, done
from cronapp.web.site import parts
from cronapp.web.views.zones import job_zone

pages = Blueprint("start", __name__)


@pages.get("/jobs/<job_id>/run-with")
async def ask_args(job_id: str) -> ResponseReturnValue:
    job = await parts().jobs.get(job_id)
    task = task_of(job)
    shown = {named(name): text for name, text in task.signature.to_form(parts().tasks.opened(job.spec.args)).items()}
    return await asked(job, task, Done(shown, {}, ""))


@pages.post("/jobs/<job_id>/run")
async def run(job_id: str) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    if "with" not in texts:
        return await started(await parts().runs.run_now(job_id))
    job = await parts().jobs.get(job_id)
    task = task_of(job)
    texts = caught_up(task, texts)
    if made := pressed(task, texts):
        return await asked(job, task, made)
    try:
        args = task.signature.from_form(args_of(texts), parts().tasks.opened(job.spec.args))
        return await started(await parts().runs.run_now(job_id, args, whole=True), answered())
    except InvalidInput as error:
        return await asked(job, task, Done(texts, error.errors, ""), error.status)


async def started(run: Run, *asked: Markup) -> ResponseReturnValue:
    told = toast(f"Run #{run.id} of {run.job} is on its way.", href=f"/runs/{run.id}", link="Follow its log")
    return done(f"/runs/{run.id}", *asked, *await changed(run.job), told)


def task_of(job: Job) -> Task:
    task = parts().tasks.find(job.task)
    if task is None:
        raise TaskGone
    return task


async def asked(job: Job, task: Task, made: Done, status: int = 200) -> ResponseReturnValue:
    await parts().secrets.names()
    return await ask(
        "_ask_run",
        nav="jobs",
        title=f"Run {job.id} with other arguments",
        status=status,
        job=job,
        task=task,
        fields=task.signature.fields(),
        values=made.texts,
        errors=beside(made.errors, made.texts),
        mode="edit",
        focus=made.focus,
        job_zone=job_zone(parts(), job.spec),
    )

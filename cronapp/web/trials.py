"""What is typed in the job form, tried out: the task is run once with it, and its log comes beside the form."""

from __future__ import annotations

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Job, Json, Run
from cronapp.core.registry import Task
from cronapp.core.spec import parse_fields
from cronapp.service.trials import RULES
from cronapp.web.arguments import args_of
from cronapp.web.form_args import caught_up
from cronapp.web.forms import beside, job_from_form
from cronapp.web.job_form import edited_job, form_context, show_form
from cronapp.web.render import fragment
from cronapp.web.schedules import Texts
from cronapp.web.shell import by_htmx
from cronapp.web.site import parts
from cronapp.web.views.form import trial_context

pages = Blueprint("trials", __name__)


@pages.post("/form/test")
async def test() -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    task, job = parts().tasks.find(texts.get("task", "")), await edited_job(texts)
    texts = caught_up(task, texts)
    try:
        trial = await trial_context(parts(), await begun(texts, task, job))
        status = 200
    except InvalidInput as error:
        trial, status = {"run": None, "errors": beside(error.errors, texts)}, error.status
    if by_htmx():
        return str(fragment("_form_trial", trial=trial)), status
    return await show_form(await form_context(texts, task, job) | {"trial": trial}), status


async def begun(texts: Texts, task: Task | None, job: Job | None) -> Run:
    """The run that was opened; raises `InvalidInput` with all that is wrong of what it needs."""
    data = job_from_form(texts, {}, parts().timezone, job)
    try:
        args = (
            task.signature.from_form(args_of(texts), parts().tasks.opened(job.spec.args) if job else None)
            if task
            else {}
        )
    except InvalidInput as error:
        raise InvalidInput(error.errors | wrong_rules(data)) from None
    return await parts().trials.begin({**data, "args": args})


def wrong_rules(data: Json) -> dict[str, str]:
    try:
        parse_fields({rule: data[rule] for rule in RULES if rule in data})
    except InvalidInput as error:
        return error.errors
    return {}

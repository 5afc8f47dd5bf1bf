"""The history of a job's changes, and an older version taken back."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.changes import label_of
from cronapp.core.errors import InvalidInput, JobNotFound
from cronapp.web.addresses import whole
from cronapp.web.auth import who
from cronapp.web.job import show_removed, show_tab
from cronapp.web.render import toast
from cronapp.web.shell import answered, ask, done
from cronapp.web.site import parts
from cronapp.web.views.job.history import history_context
from cronapp.web.views.job.tabs import tab_of

pages = Blueprint("history", __name__)


@pages.get("/jobs/<job_id>/history")
async def index(job_id: str) -> ResponseReturnValue:
    try:
        row = await parts().jobs.row(job_id)
    except JobNotFound:
        return await show_removed(job_id, "history")
    return await show_tab(row, "history", **await history_context(parts(), row.job, whole(request.args.get("cursor"))))


@pages.get("/jobs/<job_id>/restore")
async def ask_restore(job_id: str) -> ResponseReturnValue:
    return await asked(job_id, whole(request.args.get("version")) or 0)


@pages.post("/jobs/<job_id>/restore")
async def restore(job_id: str) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    version = whole(texts.get("version")) or 0
    try:
        await parts().history.restore(job_id, version, by=who(), expected=whole(texts.get("expected")))
    except InvalidInput as error:
        return await asked(job_id, version, error)
    told = toast(f"{job_id} is as it was in version {version}.")
    return done(tab_of("history").address(job_id), answered(), told)


async def asked(job_id: str, version: int, error: InvalidInput | None = None) -> ResponseReturnValue:
    """What restoring would change, and why it cannot be done."""
    found = await parts().history.restoring(job_id, version)
    context: dict[str, Any] = {
        "job": found.job,
        "version": version,
        "fields": found.fields,
        "errors": {label_of(name): text for name, text in error.errors.items()} if error else {},
    }
    title, status = f"Restore version {version} of {job_id}?", error.status if error else 200
    return await ask("_ask_restore", nav="jobs", title=title, status=status, **context)

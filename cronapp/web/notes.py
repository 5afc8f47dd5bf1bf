"""Notes on a job."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import Conflict, InvalidInput
from cronapp.core.models import Job
from cronapp.web.addresses import whole
from cronapp.web.auth import who
from cronapp.web.job import show_tab
from cronapp.web.render import fragment, toast
from cronapp.web.shell import answered, ask, by_htmx, done
from cronapp.web.site import parts
from cronapp.web.views.job.notes import notes_context
from cronapp.web.views.job.tabs import tab_of

pages = Blueprint("notes", __name__)


@pages.get("/jobs/<job_id>/notes")
async def index(job_id: str) -> str:
    return await shown(job_id, {}, {})


@pages.post("/jobs/<job_id>/notes")
async def add(job_id: str) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    try:
        note = await parts().notes.add(job_id, texts.get("text", ""), by=who())
    except InvalidInput as error:
        job = await parts().jobs.get(job_id)
        if by_htmx():
            return str(fragment("_note_form", job=job, **await form_context(job, texts, error.errors))), error.status
        return await shown(job_id, texts, error.errors), error.status
    emptied = fragment(
        "_note_form", job=await parts().jobs.get(job_id), values={}, errors={}, newest=note.id, fresh=True
    )
    return done(tab_of("notes").address(job_id), emptied)


@pages.get("/jobs/<job_id>/notes/<int:note_id>/edit")
async def ask_edit(job_id: str, note_id: int) -> ResponseReturnValue:
    return await asked(job_id, note_id)


@pages.post("/jobs/<job_id>/notes/<int:note_id>/edit")
async def edit(job_id: str, note_id: int) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    text, edits = texts.get("text", ""), texts.get("edits", "")
    try:
        await parts().notes.edit(job_id, note_id, text, by=who(), edits=int(edits) if edits.isdecimal() else None)
    except InvalidInput as error:
        return await asked(job_id, note_id, texts, error)
    except Conflict as error:
        return await asked(job_id, note_id, texts, InvalidInput.of("text", str(error)))
    return done(tab_of("notes").address(job_id), answered())


async def asked(
    job_id: str, note_id: int, values: dict[str, str] | None = None, error: InvalidInput | None = None
) -> ResponseReturnValue:
    """The note with its text in a field, and why that cannot be kept."""
    context: dict[str, Any] = {
        "job": await parts().jobs.get(job_id),
        "note": await parts().notes.own(job_id, note_id),
        "values": values or {},
        "errors": error.errors if error else {},
    }
    status = error.status if error else 200
    return await ask("_ask_note_edit", nav="jobs", title="Edit this note", status=status, **context)


@pages.get("/jobs/<job_id>/notes/<int:note_id>/remove")
async def ask_remove(job_id: str, note_id: int) -> ResponseReturnValue:
    job, note = await parts().jobs.get(job_id), await parts().notes.own(job_id, note_id)
    return await ask("_ask_note", nav="jobs", title="Remove this note?", job=job, note=note)


@pages.post("/jobs/<job_id>/notes/<int:note_id>/remove")
async def remove(job_id: str, note_id: int) -> ResponseReturnValue:
    await parts().notes.remove(job_id, note_id)
    return done(tab_of("notes").address(job_id), answered(), toast("The note is removed."))


async def shown(job_id: str, values: dict[str, str], errors: dict[str, str]) -> str:
    row = await parts().jobs.row(job_id)
    context = await notes_context(parts(), row.job, whole(request.args.get("cursor")))
    return await show_tab(row, "notes", **context | await form_context(row.job, values, errors))


async def form_context(job: Job, values: dict[str, str], errors: dict[str, str]) -> dict[str, Any]:
    """`newest` makes the form's field a new one once a note is added, so that it is empty."""
    newest = await parts().notes.newest(job)
    return {"values": values, "errors": errors, "newest": newest.id if newest else 0}

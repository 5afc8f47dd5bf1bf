"""/jobs/{id}/notes: what people wrote down about a job."""

from __future__ import annotations

from quart import Blueprint
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json, Note
from cronapp.web.api.asked import body, limit, number
from cronapp.web.api.told import at, items
from cronapp.web.auth import who
from cronapp.web.site import parts

api = Blueprint("notes", __name__)


@api.get("/jobs/<job_id>/notes")
async def index(job_id: str) -> Json:
    """The notes, the newest first."""
    notes, following = await parts().notes.page(job_id, before=number("cursor"), limit=limit())
    return items([note_json(note) for note in notes], following)


@api.post("/jobs/<job_id>/notes")
async def add(job_id: str) -> ResponseReturnValue:
    note = await parts().notes.add(job_id, await text_asked(), by=who())
    return note_json(note), 201, {"Location": f"/api/v1/jobs/{job_id}/notes/{note.id}"}


@api.get("/jobs/<job_id>/notes/<int:note_id>")
async def show(job_id: str, note_id: int) -> Json:
    return note_json(await parts().notes.get(job_id, note_id))


@api.patch("/jobs/<job_id>/notes/<int:note_id>")
async def edit(job_id: str, note_id: int) -> Json:
    """The text anew; when and by whom it was edited is noted."""
    return note_json(await parts().notes.edit(job_id, note_id, await text_asked(), by=who()))


@api.delete("/jobs/<job_id>/notes/<int:note_id>")
async def remove(job_id: str, note_id: int) -> ResponseReturnValue:
    await parts().notes.remove(job_id, note_id)
    return "", 204


def note_json(note: Note) -> Json:
    edited = {"edited_at": at(note.edited_at), "edited_by": note.edited_by}
    return {"id": note.id, "at": at(note.at), "by": note.by, "text": note.text, **edited}


async def text_asked() -> str:
    text = (await body()).get("text")
    if not isinstance(text, str):
        raise InvalidInput.of("text", "The note must be a text.")
    return text

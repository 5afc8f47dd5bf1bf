"""/jobs/{id}/notes: what people wrote down about a job."""

from __future__ import annotations

from cronapp import wire
from cronapp.core.errors import Conflict, InvalidInput
from cronapp.core.models import Note
from cronapp.web.api.asked import CURSOR, LIMIT, body, limit, number
from cronapp.web.api.told import items
from cronapp.web.auth import who
from cronapp.web.described.part import Part
from cronapp.web.described.replies import Created, Done
from cronapp.web.site import parts

api = Part("notes", __name__, "Notes")


@api.get("/jobs/<job_id>/notes", params=(CURSOR, LIMIT))
async def index(job_id: str) -> wire.Items[wire.Note]:
    """The notes on a job, the newest first."""
    notes, following = await parts().notes.page(job_id, before=number("cursor"), limit=limit())
    return items(wire.Note, map(note_told, notes), following)


@api.post("/jobs/<job_id>/notes", takes=wire.NoteAsked)
async def add(job_id: str) -> Created[wire.Note]:
    """Write a note on a job."""
    note = await parts().notes.add(job_id, await text_asked(), by=who())
    return Created(note_told(note), f"/api/v1/jobs/{job_id}/notes/{note.id}")


@api.get("/jobs/<job_id>/notes/<int:note_id>")
async def show(job_id: str, note_id: int) -> wire.Note:
    """One note."""
    return note_told(await parts().notes.get(job_id, note_id))


@api.patch("/jobs/<job_id>/notes/<int:note_id>", takes=wire.NoteAsked, refuses=(Conflict,))
async def edit(job_id: str, note_id: int) -> wire.Note:
    """Write a note anew; when and by whom it was edited is noted."""
    return note_told(await parts().notes.edit(job_id, note_id, await text_asked(), by=who()))


@api.delete("/jobs/<job_id>/notes/<int:note_id>")
async def remove(job_id: str, note_id: int) -> Done:
    """Remove a note."""
    await parts().notes.remove(job_id, note_id)
    return Done()


def note_told(note: Note) -> wire.Note:
    return wire.Note(
        id=note.id, at=note.at, by=note.by, text=note.text, edited_at=note.edited_at, edited_by=note.edited_by
    )


async def text_asked() -> str:
    text = (await body()).get("text")
    if not isinstance(text, str):
        raise InvalidInput.of("text", "The note must be a text.")
    return text

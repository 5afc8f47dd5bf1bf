"""What people write down about a job."""

from __future__ import annotations

from dataclasses import replace

from cronapp.core.access import Principal, Right, asking
from cronapp.core.clock import Clock
from cronapp.core.errors import Conflict, InvalidInput, NotAllowed, NoteNotFound
from cronapp.core.events import JobChanged
from cronapp.core.models import Job, Note
from cronapp.service.changing import found
from cronapp.store import audit, job_notes
from cronapp.store.store import Conn, Store, Tx

LONGEST = 10_000  # letters of a note
MOST = 1_000  # notes of a job


class Notes:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def page(self, job_id: str, *, before: int | None = None, limit: int = 50) -> tuple[list[Note], int | None]:
        """One page of the notes on a job, the newest first, and the number to go on before, if there are more."""

        def ask(conn: Conn) -> list[Note]:
            return job_notes.page(conn, found(conn, job_id).key, before=before, limit=limit + 1)

        listed = await self.store.read(ask)
        return listed[:limit], listed[limit - 1].id if len(listed) > limit else None

    async def get(self, job_id: str, note_id: int) -> Note:
        """The note of that number on this job; raises `NoteNotFound`."""

        def ask(conn: Conn) -> Note:
            return found_note(job_notes.get(conn, found(conn, job_id).key, note_id))

        return await self.store.read(ask)

    async def own(self, job_id: str, note_id: int) -> Note:
        """The note of that number, to change it; raises `NotAllowed` for a note of somebody else."""
        note = await self.get(job_id, note_id)
        refuse_others(note, asking.get())
        return note

    async def count(self, job: Job) -> int:
        return await self.store.read(job_notes.count, job.key)

    async def newest(self, job: Job) -> Note | None:
        return next(iter(await self.store.read(job_notes.page, job.key, limit=1)), None)

    async def add(self, job_id: str, text: str, *, by: str = "somebody") -> Note:
        """Writes a note down; its text is plain, and its line breaks stay."""
        text = checked(text)

        def change(tx: Tx) -> Note:
            job = found(tx.conn, job_id, lock=True)
            if job_notes.count(tx.conn, job.key) >= MOST:
                raise InvalidInput.of("text", f"A job has at most {MOST:,} notes. Remove some that are of no use now.")
            now = self.clock()
            note = job_notes.add(tx, job.key, text, at=now, by=by)
            audit.note(tx, now, "note.added", job.id, after={"note": note.id, "text": text})
            tx.emit(JobChanged(job.id))
            return note

        return await self.store.write(change)

    async def edit(
        self, job_id: str, note_id: int, text: str, *, by: str = "somebody", edits: int | None = None
    ) -> Note:
        """Writes a note anew, and when and by whom. With `edits` only if it was edited so often before (`Conflict`)."""
        text = checked(text)

        def change(tx: Tx) -> Note:
            job, now = found(tx.conn, job_id, lock=True), self.clock()
            old = found_note(job_notes.get(tx.conn, job.key, note_id))
            refuse_others(old, tx.by)
            seen = old.edits if edits is None else edits
            note = replace(old, text=text, edits=seen + 1, edited_at=now, edited_by=by)
            if text == old.text and seen == old.edits:
                return old
            if not job_notes.edit(tx, job.key, note):
                raise Conflict("Somebody else edited this note meanwhile. Look at it anew, and edit that.")
            before, after = {"note": note_id, "text": old.text}, {"note": note_id, "text": text}
            audit.note(tx, now, "note.edited", job.id, before=before, after=after)
            tx.emit(JobChanged(job.id))
            return note

        return await self.store.write(change)

    async def remove(self, job_id: str, note_id: int) -> None:
        """Removes a note; raises `NoteNotFound`, and `NotAllowed` for a note of somebody else."""

        def change(tx: Tx) -> None:
            job = found(tx.conn, job_id)
            note = found_note(job_notes.get(tx.conn, job.key, note_id))
            refuse_others(note, tx.by)
            if not job_notes.remove(tx, job.key, note_id):
                raise NoteNotFound
            told = {"note": note_id, "text": note.text, "by": note.by}
            audit.note(tx, self.clock(), "note.removed", job.id, before=told)
            tx.emit(JobChanged(job.id))

        await self.store.write(change)


def checked(text: str) -> str:
    """The text as it is kept; raises `InvalidInput`."""
    text = "\n".join(text.replace("\0", "").splitlines()).strip()
    if not text:
        raise InvalidInput.of("text", "Write something first.")
    if len(text) > LONGEST:
        raise InvalidInput.of("text", f"A note may have at most {LONGEST:,} characters; this one has {len(text):,}.")
    return text


def refuse_others(note: Note, by: Principal) -> None:
    """Who wrote a note may change it, and an admin; raises `NotAllowed` for everybody else."""
    if note.by != by.name and not by.sight.may(Right.ADMIN):
        raise NotAllowed(f"Only {note.by}, who wrote this note, or an admin may change it.")


def found_note(note: Note | None) -> Note:
    if note is None:
        raise NoteNotFound
    return note

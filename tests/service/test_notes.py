"""Notes on a job: written, told, counted, removed."""

from __future__ import annotations

import pytest
from recipes import NOW, a_job
from support import TurnedClock

from cronapp.core.errors import Conflict, InvalidInput, JobNotFound, NoteNotFound
from cronapp.core.events import Event, JobChanged
from cronapp.service.jobs import Jobs
from cronapp.service.notes import LONGEST, Notes
from cronapp.store.store import Store


@pytest.fixture
def notes(store: Store, clock: TurnedClock) -> Notes:
    return Notes(store, clock)


async def test_notes_are_told_the_newest_first_with_who_and_when(
    jobs: Jobs, notes: Notes, clock: TurnedClock, events: list[Event]
) -> None:
    job = await jobs.create(a_job(), origin="api")
    events.clear()
    first = await notes.add("hourly", "  Ask Ada\r\nbefore a change\0 ", by="ada")
    assert (first.text, first.first_line, first.by, first.at) == ("Ask Ada\nbefore a change", "Ask Ada", "ada", NOW)
    assert events == [JobChanged("hourly")]
    clock.turn(60)
    await notes.add("hourly", "second", by="bob")
    (newest,), following = await notes.page("hourly", limit=1)
    assert (newest.text, newest.by) == ("second", "bob")
    assert [note.text for note in (await notes.page("hourly", before=following))[0]] == [first.text]
    assert await notes.count(job) == 2
    assert await notes.newest(job) == newest


async def test_a_note_is_removed_from_its_own_job_only(jobs: Jobs, notes: Notes) -> None:
    job = await jobs.create(a_job(), origin="api")
    await jobs.create(a_job("other"), origin="api")
    note = await notes.add("hourly", "mine")
    with pytest.raises(NoteNotFound):
        await notes.remove("other", note.id)
    await notes.remove("hourly", note.id)
    with pytest.raises(NoteNotFound):
        await notes.get("hourly", note.id)
    assert await notes.newest(job) is None
    for gone in (notes.remove("hourly", note.id), notes.remove("nowhere", note.id), notes.add("nowhere", "x")):
        with pytest.raises((NoteNotFound, JobNotFound)):
            await gone


async def test_of_two_who_edit_a_note_the_second_is_told_and_nothing_is_lost(
    jobs: Jobs, notes: Notes, clock: TurnedClock, events: list[Event]
) -> None:
    await jobs.create(a_job(), origin="api")
    note = await notes.add("hourly", "Ask Ada", by="ada")
    clock.turn(60)
    edited = await notes.edit("hourly", note.id, "Ask Bob ", by="bob", edits=0)
    assert (edited.text, edited.by, edited.at, edited.edited_by) == ("Ask Bob", "ada", NOW, "bob")
    assert edited.edited_at == clock()
    with pytest.raises(Conflict):
        await notes.edit("hourly", note.id, "Ask Eve", edits=0)
    assert await notes.get("hourly", note.id) == edited
    events.clear()
    assert await notes.edit("hourly", note.id, "Ask Bob", by="eve") == edited, "nothing was changed"
    assert events == []
    for gone in (notes.edit("hourly", note.id + 1, "x"), notes.edit("nowhere", note.id, "x")):
        with pytest.raises((NoteNotFound, JobNotFound)):
            await gone


async def test_a_note_says_something_and_not_too_much(jobs: Jobs, notes: Notes) -> None:
    await jobs.create(a_job(), origin="api")
    for text in ("", " \n ", "x" * (LONGEST + 1)):
        with pytest.raises(InvalidInput) as refused:
            await notes.add("hourly", text)
        assert list(refused.value.errors) == ["text"]
    await notes.add("hourly", "x" * LONGEST)


async def test_the_notes_go_with_their_job(jobs: Jobs, notes: Notes) -> None:
    await jobs.create(a_job(), origin="api")
    await notes.add("hourly", "x")
    await jobs.remove("hourly")
    made_anew = await jobs.create(a_job(), origin="api")
    assert await notes.count(made_anew) == 0

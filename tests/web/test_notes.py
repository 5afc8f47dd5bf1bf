"""Notes on a job, on its page and at the API."""

from __future__ import annotations

import pytest
from quart.testing import QuartClient
from visiting import EVIL, HTMX, Api, Page, Stream, page_of

from cronapp.app import App
from cronapp.web.filters import linked


@pytest.fixture(autouse=True)
async def nightly(api: Api) -> None:
    await api.make("nightly")


async def test_the_api_writes_lists_and_removes_notes(api: Api) -> None:
    first = await api.json("POST", "/jobs/nightly/notes", 201, json={"text": "Ask Ada"})
    second = await api.json("POST", "/jobs/nightly/notes", 201, json={"text": "two\nlines"})
    assert (first["by"], first["text"]) == ("the admin token", "Ask Ada")
    told = await api.json("GET", "/jobs/nightly/notes?limit=1")
    assert told["items"] == [second]
    assert (await api.json("GET", f"/jobs/nightly/notes?cursor={told['next']}"))["items"] == [first]
    assert await api.json("GET", f"/jobs/nightly/notes/{first['id']}") == first
    edited = await api.json("PATCH", f"/jobs/nightly/notes/{first['id']}", json={"text": "Ask Bob"})
    assert (edited["text"], edited["edited_by"], first["edited_at"]) == ("Ask Bob", "the admin token", None)
    await api.json("PATCH", f"/jobs/nightly/notes/{first['id']}", 422, json={"text": ""})
    assert (await api("DELETE", f"/jobs/nightly/notes/{first['id']}")).status_code == 204
    await api.json("DELETE", f"/jobs/nightly/notes/{first['id']}", 404)
    for wrong in ({}, {"text": " "}, {"text": 7}):
        assert "text" in (await api.json("POST", "/jobs/nightly/notes", 422, json=wrong))["errors"]


async def test_a_note_is_added_on_the_page_and_the_field_is_empty_again(quiet: App, client: QuartClient) -> None:
    page = await page_of(client, "/jobs/nightly/notes")
    before = page.one("textarea").attrs["id"]
    async with Stream(quiet, "job:nightly:notes", at="/jobs/nightly/notes") as stream:
        await stream.until("#job-notes")
        reply = await client.post("/jobs/nightly/notes", form={"text": f"see {EVIL}"}, headers=HTMX)
        field = Page(await reply.get_data(as_text=True)).one("textarea")
        assert (field.text.strip(), field.attrs["id"] != before) == ("", True)
        html = await stream.until("#job-notes")
        assert "<script>alert(1)" not in html
        (note,) = [one for one in Page(html).all("li") if "data-note" in one.attrs]
    head = (await page_of(client, "/jobs/nightly")).with_id("job-note")
    assert head.attrs["class"] == "job-note"
    question = await (await client.get(f"/jobs/nightly/notes/{note.attrs['data-note']}/remove", headers=HTMX)).data
    assert b"Remove this note?" in question
    await client.post(f"/jobs/nightly/notes/{note.attrs['data-note']}/remove", form={}, headers=HTMX)
    assert (await quiet.services.notes.page("nightly"))[0] == []


async def test_a_note_is_edited_in_a_dialog_and_everybody_sees_that_it_was(quiet: App, client: QuartClient) -> None:
    note = await quiet.services.notes.add("nightly", "Ask Ada", by="ada")
    path = f"/jobs/nightly/notes/{note.id}/edit"
    form = (await page_of(client, path)).form("ask")
    assert form == {"text": "Ask Ada", "edits": "0"}
    async with Stream(quiet, "job:nightly:notes", at="/jobs/nightly/notes") as stream:
        assert "edited" not in (await stream.until("#job-notes"))
        await client.post(path, form=form | {"text": f"Ask Bob {EVIL}"}, headers=HTMX)
        html = await stream.until("Ask Bob")
        assert "<script>alert(1)" not in html
        assert "by the admin token" in html
    for text, wrong in (("late", "Somebody else edited this note meanwhile."), (" ", "Write something first.")):
        reply = await client.post(path, form=form | {"text": text})
        assert reply.status_code == 422
        page = Page(await reply.get_data(as_text=True))
        assert wrong in page.with_id("note-text-wrong").text
        assert page.form("ask")["text"].strip() == text.strip()
    assert "Ask Bob" in (await quiet.services.notes.get("nightly", note.id)).text


async def test_a_note_that_is_refused_keeps_what_was_typed(client: QuartClient) -> None:
    text = "x" * 10_001
    for headers in (HTMX, {}):
        reply = await client.post("/jobs/nightly/notes", form={"text": text}, headers=headers)
        assert reply.status_code == 422
        page = Page(await reply.get_data(as_text=True))
        assert page.one("textarea").text.strip() == text
        assert "at most 10,000" in page.with_id("note-wrong").text
    plain = await client.post("/jobs/nightly/notes", form={"text": "kept"})
    assert (plain.status_code, plain.headers["Location"]) == (303, "/jobs/nightly/notes")


@pytest.mark.parametrize(
    ("text", "address", "rest"),
    [
        ("see https://x.org/a?b=1&c=2.", "https://x.org/a?b=1&amp;c=2", "."),
        ("(http://x.org/a_(b))", "http://x.org/a_(b)", ")"),
        ("https://x.org/<b>", "https://x.org/", "&lt;b&gt;"),
        ('https://x.org/"onclick=x', "https://x.org/", "&#34;onclick=x"),
    ],
)
def test_web_addresses_become_links_and_nothing_else_does(text: str, address: str, rest: str) -> None:
    link = f'<a class="link" href="{address}" target="_blank" rel="noopener noreferrer nofollow">{address}</a>'
    assert str(linked(text)).endswith(f"{link}{rest}")


@pytest.mark.parametrize("text", ["javascript:alert(1)", "data:text/html,x", "http//x", "ftp://x.org", "<a href=x>"])
def test_other_addresses_stay_text(text: str) -> None:
    assert "<a " not in str(linked(text))

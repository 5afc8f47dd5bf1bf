"""The search: what it finds, in which groups, for the palette and as a page."""

from __future__ import annotations

import re
from html import unescape

import pytest
from quart.testing import QuartClient
from visiting import EVIL, HTMX, Api, Page, page_of, put_in_state, put_run

from cronapp.app import App
from cronapp.core.models import JobState, RunState


async def groups(client: QuartClient, query: str) -> dict[str, list[str]]:
    """The labels in the palette, by their groups."""
    reply = await client.get("/search", query_string={"q": query}, headers=HTMX)
    html = await reply.get_data(as_text=True)
    assert Page(html).faults() == []
    found: dict[str, list[str]] = {}
    for part in html.split('class="found-head"')[1:]:
        head = re.search(r">([^<]*)</p>", part)
        assert head
        found[head[1]] = [unescape(label) for label in re.findall(r'class="label">([^<]*)<', part)]
    return found


@pytest.fixture
async def furnished(quiet: App, api: Api) -> App:
    await api.make("nightly-backup", schedule={"kind": "cron", "expression": "0 3 * * *"}, tags=["ops"])
    await api.make("sync", "steps", tags=["backup"])
    await api.make("held")
    await put_in_state(quiet, "held", JobState.PAUSED)
    return quiet


async def test_a_job_comes_with_what_can_be_done_with_it_and_its_newest_runs(
    furnished: App, client: QuartClient
) -> None:
    job = await furnished.jobs.get("nightly-backup")
    for _ in range(4):
        await put_run(furnished, job, RunState.SUCCEEDED)
    assert await groups(client, "backup") == {
        "Jobs": ["nightly-backup", "sync"],
        "Actions": ["Run nightly-backup now", "Pause nightly-backup…", "Edit nightly-backup"],
        "Runs of nightly-backup": [f"#{n} nightly-backup" for n in (4, 3, 2)],
    }
    assert (await groups(client, "held"))["Actions"] == ["Run held now", "Resume held", "Edit held"]


async def test_a_verb_before_a_job_offers_to_do_it(furnished: App, client: QuartClient) -> None:
    found = await groups(client, "run night")
    assert next(iter(found.items())) == ("Actions", ["Run nightly-backup now"])
    assert (await groups(client, "pau backup"))["Actions"][0] == "Pause nightly-backup…"
    assert (await groups(client, "remove held"))["Actions"][0] == "Remove held…"
    assert "Pause held…" not in str(await groups(client, "pause held")), "it is paused"


async def test_a_run_is_found_by_its_number(furnished: App, client: QuartClient) -> None:
    run = await put_run(furnished, await furnished.jobs.get("sync"), RunState.FAILED)
    for typed in (f"#{run.id}", str(run.id), f"# {run.id}"):
        assert (await groups(client, typed))["Run"] == [f"#{run.id} sync"]
    assert await groups(client, "#99") == {}
    assert "Run" not in await groups(client, "#" + "9" * 30)


async def test_pages_tasks_and_actions_are_found_by_their_names(furnished: App, client: QuartClient) -> None:
    assert (await groups(client, "sys"))["Pages"] == ["System"]
    assert (await groups(client, "steps"))["Tasks"] == ["steps"]
    assert "Dark theme" in (await groups(client, "theme"))["Actions"]
    assert (await groups(client, "pause the whole"))["Actions"] == ["Pause the whole scheduler…"]
    await furnished.services.switch.pause(by="admin")
    assert "Resume the scheduler" in (await groups(client, "scheduler"))["Actions"]


async def test_before_anything_is_typed_the_jobs_used_last_come_first(furnished: App, client: QuartClient) -> None:
    reply = await client.get("/search?recent=sync+gone+held+sync", headers=HTMX)
    page = Page(await reply.get_data(as_text=True))
    labels = [element.text for element in page.all("span", class_="label")]
    assert labels[:3] == ["sync", "held", "Overview"]
    assert "New job" in labels


async def test_without_javascript_it_is_a_page_of_links_and_buttons(furnished: App, client: QuartClient) -> None:
    page = await page_of(client, "/search?q=backup")
    assert page.one("input", type="search").attrs["value"] == "backup"
    assert page.one("a", href="/jobs/nightly-backup", class_="hit-line")
    assert page.one("form", action="/jobs/nightly-backup/run", method="post")
    assert not page.all("", role="option")
    assert "Nothing is called like that" in (await page_of(client, "/search?q=zzzz")).text


@pytest.mark.parametrize("typed", [EVIL, "%", "\\", "x" * 5000, "\x00", "#", "run ", " "])
async def test_nothing_that_is_typed_breaks_it(furnished: App, client: QuartClient, typed: str) -> None:
    reply = await client.get("/search", query_string={"q": typed}, headers=HTMX)
    assert reply.status_code == 200
    assert Page(await reply.get_data(as_text=True)).faults() == []

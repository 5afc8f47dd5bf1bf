"""The slots ahead of a job, on its page and at the API: one skipped, one added."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from quart.testing import QuartClient
from visiting import HTMX, Api, Page, Stream, page_of

from cronapp.app import App

HOURLY = {"kind": "cron", "expression": "0 * * * *", "timezone": "Europe/Berlin"}


@pytest.fixture(autouse=True)
async def hourly(api: Api) -> None:
    await api.make("hourly", schedule=HOURLY)


async def ahead(api: Api, limit: int = 3) -> list[str]:
    told = await api.json("GET", f"/jobs/hourly/slots/upcoming?limit={limit}")
    return [one["slot"] for one in told["items"]]


def rows(page: Page) -> list[tuple[str, str]]:
    """The slots of a page and what is known of each."""
    return [(one.attrs["data-slot"], one.attrs["data-state"]) for one in page.all("tr") if "data-slot" in one.attrs]


async def test_the_api_skips_a_slot_and_undoes_that(api: Api) -> None:
    first, second, _ = await ahead(api)
    told = await api.json("POST", "/jobs/hourly/slots/skip", json={"slot": first})
    assert (told["slot"], told["runs"], told["skipped"]["by"]) == (first, False, "the admin token")
    job = await api.json("GET", "/jobs/hourly")
    assert (job["next_slot"], job["next_run"], job["version"]) == (first, second, 2)
    told = await api.json("DELETE", f"/jobs/hourly/slots/skip?slot={first}")
    assert (told["runs"], told["skipped"]) == (True, None)
    await api.json("DELETE", "/jobs/hourly/slots/skip", 409, json={"slot": first})
    for wrong in ({}, {"slot": 7}, {"slot": "soon"}, {"slot": "2020-01-01T00:00:00Z"}, {"slot": first[:-3] + "07Z"}):
        assert "slot" in (await api.json("POST", "/jobs/hourly/slots/skip", 422, json=wrong))["errors"]
    await api.json("POST", "/jobs/nowhere/slots/skip", 404, json={"slot": first})


async def test_the_api_adds_a_slot_and_takes_it_back(api: Api) -> None:
    first, *_ = await ahead(api)
    moment = datetime.fromisoformat(first) + timedelta(minutes=7)
    told = await api.json("POST", "/jobs/hourly/slots/add", 201, json={"slot": moment.isoformat()})
    assert told["added"]["by"] == "the admin token"
    assert (await ahead(api))[1] == told["slot"]
    await api.json("POST", "/jobs/hourly/slots/add", 422, json={"slot": first})
    await api.json("DELETE", "/jobs/hourly/slots/add", 409, json={"slot": first})
    assert (await api("DELETE", "/jobs/hourly/slots/add", json={"slot": told["slot"]})).status_code == 204
    assert told["slot"] not in await ahead(api)
    kinds = [one["kind"] for one in (await api.json("GET", "/jobs/hourly/changes"))["items"]]
    assert kinds == ["slot_removed", "slot_added", "created"]


async def test_the_page_skips_a_slot_and_shows_it_at_once(quiet: App, client: QuartClient, api: Api) -> None:
    page = await page_of(client, "/jobs/hourly/upcoming")
    slots = rows(page)
    assert len(slots) == 20
    assert {state for _, state in slots} == {"promised"}
    slot = slots[1][0]
    async with Stream(quiet, "job:hourly:upcoming", at="/jobs/hourly/upcoming") as stream:
        await stream.until("#job-upcoming")
        reply = await client.post("/jobs/hourly/slots/skip", form={"slot": slot}, headers=HTMX)
        assert "The slot is skipped." in await reply.get_data(as_text=True)
        assert rows(Page(await stream.until("#job-upcoming")))[1] == (slot, "skipped")
        await client.post("/jobs/hourly/slots/undo-skip", form={"slot": slot}, headers=HTMX)
        assert rows(Page(await stream.until("#job-upcoming")))[1] == (slot, "promised")
    plain = await client.post("/jobs/hourly/slots/skip", form={"slot": slot})
    assert (plain.status_code, plain.headers["Location"]) == (303, "/jobs/hourly/upcoming")
    await client.post("/jobs/hourly/slots/skip", form={"slot": slots[0][0]}, headers=HTMX)
    assert "skipped until then" in await (await client.get("/jobs/hourly")).get_data(as_text=True)
    bar = next(one for one in (await page_of(client, "/jobs/hourly")).all("b") if "title" in one.attrs)
    assert (bar.text, bar.attrs["title"]) == ("2", "2 slots skipped or added")


async def test_a_slot_is_added_in_the_zone_of_its_job(quiet: App, client: QuartClient) -> None:
    day = (datetime.now(UTC) + timedelta(days=300)).strftime("%Y-07-01")
    at = datetime.fromisoformat(f"{day}T12:07:00+02:00")
    before = (await page_of(client, "/jobs/hourly/upcoming")).one("input", name="at").attrs["id"]
    reply = await client.post("/jobs/hourly/slots/add", form={"at": f"{day}T12:07"}, headers=HTMX)
    field = Page(await reply.get_data(as_text=True)).one("input", name="at")
    assert (field.attrs["value"], field.attrs["id"] != before) == ("", True)
    assert [one.slot for one in (await quiet.jobs.get("hourly")).slot_changes] == [at]
    await client.post("/jobs/hourly/slots/remove", form={"slot": at.isoformat()}, headers=HTMX)
    assert (await quiet.jobs.get("hourly")).slot_changes == ()


@pytest.mark.parametrize("text", ["", "soon", "2020-01-01T12:00", "9999-01-01T12:00"])
async def test_a_moment_that_cannot_be_added_says_why_beside_the_field(client: QuartClient, text: str) -> None:
    for headers in (HTMX, {}):
        reply = await client.post("/jobs/hourly/slots/add", form={"at": text}, headers=headers)
        assert reply.status_code == 422
        page = Page(await reply.get_data(as_text=True))
        assert page.one("input", name="at").attrs["value"] == text
        assert page.with_id("slot-wrong").text


async def test_more_slots_are_a_link_away_and_a_job_without_any_says_why(
    quiet: App, client: QuartClient, api: Api
) -> None:
    page = await page_of(client, "/jobs/hourly/upcoming?shown=100")
    assert len(rows(page)) == 100
    assert page.all("a", rel="next")[0].attrs["href"] == "/jobs/hourly/upcoming?shown=180"
    assert len(rows(await page_of(client, "/jobs/hourly/upcoming?shown=0"))) == 20
    await api.make("manual")
    page = await page_of(client, "/jobs/manual/upcoming")
    assert "No slot ahead" in [one.text for one in page.all("h2")]
    await quiet.jobs.pause("hourly", by="ada")
    page = await page_of(client, "/jobs/hourly/upcoming")
    assert any("these slots pass without a run" in one.text for one in page.all("span"))

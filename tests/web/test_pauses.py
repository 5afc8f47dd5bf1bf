"""Pausing and resuming in the browser and by the API: what is asked, what is told, and the master switch."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from quart.testing import QuartClient
from sqlalchemy import update
from visiting import HTMX, Api, Page, page_of, partials

from cronapp.app import App
from cronapp.core.models import JobState
from cronapp.store.store import Tx
from cronapp.store.tables import jobs as table

HOURLY = {"kind": "cron", "expression": "0 * * * *", "timezone": "Europe/Berlin"}
BACK = timedelta(hours=5)


@pytest.fixture
async def hourly(api: Api) -> None:
    await api.make("hourly", schedule=HOURLY)


async def put_back(app: App) -> None:
    """Lets all jobs be as they would be had they been settled for the last time five hours ago."""
    moment = app.clock() - BACK
    next_slot = moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)

    def change(tx: Tx) -> None:
        tx.conn.execute(update(table).values(last_slot=moment))
        tx.conn.execute(update(table).where(table.c.state == JobState.ACTIVE).values(next_slot=next_slot))

    await app.store.write(change)


async def states(app: App) -> list[tuple[str, int, str | None]]:
    """The job's rows, oldest first: state, slots, cause."""
    listed, _ = await app.runs.of_job(await app.jobs.get("hourly"))
    return [(run.state, run.missed, run.cause) for run in listed[::-1]]


# -- a job ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hourly")
async def test_the_question_before_a_pause_is_a_dialog_or_a_page(client: QuartClient, api: Api) -> None:
    await api.make("later", schedule={"kind": "dependency"}, after={"jobs": ["hourly"]})
    page = await page_of(client, "/jobs/hourly/pause?until=8h")
    assert page.faults() == []
    assert page.one("form", action="/jobs/hourly/pause")
    assert page.one("input", name="until", value="8h").attrs["checked"] == ""
    assert "8 slots will pass" in page.text
    assert "1 job waits for this one" in page.text
    reply = await client.get("/jobs/hourly/pause", headers=HTMX)
    (part,) = partials(await reply.get_data(as_text=True))
    assert part.target == "#dialog"
    assert "24 runs a day" in Page(part.html).text
    told = await (await client.get("/jobs/hourly/pause/told?until=24h")).get_data(as_text=True)
    assert "24 slots will pass" in Page(told).text
    told = await (await client.get("/jobs/hourly/pause/told?until=at&until_at=2020-01-01")).get_data(as_text=True)
    assert "Choose a moment that lies ahead" in told


@pytest.mark.usefixtures("hourly")
async def test_a_moment_is_typed_in_the_zone_of_the_job(quiet: App, client: QuartClient) -> None:
    form = {"reason": "deploying", "until": "at", "until_at": "2990-07-01T09:00"}
    reply = await client.post("/jobs/hourly/pause", form=form)
    assert (reply.status_code, reply.headers["Location"]) == (303, "/jobs/hourly")
    job = await quiet.jobs.get("hourly")
    assert job.pause
    assert (job.reason, job.pause.by) == ("deploying", "the admin token")
    assert job.pause.until == datetime.fromisoformat("2990-07-01T07:00Z")
    page = await page_of(client, "/jobs/hourly")
    assert "Paused by the admin token since" in page.text
    assert ": deploying." in page.text
    page = await page_of(client, "/jobs/hourly/pause")
    assert page.one("input", name="until_at").attrs["value"] == "2990-07-01T09:00:00"
    assert page.one("input", name="reason").attrs["value"] == "deploying"


@pytest.mark.usefixtures("hourly")
@pytest.mark.parametrize(
    ("form", "field", "told"),
    [
        ({"until": "at", "until_at": ""}, "until_at", "Choose a moment."),
        ({"until": "at", "until_at": "2020-01-01T09:00"}, "until_at", "This moment has passed."),
        ({"until": "soon"}, "until", "is not understood"),
        ({"reason": "x" * 501}, "reason", "at most 500"),
    ],
)
async def test_what_cannot_be_is_told_beside_its_field(
    quiet: App, client: QuartClient, form: dict[str, str], field: str, told: str
) -> None:
    reply = await client.post("/jobs/hourly/pause", form=form, headers=HTMX)
    assert reply.status_code == 422
    (part,) = partials(await reply.get_data(as_text=True))
    assert part.target == "#dialog"
    assert told in Page(part.html).with_id(f"f-{field}-wrong").text
    plain = await client.post("/jobs/hourly/pause", form=form)
    assert plain.status_code == 422
    assert told in Page(await plain.get_data(as_text=True)).text
    assert (await quiet.jobs.get("hourly")).state is JobState.ACTIVE


@pytest.mark.usefixtures("hourly")
async def test_resuming_asks_only_where_something_was_missed(quiet: App, client: QuartClient) -> None:
    await client.post("/jobs/hourly/pause")
    plain = await client.post("/jobs/hourly/resume")
    assert plain.headers["Location"] == "/jobs/hourly"
    assert (await quiet.jobs.get("hourly")).state is JobState.ACTIVE

    await client.post("/jobs/hourly/pause", form={"reason": "deploying"})
    await put_back(quiet)
    plain = await client.post("/jobs/hourly/resume")
    assert (plain.status_code, plain.headers["Location"]) == (303, "/jobs/hourly/resume")
    reply = await client.post("/jobs/hourly/resume", headers=HTMX)
    (part,) = partials(await reply.get_data(as_text=True))
    assert part.target == "#dialog"
    assert (await quiet.jobs.get("hourly")).state is JobState.PAUSED, "it was only asked"
    page = await page_of(client, "/jobs/hourly/resume")
    assert "5 slots passed" in page.text
    assert [one.attrs["value"] for one in page.all("input", name="catch_up")] == ["none", "last", "all"]
    assert len(page.all("li")) >= 5
    await client.post("/jobs/hourly/resume", form={"catch_up": "last"})
    assert await states(quiet) == [("skipped", 4, "pause"), ("queued", 1, None)]


@pytest.mark.usefixtures("hourly")
async def test_to_resume_a_job_that_runs_asks_nothing(client: QuartClient) -> None:
    reply = await client.get("/jobs/hourly/resume")
    assert (reply.status_code, reply.headers["Location"]) == (303, "/jobs/hourly")


async def test_a_job_says_after_how_many_failures_it_pauses(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("hourly", schedule=HOURLY, pause_after_failures=3)
    told = (await page_of(client, "/jobs/hourly/configuration")).text
    assert re.search(r"(?i)pauses after failures in a row.{0,20}\b3\b", told)
    page = await page_of(client, "/jobs/hourly/edit")
    assert page.one("input", name="pause_after_failures").attrs["value"] == "3"
    form = {
        "task": "hello",
        "schedule.kind": "manual",
        "version": "1",
        "pause_after_failures": "x",
    }
    assert (await client.post("/jobs/hourly/edit", form=form)).status_code == 422
    reply = await client.post("/jobs/hourly/edit", form={**form, "pause_after_failures": ""})
    assert reply.status_code == 303
    assert (await quiet.jobs.get("hourly")).spec.pause_after_failures is None


# -- the master switch ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hourly")
async def test_every_page_tells_that_the_scheduler_is_paused_and_why(quiet: App, client: QuartClient) -> None:
    page = await page_of(client, "/scheduler/pause?until=8h")
    assert page.faults() == []
    assert "1 job has a slot within this time" in page.text
    reply = await client.post("/scheduler/pause", form={"reason": "moving house", "until": "tomorrow"}, headers=HTMX)
    assert [part.target for part in partials(await reply.get_data(as_text=True))] == ["#dialog", "#banner", "#toasts"]
    paths = ("/", "/jobs", "/jobs/hourly", "/jobs/new", "/jobs/hourly/edit", "/runs", "/tasks", "/system")
    for path in paths:
        page = await page_of(client, path)
        assert page.faults() == []
        assert page.one("form", action="/scheduler/resume"), path
        assert "moving house" in page.text
    assert "scheduler paused" in (await page_of(client, "/jobs")).text
    ready = await client.get("/readyz")
    assert (ready.status_code, (await ready.get_json())["scheduler"]) == (200, True)
    plain = await client.post("/scheduler/resume")
    assert plain.headers["Location"] == "/system"
    for path in paths:
        assert "moving house" not in (await page_of(client, path)).text


@pytest.mark.usefixtures("hourly")
async def test_resuming_the_scheduler_asks_what_becomes_of_the_slots(quiet: App, client: QuartClient) -> None:
    await client.post("/scheduler/pause", form={"reason": "moving"})
    await put_back(quiet)
    plain = await client.post("/scheduler/resume")
    assert (plain.status_code, plain.headers["Location"]) == (303, "/scheduler/resume")
    page = await page_of(client, "/scheduler/resume")
    assert "5 slots of 1 job passed" in page.text
    reply = await client.post("/scheduler/resume", headers=HTMX)
    assert [part.target for part in partials(await reply.get_data(as_text=True))] == ["#dialog"]
    assert await quiet.services.switch.state(), "it was only asked"
    reply = await client.post("/scheduler/resume", form={"catch_up": "all"}, headers=HTMX)
    assert [part.target for part in partials(await reply.get_data(as_text=True))] == ["#dialog", "#banner", "#toasts"]
    assert await states(quiet) == [("queued", 1, None)] * 5


async def test_a_wrong_pause_of_the_scheduler_is_told_beside_its_field(quiet: App, client: QuartClient) -> None:
    reply = await client.post("/scheduler/pause", form={"until": "at"})
    assert reply.status_code == 422
    assert "Choose a moment." in Page(await reply.get_data(as_text=True)).with_id("f-until_at-wrong").text
    assert await quiet.services.switch.state() is None
    reply = await client.get("/scheduler/resume")
    assert (reply.status_code, reply.headers["Location"]) == (303, "/system")


async def test_a_program_turns_the_master_switch(quiet: App, api: Api) -> None:
    running = {"state": "running", "reason": None, "pause": None}
    assert await api.json("GET", "/scheduler") == running
    paused = await api.json("POST", "/scheduler/pause", json={"reason": "moving", "until": "2h"})
    assert (paused["state"], paused["reason"], paused["pause"]["by"]) == ("paused", "moving", "the admin token")
    length = datetime.fromisoformat(paused["pause"]["until"]) - datetime.fromisoformat(paused["pause"]["at"])
    assert abs(length - timedelta(hours=2)) < timedelta(minutes=1)
    assert await api.json("GET", "/scheduler") == paused
    await api.make("hourly", schedule=HOURLY)
    await put_back(quiet)
    assert await api.json("POST", "/scheduler/resume", json={"catch_up": "last"}) == running
    assert await states(quiet) == [("skipped", 4, "scheduler_pause"), ("queued", 1, None)]
    assert await api.json("POST", "/scheduler/resume") == running


async def test_what_is_written_as_the_reason_is_only_text(quiet: App, client: QuartClient, api: Api) -> None:
    evil = "<script>alert(1)</script></hx-partial>"
    await api.make("hourly", schedule=HOURLY)
    await quiet.jobs.pause("hourly", evil, by="admin")
    await quiet.services.switch.pause(evil, by="admin")
    await put_back(quiet)
    for path in ("/jobs/hourly", "/jobs/hourly/pause", "/jobs/hourly/resume", "/scheduler/pause", "/scheduler/resume"):
        page = await page_of(client, path)
        assert page.faults() == []
        assert [one for one in page.all("script") if "src" not in one.attrs] == []

"""The zones that pages hand to the browser, and the words that name theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from visiting import Api, Page, Stream, page_of, put_run, settings_in, signed_in

from cronapp.app import App
from cronapp.core.models import RunState

NIGHTLY = {"kind": "cron", "expression": "0 3 * * *", "timezone": "Asia/Tokyo"}
MANUAL: dict[str, Any] = {"kind": "manual"}


@pytest.fixture
async def berlin(tmp_path: Path) -> AsyncIterator[App]:
    """An app in Berlin that executes nothing."""
    settings = settings_in(tmp_path).model_copy(update={"timezone": "Europe/Berlin"})
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    yield app
    await app.close()


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [
        (NIGHTLY, "Asia/Tokyo"),
        ({"kind": "interval", "every": "1h", "timezone": "Asia/Kolkata"}, "Asia/Kolkata"),
        ([MANUAL, NIGHTLY], "Asia/Tokyo"),
        (MANUAL, "Europe/Berlin"),
    ],
)
async def test_a_jobs_zone_is_that_of_its_first_schedule_that_has_one_else_the_servers(
    berlin: App, schedule: Any, zone: str
) -> None:
    await Api(berlin).make("nightly", schedule=schedule)
    run = await put_run(berlin, await berlin.jobs.get("nightly"), RunState.FAILED)
    client = await signed_in(berlin)
    for path in ("/jobs/nightly", "/jobs/nightly/edit", f"/runs/{run.id}"):
        assert (await page_of(client, path)).one("body").attrs["data-job-zone"] == zone
    listed = await page_of(client, "/jobs")
    row = listed.one("tr", data_job="nightly").attrs
    assert row.get("data-zone", listed.one("body").attrs["data-zone"]) == zone
    for path in ("/", "/runs", "/jobs/nightly"):
        page = await page_of(client, path)
        row = page.one("li", data_trouble="failing") if path == "/" else page.one("tr", data_run=str(run.id))
        assert row.attrs["data-zone"] == zone


async def test_a_run_of_a_removed_job_has_no_jobs_zone(berlin: App) -> None:
    api = Api(berlin)
    await api.make("nightly", schedule=NIGHTLY)
    run = await put_run(berlin, await berlin.jobs.get("nightly"), RunState.FAILED)
    await api("DELETE", "/jobs/nightly")
    await api.make("nightly", schedule=NIGHTLY)  # another job of that id
    client = await signed_in(berlin)
    assert "data-job-zone" not in (await page_of(client, f"/runs/{run.id}")).one("body").attrs
    assert (await page_of(client, "/runs")).one("tr", data_run=str(run.id)).attrs["data-zone"] == ""


@pytest.mark.parametrize("path", ["/tasks", "/system", "/jobs/new", "/nowhere"])
async def test_a_page_that_is_about_no_job_offers_no_jobs_zone(berlin: App, path: str) -> None:
    page = await page_of(await signed_in(berlin), path, 404 if path == "/nowhere" else 200)
    assert [option.attrs["value"] for option in page.all("option") if "value" in option.attrs][:2] == ["own", "UTC"]
    assert not page.all("option", value="job")


async def test_the_stream_tells_a_jobs_new_zone(berlin: App) -> None:
    api = Api(berlin)
    await api.make("nightly", schedule=NIGHTLY)
    async with Stream(berlin, "job:nightly") as stream:
        assert 'data-zone="Asia/Tokyo"' in await stream.html()
        await api("PATCH", "/jobs/nightly", json={"schedule": NIGHTLY | {"timezone": "Asia/Kolkata"}})
        assert 'data-zone="Asia/Kolkata"' in await stream.until("#job-head")


async def test_the_list_of_runs_tells_a_jobs_new_zone_on_any_of_its_pages(berlin: App) -> None:
    api = Api(berlin)
    await api.make("nightly", schedule=NIGHTLY)
    run, newer = await berlin.runs.run_now("nightly"), await berlin.runs.run_now("nightly")
    for zone, at in (("Asia/Kolkata", "/runs"), ("Asia/Dhaka", f"/runs?cursor={newer.id}")):
        async with Stream(berlin, "runs", at=at) as stream:
            await stream.html()
            await api("PATCH", "/jobs/nightly", json={"schedule": NIGHTLY | {"timezone": zone}})
            page = Page(await stream.until(f'data-zone="{zone}"'))
            assert page.one("tr", data_run=str(run.id)).attrs["data-zone"] == zone


async def test_words_with_times_of_the_clock_name_their_zones(berlin: App) -> None:
    api = Api(berlin)
    await api.make("nightly", schedule=NIGHTLY)
    await api.make("both", schedule=[NIGHTLY, {"kind": "cron", "expression": "0 9 * * *"}])
    await api.make("often", schedule={"kind": "cron", "expression": "*/5 * * * *"})
    client = await signed_in(berlin)
    for path in ("/", "/jobs"):
        text = (await page_of(client, path)).text
        assert "At 03:00 every day · Asia/Tokyo" in text
        assert "At 03:00 every day (Asia/Tokyo); at 09:00 every day (Europe/Berlin)" in text
        assert "Every 5 minutes ·" not in text
    assert "At 03:00 every day · Asia/Tokyo" in (await page_of(client, "/jobs/nightly")).text

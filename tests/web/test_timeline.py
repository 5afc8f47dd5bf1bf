"""The timeline, the load forecast and spreading, without a browser."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from quart.testing import QuartClient
from visiting import EVIL, Api, Page, Stream, page_of, put_run

from cronapp.app import App
from cronapp.core.models import RunState
from cronapp.web.views.timeline import iso

DAILY = {"kind": "cron", "expression": "0 0 * * *"}


def midnight(app: App) -> datetime:
    """The next one but one: 24 h are looked at from now on, and more."""
    return (app.clock() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


async def crowd(api: Api, count: int, **fields: Any) -> None:
    for n in range(count):
        await api.make(f"night-{n:02}", **{"schedule": DAILY, **fields})


def lanes(page: Page) -> list[str]:
    return [lane.attrs["data-job"] for lane in page.all("li", class_="lane")]


async def test_each_job_has_a_lane_with_its_past_present_and_planned_runs(
    quiet: App, client: QuartClient, api: Api
) -> None:
    await api.make("hourly", schedule={"kind": "cron", "expression": "0 * * * *"})
    await api.make("by-hand")
    job = await quiet.jobs.get("by-hand")
    failed = await put_run(quiet, job, RunState.FAILED)
    running = await put_run(quiet, job, RunState.RUNNING)
    page = await page_of(client, "/timeline")
    assert lanes(page) == ["by-hand", "hourly"]
    assert [a.attrs["href"] for a in page.all("a") if a.attrs["href"].startswith("/runs/")][:2] == [
        f"/runs/{failed.id}",
        f"/runs/{running.id}",
    ]
    assert 7 <= len(page.all("rect", class_="plan")) <= 8
    assert "1 run, 1 of them bad, 1 under way" in page.text
    tabs = [
        a.attrs["tabindex"] for a in page.all("a") if a.attrs["href"].startswith("/runs/") and "tabindex" in a.attrs
    ]
    assert tabs == ["-1", "0"]  # one stop a lane


async def test_a_slot_that_is_skipped_is_not_planned_and_one_that_is_added_is(
    quiet: App, client: QuartClient, api: Api
) -> None:
    await api.make("by-hand")
    soon = quiet.clock().replace(microsecond=0) + timedelta(hours=1)
    await api.make("once", schedule={"kind": "once", "at": soon.isoformat()})
    assert len((await page_of(client, "/timeline")).all("rect", class_="plan")) == 1
    await quiet.services.upcoming.skip("once", soon)
    assert (await page_of(client, "/timeline")).all("rect", class_="plan") == []
    await quiet.services.upcoming.add("by-hand", soon)
    assert len((await page_of(client, "/timeline")).all("rect", class_="plan")) == 1


async def test_the_address_says_which_jobs_and_which_time_are_seen(client: QuartClient, api: Api) -> None:
    await api.make("alpha", tags=["night"], schedule={"kind": "interval", "every": 30})
    await api.make("beta", task="fail")
    assert lanes(await page_of(client, "/timeline?q=alp")) == ["alpha"]
    assert lanes(await page_of(client, "/timeline?tag=night")) == ["alpha"]
    assert lanes(await page_of(client, "/timeline?task=fail&span=30d")) == ["beta"]
    assert lanes(await page_of(client, "/timeline?cursor=alpha")) == ["beta"]
    past = await page_of(client, "/timeline?at=2020-03-02T12:00:00Z&span=1h&q=alpha")
    assert past.all("svg", class_="now") == []
    assert past.all("rect", class_="plan") == []
    ahead = await page_of(client, "/timeline?span=7d&q=alpha")
    assert 13 <= len(ahead.all("rect", class_="plan cell")) <= 15
    for wrong in ("at=never", "at=9999-01-01T00:00:00Z", "span=7y", "cursor=zzz", f"q={EVIL[:8]}"):
        await page_of(client, f"/timeline?{wrong}")


async def test_many_runs_become_cells_that_lead_to_the_list_of_theirs(
    quiet: App, client: QuartClient, api: Api
) -> None:
    await api.make("busy")
    job = await quiet.jobs.get("busy")
    for n in range(45):
        await put_run(quiet, job, RunState.FAILED if n == 7 else RunState.SUCCEEDED)
    page = await page_of(client, "/timeline")
    (cell,) = page.all("rect", class_="f-bad cell few")
    assert cell
    (link,) = [a for a in page.all("a") if a.attrs["href"].startswith("/runs?job=busy&since=")]
    assert "&until=" in link.attrs["href"]
    assert "45 runs, 1 of them bad" in page.text
    await page_of(client, link.attrs["href"])


async def test_a_lane_follows_its_job_and_a_new_job_gets_one(quiet: App, api: Api) -> None:
    await api.make("one")
    async with Stream(quiet, "timeline", at="/timeline") as stream:
        first = await stream.until("one")
        assert "#timeline" in first
        run = await put_run(quiet, await quiet.jobs.get("one"), RunState.RUNNING)
        lane = await stream.until(f"/runs/{run.id}")
        assert "#timeline" not in lane
        await api.make("two")
        assert "#timeline" in await stream.until('data-job="two"')


async def test_the_forecast_tells_who_meets_and_who_waits(quiet: App, client: QuartClient, api: Api) -> None:
    assert "Nothing is planned" in (await page_of(client, "/timeline/load")).text
    quiet.services.loads.concurrency = 4
    await crowd(api, 9)
    page = await page_of(client, "/timeline/load")
    assert "9 jobs at" in page.text
    assert "5 would wait up to 2 s" in page.text
    assert len(page.all("rect", class_="h-w")) == 7
    listed = await page_of(client, f"/timeline/load?at={iso(midnight(quiet))}")
    assert len([a for a in listed.all("a", class_="name") if "night-" in a.attrs["href"]]) == 9
    for wrong in ("at=never", "at=2001-01-01T00:00Z", "at=2100-01-01T00:00Z"):
        await page_of(client, f"/timeline/load?{wrong}")
    told = await api.json("GET", "/load?hours=48")
    assert told["limit"] == 4
    assert len(told["stretches"]) == 48 * 4
    assert told["crowds"][0] | {"at": ""} == {
        "at": "",
        "due": 9,
        "peak": 9,
        "waiting": 5,
        "held": 5,
        "longest_wait": 2.0,
        "jobs": [f"night-{n:02}" for n in range(9)],
    }
    assert "hours" in (await api.json("GET", "/load?hours=0", 422))["errors"]


async def test_a_limit_of_a_group_counts_and_blackouts_take_slots_away(quiet: App, api: Api) -> None:
    await crowd(api, 3, group="db")
    await api.make("never", schedule=DAILY, blackouts=["23:00-01:00"])
    (worst, *_) = (await api.json("GET", "/load"))["crowds"]
    assert (worst["held"], worst["jobs"]) == (2, ["night-00", "night-01", "night-02"])


async def test_a_crowd_is_spread_as_it_was_proposed(quiet: App, client: QuartClient, api: Api) -> None:
    await crowd(api, 8)
    await api.make("often", schedule={"kind": "cron", "expression": "* * * * *"})
    path = f"/timeline/spread?at={iso(midnight(quiet))}"
    page = await page_of(client, path)
    assert await client_text(client, path) == await client_text(client, path)
    changing = [row.attrs["data-job"] for row in page.all("tr", data_state="changes")]
    assert len(changing) == 7
    assert "At most 2 instead of 9 at once" in page.text
    versions = {
        e.attrs["name"]: e.attrs["value"] for e in page.all("input", type="hidden") if "version" in e.attrs["name"]
    }
    await api.json("PATCH", f"/jobs/{changing[0]}", json={"description": "changed meanwhile"})
    form = {"at": iso(midnight(quiet)), "within": "10", **versions, "job": changing[:3]}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await client.post("/timeline/spread", data=urlencode(form, doseq=True), headers=headers)
    report = Page(await reply.get_data(as_text=True))
    assert reply.status_code == 200
    assert report.faults() == []
    assert [row.attrs["data-job"] for row in report.all("tr", data_state="changed")] == changing[1:3]
    assert [row.attrs["data-job"] for row in report.all("li", data_state="refused")] == changing[:1]
    minutes = {(await api.json("GET", f"/jobs/{job}"))["schedule"]["expression"] for job in changing[1:3]}
    assert all(text.endswith(" 0 * * *") and not text.startswith("0 ") for text in minutes)
    assert (await api.json("GET", f"/jobs/{changing[5]}"))["schedule"]["expression"] == "0 0 * * *"


async def client_text(client: QuartClient, path: str) -> list[str]:
    page = await page_of(client, path)
    return [row.text for row in page.all("code")]


async def test_spreading_asks_for_a_moment_and_says_when_nothing_starts_then(quiet: App, client: QuartClient) -> None:
    await page_of(client, "/timeline/spread", 422)
    page = await page_of(client, f"/timeline/spread?at={iso(midnight(quiet))}&within=77")
    assert "Nothing starts in this minute" in page.text

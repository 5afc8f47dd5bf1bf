"""What a job is going to do, told beside the form and by the API: the same slots, old against new, and surprises."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from quart.testing import QuartClient
from recipes import SUCCEEDED
from visiting import HTMX, Api, Page, page_of

from cronapp.app import App
from cronapp.core.simulation import simulate
from cronapp.core.spec import trigger_for

BERLIN = {"kind": "cron", "expression": "0 3 * * *", "timezone": "Europe/Berlin"}
FROM = "2026-11-26T12:00:00Z"
FAR = "0 0 3 1 1 * 2190-2199"
"""Ten slots that none of these tests can meet."""


async def told(api: Api, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = await api.json("POST", "/schedule/preview", json={"from": FROM, **body})
    return found


async def wrong(api: Api, **body: Any) -> dict[str, str]:
    reply = await api.json("POST", "/schedule/preview", 422, json={"from": FROM, **body})
    errors: dict[str, str] = reply["errors"]
    return errors


async def succeed(app: App, api: Api, job: str, *durations: float) -> None:
    """Runs of a job that took so many seconds."""
    for seconds in durations:
        await api.json("POST", f"/jobs/{job}/run", 202)
        (claimed,) = await app.runs.claim("node-1", 1)
        assert await app.runs.finish(claimed.run, SUCCEEDED, seconds)


# -- the API --------------------------------------------------------------------------------------------------------


async def test_a_schedule_is_told_with_how_often_it_runs_and_its_zone(asker: Api) -> None:
    found = await told(asker, schedule=BERLIN, count=2)
    assert found == {
        "words": "At 03:00 every day",
        "slots": ["2026-11-27T02:00:00Z", "2026-11-28T02:00:00Z"],
        "blacked_out": [],
        "per_day": "1 run a day",
        "zone": "Europe/Berlin",
        "notes": [],
        "warnings": [],
        "changes": None,
    }
    assert (await told(asker, schedule={"kind": "manual"}))["zone"] is None


async def test_clock_changes_of_the_next_year_are_told_however_far_the_shown_slots_reach(asker: Api) -> None:
    for expression in ("30 2 * * *", "30 2 * * sun"):
        notes = (await told(asker, schedule={**BERLIN, "expression": expression}, count=1))["notes"]
        assert notes == [
            "28 March 2027: 02:30 does not exist in Europe/Berlin, runs at 03:00",
            "31 October 2027: 02:30 happens twice in Europe/Berlin, runs the first time only",
        ]


async def test_slots_in_a_blackout_are_told_apart_with_the_reason(asker: Api) -> None:
    found = await told(asker, schedule=BERLIN, count=3, blackouts=["2026-11-28"])
    assert found["slots"] == ["2026-11-27T02:00:00Z", "2026-11-29T02:00:00Z"]
    (refused,) = found["blacked_out"]
    assert refused["slot"] == "2026-11-28T02:00:00Z"
    assert "28 November 2026" in refused["reason"]


async def test_a_jitter_is_read_as_people_write_it_and_warned_of(asker: Api) -> None:
    (warning,) = (await told(asker, schedule={"kind": "interval", "every": "15m"}, jitter="20m"))["warnings"]
    assert warning.startswith("The jitter is up to 20 min and the shortest gap 15 min")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"schedule": BERLIN, "job": "nobody"}, "job"),
        ({"schedule": BERLIN, "job": 7}, "job"),
        ({"schedule": BERLIN, "jitter": "soon"}, "jitter"),
        ({"schedule": BERLIN, "overlap": "sometimes"}, "overlap"),
        ({"schedule": BERLIN, "max_running": 0}, "max_running"),
        ({"schedule": BERLIN, "blackouts": ["someday"]}, "blackouts.0"),
        ({"schedule": BERLIN, "blackouts": ["nowhere.ics"]}, "blackouts.0"),
    ],
)
async def test_what_is_wrong_is_named(asker: Api, body: dict[str, Any], field: str) -> None:
    assert set(await wrong(asker, **body)) == {field}


async def test_an_edit_is_told_old_against_new(quiet: App, api: Api) -> None:
    await api.make("nightly", schedule=BERLIN)
    found = await told(api, job="nightly", schedule={**BERLIN, "expression": "0 3,4 * * sat"}, count=2)
    assert found["changes"] == {
        "sentence": "The next run moves from 27 November 2026 at 03:00 to 28 November 2026 at 03:00 (Europe/Berlin); "
        "of the next 2 slots 1 is new, and an old one falls away.",
        "new": 1,
        "gone": 1,
        "slots": [
            {"slot": "2026-11-27T02:00:00Z", "mark": "gone"},
            {"slot": "2026-11-28T02:00:00Z", "mark": "kept"},
            {"slot": "2026-11-28T03:00:00Z", "mark": "new"},
        ],
    }
    assert (await api.json("GET", "/jobs/nightly"))["version"] == 1


async def test_what_an_edit_leaves_out_is_as_the_job_has_it(quiet: App, api: Api) -> None:
    every = {"kind": "interval", "every": "1d", "timezone": "Europe/Berlin", "anchor": "2026-01-01T08:00:00Z"}
    await api.make("daily", schedule=every, blackouts=["2026-11-28"], ends_at="2031-01-01T00:00:00Z")
    found = await told(api, job="daily", count=2)
    assert (found["slots"], found["changes"]) == (["2026-11-27T08:00:00Z"], None)
    assert [slot["slot"] for slot in found["blacked_out"]] == ["2026-11-28T08:00:00Z"]
    assert "until" in found["words"]
    assert "until" not in (await told(api, job="daily", ends_at=None))["words"]
    anchored = await told(api, job="daily", schedule={name: every[name] for name in ("kind", "every", "timezone")})
    assert anchored["changes"] is None


async def test_runs_that_would_overlap_are_foretold_from_those_that_succeeded(quiet: App, api: Api) -> None:
    await api.make("slow", schedule=BERLIN)
    dense = {"kind": "cron", "expression": "*/10 * * * *"}
    assert (await told(api, job="slow", schedule=dense))["warnings"] == []
    await succeed(quiet, api, "slow", 780, 900)
    (warning,) = (await told(api, job="slow", schedule=dense))["warnings"]
    assert warning == (
        "A run usually takes 14 min and the shortest gap is 10 min: runs will overlap, and the rule says skip."
    )
    (warning,) = (await told(api, job="slow", schedule=dense, overlap="queue"))["warnings"]
    assert warning.endswith("and the rule lets one wait and skips the others.")
    for rules in ({"overlap": "allow"}, {"overlap": "allow", "max_running": 2}, {"max_running": 2}):
        overlap = {"max_running": 100, **rules} if rules.get("overlap") else rules
        assert (await told(api, job="slow", schedule=dense, **overlap))["warnings"] == []


# -- the form -------------------------------------------------------------------------------------------------------


async def previewed(client: QuartClient, typed: dict[str, str]) -> Page:
    reply = await client.post("/form/preview", form=typed, headers=HTMX)
    assert reply.status_code == 200
    page = Page(await reply.get_data(as_text=True))
    assert page.faults() == []
    return page


def marked(page: Page) -> list[str]:
    return [element.text for element in page.all("span", class_="mark")]


async def test_each_slot_is_told_for_the_reader_and_in_the_zone_of_the_schedule(client: QuartClient) -> None:
    typed = {"schedule.kind": "cron", "schedule.expression": "0 3 * * *", "schedule.timezone": "America/New_York"}
    page = await previewed(client, typed)
    told, theirs = page.all("time", data_show="full"), page.all("time", class_="there")
    assert len(theirs) == 10
    assert {time.attrs["data-zone"] for time in theirs} == {"America/New_York"}
    assert all("03:00:00" in time.text for time in theirs)
    mine = told[: 2 * len(theirs) : 2]
    assert [time.attrs["datetime"] for time in mine] == [time.attrs["datetime"] for time in theirs]
    assert "1 run a day" in page.text


async def test_an_edit_form_that_is_unchanged_shows_no_changes(quiet: App, api: Api, client: QuartClient) -> None:
    every = {"kind": "interval", "every": 90.5, "anchor": "2026-01-01T08:00:00.250000Z"}
    for job, schedule in (("one", BERLIN), ("two", every), ("three", [BERLIN, every])):
        await api.make(job, schedule=schedule, starts_at="2031-05-01T10:00:00.125000Z", jitter="5m")
        page = await page_of(client, f"/jobs/{job}/edit")
        again = await previewed(client, page.form("job-form"))
        for found in (page, again):
            assert marked(found) == []
            assert found.all("p", class_="edited") == []
            assert len(found.all("time", class_="there")) == 10


async def test_while_an_edit_is_typed_its_slots_are_marked(quiet: App, api: Api, client: QuartClient) -> None:
    await api.make("nightly", schedule={**BERLIN, "expression": FAR})
    form = (await page_of(client, "/jobs/nightly/edit")).form("job-form")
    page = await previewed(client, form | {"schedule.kind": "cron", "schedule.expression": FAR.replace("3", "3,9", 1)})
    assert marked(page) == ["new"] * 5
    assert "of the next 10 slots 5 are new" in page.one("p", class_="edited").text
    page = await previewed(client, form | {"schedule.kind": "cron", "schedule.expression": FAR.replace("3", "9", 1)})
    assert marked(page) == ["falls away", "new"] * 10
    assert len([one for one in page.all("s") if not one.text]) == 10, "each holds its moment"
    page = await previewed(client, form | {"schedule.kind": "manual"})
    assert "falls away like all others" in page.text


async def test_the_form_foretells_runs_that_would_overlap(quiet: App, api: Api, client: QuartClient) -> None:
    await api.make("slow", schedule=BERLIN)
    await succeed(quiet, api, "slow", 840)
    form = (await page_of(client, "/jobs/slow/edit")).form("job-form")
    page = await previewed(
        client, form | {"schedule.kind": "cron", "schedule.expression": "*/10 * * * *", "overlap": "cancel_running"}
    )
    assert "runs will overlap, and the rule cancels the one that is running." in page.text


async def test_a_blacked_out_slot_is_shown_with_its_reason(client: QuartClient) -> None:
    typed = {"schedule.kind": "cron", "schedule.expression": "0 3 24,27 12 *", "blackouts": "12-24..12-26"}
    page = await previewed(client, typed)
    reasons = [element.text for element in page.all("small", class_="why")]
    assert len(reasons) == 5
    assert "24 December to 26 December" in reasons[0]


async def test_a_job_that_is_removed_meanwhile_is_told(quiet: App, api: Api, client: QuartClient) -> None:
    await api.make("nightly", schedule=BERLIN)
    form = (await page_of(client, "/jobs/nightly/edit")).form("job-form")
    await api.json("DELETE", "/jobs/nightly", 204)
    assert "There is no job with this id" in (await previewed(client, form)).text


async def test_form_api_and_core_tell_the_same_slots(quiet: App, api: Api, client: QuartClient) -> None:
    await api.make("spread", schedule={"kind": "cron", "expression": "H H(0-7) 24 6 *", "timezone": "Asia/Kathmandu"})
    page = await page_of(client, "/jobs/spread/edit")
    shown = [datetime.fromisoformat(time.attrs["datetime"]) for time in page.all("time", class_="there")]
    job = await quiet.jobs.get("spread")
    ahead = simulate(trigger_for(job.spec), now=datetime.now(UTC)).slots
    asked = await api.json("POST", "/schedule/preview", json={"job": "spread"})
    assert shown == [slot.at for slot in ahead] == [datetime.fromisoformat(text) for text in asked["slots"]]
    assert shown[0] == job.next_slot

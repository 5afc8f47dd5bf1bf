"""Each time says its zone, and the reader chooses between the own zone, the job's and UTC."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from browsing import Visitor, is_in, job_row, line, make, start, stay, stayed
from playwright.async_api import Locator, Page, expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]
NOON = "2099-06-01T12:00:00Z"
FULL = {"own": "08:00:00 EDT", "UTC": "12:00:00 UTC", "job": "14:00:00 CEST"}
"""How `NOON` reads by each choice, for a reader in New York and a job in Berlin."""


def once(timezone: str, at: str = NOON) -> dict[str, Any]:
    return {"kind": "once", "at": at, "timezone": timezone}


@pytest.fixture
async def reader(site: Server, visit: Visit) -> Visitor:
    """Somebody in New York."""
    return await visit(site, timezone_id="America/New_York")


async def choose(page: Page, zone: str) -> None:
    select = page.get_by_label("Time shown in")
    if not await select.is_visible():  # on a phone it is under "More", to which the zone on top leads as well
        await page.locator(".zone-told").click()
    await select.select_option(zone)


async def put(page: Page, at: str, show: str, zone: str = "", place: str = "#main") -> Locator:
    """A time on the page, as a message of the stream brings it."""
    await page.evaluate(
        """([at, show, zone, place]) => {
            const time = document.createElement("time");
            time.id = "put";
            time.dateTime = at;
            time.dataset.show = show;
            if (zone) time.dataset.zone = zone;
            document.querySelector(place).append(time);
        }""",
        [at, show, zone, place],
    )
    return page.locator("#put")


async def test_one_chooses_the_own_zone_the_jobs_or_utc(reader: Visitor, site: Server) -> None:
    make(site, "zoned", "hello", once("Europe/Berlin"))
    page = await reader.open("/jobs/zoned")
    told = page.locator("#job-head time[data-show=full]")
    choices = page.get_by_label("Time shown in").locator("option")
    await expect(choices).to_have_text(["My zone (America/New_York)", "UTC", "The job’s zone (Europe/Berlin)"])
    await expect(told).to_contain_text(f"1 Jun 2099, {FULL['own']}")
    await stay(page)
    for choice, shown in FULL.items():
        await choose(page, choice)
        await expect(told).to_contain_text(f"1 Jun 2099, {shown}")
    countdown = page.locator("#job-head time[data-show=countdown]")
    await expect(countdown).to_have_attribute("title", re.compile(r"1 June 2099 at 14:00:00 CEST \(Europe/Berlin\)$"))
    assert await stayed(page)


async def test_a_choice_is_kept_over_a_reload_and_known_to_the_other_tabs(reader: Visitor, site: Server) -> None:
    make(site, "zoned", "hello", once("Europe/Berlin"))
    page, other = await reader.open("/jobs/zoned"), await reader.open("/jobs/zoned/edit")
    await choose(page, "job")
    await expect(other.get_by_label("Time shown in")).to_have_value("job")
    await page.reload()
    await expect(page.locator("#job-head")).to_contain_text(FULL["job"])
    await page.goto(f"{site.url}/system")
    await expect(page.get_by_label("Time shown in")).to_have_value("own")  # no job is here
    await page.goto(f"{site.url}/jobs/zoned")
    await expect(page.get_by_label("Time shown in")).to_have_value("job")


async def test_what_the_stream_brings_is_told_in_the_chosen_zone(reader: Visitor, site: Server) -> None:
    make(site, "zoned", "hello", once("Europe/Berlin"))
    page = await reader.open("/jobs/zoned/configuration")
    told, version = page.locator("#job-head time[data-show=full]"), page.locator("#job-detail")
    await stay(page)
    await choose(page, "job")
    site.api("PATCH", "/jobs/zoned", json={"description": "It is another one."})
    await expect(version).to_contain_text("It is another one.")
    await expect(told).to_contain_text(f"1 Jun 2099, {FULL['job']}")
    site.api("PATCH", "/jobs/zoned", json={"schedule": once("Asia/Tokyo")})
    await expect(told).to_contain_text("1 Jun 2099, 21:00:00 GMT+9")
    await expect(page.locator("#zone option:checked")).to_have_text("The job’s zone (Asia/Tokyo)")
    assert await stayed(page)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("own", ["Yesterday 23:30", "Today 22:30", "Tomorrow 00:30"]),  # it is 18:00 on 1 June there,
        ("UTC", ["Today 03:30", "Tomorrow 02:30", "Tomorrow 04:30"]),  # 22:00 on 1 June,
        ("job", ["Yesterday 05:30", "Today 04:30", "Today 06:30"]),  # and 00:00 on 2 June
    ],
)
async def test_today_and_tomorrow_are_days_of_the_chosen_zone(
    reader: Visitor, site: Server, choice: str, words: list[str]
) -> None:
    make(site, "zoned", "hello", once("Europe/Berlin"))
    page = await reader.open("/jobs/zoned")
    await page.clock.set_fixed_time("2099-06-01T22:00:00Z")
    await choose(page, choice)
    for at, shown in zip(("06-01T03:30", "06-02T02:30", "06-02T04:30"), words, strict=True):
        told = await put(page, f"2099-{at}:00Z", "relative")
        await expect(told).to_have_text(shown)
        await told.evaluate("time => time.remove()")


async def test_a_list_tells_each_row_in_the_zone_of_its_job(reader: Visitor, site: Server) -> None:
    make(site, "berlin", "hello", once("Europe/Berlin"))
    make(site, "kolkata", "hello", once("Asia/Kolkata"))
    make(site, "by-hand", "hello")
    make(site, "removed", "hello", once("Asia/Kolkata"))
    runs = {job: start(site, job) for job in ("berlin", "kolkata", "by-hand", "removed")}
    for run in runs.values():
        await until(lambda run=run: is_in(site, run, "succeeded"))
    site.api("DELETE", "/jobs/removed")

    page = await reader.open("/jobs")
    await choose(page, "job")
    for job, shown in (("berlin", "14:00:00 CEST (Europe/Berlin)"), ("kolkata", "17:30:00 GMT+5:30 (Asia/Kolkata)")):
        told = job_row(page, job).locator(".c-next time")
        await expect(told).to_have_attribute("title", re.compile(re.escape(shown)))
    zoned = '<div id="zoned" data-zone="Asia/Kolkata"></div>'  # as a row has it, but none that comes anew meanwhile
    await page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", zoned)
    told = await put(page, NOON, "relative", place="#zoned")
    await page.clock.set_fixed_time("2099-06-01T01:00:00Z")
    await expect(told).to_have_text("Today 17:30 GMT+5:30")  # where zones mix, short times name theirs

    overview = await reader.open("/")
    await expect(overview.locator('li[data-job="kolkata"] time').first).to_have_attribute(
        "title", re.compile("Kolkata")
    )
    page = await reader.open("/runs")
    await expect(page.get_by_label("Time shown in")).to_have_value("job")
    ends = {
        "berlin": r"CES?T \(Europe/Berlin\)$",
        "kolkata": r"\(Asia/Kolkata\)$",
        "by-hand": r"UTC$",  # the server's zone
        "removed": r"\(America/New_York\)$",  # the reader's own: its job is gone
    }
    for job, end in ends.items():
        told = page.locator(f'tr[data-run="{runs[job]}"] .c-start time')
        await expect(told).to_have_attribute("title", re.compile(end))


async def test_a_run_and_its_log_are_told_in_the_chosen_zone(reader: Visitor, site: Server) -> None:
    make(site, "zoned", "hello", once("Asia/Kolkata"))
    page = await reader.open(f"/runs/{start(site, 'zoned')}")
    stamp = line(page, 1).locator("time")
    at = str(await stamp.get_attribute("datetime"))
    await choose(page, "UTC")
    await expect(stamp).to_have_text(at[11:23])
    await choose(page, "job")
    hours, minutes = divmod(int(at[11:13]) * 60 + int(at[14:16]) + 330, 60)
    await expect(stamp).to_have_text(f"{hours % 24:02}:{minutes:02}{at[16:23]}")
    await stamp.hover()
    await expect(stamp).to_have_attribute("title", re.compile(r"GMT\+5:30 \(Asia/Kolkata\)$"))
    await expect(page.locator("#run-side")).to_contain_text("GMT+5:30")


async def test_a_run_of_a_removed_job_has_no_jobs_zone(reader: Visitor, site: Server) -> None:
    make(site, "removed", "hello", once("Asia/Kolkata"))
    run = start(site, "removed")
    await until(lambda: is_in(site, run, "succeeded"))
    site.api("DELETE", "/jobs/removed")
    page = await reader.open(f"/runs/{run}")
    await expect(page.locator("#zone option")).to_have_text(["My zone (America/New_York)", "UTC"])


async def test_a_time_with_a_zone_of_its_own_keeps_it_whatever_is_chosen(reader: Visitor, site: Server) -> None:
    make(site, "zoned", "hello", once("Europe/Berlin"))
    page = await reader.open("/jobs/zoned")
    told = await put(page, NOON, "full", "Asia/Tokyo")
    for choice in FULL:
        await choose(page, choice)
        await expect(page.locator("#job-head")).to_contain_text(FULL[choice])
        await expect(told).to_contain_text("1 Jun 2099, 21:00:00 GMT+9")


async def test_a_zone_that_the_browser_does_not_know_is_told_in_utc(reader: Visitor) -> None:
    page = await reader.open("/system")
    told = await put(page, NOON, "full", "Mars/Base")
    await expect(told).to_contain_text("1 Jun 2099, 12:00:00 UTC")
    await expect(told).to_have_attribute("title", re.compile(r"UTC \(this browser does not know Mars/Base\)$"))


async def test_without_javascript_times_are_told_in_utc_and_nothing_is_offered(site: Server, visit: Visit) -> None:
    make(site, "zoned", "hello", once("Europe/Berlin"))
    reader = await visit(site, java_script_enabled=False, timezone_id="America/New_York")
    page = await reader.open("/jobs/zoned", live=False)
    await expect(page.get_by_text("Times in UTC", exact=True)).to_be_visible()
    await expect(page.locator("#zone")).to_be_hidden()
    await expect(page.locator("#job-head")).to_contain_text("2099-06-01 12:00:00 UTC")


@pytest.mark.parametrize("width", [1440, 900, 390])
async def test_the_zone_is_chosen_by_keyboard_at_each_width(site: Server, visit: Visit, width: int) -> None:
    make(site, "zoned", "hello", once("Europe/Berlin"))
    reader = await visit(site, timezone_id="America/New_York", viewport={"width": width, "height": 900})
    page = await reader.open("/jobs/zoned")
    select = page.get_by_label("Time shown in")
    if width < 720:
        await page.locator(".zone-told").press("Enter")
    while not await select.evaluate("select => select === document.activeElement"):
        await page.keyboard.press("Tab")
    ring = "select => [select, select.parentElement].map(e => getComputedStyle(e).outlineStyle)"
    assert "solid" in await select.evaluate(ring)
    box = await select.bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 24
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#job-head")).to_contain_text(FULL["job"])
    told = page.locator(".pick b" if width > 720 else ".zone-told b")
    await expect(told).to_have_text(re.compile("^CES?T$"))

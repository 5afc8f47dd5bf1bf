"""The timeline in a browser: runs as they happen, a forecast, and a crowd that is spread."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from barriers import barriers
from browsing import Visitor, at_path, is_live, make, start, stay, stayed
from playwright.async_api import expect
from support import Server

Visit = Callable[..., Awaitable[Visitor]]
DAILY = {"kind": "cron", "expression": "0 0 * * *", "timezone": "UTC"}


async def test_the_timeline_goes_with_the_runs_and_a_crowd_at_midnight_is_spread(
    site: Server, visit: Visit, tmp_path: Path
) -> None:
    for n in range(8):
        make(site, f"night-{n}", "hello", DAILY)
    make(site, "gated", "gated_in_thread", args={"folder": str(tmp_path), "lines": 1})
    me = await visit(site, timezone_id="Asia/Kathmandu", viewport={"width": 1440, "height": 900})
    page = await me.open("/timeline")
    await stay(page)
    lane = page.locator('.lane[data-job="gated"]')
    await expect(lane.locator("svg a")).to_have_count(0)
    run = start(site, "gated")
    await expect(lane.locator(".f-run")).to_have_count(1)
    width = float((await lane.locator(".f-run").get_attribute("width") or "").rstrip("%"))
    (tmp_path / "gate-1").touch()
    await expect(lane.locator(".f-ok")).to_have_count(1)
    assert width < 2
    assert await stayed(page)
    # The labels are full hours of the reader's clock, which is 5 h 45 min before UTC's.
    labels = await page.locator(".lanes .tick:not([hidden]) time").all_inner_texts()
    assert len(labels) >= 7
    assert all(re.fullmatch(r"\d\d:00|\d{1,2} \w{3}", text) for text in labels), labels
    async with page.expect_navigation():  # it is drawn by that clock
        await page.get_by_label("Time shown in").select_option("UTC")
    await is_live(page)
    assert await page.locator(".lanes .tick:not([hidden]) time").all_inner_texts() != labels
    found = await barriers(page)

    await page.get_by_role("navigation", name="How much is seen").get_by_role("link", name="1 h", exact=True).click()
    await expect(page).to_have_url(at_path(r"/timeline\?span=1h"))
    await page.get_by_role("link", name="Earlier").click()
    await expect(page).to_have_url(re.compile("at=20"))
    await page.get_by_role("link", name="Now", exact=True).click()
    await page.get_by_text("Show as a list").click()
    await expect(page.get_by_role("row", name=re.compile("gated"))).to_contain_text("1 run")
    await lane.locator("svg a").focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(at_path(f"/runs/{run}"))

    await page.goto(f"{site.url}/timeline/load")
    await is_live(page)
    crowd = page.locator(".crowds li").filter(has_text="8 jobs at 00:00")
    await expect(crowd).to_contain_text("8 side by side, nobody waits")
    assert await page.locator(".heat a").count() in (168, 169)  # the present hour is shown, though part of it is over
    found += await barriers(page)
    await crowd.get_by_role("link", name="Spread these").click()
    await expect(page.locator(".effect")).to_contain_text("At most 1 instead of 8 at once")
    await page.get_by_role("checkbox", name="Change night-3").uncheck()
    changing = await page.get_by_role("checkbox", checked=True).count()
    found += await barriers(page)
    await page.get_by_role("button", name="Change the chosen jobs").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"{changing} jobs changed")
    await page.get_by_role("link", name="See the load now").click()
    await expect(page.locator(".crowds")).not_to_contain_text("8 jobs")
    assert site.api("GET", "/jobs/night-3").json()["schedule"]["expression"] == "0 0 * * *"
    assert found == []


async def test_the_timeline_and_the_load_fit_a_hand_and_need_no_javascript(site: Server, visit: Visit) -> None:
    for n in range(3):
        make(site, f"a-job-with-a-long-name-that-has-to-be-cut-somewhere-{n}", "hello", DAILY)
    me = await visit(site, viewport={"width": 390, "height": 900})
    found: list[str] = []
    page = await me.open("/timeline")
    await expect(page.locator(".lanes .now")).to_be_in_viewport()
    for path in ("/timeline?span=7d", "/timeline/load"):
        await page.goto(f"{site.url}{path}")
        await is_live(page)
        found += await barriers(page)
    await page.get_by_role("link", name="Spread these").first.click()
    found += await barriers(page)
    assert found == []

    plain = await visit(site, java_script_enabled=False)
    page = await plain.open("/timeline/load", live=False)
    await page.locator(".crowds").get_by_role("link", name=re.compile("3 jobs at")).click()
    await expect(page.locator("#due tbody tr")).to_have_count(3)
    await page.locator("#due").get_by_role("link", name="Spread these").click()
    await page.get_by_role("button", name="Change the chosen jobs").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("2 jobs changed")
    await page.get_by_role("link", name="Timeline").first.click()
    await expect(page.locator(".lane")).to_have_count(3)

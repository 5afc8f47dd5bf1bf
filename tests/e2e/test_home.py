"""The overview as a day goes by, and the tasks and settings, in a browser."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from barriers import barriers
from browsing import Visitor, at_path, is_in, is_live, make, start, stay, stayed
from playwright.async_api import expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]


async def test_the_overview_follows_a_run_and_has_a_failure_tried_again(
    site: Server, visit: Visit, tmp_path: Path
) -> None:
    me = await visit(site, viewport={"width": 1440, "height": 900})
    page = await me.open("/")
    await stay(page)
    await expect(page.get_by_text("Nothing is scheduled yet")).to_be_visible()
    passed = tmp_path / "passed"
    passed.mkdir()
    (passed / "gate-1").touch()
    make(site, "gated", "gated_in_thread", args={"folder": str(tmp_path), "lines": 1})
    await expect(page.locator("#overview-concerns")).to_contain_text("Nothing needs you.")
    for _ in range(3):
        done: int = site.api("POST", "/jobs/gated/run", json={"args": {"folder": str(passed)}}).json()["id"]
        await until(lambda run=done: is_in(site, run, "succeeded"))
    run = start(site, "gated")
    row = page.locator(f'#overview-running [data-run="{run}"]')
    await expect(row).to_contain_text("1 of 1")
    await expect(row.locator(".slow")).to_have_text("Longer than usual")
    await expect(page.locator("#overview-glance")).to_contain_text("1of 100")
    (tmp_path / "gate-1").touch()
    await expect(row).to_have_count(0)

    make(site, "broken", "fail", {"kind": "cron", "expression": "0 3 1 1 *", "timezone": "UTC"})
    await expect(page.locator('#overview-next [data-job="broken"]')).to_be_visible()
    failed = start(site, "broken")
    concern = page.locator('#overview-concerns [data-job="broken"]')
    await expect(concern).to_contain_text("ValueError: no figures")
    await expect(concern.get_by_role("link", name="ValueError")).to_have_attribute("href", f"/runs/{failed}")
    found = await barriers(page)
    await concern.get_by_role("button", name="Retry").click()
    await expect(concern).to_contain_text("failed 2 times in a row")
    site.api("DELETE", "/jobs/broken")
    await expect(page.locator("#overview-concerns")).to_contain_text("Nothing needs you.")
    assert await stayed(page)
    assert found == []


async def test_tasks_and_settings_fit_a_hand(site: Server, visit: Visit) -> None:
    make(site, "daily", "report", args={"day": "2026-03-02", "count": 3})
    me = await visit(site, viewport={"width": 390, "height": 844})
    other = await visit(site)
    page = await me.open("/tasks")
    await page.get_by_role("searchbox", name="Find a task").fill("several types")
    await expect(page.locator(".task")).to_have_count(1)
    await page.get_by_role("link", name="report", exact=True).click()
    await expect(page).to_have_url(at_path("/tasks/report"))
    await is_live(page)
    await expect(page.get_by_role("row", name=re.compile("count"))).to_contain_text("at least 1")
    await expect(page.locator(".code-lines")).to_contain_text("def report(day: date")
    await expect(page.locator('[data-job="daily"]')).to_be_visible()
    found = await barriers(page)

    await page.goto(f"{site.url}/settings/browser")
    await is_live(page)
    await page.get_by_role("group", name="Theme").last.get_by_role("button", name="Light").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")
    await page.get_by_role("switch", name="Keys of a single character").last.uncheck()
    await expect(page.locator("#keys-on")).not_to_be_checked()
    await page.get_by_role("button", name="Forget").click()
    await expect(page.get_by_role("switch", name="Keys of a single character").last).to_be_checked()
    assert await page.evaluate("localStorage.getItem('keys')") is None

    await page.goto(f"{site.url}/settings/people")
    await is_live(page)
    rows = page.locator("#settings-people [data-session]")
    before = await rows.count()
    assert before >= 2
    found += await barriers(page)
    await page.get_by_role("link", name="Sign out all others").click()
    await page.get_by_role("button", name="Sign them out").click()
    await expect(rows).to_have_count(1)
    assert (await other.context.request.get(f"{site.url}/jobs", max_redirects=0)).status == 302
    assert found == []

"""Every page can be used by everybody: axe finds nothing, by day and by night, on a desk and in a hand."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import pytest
from barriers import complaints, too_wide
from browsing import REFUSED, Visitor, choose_kind, is_in, is_live, make, start, submit
from playwright.async_api import expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]
WIDTHS = {"desk": 1440, "hand": 390}


async def furnish(site: Server, folder: Path) -> dict[str, int]:
    """Jobs and runs of all kinds; answers runs by their state."""
    make(site, "nightly-report-of-all-shops-in-the-north", "hello", {"kind": "cron", "expression": "0 3 * * mon-fri"})
    make(site, "paused", "hello", {"kind": "interval", "every": "15m"}, tags=["finance", "night"])
    site.api("POST", "/jobs/paused/pause", json={"reason": "The shop is closed."})
    make(site, "failing", "fail", args={"message": "no figures " * 20}, description="It fails.\nAlways.")
    make(site, "running", "gated_in_thread", args={"folder": str(folder)})
    after = {"jobs": ["paused", "failing", "gone"], "when": "failure"}
    make(site, "gone", "hello")
    make(site, "alarm", "hello", {"kind": "dependency"}, after=after)
    make(site, "all-ends-of-the-alarm-that-are-read", "hello", {"kind": "dependency"}, after={"jobs": ["alarm"]})
    site.api("DELETE", "/jobs/gone")
    runs = {
        "succeeded": start(site, "nightly-report-of-all-shops-in-the-north"),
        "failed": start(site, "failing"),
        "running": start(site, "running"),
    }
    for state, run in runs.items():
        await until(lambda run=run, state=state: is_in(site, run, state))
    runs["queued"] = start(site, "running")
    return runs


@pytest.mark.parametrize("width", WIDTHS.values(), ids=list(WIDTHS))
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_has_a_barrier_or_scrolls_sideways(
    site: Server, visit: Visit, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    runs = await furnish(site, tmp_path)
    size = {"width": width, "height": 900}
    me = await visit(site, color_scheme=scheme, viewport=size)
    me.allowed += [REFUSED, "status of 404"]
    page = await me.context.new_page()
    found: list[str] = []
    paths = [
        *("/", "/jobs", "/jobs?q=nothing", "/runs", "/tasks", "/tasks/report", "/system"),
        *("/settings", "/settings/people", "/settings/tokens", "/settings/audit", "/settings/browser"),
        *("/jobs/new", "/jobs/new?task=report", "/jobs/failing", "/jobs/failing/edit", "/jobs/failing/remove"),
        *("/jobs/alarm", "/jobs/alarm/edit", "/jobs/alarm/remove", "/jobs/alarm/dependencies", "/jobs/alarm/log"),
        *("/jobs/failing/run-with", "/jobs/failing/configuration", "/jobs/failing/dependencies", "/jobs/running/log"),
        *("/jobs/failing/pause", "/jobs/paused/resume", "/scheduler/pause"),
        *("/jobs/paused", "/jobs/nightly-report-of-all-shops-in-the-north"),
        *(f"/runs/{run}" for run in runs.values()),
    ]
    for path in paths:
        await page.goto(f"{site.url}{path}")
        await is_live(page)
        found += await complaints(page, scheme) + await too_wide(page)

    await page.goto(f"{site.url}/jobs/new?task=report")
    for group in await page.locator(".rules > summary").all():
        await group.click()
    await choose_kind(page, "Cron")
    await page.get_by_label("Cron expression").fill("61 * * * *")
    await expect(page.locator("#form-preview .wrong")).to_be_visible()
    await submit(page, page.get_by_role("button", name="Save", exact=True).click)
    await expect(page.get_by_role("alert")).to_be_visible()
    found += await complaints(page, scheme) + await too_wide(page)

    await page.goto(f"{site.url}/nothing/here")
    found += await complaints(page, scheme) + await too_wide(page)
    stranger = await visit(site, signed_in=False, color_scheme=scheme, viewport=size)
    page = await stranger.context.new_page()
    await page.goto(f"{site.url}/login")
    found += await complaints(page, scheme) + await too_wide(page)
    assert found == []


async def test_what_went_wrong_with_the_code_is_shown_without_a_barrier(server: Server, visit: Visit) -> None:
    server.start()
    make(server, "kept", "hello")
    server.stop()
    server.write_tasks("import a_module_that_is_not_there\n")
    server.start()
    me = await visit(server, viewport={"width": 390, "height": 900})
    found: list[str] = []
    for path in ("/", "/jobs", "/tasks", "/jobs/kept", "/jobs/kept/edit"):
        page = await me.open(path)
        await expect(
            page.get_by_text(re.compile("needs? attention|cannot be loaded|gone", re.IGNORECASE)).first
        ).to_be_attached()
        found += await complaints(page) + await too_wide(page)
    assert found == []


async def test_the_main_way_can_be_gone_by_keyboard_alone(site: Server, visit: Visit) -> None:
    me = await visit(site)
    page = await me.open("/jobs/new?task=hello")
    await page.get_by_label("Job id").focus()
    await page.keyboard.press("ControlOrMeta+a")
    await page.keyboard.type("typed")
    await choose_kind(page, "Cron")
    await page.get_by_label("Cron expression").focus()
    await page.keyboard.type("0 3 * * *")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="typed", level=1)).to_be_visible()
    await page.goto(f"{site.url}/jobs")
    await is_live(page)
    await page.keyboard.press("/")
    await expect(page.get_by_label("Find a job")).to_be_focused()
    await page.keyboard.type("typ")
    await expect(page.locator("tr[data-job]")).to_have_count(1)


async def test_the_theme_one_chooses_stays(site: Server, visit: Visit) -> None:
    me = await visit(site, color_scheme="light")
    page = await me.open("/")
    light = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    await page.get_by_role("button", name="Dark").click()
    dark = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert dark != light
    await page.goto(f"{site.url}/jobs")
    assert await page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == dark
    await expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")

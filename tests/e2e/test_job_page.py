"""A job's page as a person uses it: its tabs, its live log, its figures, and a run with other arguments."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from browsing import REFUSED, Visitor, at_path, is_live, line, make, start, stay, stayed, submit
from playwright.async_api import Page, expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]


async def clipboard(page: Page) -> str:
    return str(await page.evaluate("navigator.clipboard.readText()"))


async def test_the_live_log_goes_over_to_the_next_run_and_the_figures_follow(
    me: Visitor, site: Server, tmp_path: Path
) -> None:
    me.allowed.append(REFUSED)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    make(site, "steps", "gated_in_thread", args={"folder": str(folders[0]), "lines": 2})
    page = await me.open("/jobs/steps/log")
    await page.set_viewport_size({"width": 1280, "height": 1100})  # the log's box is as high as the window has room
    await stay(page)
    await expect(page.locator("#job-log-panel")).to_contain_text("Nothing has run yet")

    await page.get_by_role("button", name="Run now").click()
    run, log = page.locator("#job-log-run"), page.locator("#log")
    await expect(line(page, 1)).to_contain_text("line 1")
    await expect(run).to_have_attribute("data-state", "running")
    await expect(run).to_contain_text("1 of 2")
    (folders[0] / "gate-1").touch()
    await expect(line(page, 2)).to_contain_text("line 2")
    (folders[0] / "gate-2").touch()
    await expect(run).to_have_attribute("data-state", "succeeded")
    first = await run.get_attribute("data-run")
    await expect(page.locator("#job-cards")).to_contain_text("1 of 1 run")

    await page.get_by_role("link", name="Run with…").click()
    asks = page.get_by_role("dialog")
    await expect(asks.get_by_label("Folder")).to_have_value(str(folders[0]))
    await asks.get_by_label("Lines").fill("1.5")
    await submit(page, asks.get_by_role("button", name="Run it").click)
    await expect(asks.get_by_label("Lines")).to_be_focused()
    await expect(asks.get_by_label("Lines")).to_have_attribute("aria-invalid", "true")
    await asks.get_by_label("Lines").fill("1")
    await asks.get_by_label("Folder").fill(str(folders[1]))
    await page.keyboard.press("Enter")
    await expect(asks).to_be_hidden()
    await expect(
        page.get_by_text(re.compile(rf"The log went over to run #\d+, which started after #{first}"))
    ).to_be_visible()
    await expect(log.locator("[data-seq]")).to_have_count(1)
    (folders[1] / "gate-1").touch()
    await expect(run).to_have_attribute("data-state", "succeeded")
    await expect(page.locator("#job-cards")).to_contain_text("2 of 2 runs")
    assert await stayed(page)
    assert site.api("GET", "/jobs/steps").json()["args"]["lines"] == 2

    await page.get_by_role("link", name="Runs", exact=True).last.click()
    await is_live(page)
    bars = page.locator(".durations a")
    await expect(bars).to_have_count(2)
    await bars.last.hover()
    await page.get_by_role("link", name="Failed").click()
    await expect(page.locator("#job-runs")).to_contain_text("No run ended so")
    await page.go_back()
    await expect(page.locator("#job-runs tr[data-run]")).to_have_count(2)
    await page.go_back()
    await expect(page).to_have_url(at_path("/jobs/steps/log"))


async def test_a_job_is_copied_as_code_by_keyboard_and_all_tabs_are_clear_on_a_phone(
    site: Server, visit: Visit
) -> None:
    make(site, "nightly", "hello", {"kind": "cron", "expression": "0 3 * * *"}, args={"name": "Ada"})
    run = start(site, "nightly")
    await until(lambda: bool(site.api("GET", f"/runs/{run}").json()["finished_at"]))
    me = await visit(site, permissions=["clipboard-read", "clipboard-write"])
    page = await me.open("/jobs/nightly/configuration")
    await page.get_by_role("radio", name="Python").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#code-yaml")).to_be_visible()
    await expect(page.locator("#code-python")).to_be_hidden()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#copied")).to_have_text("Copied")
    assert await clipboard(page) == await page.locator("#code-yaml").text_content()
    site.api("PATCH", "/jobs/nightly", json={"timeout": 90})
    await expect(page.locator("#code-yaml")).to_contain_text("timeout: 90")
    await expect(page.locator("#code-yaml")).to_be_visible()


async def test_the_tabs_and_a_run_with_other_arguments_need_no_javascript(site: Server, visit: Visit) -> None:
    make(site, "plain", "hello", args={"name": "Ada"})
    me = await visit(site, java_script_enabled=False)
    page = await me.open("/jobs/plain", live=False)
    await page.get_by_role("link", name="Run with…").click()
    await expect(page).to_have_url(at_path("/jobs/plain/run-with"))
    await page.get_by_label("Name").fill("Grace")
    await page.get_by_role("button", name="Run it").click()
    await expect(page).to_have_url(at_path(r"/runs/\d+"))
    run = int(page.url.rpartition("/")[2])
    await until(lambda: bool(site.api("GET", f"/runs/{run}").json()["finished_at"]))
    page = await me.open("/jobs/plain/log", live=False)
    await expect(page.locator("#log")).to_contain_text("hello Grace")
    await page.get_by_role("link", name="Configuration").click()
    await page.get_by_text("curl", exact=True).click()
    await expect(page.locator("#code-curl")).to_contain_text('"name": "Ada"')
    await expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    await page.get_by_role("link", name="Dependencies").click()
    await expect(page.get_by_role("heading", name="Nothing runs before or after this job")).to_be_visible()

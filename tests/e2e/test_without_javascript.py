"""All that matters works without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from browsing import Visitor, ask_pause, at_path, choose_in_menu, choose_kind, is_in, job_row, line, make
from playwright.async_api import expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]


async def test_a_job_is_made_seen_run_paused_and_removed_without_javascript(site: Server, visit: Visit) -> None:
    me = await visit(site, java_script_enabled=False)
    page = await me.open("/jobs", live=False)
    await page.get_by_role("link", name="New job").first.click()
    await page.get_by_role("combobox", name="Task", exact=True).select_option("hello")
    await page.get_by_role("button", name="Show its arguments").click()
    await page.get_by_label("Job id").fill("plain")
    await page.get_by_label("Name").fill("Ada")
    await choose_kind(page, "Cron")
    await page.get_by_label("Cron expression").fill("0 3 * * *")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page).to_have_url(at_path("/jobs/plain"))
    await expect(page.locator("#job-head")).to_contain_text("UTC")

    await page.get_by_role("button", name="Run now").click()
    await expect(page).to_have_url(at_path(r"/runs/\d+"))
    run = int(page.url.rpartition("/")[2])
    await until(lambda: is_in(site, run, "succeeded"))
    await page.reload()
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    await expect(line(page, 1)).to_contain_text("hello Ada")

    await page.get_by_role("link", name="Jobs").first.click()
    row = job_row(page, "plain")
    await expect(row).to_contain_text("Succeeded")
    await ask_pause(page, "plain")
    await expect(page).to_have_url(at_path("/jobs/plain/pause"))
    await page.get_by_text("In 8 hours").click()
    await page.get_by_role("button", name="Pause").click()
    await expect(page).to_have_url(at_path("/jobs/plain"))
    await expect(page.locator("#job-head")).to_have_attribute("data-state", "paused")
    await page.get_by_role("button", name="Resume").click()
    await expect(page.locator("#job-head")).to_have_attribute("data-state", "active")
    await choose_in_menu(page, "plain", "Remove")
    await page.get_by_role("button", name="Remove the job").click()
    await expect(page).to_have_url(at_path("/jobs"))
    await expect(job_row(page, "plain")).to_have_count(0)


async def test_a_refused_form_comes_back_whole_without_javascript(site: Server, visit: Visit) -> None:
    me = await visit(site, java_script_enabled=False)
    me.allowed.append("status of 422")
    page = await me.open("/jobs/new?task=report", live=False)
    await page.get_by_label("Job id").fill("plain")
    await page.get_by_label("Count").fill("0")
    await choose_kind(page, "Cron")
    await page.get_by_label("Cron expression").fill("61 * * * *")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("3 fields")
    await expect(page.get_by_label("Job id")).to_have_value("plain")
    for label in ("Day", "Count", "Cron expression"):
        field = page.locator("#job-form").get_by_label(re.compile(f"^{label}(?!s? of)"))
        await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Count")).to_have_accessible_description(re.compile("1"))


async def test_an_interval_and_a_job_by_hand_are_made_without_javascript(site: Server, visit: Visit) -> None:
    me = await visit(site, java_script_enabled=False)
    for job, kind in (("by-interval", "Interval"), ("by-hand", "By hand")):
        page = await me.open("/jobs/new?task=hello", live=False)
        await page.get_by_label("Job id").fill(job)
        await page.locator("label.kind").filter(has_text=kind).click()
        await expect(page.get_by_label("Cron expression")).to_be_hidden()
        if kind == "Interval":
            await page.get_by_label("Every", exact=True).fill("2h")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page).to_have_url(at_path(f"/jobs/{job}"))
    kinds = {job["id"]: job["schedule"]["kind"] for job in site.api("GET", "/jobs").json()["items"]}
    assert kinds == {"by-interval": "interval", "by-hand": "manual"}


async def test_past_slots_are_run_and_a_limit_is_set_without_javascript(site: Server, visit: Visit) -> None:
    make(site, "plain", "hello", {"kind": "cron", "expression": "0 * * * *"})
    me = await visit(site, java_script_enabled=False)
    me.allowed.append("status of 422")
    page = await me.open("/jobs/plain", live=False)
    await choose_in_menu(page, "plain", "Run past slots")
    await expect(page.locator("#backfill-preview li").first).to_be_visible()
    await page.get_by_role("button", name=re.compile(r"Run \d+ slots")).click()
    await expect(page).to_have_url(re.compile(r"/runs\?backfill=\d+$"))

    page = await me.open("/system", live=False)
    await page.get_by_label("Name").fill("letters")
    await page.get_by_label("Starts, at most").fill("often")
    await page.get_by_role("button", name="Set the limit").click()
    await expect(page.get_by_label("Name")).to_have_value("letters")
    await page.get_by_label("Starts, at most").fill("10/m")
    await page.get_by_role("button", name="Set the limit").click()
    await expect(page).to_have_url(at_path("/system"))
    await page.get_by_role("button", name="Take the limit of queue letters away").click()
    await expect(page.locator('[data-limit="queue:letters"]')).to_have_count(0)

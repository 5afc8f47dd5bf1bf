"""A job that runs after another one, made and watched in the browser."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from browsing import (
    REFUSED,
    Visitor,
    at_path,
    choose_in_menu,
    make,
    stay,
    stayed,
    submit,
)
from playwright.async_api import Locator, Page, expect
from support import Server

Visit = Callable[..., Awaitable[Visitor]]


def node(page: Page, job: str) -> Locator:
    return page.locator("#job-graph").get_by_role("link", name=re.compile(rf"^{job}: "))


async def test_a_chain_is_made_and_wakes_itself_before_the_readers_eyes(me: Visitor, site: Server) -> None:
    me.allowed.append(REFUSED)
    make(site, "extract", "hello")
    make(site, "load", "hello", {"kind": "dependency"}, after={"jobs": ["extract"]})
    page = await me.open("/jobs/new?task=hello")
    await page.get_by_label("Job id").fill("report")
    await page.get_by_role("radio", name="After jobs").check(force=True)
    await page.get_by_label("After these jobs").fill("lode")
    await expect(page.locator("#form-preview .wrong")).to_contain_text('Did you mean "load"?')
    await submit(page, page.get_by_role("button", name="Save", exact=True).click)
    await expect(page.get_by_label("After these jobs")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("After these jobs").fill("")
    await page.get_by_role("button", name="load", exact=True).click()
    await expect(page.get_by_label("After these jobs")).to_have_value("load")
    await expect(page.locator("#form-preview .words")).to_have_text("After load succeeds")
    await page.get_by_label("It runs when").select_option("any")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page).to_have_url(at_path("/jobs/report"))
    await expect(page.locator("#job-head")).to_contain_text("After load ends")

    report = await me.open("/jobs/report/dependencies")
    await stay(report)
    await expect(node(report, "extract")).to_have_attribute("data-state", "never_run")
    upstream = await me.open("/jobs/extract")
    await upstream.get_by_role("button", name="Run now").click()
    for job in ("extract", "load", "report"):
        await expect(node(report, job)).to_have_attribute("data-state", "succeeded")
    assert await stayed(report)
    await report.get_by_role("link", name="Runs", exact=True).last.click()
    runs = report.locator("#job-runs tr[data-run]")
    await expect(runs).to_have_count(1)
    await runs.get_by_role("link", name=re.compile(r"^#\d+$")).click()
    await expect(report.locator("#run-side")).to_contain_text(re.compile(r"the end of run #\d+ of load"))
    await report.get_by_role("link", name=re.compile("of load$")).click()
    await expect(report.locator("#run-side")).to_contain_text(re.compile(r"the end of run #\d+ of extract"))


async def test_a_pause_and_a_removal_upstream_are_told_at_once_and_the_graph_leads_there(
    me: Visitor, site: Server
) -> None:
    make(site, "extract", "hello")
    make(site, "fetch", "hello")
    make(site, "load", "hello", {"kind": "dependency"}, after={"jobs": ["extract", "fetch"]})
    page = await me.open("/jobs/load/dependencies")
    notes = page.locator("#job-graph").get_by_role("note")
    await expect(notes).to_have_count(0)
    site.api("POST", "/jobs/extract/pause", json={})
    await expect(notes).to_contain_text(["extract, which this job runs after, is paused."])
    site.api("DELETE", "/jobs/fetch")
    await expect(notes).to_have_count(2)
    await expect(node(page, "fetch")).to_have_attribute("data-state", "removed")
    await node(page, "extract").click()
    await expect(page).to_have_url(at_path("/jobs/extract"))
    await choose_in_menu(page, "extract", "Remove")
    await expect(page.get_by_role("note")).to_contain_text("1 job runs after this one: load.")


async def test_a_job_is_put_behind_another_one_without_javascript(site: Server, visit: Visit) -> None:
    make(site, "extract", "hello")
    me = await visit(site, java_script_enabled=False)
    page = await me.open("/jobs/new?task=hello", live=False)
    await page.get_by_label("Job id").fill("load")
    await page.get_by_role("radio", name="After jobs").check(force=True)
    await page.get_by_label("After these jobs").fill("extract")
    await page.get_by_label("It runs when").select_option("failure")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page).to_have_url(at_path("/jobs/load"))
    await expect(page.locator("#job-head")).to_contain_text("After extract fails")
    await page.get_by_role("link", name="Dependencies").click()
    await expect(node(page, "extract")).to_be_visible()

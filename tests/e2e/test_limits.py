"""Backfills, limits and repeated tries as a person does them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from browsing import (
    REFUSED,
    Visitor,
    choose_in_menu,
    is_in,
    make,
    start,
    stay,
    stayed,
)
from playwright.async_api import expect
from support import Server, until

HOURLY = {"kind": "cron", "expression": "0 * * * *", "timezone": "UTC"}


def typed(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


async def test_past_slots_are_seen_run_and_followed(me: Visitor, site: Server) -> None:
    make(site, "past", "hello", HOURLY)
    end = datetime.now(UTC).replace(minute=30, second=0, microsecond=0) - timedelta(hours=2)
    page = await me.open("/jobs/past")
    await choose_in_menu(page, "past", "Run past slots")
    await page.get_by_label("From").fill(typed(end - timedelta(hours=4)))
    await page.get_by_label("To", exact=True).fill(typed(end))
    await expect(page.locator("#backfill-preview li")).to_have_count(4)
    await page.get_by_role("button", name="Run 4 slots").click()
    await expect(page).to_have_url(re.compile(r"/runs\?backfill=\d+$"))
    await expect(page.locator('tr[data-state="succeeded"]')).to_have_count(4)
    job = await me.open("/jobs/past")
    await expect(job.locator("#job-backfills")).to_contain_text("4 of 4 done")
    again = await me.open("/jobs/past/backfill")
    await again.get_by_label("From").fill(typed(end - timedelta(hours=4)))
    await again.get_by_label("To", exact=True).fill(typed(end))
    await expect(again.locator("#backfill-preview")).to_contain_text("Nothing is left to run")
    await again.get_by_label("Also slots that have succeeded").check()
    await expect(again.get_by_role("button", name="Run 4 slots")).to_be_visible()


async def test_all_runs_that_failed_alike_are_tried_again_at_once(me: Visitor, site: Server) -> None:
    for job in ("one", "two"):
        make(site, job, "fail", args={"message": job})
    runs = [start(site, job) for job in ("one", "two")]
    for run in runs:
        await until(lambda run=run: is_in(site, run, "failed"))
    page = await me.open(f"/runs/{runs[0]}")
    await page.get_by_role("link", name="All like this").click()
    for run in runs:
        await expect(page.locator(f'tr[data-run="{run}"]')).to_be_visible()
    await page.get_by_role("link", name="Retry all", exact=True).click()
    asked = page.get_by_role("dialog")
    await asked.get_by_role("button", name=re.compile(r"Retry \d+ runs")).click()
    await expect(page.locator("#toasts, #dialog")).to_contain_text(["tried again"])
    for job in ("one", "two"):
        attempts = [run["attempt"] for run in site.api("GET", f"/runs?job={job}").json()["items"]]
        assert attempts == [2, 1]


async def test_an_attempt_that_waits_for_its_time_is_started_now(me: Visitor, site: Server) -> None:
    make(site, "patient", "fail", retry={"max_attempts": 2, "delay": "1h"})
    first = start(site, "patient")
    await until(lambda: is_in(site, first, "failed"))
    page = await me.open(f"/runs/{first}")
    await page.get_by_role("button", name="Retry now").click()
    second = page.get_by_role("navigation", name="Attempts").get_by_role("link", name="Attempt 2")
    await expect(second).to_contain_text("Failed")


async def test_a_limit_is_set_and_seen_on_every_open_page(me: Visitor, site: Server) -> None:
    me.allowed.append(REFUSED)
    page, other = await me.open("/system"), await me.open("/system")
    await stay(page)
    await page.get_by_label("Name").fill("letters")
    await page.get_by_label("Starts, at most").fill("often")
    await page.get_by_role("button", name="Set the limit").click()
    await expect(page.get_by_label("Starts, at most")).to_have_accessible_description(re.compile("Write a number"))
    await page.get_by_label("Starts, at most").fill("10/m")
    await page.get_by_role("button", name="Set the limit").click()
    for shown in (page, other):
        await expect(shown.locator('[data-limit="queue:letters"]')).to_contain_text("10 within 1 min")
    await expect(page.get_by_label("Name")).to_have_value("")
    assert await stayed(page)
    await other.get_by_role("link", name="Change the limit of queue letters").click()
    await expect(other.get_by_label("Starts, at most")).to_have_value("10/m")
    await page.get_by_role("button", name="Take the limit of queue letters away").click()
    for shown in (page, other):
        await expect(shown.locator('[data-limit="queue:letters"]')).to_have_count(0)

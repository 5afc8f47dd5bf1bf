"""A job's history, its notes and its slots ahead: told with who, taken back, skipped and added, while one looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from browsing import REFUSED, Visitor, make, stay, stayed, submit
from playwright.async_api import Locator, Page, expect
from support import Server

Visit = Callable[..., Awaitable[Visitor]]
EACH_4_SECONDS = {"kind": "cron", "expression": "*/4 * * * * *"}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def change(site: Server, job: str, **fields: Any) -> None:
    reply = site.api("PATCH", f"/jobs/{job}", json=fields)
    assert reply.status_code == 200, reply.text


async def test_changes_are_told_with_who_and_an_older_version_is_taken_back(me: Visitor, site: Server) -> None:
    make(site, "report", "hello", {"kind": "cron", "expression": "0 3 * * *"})
    page = await me.open("/jobs/report/history")
    await stay(page)
    change(site, "report", timeout="10m", args={"name": "Ada"})
    change(site, "report", tags=["night"], timeout=None)
    newest = page.locator("#job-history li[data-version]").first
    await expect(newest).to_have_attribute("data-version", "3")
    await expect(newest).to_contain_text("Edited by the admin token")
    await expect(newest.locator(".diff div", has_text="time limit")).to_contain_text("10 min")

    restore = page.get_by_role("link", name="Restore version 2")
    await restore.focus()
    await page.keyboard.press("Enter")
    asked = dialog(page)
    await expect(asked).to_contain_text("Restore version 2 of report?")
    await expect(asked.locator(".diff div", has_text="Tags")).to_contain_text("night")
    await page.keyboard.press("Escape")
    await expect(restore).to_be_focused()
    await page.keyboard.press("Enter")
    await asked.get_by_role("button", name="Restore").press("Enter")
    await expect(asked).to_have_count(0)
    await expect(newest).to_have_attribute("data-kind", "restored")
    await expect(newest).to_contain_text("by the admin token")
    await expect(newest).to_contain_text("Version 2.")
    assert await stayed(page)
    job = site.api("GET", "/jobs/report").json()
    assert (job["timeout"], job["tags"], job["version"]) == (600, [], 4)

    await page.get_by_role("link", name="Notes").click()
    field = page.get_by_role("textbox", name="A note on report")
    for text in ("Ask Ada first.\nhttps://example.org/figures", "Twice late in March."):
        await field.fill(text)
        await page.get_by_role("button", name="Add the note").click()
        await expect(page.locator("#job-notes li").first).to_contain_text(text.split("\n")[0])
        await expect(field).to_have_value("")
    me.allowed.append(REFUSED)
    await field.fill(" ")
    await page.get_by_role("button", name="Add the note").click()
    await expect(page.locator("#note-wrong")).to_have_text("Write something first.")
    await expect(page.get_by_role("link", name="https://example.org/figures")).to_have_count(1)
    await expect(page.get_by_role("link", name="Notes 2")).to_be_visible()
    await page.get_by_role("link", name="Remove this note by the admin token").first.click()
    await dialog(page).get_by_role("button", name="Remove the note").click()
    await expect(page.locator("#job-notes li")).to_have_count(1)
    await page.get_by_role("link", name="Runs", exact=True).last.click()
    await expect(page.locator("#job-note")).to_contain_text("Ask Ada first.")


async def test_a_slot_is_skipped_and_one_is_added_and_both_come_true_while_one_looks(me: Visitor, site: Server) -> None:
    make(site, "often", "hello", EACH_4_SECONDS, overlap="allow", max_running=50)
    page, runs = await me.open("/jobs/often/upcoming"), await me.open("/jobs/often")
    row = page.locator("#job-upcoming tr[data-slot]").nth(2)
    slot = str(await row.get_attribute("data-slot"))
    row = page.locator(f'#job-upcoming tr[data-slot="{slot}"]')
    await row.get_by_role("button", name="Skip").press("Enter")
    await expect(row).to_have_attribute("data-state", "skipped")
    await expect(row).to_contain_text("Skipped by the admin token")
    await expect(page.locator("#toasts")).to_contain_text("The slot is skipped.")
    skipped = runs.locator('#job-runs tr[data-state="skipped"]').filter(has_text="Skipped by the admin token.")
    await expect(skipped).to_have_count(1)
    await expect(row).to_have_count(0)
    (told,) = site.api("GET", "/jobs/often/slots?verdict=skipped_by_hand").json()["items"]
    assert datetime.fromisoformat(told["slot"]) == datetime.fromisoformat(slot)

    make(site, "manual", "hello")
    await page.goto(f"{site.url}/jobs/manual/upcoming")
    await runs.goto(f"{site.url}/jobs/manual")
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    me.allowed.append(REFUSED)
    field = page.get_by_role("textbox", name="Moment")
    await field.fill("2020-01-01T12:00")
    await page.get_by_role("button", name="Add the slot").click()
    await expect(page.locator("#slot-wrong")).to_contain_text("This moment has passed.")
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=6)
    await field.fill(f"{moment:%Y-%m-%dT%H:%M:%S}")
    await submit(page, page.get_by_role("button", name="Add the slot").click)
    await expect(page.locator("#job-upcoming tr[data-slot]")).to_have_attribute("data-state", "added")
    await expect(page.get_by_role("textbox", name="Moment")).to_have_value("")
    await expect(runs.locator('#job-runs tr[data-state="succeeded"]')).to_have_count(1)
    await expect(page.locator("#job-upcoming")).to_contain_text("No slot ahead")

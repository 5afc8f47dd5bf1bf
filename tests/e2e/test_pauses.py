"""Pausing with a reason and an end, the master switch on all open pages, and the question before going on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise

from browsing import Visitor, ask_pause, at_path, job_row, make
from playwright.async_api import Locator, Page, expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]
HOURLY = {"kind": "cron", "expression": "0 * * * *"}
EACH_SECOND = {"kind": "cron", "expression": "* * * * * *"}


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


async def test_a_job_is_paused_from_the_list_with_a_reason_and_an_end(me: Visitor, site: Server) -> None:
    make(site, "hourly", "hello", HOURLY)
    make(site, "later", "hello", {"kind": "dependency"}, after={"jobs": ["hourly"]})
    page, other = await me.open("/jobs"), await me.open("/jobs/hourly")
    row = job_row(page, "hourly")
    await ask_pause(page, "hourly")
    asked = dialog(page)
    await expect(asked.get_by_label("Why")).to_be_focused()
    await expect(asked).to_contain_text("24 runs a day")
    await expect(asked).to_contain_text("1 job waits for this one: later.")
    await asked.get_by_text("In 8 hours").click()
    await expect(asked).to_contain_text("8 slots will pass without a run")
    await asked.get_by_label("Why").fill("deploying")
    await asked.get_by_role("button", name="Pause").click()
    await expect(asked).to_have_count(0)
    await expect(row).to_have_attribute("data-state", "paused")
    await expect(row).to_contain_text("paused until")
    await expect(page.locator("#toasts")).to_contain_text("hourly is paused")
    head = other.locator("#job-head")
    await expect(head.get_by_role("note")).to_contain_text("Paused by the admin token since")
    await expect(head.get_by_role("note")).to_contain_text(": deploying.")
    await head.get_by_role("button", name="Resume").click()  # nothing was missed: nothing is asked
    await expect(head).to_have_attribute("data-state", "active")


async def test_the_dialog_closes_by_escape_by_cancel_and_beside_it_and_gives_the_focus_back(
    me: Visitor, site: Server
) -> None:
    make(site, "hourly", "hello", HOURLY)
    page = await me.open("/jobs")
    link = page.get_by_role("link", name="Filter", exact=True)
    for close in (
        lambda: page.keyboard.press("Escape"),
        lambda: dialog(page).get_by_role("link", name="Cancel").click(),
        lambda: page.mouse.click(5, 5),
    ):
        await link.focus()
        await page.keyboard.press("Enter")
        await expect(dialog(page)).to_be_visible()
        await close()
        await expect(dialog(page)).to_have_count(0)
        await expect(link).to_be_focused()
    await expect(page).to_have_url(at_path("/jobs"))


async def test_a_moment_that_is_missing_is_told_in_the_dialog_and_what_was_typed_stays(
    me: Visitor, site: Server
) -> None:
    me.allowed.append("status of 422")
    make(site, "hourly", "hello", HOURLY)
    page = await me.open("/jobs")
    await ask_pause(page, "hourly")
    asked = dialog(page)
    await asked.get_by_label("Why").fill("deploying")
    await asked.get_by_text("A moment").click()
    await asked.get_by_role("button", name="Pause").click()
    await expect(asked).to_contain_text("Choose a moment.")
    await expect(asked.get_by_label("Why")).to_have_value("deploying")
    moment = asked.get_by_role("textbox", name="Moment")
    await expect(moment).to_be_focused()
    await moment.fill("2990-01-01T00:30")
    await asked.get_by_role("button", name="Pause").click()
    await expect(job_row(page, "hourly")).to_have_attribute("data-state", "paused")


async def test_resuming_asks_and_runs_the_newest(me: Visitor, site: Server) -> None:
    make(site, "second", "hello", EACH_SECOND)
    site.api("POST", "/jobs/second/pause", json={"reason": "deploying"})
    page = await me.open("/jobs/second")
    head = page.locator("#job-head")

    async def missed() -> bool:
        html = await (await me.context.request.get(f"{site.url}/jobs/second/resume")).text()
        return "slots passed" in html and "No slots" not in html

    await until(missed)
    await head.get_by_role("button", name="Resume").click()
    asked = dialog(page)
    await expect(asked).to_contain_text("passed while it was paused by the admin token")
    await expect(asked.get_by_label("Run none of them")).to_be_checked()
    await asked.get_by_text("Run the newest one").click()
    await asked.get_by_role("button", name="Resume").click()
    await expect(head).to_have_attribute("data-state", "active")
    skipped = page.locator('#job-runs tr[data-state="skipped"]')  # on a busy machine, one for an overlap may follow
    await expect(skipped.filter(has_text="Paused by the admin token: deploying.")).to_have_count(1)

    def ran() -> bool:
        listed = site.api("GET", "/runs?job=second&limit=100").json()["items"][::-1]
        states = [run["state"] for run in listed]
        return ("skipped", "succeeded") in pairwise(states)  # on a busy machine, a run came before the pause

    await until(ran)


async def test_the_banner_comes_and_goes_on_pages_that_are_open(me: Visitor, site: Server) -> None:
    make(site, "hourly", "hello", HOURLY)
    make(site, "second", "hello", EACH_SECOND)
    page, other = await me.open("/system"), await me.open("/jobs")
    await page.get_by_role("link", name="Pause…").click()
    asked = dialog(page)
    await expect(asked).to_contain_text("2 jobs have slots ahead")
    await asked.get_by_label("Why").fill("moving house")
    await asked.get_by_text("This time tomorrow").click()
    await asked.get_by_role("button", name="Pause").click()
    banner = other.locator("#banner")
    for one in (banner, page.locator("#banner")):
        await expect(one).to_contain_text("The scheduler is paused by the admin token since")
        await expect(one).to_contain_text("until tomorrow")
        await expect(one).to_contain_text("moving house")
    await expect(job_row(other, "hourly")).to_contain_text("scheduler paused")

    async def missed() -> bool:
        html = await (await me.context.request.get(f"{site.url}/scheduler/resume")).text()
        return "of 1 job" in html

    await until(missed)
    await banner.get_by_role("button", name="Resume").click()
    asked = dialog(other)
    await expect(asked).to_contain_text("of 1 job passed")
    await asked.get_by_text("Run the newest one of each job").click()
    await asked.get_by_role("button", name="Resume").click()
    for one in (banner, page.locator("#banner")):
        await expect(one).to_be_empty()
    await expect(job_row(other, "hourly").locator("time[data-show=countdown]")).to_be_visible()


async def test_the_scheduler_is_paused_and_resumed_without_javascript(site: Server, visit: Visit) -> None:
    me = await visit(site, java_script_enabled=False)
    page = await me.open("/system", live=False)
    await page.get_by_role("link", name="Pause…").click()
    await page.get_by_label("Why").fill("moving house")
    await page.get_by_role("button", name="Pause").click()
    await expect(page).to_have_url(at_path("/system"))
    await expect(page.locator("#banner")).to_contain_text("moving house")
    await page.locator("#banner").get_by_role("button", name="Resume").click()
    await expect(page.locator("#banner")).to_be_empty()

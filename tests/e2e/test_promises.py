"""A job's promises and the emptying of the server, as they are seen."""

from __future__ import annotations

from browsing import Visitor, make
from playwright.async_api import expect
from support import Server

EACH_SECOND = {"kind": "cron", "expression": "* * * * * *"}


async def test_the_ledger_follows_the_slots_and_can_be_narrowed(me: Visitor, site: Server) -> None:
    make(site, "quick", "hello", EACH_SECOND)
    job = await me.open("/jobs/quick")
    card = job.get_by_role("region", name="Promises kept")
    await expect(card).to_contain_text("on time this week")
    await expect(card.get_by_role("img", name="The last 168 hours")).to_be_visible()
    await card.get_by_role("link", name="Every slot").click()
    rows = job.locator("[data-slot]")
    await expect(rows.nth(3)).to_be_visible()  # without a reload
    await job.get_by_role("link", name="Excused").click()
    await expect(rows).to_have_count(0)
    await expect(job.locator("#slot-list")).to_contain_text("No slot of this kind")
    await job.get_by_role("link", name="Show all slots").click()
    await expect(rows.first).to_be_visible()


async def test_every_open_page_tells_at_once_that_the_server_is_emptied(me: Visitor) -> None:
    system, other = await me.open("/system"), await me.open("/jobs")
    await system.get_by_role("button", name="Empty for a restart").click()
    for page in (system, other):
        await expect(page.locator("#banner")).to_contain_text("The server is being emptied for a restart")
    await other.locator("#banner").get_by_role("button", name="Go on").click()
    for page in (system, other):
        await expect(page.locator("#banner")).not_to_contain_text("emptied")

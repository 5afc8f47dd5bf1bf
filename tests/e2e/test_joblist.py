"""The jobs list as people use it: found, sorted, switched, selected, changed together, saved as a view, in a hand."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from barriers import barriers
from browsing import Visitor, at_path, is_live, job_row, make, start, stay, stayed
from playwright.async_api import Locator, Page, expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]
HOURLY = {"kind": "cron", "expression": "0 * * * *"}
YEARLY = {"kind": "cron", "expression": "0 0 1 1 *"}
SHOPS = 52  # more than fit on a page


def furnish(site: Server) -> None:
    for n in range(SHOPS):
        make(site, f"shop-{n:02}", "hello", HOURLY, tags=["shops"])
    make(site, "backup", "hello", YEARLY, tags=["night", "ops", "critical"])
    site.api("POST", "/jobs/shop-07/pause", json={"reason": "no stock"})


def picked(page: Page) -> Locator:
    return page.locator(".sel:checked")


async def test_many_jobs_are_found_selected_paused_and_resumed_together(me: Visitor, site: Server) -> None:
    furnish(site)
    page = await me.open("/jobs")
    await page.get_by_role("link", name="Filter", exact=True).click()
    asked = page.get_by_role("dialog")
    await asked.get_by_role("checkbox", name="shops").check()
    await asked.get_by_label("Sort by").select_option("-id")
    await asked.get_by_role("button", name="Show").click()
    await expect(page).to_have_url(at_path(r"/jobs\?tag=shops&sort=-id"))
    await expect(page.locator("tr[data-job]").first).to_have_attribute("data-job", f"shop-{SHOPS - 1:02}")
    await is_live(page)
    await stay(page)

    row = job_row(page, "shop-50")
    await row.get_by_role("switch").click()
    await expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    await expect(page.locator("#toasts")).to_contain_text("shop-50 is paused")
    await page.locator("#toasts").get_by_role("button", name="Resume").click()
    await expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "true")

    await page.get_by_label("Select shop-49").click()
    await page.get_by_label("Select shop-46").click(modifiers=["Shift"])
    await expect(page.locator("#bulk-count")).to_have_text("4 selected")
    run = start(site, "shop-48")
    await expect(job_row(page, "shop-48").locator(f'a[href="/runs/{run}"]').first).to_be_attached()
    await expect(job_row(page, "shop-48")).to_contain_text("Succeeded")
    await expect(picked(page)).to_have_count(4)

    await page.locator("thead").get_by_label("Select all on this page").check()
    await expect(page.locator("#bulk-count")).to_have_text("All 50 on this page selected")
    await page.get_by_label(f"Select all {SHOPS} matching").check()
    await expect(page.locator("#bulk-count")).to_have_text(f"All {SHOPS} selected")
    make(site, "shop", "hello", HOURLY, tags=["shops"])  # the list is shown anew, and what was selected stays so
    await expect(page.locator("#bulk-count")).to_have_text(f"All {SHOPS + 1} selected")
    await page.get_by_role("button", name="Pause", exact=True).click()
    asked = page.get_by_role("dialog")
    await expect(asked.get_by_role("heading")).to_have_text(f"Pause {SHOPS} jobs?")
    await expect(asked).to_contain_text("1 is paused already and stays as it is.")
    await asked.get_by_label("Why").fill("stocktaking")
    await asked.get_by_role("button", name=f"Pause {SHOPS} jobs").click()
    await expect(asked.get_by_role("heading")).to_have_text(f"{SHOPS} jobs paused.")
    await expect(asked.locator('[data-report="unchanged"]')).to_contain_text("shop-07")
    await asked.get_by_text("Close").click()
    await expect(picked(page)).to_have_count(0)
    await expect(page.locator('tr[data-state="paused"]')).to_have_count(50)
    told = site.api("GET", "/jobs?state=paused&limit=500").json()["items"]
    assert sorted({job["reason"] for job in told}) == ["no stock", "stocktaking"]
    assert len(told) == SHOPS + 1

    await page.locator("thead").get_by_label("Select all on this page").check()
    await page.get_by_role("button", name="Resume", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Resume 50 jobs").click()
    await expect(page.locator("#toasts")).to_contain_text("50 jobs resumed")
    await expect(page.locator('tr[data-state="active"]')).to_have_count(50)
    assert await stayed(page)


async def test_an_order_is_saved_as_a_view_that_others_see_at_once(me: Visitor, site: Server) -> None:
    furnish(site)
    other, page = await me.open("/jobs"), await me.open("/jobs")
    await page.get_by_role("link", name="Next run").click()
    await expect(page.locator('th[aria-sort="ascending"]')).to_have_text("Next run")
    await page.get_by_role("link", name="Next run").click()
    await expect(page).to_have_url(at_path(r"/jobs\?sort=-next"))
    await expect(page.locator("tr[data-job]").first).to_have_attribute("data-job", "backup")
    await is_live(page)
    await page.get_by_title("Saved views").click()
    await page.get_by_text("Save this view…").click()
    asked = page.get_by_role("dialog")
    await expect(asked.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("Rare ones")
    await page.keyboard.press("Enter")
    await expect(page.locator("#toasts")).to_contain_text("The view Rare ones is saved.")
    await expect(asked).to_have_count(0)
    await expect(page.get_by_title("Saved views")).to_have_text("Rare ones")
    await other.get_by_title("Saved views").click()
    await other.get_by_role("link", name="Rare ones", exact=True).click()
    await expect(other).to_have_url(at_path(r"/jobs\?sort=-next"))

    await page.get_by_role("link", name="Group", exact=True).click()
    await expect(page.locator('tbody[data-fold="shops"] tr[data-job]')).to_have_count(10)
    await page.locator(".fold", has_text="shops").click()
    await expect(job_row(page, "shop-51").first).to_be_hidden()
    start(site, "backup")
    for tag in ("critical", "night", "ops"):
        await expect(page.locator(f'tbody[data-fold="{tag}"]')).to_contain_text("Succeeded")
    await page.reload()
    await expect(page.get_by_role("checkbox", name="Jobs with shops")).not_to_be_checked()
    await expect(job_row(page, "shop-51").first).to_be_hidden()
    await page.get_by_role("link", name=f"Show all {SHOPS}").click()
    await expect(page).to_have_url(at_path(r"/jobs\?tag=shops&sort=-next"))


async def test_jobs_are_selected_and_tagged_by_keyboard_alone(me: Visitor, site: Server) -> None:
    for job in ("one", "two"):
        make(site, job, "hello", HOURLY)
    page = await me.open("/jobs")
    await page.get_by_label("Select one").focus()
    await page.keyboard.press("Space")
    await expect(page.locator("#bulk-count")).to_have_text("1 selected")
    for _ in range(30):
        await page.keyboard.press("Shift+Tab")
        if await page.evaluate("document.activeElement.value") == "tag":
            break
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog").get_by_label("Tags", exact=True)).to_be_focused()
    await page.keyboard.type("finance")
    await page.keyboard.press("Enter")
    await expect(job_row(page, "one").get_by_role("link", name="finance")).to_be_visible()
    await expect(picked(page)).to_have_count(0)
    switch = job_row(page, "two").get_by_role("switch")
    await switch.focus()
    await page.keyboard.press("Space")
    await expect(switch).to_have_attribute("aria-checked", "false")
    await expect(switch).to_be_focused()


async def test_the_list_has_no_barrier_selected_grouped_or_asking_on_a_desk_and_in_a_hand(
    site: Server, visit: Visit
) -> None:
    long = "a-very-long-job-id.with_everything-that-one-hundred-letters-can-hold-and-which-no-column-has-room-for"
    crowded = {"kind": "cron", "expression": "0,7,14,21,28,35,42,49 0-6,9-17,22 1,15,28 jan,mar,may mon-fri"}
    make(site, long[:100], "hello", crowded, tags=[f"a-tag-that-is-rather-long-{n}" for n in range(9)])
    make(site, "failing", "fail", args={"message": "no figures " * 20}, tags=["x"])
    make(site, "paused", "hello", HOURLY)
    site.api("POST", "/jobs/paused/pause", json={"until": "2h"})
    start(site, "failing")
    await until(lambda: site.api("GET", "/jobs?state=failing").json()["items"])
    found: list[str] = []
    for width in (1440, 1280, 900, 390):
        me = await visit(site, viewport={"width": width, "height": 900})
        page = await me.open("/jobs?q=a")
        found += await barriers(page)
        if width in (1440, 390):
            await page.get_by_label("Select paused").check()
            found += await barriers(page)
            await page.get_by_role("button", name="Delete").click()
            await expect(page.get_by_role("heading", name="Delete 1 job?")).to_be_visible()
            found += await barriers(page)
            await page.goto(f"{site.url}/jobs?group=tag&sort=state")
            await expect(page.locator(".pill.bad", has_text=re.compile("1 failing"))).to_be_visible()
            found += await barriers(page)
            await page.goto(f"{site.url}/views/filter?tag=x")
            found += await barriers(page)
        await me.context.close()
    assert found == []

"""Runs as people go through them: filtered, selected, retried and cancelled together; errors by their groups; and a
text found in the logs of all runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from barriers import barriers
from browsing import Visitor, at_path, is_in, is_live, make, start, stay, stayed
from playwright.async_api import expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]


async def some(site: Server, jobs: tuple[str, str, str]) -> list[int]:
    """Runs that failed, three of one job and one of another, and one that succeeded."""
    accounts, stock, greet = jobs
    make(site, accounts, "fail", tags=["night"])
    make(site, stock, "fail", args={"message": "no stock in Kiel"})
    make(site, greet, "hello", args={"name": "Kiel"})
    runs = [start(site, job) for job in (accounts, accounts, accounts, stock, greet)]
    for run in runs:
        await until(lambda run=run: is_in(site, run, "failed") or is_in(site, run, "succeeded"))
    return runs


async def test_runs_are_filtered_selected_retried_and_cancelled_together(
    me: Visitor, site: Server, tmp_path: Path
) -> None:
    *failed, stock, greeted = await some(site, ("accounts", "stock", "greet"))
    page = await me.open("/runs")
    await page.locator(".states").get_by_role("link", name="Failed").click()
    await page.locator(".states").get_by_role("link", name="Succeeded").click()
    await expect(page).to_have_url(at_path(r"/runs\?state=succeeded,failed"))
    await page.get_by_title("Time range").click()
    await page.get_by_role("link", name="Last hour").click()
    await is_live(page)
    await page.get_by_role("link", name="Filter", exact=True).click()
    asked = page.get_by_role("dialog")
    await asked.get_by_label("Argument").fill("name=Kiel")
    await asked.get_by_role("button", name="Show").click()
    await expect(page).to_have_url(at_path(r"/runs\?.*within=1h.*args=name%3DKiel"))
    await expect(page.locator(f'tr[data-run="{greeted}"]')).to_be_visible()
    await expect(page.locator(f'tr[data-run="{stock}"]')).to_have_count(0)
    await page.get_by_role("link", name="argument: name=Kiel").click()
    await page.get_by_role("searchbox", name="Search arguments, results and errors").fill("no stock in kiel")
    await expect(page).to_have_url(at_path(r"/runs\?.*q=no(\+|%20)stock(\+|%20)in(\+|%20)kiel.*"))
    await expect(page.locator(f'tr[data-run="{greeted}"]')).to_have_count(0)
    await expect(page.locator(f'tr[data-run="{stock}"]')).to_be_visible()

    page = await me.open("/runs?job=accounts")
    await stay(page)
    rows = page.locator("#run-list tr[data-run]")
    await expect(rows).to_have_count(3)
    await page.get_by_label(f"Select run {failed[0]}").check()
    await page.get_by_label(f"Select run {failed[1]}").check()
    await expect(page.locator("#bulk-count")).to_have_text("2 selected")
    await page.get_by_role("button", name="Retry", exact=True).click()
    asked = page.get_by_role("dialog")
    await expect(asked.get_by_role("heading")).to_have_text("Retry 2 runs?")
    await expect(asked).to_contain_text("2 failed")
    await asked.get_by_role("button", name="Retry 2 runs").click()
    await expect(page.locator("#toasts")).to_contain_text("2 runs tried again.")
    await expect(rows).to_have_count(5)
    await expect(page.locator(".sel:checked")).to_have_count(0)
    await expect(rows.first).to_contain_text("attempt 2")
    await expect(page.locator("#run-list tr[data-state=failed]")).to_have_count(5)

    await page.locator("thead").get_by_label("Select all on this page").check()
    await page.get_by_role("button", name="Retry", exact=True).click()
    await expect(asked.get_by_role("heading")).to_have_text("Retry 3 runs?")
    await expect(asked).to_contain_text("A later attempt failed; that one counts.")
    await asked.get_by_role("button", name="Retry 3 runs").click()
    await expect(asked.get_by_role("heading")).to_have_text("3 runs tried again.")
    await asked.get_by_role("link", name="Close").click()
    await expect(rows).to_have_count(8)

    make(site, "long", "gated_in_thread", args={"folder": str(tmp_path)})
    first, second = start(site, "long"), start(site, "long")
    await until(lambda: is_in(site, first, "running"))
    page = await me.open("/runs?job=long")
    await page.locator("thead").get_by_label("Select all on this page").check()
    await page.get_by_role("button", name="Cancel", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel 2 runs").click()
    for run in (first, second):
        await expect(page.locator(f'tr[data-run="{run}"]')).to_have_attribute("data-state", "cancelled")


async def test_errors_are_gathered_looked_into_retried_and_their_logs_searched(me: Visitor, site: Server) -> None:
    runs = await some(site, ("sums", "store", "welcome"))
    group = site.api("GET", "/errors").json()["items"][0]["id"]
    page = await me.open("/errors")
    await stay(page)
    row = page.locator(f'tr[data-error="{group}"]')
    await expect(row).to_contain_text("ValueError")
    before = int(await row.locator(".e-count").inner_text())
    again = start(site, "sums")
    await expect(row.locator(".e-count")).to_have_text(str(before + 1))
    assert await stayed(page)
    await row.get_by_role("link", name="ValueError").click()
    await expect(page).to_have_url(at_path(f"/errors/{group}"))
    await expect(page.locator(f'tr[data-run="{again}"]')).to_be_visible()
    await expect(page.locator("#run-outcome")).to_contain_text("fail")
    await is_live(page)
    await page.get_by_role("link", name="Retry all", exact=True).click()
    asked = page.get_by_role("dialog")
    await expect(asked.get_by_role("heading")).to_contain_text("Retry")
    await asked.get_by_role("button", name="Retry").click()
    await expect(page.locator("#error-group tr[data-run]").first).to_contain_text("attempt")

    page = await me.open("/logs")
    await page.get_by_role("searchbox").fill("hello KIEL")
    await page.keyboard.press("Enter")
    await expect(page.locator("mark").first).to_have_text("hello Kiel")
    await page.locator(f'.log-found [data-run="{runs[-1]}"] .hit a').first.click()
    await expect(page).to_have_url(at_path(rf"/runs/{runs[-1]}#L1"))


async def test_runs_errors_and_logs_have_no_barrier_on_a_desk_and_in_a_hand(site: Server, visit: Visit) -> None:
    await some(site, ("books", "goods", "hail"))
    group = site.api("GET", "/errors").json()["items"][0]["id"]
    found: list[str] = []
    for width in (1440, 390):
        me = await visit(site, viewport={"width": width, "height": 900})
        page = await me.open("/runs?state=failed,succeeded&within=24h&job=books")
        found += await barriers(page)
        await page.locator(".sel").first.check()
        found += await barriers(page)
        await page.locator("#bulk [value=retry]").click()
        await expect(page.get_by_role("dialog").get_by_role("heading")).to_contain_text("Retry 1 run?")
        found += await barriers(page)
        for path in ("/runs/filter?args=a%3Db", "/errors", f"/errors/{group}", "/logs?q=Kiel"):
            await page.goto(f"{site.url}{path}")
            found += await barriers(page)
        await me.context.close()
    assert found == []

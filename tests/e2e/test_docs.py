"""The page that describes the API, as somebody reads it who writes a program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from barriers import barriers, complaints
from browsing import Visitor
from playwright.async_api import Page, expect
from support import Server

Visit = Callable[..., Awaitable[Visitor]]
COPIED = "() => { navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }; }"

WHOLE = ["document-title", "duplicate-id-aria", "heading-order", "html-has-lang", "landmark-one-main", "region"]
PART = ".doc-part:has(#jobs_create)"
"""All parts are drawn alike, and to look at fifteen thousand elements takes half a minute."""


async def open_some(page: Page) -> None:
    for name in ("POST /api/v1/jobs", "GET /api/v1/runs/{run_id}/log"):
        await page.locator("summary").filter(has=page.get_by_role("heading", name=name, exact=True)).click()


async def test_the_api_is_read_and_a_call_is_copied(site: Server, me: Visitor) -> None:
    page = await me.open("/settings/tokens")
    await page.get_by_role("link", name="What a program can ask for").click()
    await expect(page.get_by_role("heading", name="REST API", exact=True)).to_be_visible()
    await open_some(page)
    call = page.locator("#jobs_create")
    await expect(call).to_contain_text("From the role editor on.")
    await expect(call.get_by_role("row").filter(has_text="overlap")).to_contain_text("one of skip, queue")
    await page.evaluate(COPIED)
    await call.get_by_role("button", name="Copy the curl line of POST /api/v1/jobs").click()
    await expect(page.locator("#copied")).to_have_text("Copied")
    assert (await page.evaluate("window.copied")).startswith(
        'curl -H "Authorization: Bearer $CRONAPP_TOKEN" "$CRONAPP_URL/api'
    )

    found = await complaints(page, rules=WHOLE) + await barriers(page, "#guide", PART)
    await call.get_by_role("link", name="Job", exact=True).click()  # opens what it leads to
    await expect(page.locator("#shape-Job")).to_be_visible()
    await page.set_viewport_size({"width": 390, "height": 900})
    assert found + await barriers(page, "#guide", PART, "#shape-Job") == []


async def test_the_api_is_read_without_javascript(site: Server, visit: Visit) -> None:
    me = await visit(site, java_script_enabled=False, viewport={"width": 1024, "height": 900})
    page = await me.open("/docs", live=False)
    await open_some(page)
    await expect(page.locator("#curl-jobs_create")).to_be_visible()
    await expect(page.locator("#runs_log")).to_contain_text("application/x-ndjson")

"""A token as a person makes it for a program, and takes it back."""

from __future__ import annotations

import httpx
from barriers import barriers
from browsing import REFUSED, Visitor
from playwright.async_api import expect
from support import Server


def asks(site: Server, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(f"{site.url}/api/v1/jobs", headers=headers, timeout=30, verify=False).status_code


async def test_a_token_is_made_shown_once_used_and_revoked(me: Visitor, site: Server) -> None:
    me.allowed.append(REFUSED)
    page = await me.open("/settings/tokens")
    await page.get_by_role("link", name="Make a token").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("pipeline")
    await dialog.get_by_label("Role").select_option("admin")
    await dialog.get_by_label("Only jobs with one of these tags").fill("finance")
    await dialog.get_by_role("button", name="Make the token").click()
    await expect(dialog.get_by_text("An admin sees all jobs")).to_be_visible()
    await dialog.get_by_label("Role").select_option("operator")
    found = await barriers(page)
    await dialog.get_by_role("button", name="Make the token").click()
    secret = await dialog.get_by_label("The token").inner_text()
    found += await barriers(page)
    await page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")  # as over plain HTTP
    await dialog.get_by_role("button", name="Copy").click()
    await expect(page.locator("#copied")).to_have_text("Copied")
    await dialog.get_by_role("link", name="Done").click()

    row = page.get_by_role("listitem").filter(has_text="pipeline")
    await expect(row).to_contain_text("Operator, jobs with the tag finance")
    await expect(row).to_contain_text("not used yet")
    assert secret not in await page.content()
    assert asks(site, secret) == 200
    await expect(row).to_contain_text("used ")
    await page.set_viewport_size({"width": 390, "height": 900})
    found += await barriers(page)

    await row.get_by_role("link", name="Revoke").click()
    await dialog.get_by_role("button", name="Revoke it").click()
    await expect(row).to_have_attribute("data-state", "revoked")
    assert asks(site, secret) == 401
    assert found == []

"""From the first start to an account with a second factor, as one person goes that way in a browser."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import pyotp
from barriers import barriers, too_wide
from browsing import Visitor, at_path, is_live
from playwright.async_api import Page, expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]
PASSWORD = "seven green herons"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


async def faults(page: Page) -> list[str]:
    """What bars people from a page, on a desk and on a phone."""
    found = await barriers(page)
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    found += await too_wide(page)
    await page.set_viewport_size(DESK)  # type: ignore[arg-type]
    return found


async def sign_in(page: Page, password: str) -> None:
    await page.get_by_label("Password").fill(password)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def test_from_the_first_link_to_an_account_with_a_second_factor(server: Server, visit: Visit) -> None:
    server.env = {"CRONAPP_SECRET_KEY": "a-key-of-more-than-enough-letters-for-all"}
    server.start()
    me = await visit(server, signed_in=False, viewport=DESK)
    me.allowed += [r"status of (403|422|429)"]
    page = await me.context.new_page()
    found: list[str] = []

    # the link in the terminal, and the first account
    await page.goto(server.link)
    await is_live(page)
    await page.get_by_role("link", name="Make your account").click()
    await page.get_by_label("Name").fill("ada")
    await page.get_by_label("Password").fill("sunshine123")
    await page.get_by_label("The same once more").fill("sunshine123")
    await page.keyboard.press("Enter")
    await expect(page.locator("#f-password-wrong")).to_contain_text("tried first")
    found += await faults(page)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_label("The same once more").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Your account is made")).to_be_visible()
    await expect(page.get_by_text("Signed in by a one-time link")).to_have_count(0)
    found += await faults(page)

    # out, wrong passwords, a wait, and in again
    await page.locator('.side form[action="/logout"] button').click()
    await expect(page).to_have_url(at_path("/login"))
    await page.get_by_label("Name").fill("ADA")
    for _ in range(5):
        await sign_in(page, "not this one")
        await expect(page.get_by_role("alert")).to_contain_text("do not fit")
        await expect(page.get_by_label("Name")).to_have_value("ADA")

    async def is_refused() -> bool:
        """The waits double, so one is met in time however slow this machine is."""
        await sign_in(page, "not this one")
        return "Try again in" in await page.get_by_role("alert").inner_text()

    await until(is_refused)
    found += await faults(page)

    async def is_in() -> bool:
        await sign_in(page, PASSWORD)
        return "/login" not in page.url

    await until(is_in, 90)
    await expect(page).to_have_url(at_path("/"))

    # the second factor
    await page.get_by_role("link", name="Your account, ada").click()
    factor = page.locator("#second-factor")
    await factor.get_by_label("Current password").fill(PASSWORD)
    await factor.get_by_role("button", name="Set it up").click()
    await expect(page.get_by_role("img", name="QR code")).to_be_visible()
    found += await faults(page)
    totp = pyotp.TOTP((await page.locator("#factor-secret").inner_text()).replace(" ", ""))
    await page.get_by_label("Code", exact=True).fill("000000")
    await page.keyboard.press("Enter")
    await expect(page.locator("#f-code-wrong")).to_contain_text("clock")
    await page.get_by_label("Code", exact=True).fill(totp.at(time.time()))
    await page.keyboard.press("Enter")
    codes = page.locator("[data-codes] li")
    await expect(codes).to_have_count(10)
    recovery = await codes.first.inner_text()
    found += await faults(page)

    # in with a code of the app, and with one of last resort; each once
    other = await visit(server, signed_in=False)
    other.allowed += me.allowed
    for code, good in ((totp.at(time.time() + 30), True), (recovery, True), (recovery, False)):
        there = await other.context.new_page()
        await other.context.clear_cookies()
        await there.goto(f"{server.url}/login?next=/runs")
        await there.get_by_label("Name").fill("ada")
        await sign_in(there, PASSWORD)
        await expect(there).to_have_url(at_path(r"/login/code\?next=/runs"))
        await there.get_by_label("Code", exact=True).fill(code)
        if not good:
            found += await faults(there)
        await there.keyboard.press("Enter")
        if good:
            await expect(there).to_have_url(at_path("/runs"))
        else:
            await expect(there.get_by_role("alert")).to_contain_text("This code is not good")
        await there.close()

    # where one is signed in, seen live
    await page.get_by_role("link", name="I have kept them").click()
    await is_live(page)
    rows = page.locator("#account-sessions [data-session]")
    await expect(rows).to_have_count(3)
    await expect(page.locator("#account-sessions")).to_contain_text("by password and recovery code")
    await page.get_by_role("button", name="Sign out all others").click()
    await expect(rows).to_have_count(1)

    # another account, limited to some jobs, and out at once
    await page.goto(f"{server.url}/settings/people")
    await page.get_by_role("link", name="Add an account").click()
    await page.get_by_label("Name").fill("grace")
    await page.get_by_label("Role").select_option("operator")
    await page.get_by_label("Only jobs with one of these tags").fill("shops")
    await page.get_by_label("Password").fill("nine brown otters")
    await page.get_by_label("The same once more").fill("nine brown otters")
    found += await faults(page)
    await page.get_by_role("button", name="Make the account").click()
    await expect(page.get_by_text("The account is made")).to_be_visible()
    found += await faults(page)
    await is_live(page)
    await page.get_by_role("link", name="Disable", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Disable it").click()
    await expect(page.locator("#person-head")).to_contain_text("disabled")
    await page.get_by_role("link", name="People", exact=True).first.click()
    await expect(page.locator("#accounts")).to_contain_text("Operator, jobs with the tag shops")
    found += await faults(page)
    assert found == []
    assert me.unexpected() == []

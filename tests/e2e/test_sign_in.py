"""Coming in: the printed link, once; nobody else."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from browsing import Visitor, at_path, is_live
from playwright.async_api import expect
from support import TOKEN, Server, until

Visit = Callable[..., Awaitable[Visitor]]
LINK = r"http://\S+/login\?token=\S+"


async def test_the_printed_link_signs_in_once(server: Server, visit: Visit) -> None:
    server.start()
    me = await visit(server, signed_in=False)
    page = await me.context.new_page()
    await page.goto(server.link)
    await expect(page).to_have_url(at_path("/"))
    await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    await is_live(page)

    thief = await visit(server, signed_in=False)
    thief.allowed.append("status of 403")
    page = await thief.context.new_page()
    reply = await page.goto(server.link)
    assert reply is not None
    assert reply.status == 403
    await expect(page.get_by_role("alert")).to_contain_text("a link works once")
    await page.goto(f"{server.url}/jobs")
    await expect(page).to_have_url(at_path(r"/login\?next=/jobs"))


async def test_a_lost_link_is_printed_anew_in_the_terminal(server: Server, visit: Visit) -> None:
    server.start()
    me = await visit(server, signed_in=False)
    page = await me.context.new_page()
    await page.goto(f"{server.url}/tasks")
    await expect(page).to_have_url(at_path(r"/login\?next=/tasks"))
    await page.get_by_role("button", name="Print a new sign-in link").click()
    await expect(page.get_by_role("status").filter(has_text="A new link")).to_be_visible()
    links = await until(lambda: len(found := re.findall(LINK, server.text())) == 2 and found)
    await page.goto(links[-1])
    await expect(page).to_have_url(at_path("/"))
    await is_live(page)


async def test_signing_out_closes_the_door(site: Server, visit: Visit) -> None:
    me = await visit(site)
    page = await me.open("/")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page).to_have_url(at_path("/login"))
    await page.goto(f"{site.url}/runs")
    await expect(page).to_have_url(at_path(r"/login\?next=/runs"))


async def test_the_token_signs_in_and_leads_to_the_page_that_was_asked_for(site: Server, visit: Visit) -> None:
    me = await visit(site, signed_in=False)
    page = await me.context.new_page()
    await page.goto(f"{site.url}/jobs?state=paused&q=hello")
    await page.get_by_label("Token").fill(TOKEN)
    await page.get_by_role("button", name="Sign in with the token").click()
    await expect(page).to_have_url(at_path(r"/jobs\?state=paused&q=hello"))

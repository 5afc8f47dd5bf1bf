"""Coming in by an issuer, and leaving by it, in a real browser with the policy on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from barriers import barriers
from browsing import Visitor, at_path, is_live
from issuer import CLIENT, SECRET, issuing
from playwright.async_api import expect
from support import Server

Visit = Callable[..., Awaitable[Visitor]]


async def test_one_comes_in_by_the_issuer_and_leaves_by_it(server: Server, visit: Visit) -> None:
    with issuing() as issuer:
        server.env |= {
            "CRONAPP_OIDC_ISSUER": issuer.url,
            "CRONAPP_OIDC_CLIENT_ID": CLIENT,
            "CRONAPP_OIDC_CLIENT_SECRET": SECRET,
            "CRONAPP_OIDC_NAME": "Example ID",
            "CRONAPP_OIDC_ROLES": "ops=operator",
        }
        server.start()
        me = await visit(server, signed_in=False)
        me.allowed.append("status of 403")
        page = await me.context.new_page()
        await page.goto(f"{server.url}/jobs?state=paused")
        assert await barriers(page) == []
        await page.get_by_role("link", name="Sign in with Example ID").click()
        await expect(page).to_have_url(at_path(r"/jobs\?state=paused"))
        await is_live(page)
        await page.goto(f"{server.url}/")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page).to_have_url(at_path("/login"))
        assert f"{issuer.path}/logout" in issuer.asked
        assert issuer.asked.count(f"{issuer.path}/token") == 1

        issuer.person["groups"] = ["strangers"]
        await page.get_by_role("link", name="Sign in with Example ID").click()
        await expect(page.get_by_role("alert")).to_contain_text("None of your groups has a role here.")
        assert await barriers(page) == []

"""Who is told, from the page where a channel is made to the list of what was told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from barriers import barriers
from browsing import REFUSED, Visitor, at_path, make, start
from playwright.async_api import expect
from receiving import receiving
from support import Server

Visit = Callable[..., Awaitable[Visitor]]


async def test_a_channel_is_made_tried_named_by_a_job_and_told_of_its_failure(server: Server, visit: Visit) -> None:
    server.env = {"CRONAPP_ALLOW_PRIVATE_HOOKS": "true"}
    async with receiving() as receiver:
        await asyncio.to_thread(server.start)
        me = await visit(server)
        me.allowed.append(REFUSED)
        page = await me.open("/settings/alerts")
        await expect(page.get_by_text("There is no channel yet")).to_be_visible()
        assert await barriers(page) == []
        await page.get_by_role("link", name="Add a channel").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_label("Name")).to_be_focused()
        await page.keyboard.type("ops")
        await dialog.get_by_label("Address").fill("nonsense://x")
        assert await barriers(page) == []
        await dialog.get_by_role("button", name="Add the channel").click()
        await expect(dialog.get_by_text("Apprise does not know such an address.")).to_be_visible()
        await dialog.get_by_label("Address").fill(receiver.apprise)
        await dialog.get_by_role("button", name="Add the channel").click()
        row = page.locator("[data-channel=ops]")
        await expect(row).to_contain_text("json://********-")
        await row.get_by_role("button", name="Send a test").click()
        await expect(page.get_by_text("A test was sent to ops.")).to_be_visible()
        await expect(page.locator(".deliveries [data-state=sent]")).to_have_count(1)

        await page.get_by_role("link", name="Change the rule for all jobs").click()
        await dialog.get_by_label("Tell the channels").fill("ops")
        await dialog.get_by_label("Success").check()
        assert await barriers(page) == []
        await dialog.get_by_role("button", name="Save the rule").click()
        await expect(page.locator("[data-rule=default]")).to_contain_text("Tells ops when a run fails for good")

        await asyncio.to_thread(make, server, "nightly", "fail")
        form = await me.open("/jobs/nightly/edit")
        await form.locator("#rules-told").click()
        await expect(form.get_by_text("For all jobs: tells ops when")).to_be_visible()
        await form.get_by_label("and these Apprise addresses:").fill(receiver.apprise + "-own")
        await form.get_by_label("Slow", exact=True).check()
        await expect(form.locator("#form-summary")).to_contain_text("when a run fails for good, it recovers or a run")
        more = form.get_by_role("button", name="Add another rule")
        for _ in range(2):  # a second time, too: it is there that a browser was seen to crash
            await more.click()
            second = form.get_by_role("group", name="Rule 2")
            await expect(second.get_by_label("Tell the channels")).to_be_focused()
            await second.get_by_label("Tell the channels").fill("ops")
            await expect(form.locator("#form-summary")).to_contain_text("Tells ops when")
            assert await barriers(form) == []
            await second.get_by_role("button", name="Take rule 2 away").click()
            await expect(more).to_be_focused()
        await expect(form.get_by_role("group", name="Rule 2")).to_have_count(0)
        await expect(form.get_by_label("Slow", exact=True)).to_be_checked()
        await form.get_by_role("button", name="Save", exact=True).click()
        await expect(form).to_have_url(at_path("/jobs/nightly"))

        receiver.answers = [500, 410]
        await asyncio.to_thread(start, server, "nightly")
        await form.goto(f"{server.url}/jobs/nightly/configuration")
        told = form.locator("#job-told")
        await expect(told.locator("[data-delivery]")).to_have_count(2)
        await expect(told).to_contain_text("to ops")
        assert await barriers(form) == []
        listed = await me.open("/deliveries")
        await expect(listed.locator("[data-delivery]")).to_have_count(3)
        assert await barriers(listed) == []
        for path in ("/settings/alerts", "/deliveries", "/jobs/nightly/edit", "/jobs/nightly/configuration"):
            await listed.goto(f"{server.url}{path}")
            assert "s3cret-word" not in await listed.content(), path

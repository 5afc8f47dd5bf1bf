"""Pages can be used by everybody: in the theme one likes, and when the code is broken."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from barriers import barriers
from browsing import Visitor, make
from playwright.async_api import expect
from support import Server

Visit = Callable[..., Awaitable[Visitor]]


async def test_what_went_wrong_with_the_code_is_shown_without_a_barrier(server: Server, visit: Visit) -> None:
    server.start()
    make(server, "kept", "hello")
    server.stop()
    server.write_tasks("import a_module_that_is_not_there\n")
    server.start()
    me = await visit(server, viewport={"width": 390, "height": 900})
    found: list[str] = []
    for path in ("/", "/jobs", "/tasks", "/jobs/kept", "/jobs/kept/edit"):
        page = await me.open(path)
        await expect(
            page.get_by_text(re.compile("needs? attention|cannot be loaded|gone", re.IGNORECASE)).first
        ).to_be_attached()
        found += await barriers(page)
    assert found == []


async def test_the_theme_one_chooses_stays(site: Server, visit: Visit) -> None:
    me = await visit(site, color_scheme="light")
    page = await me.open("/")
    light = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    await page.get_by_role("button", name="Dark").click()
    dark = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert dark != light
    await page.goto(f"{site.url}/jobs")
    assert await page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == dark
    await expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")

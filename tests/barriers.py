"""What bars people from a page: what axe finds, by day and by night, and a page that scrolls sideways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playwright.async_api import Page
from support import ROOT

AXE = (ROOT / "tests" / "vendor" / "axe.min.js").read_text()
COLOURS = ["color-contrast", "link-in-text-block"]
SETTLED = "document.getAnimations().every(one => !(one instanceof CSSTransition))"


async def barriers(page: Page, *within: str) -> list[str]:
    """One line for each, on the whole page or within what these selectors find. By night only the colours are others,
    so only these are looked at once more."""
    found = await complaints(page, within) + await too_wide(page)
    await page.emulate_media(color_scheme="dark")
    await page.wait_for_function(SETTLED)
    found += await complaints(page, within, COLOURS)
    await page.emulate_media(color_scheme="light")
    await page.wait_for_function(SETTLED)
    return found


async def complaints(page: Page, within: Sequence[str] = (), rules: Sequence[str] = ()) -> list[str]:
    """What axe finds as the page is, one line for each element."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    found: list[dict[str, Any]] = await page.evaluate(
        "async ([within, options]) => (await axe.run(within.length ? within : document, options)).violations",
        [within, options],
    )
    return [
        f"{page.url}: {fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found
        for node in fault["nodes"]
    ]


async def too_wide(page: Page) -> list[str]:
    """The page must not scroll sideways."""
    wide = await page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
    return [f"{page.url}: {wide} px too wide"] if wide > 0 else []

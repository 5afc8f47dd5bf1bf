"""What bars people from a page: what axe finds, and a page that scrolls sideways."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page
from support import ROOT

AXE = (ROOT / "tests" / "vendor" / "axe.min.js").read_text()


async def complaints(page: Page, scheme: str = "light") -> list[str]:
    """What axe finds, one line for each element. By night only the colours are others."""
    await page.evaluate(AXE)
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if scheme == "dark":
        options["runOnly"] = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
    found: list[dict[str, Any]] = await page.evaluate(
        "async options => (await axe.run(document, options)).violations", options
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

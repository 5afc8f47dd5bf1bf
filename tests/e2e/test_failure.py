"""A job that worked fails: the page of the run tells what broke, what changed, and how long it takes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from barriers import barriers
from browsing import Visitor, is_in, make, start, stay, stayed
from playwright.async_api import expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]

TASKS = '''
import asyncio
from pathlib import Path
from helper import read


def fetch(shop: str = "kiel"):
    """Fetch figures."""
    print(f"connecting to {shop}")
    figures = read('{"sales": [1, 2, 3]}')
    print("stored")
    return {"figures": figures, "note": "first\\nsecond"}


def unsteady(folder: str):
    """Fail until its gate is open."""
    print("trying")
    if not (Path(folder) / "gate").exists():
        raise ConnectionError("the shop does not answer")


async def waits(folder: str = ""):
    """Return at once, or wait for the gate."""
    while folder and not (Path(folder) / "gate").exists():
        await asyncio.sleep(0.02)
'''
HELPER = "import json\n\n\ndef read(text):\n    return json.loads(text)\n"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, TASKS)
    (tmp_path / "helper.py").write_text(HELPER)
    yield server.start("--watch")
    server.kill()


async def test_a_job_that_worked_fails_and_its_page_says_what_broke_and_what_changed(
    watched: Server, visit: Visit
) -> None:
    make(watched, "fetch", "fetch", args={"shop": "kiel"})
    good = start(watched, "fetch")
    await until(lambda: is_in(watched, good, "succeeded"))
    broken = TASKS.replace("[1, 2, 3]}')", "[1, 2, 3}')").replace('"stored"', '"kept"')
    watched.write_tasks(broken + "\n\ndef added():\n    pass\n")
    await until(lambda: watched.api("GET", "/tasks/added").status_code == 200)  # it was read again
    bad = start(watched, "fetch", shop="bonn")
    await until(lambda: is_in(watched, bad, "failed"))

    me = await visit(watched, permissions=["clipboard-read", "clipboard-write"])
    page = await me.open(f"/runs/{bad}")
    error = page.locator("#run-outcome")
    await expect(error.locator("h2")).to_have_text("json.decoder.JSONDecodeError")
    await expect(error.locator(".where")).to_have_text("helper.py:5 in read")
    await expect(error.locator(".message.big")).to_contain_text("Expecting ',' delimiter")
    own = error.locator(".frame.own")
    assert [await one.locator("b").inner_text() for one in await own.all()] == ["read", "fetch"], "the innermost first"
    await expect(own.nth(1).locator(".hit")).to_contain_text("figures = read(")
    folded = error.locator(".frame.lib")
    await expect(folded.locator("summary")).to_have_text(re.compile(r"^\d frames in json$"))
    await expect(folded.locator("li").first).to_be_hidden()
    await folded.locator("summary").press("Enter")
    await expect(folded.locator("li").first).to_be_visible()
    await error.get_by_role("button", name="Copy the traceback").click()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("Traceback (most recent call last)")
    assert "in fetch" in copied

    since = page.locator("#run-since")
    await expect(since.get_by_role("link", name=f"run #{good}")).to_be_visible()
    await expect(since.locator(".diff .went")).to_have_count(2)
    await expect(since.locator(".diff .came").first).to_contain_text("[1, 2, 3}")
    await expect(since).to_contain_text(re.compile(r'shop\s+"kiel"\s+became\s+"bonn"'))
    await expect(since).to_contain_text("The packages, Python, the other files and the machine.")
    await since.locator(".log-lines").nth(1).get_by_role("link").first.click()
    await expect(page.locator("#L1")).to_have_class(re.compile("marked"))

    side = page.locator("#run-side")
    await expect(side.get_by_role("region", name="Arguments")).to_contain_text("bonn")
    await side.get_by_role("link", name="Copy the arguments as JSON").click()
    await until(lambda: page.evaluate("navigator.clipboard.readText().then(text => text.includes('bonn'))"))
    worked = await me.open(f"/runs/{good}")
    await expect(worked.locator("#run-outcome, #run-since").first).to_be_hidden()
    await expect(worked.locator("#run-side .v-block")).to_have_text("first\nsecond")
    await worked.close()

    await page.close()
    page = await me.open(f"/runs/{bad}")
    for width in (1440, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await barriers(page) == []


async def test_attempts_come_as_tabs_while_one_looks_on(watched: Server, visit: Visit, tmp_path: Path) -> None:
    retry = {"max_attempts": 3, "delay": 3600, "backoff": "fixed"}
    make(watched, "unsteady", "unsteady", args={"folder": str(tmp_path)}, retry=retry)
    page = await (await visit(watched)).open(f"/runs/{start(watched, 'unsteady')}")
    await stay(page)
    tabs = page.get_by_role("navigation", name="Attempts").get_by_role("link")
    await expect(tabs).to_have_count(2)
    await expect(tabs.nth(0)).to_have_attribute("data-state", "failed")
    await expect(page.locator("#run-head .note")).to_contain_text("Attempt 2 starts")
    await page.get_by_role("button", name="Retry now").click()
    await expect(tabs).to_have_count(3)
    await expect(tabs.nth(1)).to_have_attribute("data-state", "failed")
    (tmp_path / "gate").touch()
    await page.get_by_role("button", name="Retry now").click()
    await expect(tabs.nth(2)).to_have_attribute("data-state", "succeeded")
    await expect(page.locator("#run-head .note")).to_have_count(0)
    assert await stayed(page)
    await tabs.nth(2).press("Enter")
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    await expect(tabs.nth(2)).to_have_attribute("aria-current", "page")


async def test_a_run_that_takes_longer_than_usual_turns_by_itself(
    watched: Server, visit: Visit, tmp_path: Path
) -> None:
    make(watched, "waits", "waits", timeout="1h")
    for _ in range(3):
        run = start(watched, "waits")
        await until(lambda run=run: is_in(watched, run, "succeeded"))
    page = await (await visit(watched)).open(f"/runs/{start(watched, 'waits', folder=str(tmp_path))}")
    pace = page.locator("#run-pace")
    await expect(pace).to_contain_text("usually")
    await expect(page.locator("#run-side")).to_contain_text(re.compile(r"\d\d:\d\d left"))
    await expect(pace.get_by_role("status")).to_have_text("Longer than usual")
    (tmp_path / "gate").touch()
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    await expect(pace.get_by_role("status")).to_have_text("Longer than usual")
    await expect(page.locator("#run-side")).to_contain_text("Duration")

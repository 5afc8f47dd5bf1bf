"""How a busy dashboard feels in a real browser: `make bench` for a minute, or

.venv/bin/python benchmarks/browser.py --jobs 5000 --rate 50 --minutes 10

The list of jobs is open while many of its rows change each second. Told are the runs that really were, how long the
page took from a press to the next frame (as the browser itself measures it), and what its tab held after a collection.

.venv/bin/python benchmarks/browser.py --log 100000

measures instead how smoothly a log of so many lines scrolls, by wheel, by its bar and by key, against the same page at
rest, and how long its box stays blank after a jump.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

from browsing import Visitor, find_browser, is_in, start_browser  # noqa: E402
from history import fill  # noqa: E402
from hurting import get, make, start  # noqa: E402
from playwright.async_api import CDPSession, Page, async_playwright  # noqa: E402
from support import Server, until  # noqa: E402

TASKS = '''
import sys


async def tick():
    """Print a line."""
    print("tick")


def talk(lines: int):
    """Print lines: short and long ones, some in colours, and an error in the middle."""
    for n in range(1, lines):
        print(f"\\x1b[3{n % 8}mline\\x1b[0m {n} " + "of a long log " * (40 if n % 25 == 0 else 2))
        if n == lines // 2:
            print("Traceback (most recent call last):", file=sys.stderr)
'''
TABS = 8
EVERY = 2.0  # seconds between two presses
WATCH = """() => {
  window.presses = [];
  const note = (entry) => { if (entry.interactionId) presses.push(entry.duration); };
  new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type: "event", durationThreshold: 16 });
}"""
FULL = "(bars) => document.querySelectorAll('.strip a').length >= bars"
"""All strips have their thirty runs: until then the page grows."""
LAST = "td.c-last a"
GAPS = """() => {
  window.gaps = [];
  let last = performance.now();
  const frame = (now) => { gaps.push(now - last); last = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""
DRAG = """async (log) => {
  for (let part = 180; part >= 0; part--) {
    log.scrollTop = (log.scrollHeight * part) / 180;
    await new Promise(requestAnimationFrame);
  }
}"""
JUMP = """async (log, part) => {
  const began = performance.now(), box = log.getBoundingClientRect();
  const filled = (y) => document.elementFromPoint(box.left + 200, box.top + y)?.closest(".line");
  log.scrollTop = log.scrollHeight * part;
  do await new Promise(requestAnimationFrame); while (![20, box.height / 2, box.height - 20].every(filled));
  return performance.now() - began;
}"""
"""Milliseconds until there are lines above, in the middle and below."""
MOVED = "([at, href]) => document.querySelector(at)?.getAttribute('href') !== href"


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5_000)
    parser.add_argument("--rate", type=int, default=50, help="runs a second, one job each")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--log", type=int, metavar="LINES", help="measure a log of so many lines instead of the list")
    return parser.parse_args()


def prepared(folder: Path, jobs: int, rate: int) -> Server:
    """A server with so many jobs, of which `rate` run each second and stand first in the list."""
    server = Server(folder, TASKS, env={"CRONAPP_CONCURRENCY": "100"})
    server.start()
    make(server, "job-0", "tick", {"kind": "cron", "expression": "0 3 * * *"})
    start(server, "job-0")
    time.sleep(1)  # for its end
    server.stop()
    fill(folder / "cronapp.db", jobs - rate, 30 * jobs)
    server.start()
    for n in range(rate):
        make(server, f"busy-{n:02}", "tick", {"kind": "interval", "every": 1})
    return server


def talking(folder: Path) -> Server:
    return Server(folder, TASKS, env={"CRONAPP_LOG_LIMIT": "1GB"}).start()


async def press(page: Page) -> None:
    """Opens a row's menu and closes it again."""
    menu = page.locator("tbody tr summary").first
    await menu.click()
    await menu.click()


async def held(session: CDPSession) -> tuple[float, int]:
    """What the tab holds after a collection: megabytes of JavaScript, and nodes."""
    await session.send("HeapProfiler.collectGarbage")
    figures = {one["name"]: one["value"] for one in (await session.send("Performance.getMetrics"))["metrics"]}
    return figures["JSHeapUsedSize"] / 1e6, int(figures["Nodes"])


async def watch(page: Page, minutes: float) -> None:
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    await page.evaluate(WATCH)
    ends = time.monotonic() + minutes * 60
    samples = [await held(session)]
    while time.monotonic() < ends:
        await press(page)
        await asyncio.sleep(EVERY)
        if time.monotonic() > ends - (minutes * 60) * (9 - len(samples)) / 9:
            samples.append(await held(session))
    took: list[float] = await page.evaluate("presses")
    slow = sum(one > 100 for one in took)
    print(f"a press to the next frame   {told(took)}, {slow} beyond 100 ms")
    print("tab after a collection      " + "  ".join(f"{heap:.1f} MB/{nodes:,}" for heap, nodes in samples))


def told(took: list[float]) -> str:
    if not took:
        return "all under 16 ms"
    return f"{len(took)} over 16 ms: median {statistics.median(took):.0f}, worst {max(took):.0f} ms"


async def tabs(visitor: Visitor, page: Page) -> None:
    """Eight tabs of one browser, all in sight: what each needs until the next update, and a page beside them."""
    pages = [page, *[await visitor.open("/jobs") for _ in range(TABS - 1)]]
    took = await asyncio.gather(*map(next_update, pages))
    print(f"{TABS} tabs, each an update in  {' '.join(f'{one:.1f}' for one in took)} s")
    began = time.monotonic()
    await visitor.open("/jobs")
    print(f"a page beside them          {(time.monotonic() - began) * 1000:.0f} ms")


async def next_update(page: Page) -> float:
    began = time.monotonic()
    href = await page.locator(LAST).first.get_attribute("href")
    await page.wait_for_function(MOVED, arg=[LAST, href])
    return time.monotonic() - began


def runs_of(server: Server) -> int:
    return int(get(server, "/api/v1/runs?limit=1").json()["items"][0]["id"])


async def measure(given: argparse.Namespace, server: Server) -> None:
    async with async_playwright() as playwright:
        browser = await start_browser(playwright, find_browser(playwright) or "")
        context = await browser.new_context(viewport={"width": 1440, "height": 900})
        visitor = Visitor(context, server.url)
        await visitor.sign_in()
        await (measure_log(given, server, visitor) if given.log else measure_list(given, server, visitor))
        await browser.close()


async def measure_list(given: argparse.Namespace, server: Server, visitor: Visitor) -> None:
    print(f"{given.jobs:,} jobs, {given.rate} of them each second, {given.minutes:g} minutes")
    page = await opened(visitor, "the list", "/jobs")
    await page.wait_for_function(FULL, arg=min(given.rate, 50) * 30, timeout=120_000)
    first, at = runs_of(server), datetime.now(UTC)
    await watch(page, given.minutes)
    rate = (runs_of(server) - first) / (datetime.now(UTC) - at).total_seconds()
    print(f"runs a second               {rate:.1f}")
    await tabs(visitor, page)


async def opened(visitor: Visitor, what: str, path: str) -> Page:
    began = time.monotonic()
    page = await visitor.open(path)
    print(f"{what + ', live after':<27} {(time.monotonic() - began) * 1000:.0f} ms")
    return page


# -- a long log -----------------------------------------------------------------------------------------------------


async def measure_log(given: argparse.Namespace, server: Server, visitor: Visitor) -> None:
    make(server, "talk", "talk", args={"lines": given.log})
    run = start(server, "talk")
    await until(lambda: is_in(server, run, "succeeded"), limit=60)
    page = await opened(visitor, f"{given.log:,} lines", f"/runs/{run}")
    session, log = await page.context.new_cdp_session(page), page.locator("#log")
    await session.send("Performance.enable")
    before = await held(session)
    await page.evaluate(GAPS)
    await log.hover()
    for name, act in (
        ("at rest", asyncio.sleep(2)),
        ("a wheel", wheel(page, -300)),
        ("a fast wheel", wheel(page, -3000)),
        ("its bar", log.evaluate(DRAG)),
        ("the key PageDown", turn_pages(page)),
    ):
        await page.evaluate("gaps.length = 0")
        await act
        print(f"frames, {name:<19} {spread(await page.evaluate('gaps'))}")
    print(f"blank after a jump          {spread([await log.evaluate(JUMP, n * 0.37 % 1) for n in range(1, 30)])}")
    after = await held(session)
    print("tab before and after        " + "  ".join(f"{heap:.1f} MB/{nodes:,}" for heap, nodes in (before, after)))


async def wheel(page: Page, pixels: int) -> None:
    for _ in range(150):
        await page.mouse.wheel(0, pixels)
        await asyncio.sleep(0.016)


async def turn_pages(page: Page) -> None:
    await page.locator("#log").focus()
    for _ in range(60):
        await page.keyboard.press("PageDown")
        await asyncio.sleep(0.04)


def spread(took: list[float]) -> str:
    p95 = statistics.quantiles(took, n=20)[-1]
    return f"median {statistics.median(took):.0f}, p95 {p95:.0f}, worst {max(took):.0f} ms"


def main() -> None:
    given = asked()
    with tempfile.TemporaryDirectory() as folder:
        server = talking(Path(folder)) if given.log else prepared(Path(folder), given.jobs, given.rate)
        try:
            asyncio.run(measure(given, server))
        finally:
            server.stop()


if __name__ == "__main__":
    main()

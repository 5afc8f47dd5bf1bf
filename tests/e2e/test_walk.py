"""A walk through all pages: axe finds nothing, by day and by night, on a desk and in a hand, and nothing is cut off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

from barriers import barriers, too_wide
from browsing import REFUSED, Visitor, choose_kind, is_in, is_live, job_row, line, make, start, submit
from playwright.async_api import Page, expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]
WIDTHS = (1440, 390)
LONG = "nightly-report-of-all-shops-in-the-north"
ZONE = "America/Argentina/ComodRivadavia"
CUT = """() => [...document.querySelectorAll("main .card .table")].filter(table => {
    const card = table.closest(".card");
    return table.getBoundingClientRect().right > card.getBoundingClientRect().right + 1;
}).map(table => `${table.className} reaches out of its card`)"""

MOVES = """() => [
    ...document.getAnimations().filter(one => one.playState === "running")
        .map(one => `${one.animationName ?? one.transitionProperty} moves ${one.effect.target.className}`),
    ...[...document.querySelectorAll("*")].filter(one => getComputedStyle(one).scrollBehavior === "smooth")
        .map(one => `${one.className} scrolls smoothly`),
]"""
"""What moves although one asked for less of it, as every visitor of these tests does."""


async def furnish(site: Server, folder: Path) -> dict[str, int]:
    """Jobs and runs of all kinds; answers runs by their state."""
    make(site, LONG, "hello", {"kind": "cron", "expression": "0 3 * * mon-fri", "timezone": ZONE}, jitter=30)
    tell_of(site, LONG)
    make(site, "paused", "hello", {"kind": "interval", "every": "15m"}, tags=["finance", "night", "x", "y"])
    site.api("POST", "/jobs/paused/pause", json={"reason": "The shop is closed."})
    make(site, "failing", "fail", args={"message": "no figures " * 20}, description="It fails.\nAlways.")
    make(site, "running", "gated_in_thread", args={"folder": str(folder)})
    after = {"jobs": ["paused", "failing", "gone"], "when": "failure"}
    make(site, "gone", "hello")
    make(site, "alarm", "hello", {"kind": "dependency"}, after=after)
    make(site, "all-ends-of-the-alarm-that-are-read", "hello", {"kind": "dependency"}, after={"jobs": ["alarm"]})
    site.api("DELETE", "/jobs/gone")
    runs = {"succeeded": start(site, LONG), "failed": start(site, "failing"), "running": start(site, "running")}
    for state, run in runs.items():
        await until(lambda run=run, state=state: is_in(site, run, state))
    return runs | {"queued": start(site, "running")}


def tell_of(site: Server, job: str) -> None:
    """What a job's tabs tell: changes, a note, a slot that is skipped and one that was added."""
    site.api("PATCH", f"/jobs/{job}", json={"args": {"name": "a name that is rather long " * 8}, "timeout": "5m"})
    site.api("POST", f"/jobs/{job}/notes", json={"text": f"https://example.org/{'long-' * 60}\nsecond line"})
    first = site.api("GET", f"/jobs/{job}/slots/upcoming").json()["items"][0]["slot"]
    site.api("POST", f"/jobs/{job}/slots/skip", json={"slot": first})
    added = datetime.fromisoformat(first) + timedelta(minutes=7)
    site.api("POST", f"/jobs/{job}/slots/add", json={"slot": added.isoformat()})


def paths(runs: dict[str, int]) -> list[str]:
    tabs = ("", "/upcoming", "/log", "/configuration", "/dependencies", "/history", "/notes")
    return [
        *(
            "/",
            "/jobs",
            "/jobs?q=nothing",
            "/runs",
            "/errors",
            "/logs?q=no",
            "/timeline",
            "/timeline/load",
            "/tasks",
            "/system",
            "/search?q=n",
        ),
        *("/tasks/report", "/settings", "/settings/people", "/settings/tokens", "/settings/alerts", "/settings/audit"),
        *("/settings/browser", "/deliveries"),
        *(f"/jobs/{LONG}{path}" for path in (*tabs, "/slots", "/backfill", "/restore?version=1", "/run-with")),
        *("/jobs/paused", "/jobs/failing/edit", "/jobs/alarm/dependencies", "/jobs/alarm/remove"),
        *("/jobs/failing/pause", "/jobs/paused/resume", "/scheduler/pause", "/views/filter?tag=x"),
        *(f"/runs/{run}" for run in runs.values()),
    ]


async def faults(page: Page) -> list[str]:
    """On a desk and in a hand."""
    found: list[str] = []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        odd = [*await page.evaluate(CUT), *await page.evaluate(MOVES)]
        found += [f"{page.url}, {width} wide: {words}" for words in [*odd, *await barriers(page)]]
    return found


async def test_no_page_has_a_barrier_or_is_cut_off(site: Server, visit: Visit, tmp_path: Path) -> None:
    runs = await furnish(site, tmp_path)
    me = await visit(site)
    me.allowed += [REFUSED, "status of 404"]
    page = await me.context.new_page()
    found: list[str] = []
    for path in paths(runs):
        await page.goto(f"{site.url}{path}")
        await is_live(page)
        found += await faults(page)

    await page.goto(f"{site.url}/jobs/new?task=report")
    for group in await page.locator(".rules > summary").all():
        await group.click()
    await choose_kind(page, "Cron")
    await page.get_by_label("Cron expression").fill("61 * * * *")
    await expect(page.locator("#form-preview .wrong")).to_be_visible()
    await submit(page, page.get_by_role("button", name="Save", exact=True).click)
    await expect(page.get_by_role("alert")).to_be_visible()
    found += await faults(page)

    await page.goto(f"{site.url}/nothing/here")
    found += await faults(page)
    stranger = await visit(site, signed_in=False)
    page = await stranger.context.new_page()
    await page.goto(f"{site.url}/login")
    assert found + await faults(page) == []


async def test_on_a_screen_of_1024_pixels_nothing_reaches_out_of_its_card(site: Server, visit: Visit) -> None:
    make(site, LONG, "hello", {"kind": "cron", "expression": "0 3 * * mon-fri", "timezone": ZONE})
    tell_of(site, LONG)
    me = await visit(site, viewport={"width": 1024, "height": 900})
    page = await me.context.new_page()
    found: list[str] = []
    for path in ("/jobs", "/runs", f"/jobs/{LONG}", f"/jobs/{LONG}/upcoming", f"/jobs/{LONG}/slots"):
        await page.goto(f"{site.url}{path}")
        await is_live(page)
        found += await too_wide(page) + await page.evaluate(CUT)
    assert found == []


async def test_in_a_hand_the_further_tags_and_the_lines_of_one_moment_stay_in_their_place(
    site: Server, visit: Visit
) -> None:
    make(site, "told", "hello", args={"name": "Ada\nand\nGrace"}, tags=["one", "two", "three"])
    run = start(site, "told")
    await until(lambda: is_in(site, run, "succeeded"))
    me = await visit(site, viewport={"width": 390, "height": 844})
    page = await me.open("/jobs")
    await expect(job_row(page, "told").get_by_text("+1", exact=True)).to_be_visible()
    place = "(e) => getComputedStyle(e).position"
    assert await job_row(page, "told").get_by_text("+1", exact=True).evaluate(place) == "static"
    await page.goto(f"{site.url}/runs/{run}")
    for seq, text in enumerate(("hello Ada", "and", "Grace"), 1):
        await expect(line(page, seq)).to_be_visible()
        await expect(line(page, seq)).to_contain_text(text)

"""The log of a run in the browser: long ones open as fast as short ones, the end is followed, nothing is missing."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

from browsing import Visitor, at_end, in_sight, is_in, is_live, line, make, seqs, start, stay, stayed
from playwright.async_api import Page, expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]
LONG = 100_000


def lengthen(database: Path, run: int, lines: int) -> None:
    """Gives a run that ended a log of so many lines."""
    with closing(sqlite3.connect(database)) as conn, conn:
        conn.execute("DELETE FROM log_lines WHERE run = ?", (run,))
        rows = ((run, n, 1_780_000_000_000_000 + n, "stdout", f"line {n} of a long log") for n in range(1, lines + 1))
        conn.executemany("INSERT INTO log_lines (run, seq, at, stream, text) VALUES (?, ?, ?, ?, ?)", rows)
        conn.execute("UPDATE runs SET last_seq = ? WHERE id = ?", (lines, run))


async def opened(page: Page, url: str, last: int) -> float:
    """Seconds until the last line of the log is before the reader's eyes."""
    began = time.monotonic()
    await page.goto(url)
    await in_sight(page, last)
    return time.monotonic() - began


def as_fast(times: dict[int, list[float]]) -> bool:
    return min(times[LONG]) <= min(times[100]) * 1.2 + 0.3


async def test_a_log_of_100000_lines_opens_as_fast_as_one_of_100_and_can_be_read_from_end_to_start(
    server: Server, visit: Visit
) -> None:
    server.start()
    make(server, "short", "hello")
    make(server, "long", "hello")
    short, long = start(server, "short"), start(server, "long")
    for run in (short, long):
        await until(lambda run=run: is_in(server, run, "succeeded"))
    server.stop()
    lengthen(server.folder / "cronapp.db", short, 100)
    lengthen(server.folder / "cronapp.db", long, LONG)
    server.start()

    me = await visit(server)
    page = await me.context.new_page()
    times: dict[int, list[float]] = {100: [], LONG: []}
    for turn in range(15):  # the best of each counts: what else the machine does slows down either
        for run, lines in ((short, 100), (long, LONG)):
            times[lines].append(await opened(page, f"{server.url}/runs/{run}", lines))
        if turn >= 2 and as_fast(times):
            break
    assert as_fast(times), times

    there = await seqs(page)
    assert there[-1] == LONG
    assert len(there) <= 500
    log = page.locator("#log")
    assert await at_end(log)
    await log.hover()
    await page.mouse.wheel(0, -19_500)
    await in_sight(page, LONG - 1000)
    await log.evaluate("log => { log.scrollTop = 0; }")
    await in_sight(page, 1)
    await expect(line(page, 1)).to_contain_text("line 1 of a long log")
    assert (await seqs(page))[:100] == list(range(1, 101))
    await log.evaluate("log => { log.scrollTop = log.scrollHeight / 2; }")
    await expect(line(page, LONG // 2)).to_be_attached()
    await page.goto(f"{server.url}/runs/{long}#L12345")
    await in_sight(page, 12345)


async def test_only_a_few_pieces_of_a_long_log_are_kept_on_the_page(server: Server, visit: Visit) -> None:
    server.start()
    make(server, "long", "hello")
    run = start(server, "long")
    await until(lambda: is_in(server, run, "succeeded"))
    server.stop()
    lengthen(server.folder / "cronapp.db", run, 20_000)
    server.start()
    me = await visit(server)
    page = await me.open(f"/runs/{run}")
    log = page.locator("#log")
    for part in range(14):
        await log.evaluate("(log, part) => { log.scrollTop = log.scrollHeight * part / 14; }", part)
        await page.wait_for_function(
            """() => {
                const log = document.querySelector("#log"), from = log.scrollTop, to = from + log.clientHeight;
                return [...log.querySelectorAll(".chunk")].filter(chunk =>
                    chunk.offsetTop < to && chunk.offsetTop + chunk.offsetHeight > from
                ).every(chunk => chunk.firstElementChild);
            }"""
        )
    there = await seqs(page)
    assert there == sorted(set(there))
    assert len(there) <= 2500
    height = await log.evaluate("log => log.scrollHeight")
    await log.evaluate("log => { log.scrollTop = 0; }")
    await in_sight(page, 1)
    assert await log.evaluate("log => log.scrollHeight") == height, "an empty piece is as high as it was"
    assert await page.locator("#log [style]").count() == 0, "htmx would write it into another run's log"


async def test_the_end_is_followed_until_one_scrolls_up_and_again_at_the_press_of_a_button(
    me: Visitor, site: Server, tmp_path: Path
) -> None:
    make(site, "chatty", "burst", args={"folder": str(tmp_path), "first": 200, "then": 10})
    page = await me.open(f"/runs/{start(site, 'chatty')}")
    await stay(page)
    log, more = page.locator("#log"), page.locator("#log-new")
    await in_sight(page, 200)
    (tmp_path / "gate-1").touch()
    await in_sight(page, 210)
    await expect(more).to_be_hidden()

    await log.hover()
    await page.mouse.wheel(0, -1500)
    await expect(page.locator("#log-follow")).to_have_attribute("aria-pressed", "false")
    place = await log.evaluate("log => log.scrollTop")
    (tmp_path / "gate-2").touch()
    await expect(more).to_have_text("10 new lines")
    await expect(line(page, 220)).to_be_attached()
    assert not await at_end(log)
    assert await log.evaluate("log => log.scrollTop") == place
    (tmp_path / "gate-3").touch()
    await expect(more).to_have_text("20 new lines")

    await more.click()
    await in_sight(page, 230)
    await expect(more).to_be_hidden()
    (tmp_path / "gate-4").touch()
    await in_sight(page, 240)
    (tmp_path / "end").touch()
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    assert await seqs(page) == list(range(1, 241))
    assert await stayed(page)


async def test_scrolling_back_to_the_end_follows_again(me: Visitor, site: Server, tmp_path: Path) -> None:
    make(site, "chatty", "burst", args={"folder": str(tmp_path), "first": 200})
    page = await me.open(f"/runs/{start(site, 'chatty')}")
    await in_sight(page, 200)
    await page.locator("#log").hover()
    await page.mouse.wheel(0, -1500)
    follow = page.locator("#log-follow")
    await expect(follow).to_have_attribute("aria-pressed", "false")
    await page.mouse.wheel(0, 5000)
    await expect(follow).to_have_attribute("aria-pressed", "true")
    (tmp_path / "gate-1").touch()
    await in_sight(page, 210)


async def test_of_a_flood_of_lines_the_end_is_shown_and_the_rest_comes_when_one_scrolls(
    me: Visitor, site: Server, tmp_path: Path
) -> None:
    make(site, "flood", "burst", args={"folder": str(tmp_path), "first": 700, "then": 30_000})
    run = start(site, "flood")
    page = await me.open(f"/runs/{run}")
    await in_sight(page, 700)
    (tmp_path / "gate-1").touch()
    (tmp_path / "end").touch()
    await until(lambda: is_in(site, run, "succeeded"), limit=30)
    await in_sight(page, 30_700)
    firsts: list[str] = await page.eval_on_selector_all("#log .chunk", "all => all.map(x => x.dataset.first)")
    assert firsts == [str(first) for first in range(1, 30_701, 100)]
    there = await seqs(page)
    assert there == sorted(set(there))
    log = page.locator("#log")
    for seq in (600, 701, 1200, 15_000, 30_001):
        await page.evaluate("seq => { location.hash = `L${seq}`; }", seq)
        await in_sight(page, seq)
    await log.evaluate("log => { log.scrollTop = 0; }")
    await in_sight(page, 1)


async def test_colours_and_markup_in_a_log_are_shown_as_what_they_are(
    server: Server, visit: Visit, tmp_path: Path
) -> None:
    server.write_tasks(
        '''
def paint():
    """Print what could harm a page."""
    print("\\x1b[31mred\\x1b[0m plain")
    print("<script>alert(1)</script><hx-partial hx-target='#log'>gone</hx-partial>")
    print("tab\\there\\rcarriage")
    print("nul \\0 and bell \\a", end="")
'''
    )
    server.start()
    me = await visit(server)
    make(server, "paint", "paint")
    page = await me.open("/jobs/paint")
    await page.get_by_role("button", name="Run now").click()
    await page.locator("#toasts").get_by_role("link").click()
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    await expect(line(page, 1).locator(".m")).to_have_text("red plain")
    await expect(line(page, 1).locator(".m span")).to_have_text("red")
    await expect(line(page, 2)).to_contain_text("<script>alert(1)</script><hx-partial hx-target='#log'>gone")
    await expect(line(page, 4)).to_contain_text("nul")
    assert await seqs(page) == [1, 2, 3, 4]


TALKING = '''
import logging, sys, time
from pathlib import Path

log = logging.getLogger("shop")


def talk(folder: str):
    """Tell of a thousand articles, and at each gate of three more."""
    for n in range(1, 1001):
        print(f"\\x1b[32marticle\\x1b[0m {n}")
        if n in (300, 700):
            try:
                1 / (n - n)
            except ZeroDivisionError:
                log.exception("article %s broke", n)
    gate = 1
    while not (Path(folder) / "end").exists():
        if (Path(folder) / f"gate-{gate}").exists():
            print(f"article {1000 + gate}")
            log.warning("stock of %s is low", gate)
            print(f"no {gate}", file=sys.stderr)
            gate += 1
        time.sleep(0.01)
'''


async def shows(page: Page, seq: int) -> None:
    """The line that was stepped to is marked, and in sight."""
    await expect(page.locator("#log .here")).to_have_attribute("data-seq", str(seq))
    await in_sight(page, seq)


async def test_in_a_log_one_finds_what_one_looks_for_while_it_grows(
    server: Server, visit: Visit, tmp_path: Path
) -> None:
    server.write_tasks(TALKING)
    server.start()
    make(server, "talk", "talk", args={"folder": str(tmp_path)})
    run = start(server, "talk")
    me = await visit(server)
    page = await me.open(f"/runs/{run}")
    errors, found, field = page.locator("#log-errors"), page.locator("#log-found"), page.locator("#log-q")
    end = 1000 + 2 * 6  # each error in six lines

    # from one error to the next, and around; each of them once, however many lines it takes
    await in_sight(page, end)
    await expect(errors).to_have_text("2")
    await errors.click()
    await shows(page, 301)
    await page.keyboard.press("e")
    await shows(page, 707)
    await page.keyboard.press("Shift+E")
    await shows(page, 301)

    # what is looked for is counted, also in what comes meanwhile, and drawn over its colours
    await page.keyboard.press("/")
    await field.fill("ARTICLE 30")
    await expect(found).to_have_text("12")
    await field.press("Enter")
    await shows(page, 307)
    await expect(found).to_have_text("4 of 12")
    drawn = await page.evaluate("[...CSS.highlights.get('log-found')].map(range => range.toString())")
    assert set(drawn) == {"article 30"}
    await field.press("Shift+Enter")
    await shows(page, 301)
    await expect(found).to_have_text("3 of 12")
    await field.fill("article 100")
    await expect(found).to_have_text("2")
    (tmp_path / "gate-1").touch()
    await expect(found).to_have_text("3")
    await expect(page.locator("#log-new")).to_have_text("3 new lines")
    await field.press("Escape")
    await expect(found).to_have_text("")

    # what is read stays in sight when lines get another height
    await page.locator("#log-errors").click()
    await shows(page, 707)
    await page.locator("#log-wrap").click()
    await in_sight(page, 707)
    await page.locator("#log-wrap").click()
    await in_sight(page, 707)

    # in the whole window; only some lines of it, to which new ones come
    await page.locator("#log-full").click()
    await page.locator("#log-show").select_option("warnings")
    await page.wait_for_url("**show=warnings**")
    await is_live(page)
    await expect(page.locator("#log-told")).to_contain_text(f"14 of {end + 3:,} lines")
    (tmp_path / "gate-2").touch()
    await in_sight(page, end + 6)
    await expect(page.locator("#log-told")).to_contain_text(f"16 of {end + 6:,} lines")
    assert len(await seqs(page)) == 16
    assert await page.locator("#log-panel").bounding_box() == {"x": 0, "y": 0, **page.viewport_size}  # type: ignore[dict-item]
    await page.locator("#log-told a").click()
    await in_sight(page, end + 6)
    await page.keyboard.press("Escape")
    await expect(page.locator(".side")).to_be_in_viewport()

    # lines that one can point at, and their times in three ways
    await page.goto(f"{server.url}/runs/{run}#L250")
    await in_sight(page, 250)
    await line(page, 253).locator(".n").click(modifiers=["Shift"])
    assert page.url.endswith("#L250-L253")
    assert await page.locator("#log .marked").count() == 4
    moment = line(page, 250).locator("time")
    await expect(moment).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{3}$"))
    await page.locator("#log-time").select_option("elapsed")
    await expect(moment).to_have_text(re.compile(r"^\+00:0\d\.\d{3}$"))
    await page.locator("#log-time").select_option("off")
    await expect(moment).to_be_hidden()
    (tmp_path / "end").touch()

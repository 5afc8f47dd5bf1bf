"""What every page has: one connection for all tabs, the sign that it is live, the palette, the keys, the way around."""

from __future__ import annotations

import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from barriers import barriers
from browsing import AWAY, TASKS, Visitor, is_in, is_live, job_row, line, make, seqs, start, stay, stayed, streams
from playwright.async_api import Page, expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]


async def test_eight_shown_tabs_share_one_connection_and_outlive_the_server(
    server: Server, visit: Visit, tmp_path: Path
) -> None:
    server.write_tasks(TASKS)
    server.start()
    me = await visit(server)
    me.allowed.append(AWAY)
    make(server, "talker", "gated_on_loop", args={"folder": str(tmp_path), "lines": 9})
    make(server, "held", "hello")
    run = start(server, "talker")
    logs = [await me.open(f"/runs/{run}") for _ in range(3)]
    lists = [await me.open("/jobs") for _ in range(3)]
    job, overview = await me.open("/jobs/held"), await me.open("/")
    pages = [*logs, *lists, job, overview]
    assert streams(server) == 8
    for page in pages:
        await stay(page)

    (tmp_path / "gate-1").touch()
    for page in logs:
        await expect(line(page, 2)).to_be_visible()
    row = job_row(lists[0], "held")
    await row.get_by_role("button", name="Run held now").click()  # a seventh connection would wait for ever
    await expect(lists[0].locator("#toasts")).to_contain_text("is on its way")
    for page in lists:
        await expect(job_row(page, "held")).to_contain_text("Succeeded")
    await expect(job.locator("#job-runs tr[data-run]")).to_have_count(1)

    await logs.pop().close()
    await lists.pop().close()
    (tmp_path / "gate-2").touch()
    for page in logs:
        await expect(line(page, 3)).to_be_visible()
    await until(lambda: streams(server) == 6)

    port = server.url.rpartition(":")[2]
    server.kill()
    rest = [*logs, *lists, job, overview]
    for page in rest:
        await expect(page.locator("#live")).to_have_attribute("data-state", re.compile("reconnecting|stale"))
    server.start("--port", port)
    for page in rest:
        await is_live(page)
    for page in logs:
        await expect(page.locator("#run-head")).to_have_attribute("data-state", "lost")
        assert await seqs(page) == [1, 2, 3]
    for page in lists:
        await expect(job_row(page, "talker")).to_contain_text("Lost")
    assert [await stayed(page) for page in rest] == [True] * 6


async def test_a_silent_server_is_told_and_what_is_pressed_meanwhile_too(server: Server, visit: Visit) -> None:
    server.write_tasks(TASKS)
    server.start()
    make(server, "held", "hello")
    me = await visit(server)
    me.allowed += [AWAY, "htmx:error: Failed to fetch"]
    await me.context.add_init_script("delete window.SharedWorker")  # then the page's own clock is the stream's too
    page = await me.context.new_page()
    await page.clock.install()
    await page.goto(f"{server.url}/jobs/held")
    await is_live(page)
    await stay(page)
    live = page.locator("#live")

    server.signal(signal.SIGSTOP)  # the connection stays open, and nothing comes
    await page.clock.fast_forward("00:50")
    await expect(live).to_have_attribute("data-state", "stale")
    await expect(live).to_have_text(re.compile(r"Stale since \d+ s"))
    await expect(page.get_by_role("status").filter(has_text="The connection is lost")).to_be_attached()
    before = await live.inner_text()
    await expect(live).not_to_have_text(before)  # it counts up
    server.signal(signal.SIGCONT)
    await page.clock.fast_forward("00:30")
    await expect(live).to_have_text("Live")

    port = server.url.rpartition(":")[2]
    server.kill()
    await page.locator("#job-head").get_by_role("button", name="Run now").click()
    await expect(page.locator("#toasts")).to_contain_text("The server did not answer")
    await page.keyboard.press("ControlOrMeta+k")
    await expect(page.locator("#found")).to_contain_text("The server did not answer")
    await page.keyboard.press("Escape")
    server.start("--port", port)
    await page.clock.fast_forward("00:10")
    await is_live(page)
    assert await stayed(page)


async def test_the_palette_and_the_keys_do_everything_by_keyboard(site: Server, visit: Visit, tmp_path: Path) -> None:
    make(site, "nightly-backup", "hello", {"kind": "cron", "expression": "0 3 * * *"}, tags=["ops"])
    make(site, "endless", "gated_on_loop", args={"folder": str(tmp_path)})
    me = await visit(site)
    page = await me.open("/jobs/nightly-backup")
    await page.goto(f"{site.url}/system")
    await is_live(page)
    palette, text = page.get_by_role("dialog", name="Search and commands"), page.locator("#palette-text")
    await page.get_by_role("link", name="Search…").focus()

    await page.keyboard.press("Control+k")
    await expect(text).to_be_focused()
    await expect(palette.get_by_role("group", name="Jobs used last")).to_contain_text("nightly-backup")
    await is_chosen(page, "nightly-backup")
    await page.keyboard.press("ArrowUp")
    await is_chosen(page, "Show the keys")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await is_chosen(page, "Overview")
    assert await barriers(page) == []
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("link", name="Search…")).to_be_focused()

    await page.keyboard.press("Control+k")
    await page.keyboard.type("run night")
    await page.keyboard.press("Enter")  # before the answer is there, perhaps
    await expect(page.locator("#toasts")).to_contain_text("of nightly-backup is on its way")
    await expect(palette).to_be_hidden()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("pause night")
    await is_chosen(page, "Pause nightly-backup…")
    await page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name="Pause nightly-backup")
    await question.get_by_role("button", name="Pause").click()
    await expect(page.locator("#toasts")).to_contain_text("nightly-backup is paused")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("zzz")
    await expect(palette).to_contain_text("Nothing is called like that")
    assert await barriers(page) == []
    await page.keyboard.press("Escape")

    await page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    await expect(keys).to_contain_text("Cancel, after a question")
    assert await barriers(page) == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    await page.keyboard.press("j")
    await expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    await is_live(page)
    for key, job in (("j", "endless"), ("j", "nightly-backup"), ("k", "endless")):
        await page.keyboard.press(key)
        await expect(job_row(page, job).get_by_role("link", name=job, exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#job-head")).to_have_attribute("data-job", "endless")
    await is_live(page)
    await page.keyboard.press("r")
    await page.locator("#toasts").get_by_role("link", name="Follow its log").click()
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "running")
    await is_live(page)
    await page.keyboard.press("c")
    await page.get_by_role("button", name="Cancel the run").press("Enter")
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "cancelled")

    await page.keyboard.press("?")
    await keys.get_by_role("switch").press("Space")
    await page.keyboard.press("Escape")
    await page.reload()
    await is_live(page)
    await page.keyboard.press("?")
    await page.keyboard.press("n")
    await page.keyboard.press("Control+k")  # the next one that answers: so those before did nothing
    await expect(text).to_be_focused()
    await expect(keys).to_be_hidden()
    assert "/runs/" in page.url


async def is_chosen(page: Page, label: str) -> None:
    """The cursor is in the field, which tells that option."""
    option = page.locator("#found").get_by_role("option", selected=True)
    await expect(option).to_contain_text(label)
    await expect(page.locator("#palette-text")).to_have_attribute(
        "aria-activedescendant", str(await option.get_attribute("id"))
    )


async def test_a_hand_gets_everywhere(site: Server, visit: Visit) -> None:
    make(site, "nightly-backup", "hello")
    me = await visit(site, viewport={"width": 390, "height": 844}, has_touch=True)
    page = await me.open("/jobs")
    await expect(page.locator(".zone-told")).to_contain_text("UTC")
    await page.get_by_role("button", name="More", exact=True).tap()
    more = page.locator("#more")
    await expect(more.get_by_label("Time shown in")).to_be_visible()
    await expect(more.get_by_role("button", name="Sign out")).to_be_visible()
    assert await barriers(page) == []
    await page.keyboard.press("Escape")
    await expect(more).to_be_hidden()
    await page.get_by_role("button", name="More", exact=True).tap()
    await more.get_by_role("link", name="System").tap()
    await expect(page.get_by_role("heading", name="System", level=1)).to_be_visible()
    await is_live(page)
    await page.get_by_role("link", name="Search…").tap()
    await page.get_by_role("combobox", name="Search jobs").fill("backup")
    await page.get_by_role("option", name="nightly-backup").first.tap()
    await expect(page.locator("#job-head")).to_have_attribute("data-job", "nightly-backup")


async def test_a_first_look_weighs_little_and_stands_still(site: Server, visit: Visit) -> None:
    make(site, "nightly-backup", "hello", {"kind": "cron", "expression": "0 3 * * *"})
    me = await visit(site)
    page = await me.context.new_page()
    wire = await me.context.new_cdp_session(page)
    sizes: dict[str, float] = {}
    wire.on("Network.loadingFinished", lambda told: sizes.update({told["requestId"]: told["encodedDataLength"]}))
    await wire.send("Network.enable")
    await page.add_init_script(
        """window.moved = 0;
        new PerformanceObserver(list => { for (const entry of list.getEntries()) window.moved += entry.value; })
            .observe({type: "layout-shift", buffered: true});"""
    )
    await page.goto(f"{site.url}/jobs", wait_until="load")
    await is_live(page)
    assert len(sizes) >= 8
    assert sum(sizes.values()) < 150_000
    assert await page.evaluate("window.moved") < 0.02


async def test_a_run_is_seen_beside_the_navigation(me: Visitor, site: Server, tmp_path: Path) -> None:
    make(site, "endless", "gated_on_loop", args={"folder": str(tmp_path), "lines": 1})
    page = await me.open("/tasks")
    await stay(page)
    run = start(site, "endless")
    await expect(page.locator("#nav-runs")).to_contain_text("1")
    (tmp_path / "gate-1").touch()
    await until(lambda: is_in(site, run, "succeeded"))
    await expect(page.locator("#nav-runs")).to_have_text("")
    assert await stayed(page)

"""What changes is seen on every open page, without a reload, while it happens."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from browsing import TASKS, Visitor, hide, is_in, is_live, job_row, line, make, seqs, start, stay, stayed, streams
from playwright.async_api import Route, expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]
GATED = ["gated_on_loop", "gated_in_thread", "gated_in_process"]


def open_gates(folder: Path, *gates: int) -> None:
    for gate in gates:
        (folder / f"gate-{gate}").touch()


def add_lines(database: Path, run: int, first: int, last: int) -> None:
    """Lines in the log of a run, written while no server is there."""
    with closing(sqlite3.connect(database)) as conn, conn:
        rows = [(run, n, 1_780_000_000_000_000, "stdout", f"line {n}") for n in range(first, last + 1)]
        conn.executemany("INSERT INTO log_lines (run, seq, at, stream, text) VALUES (?, ?, ?, ?, ?)", rows)
        conn.execute("UPDATE runs SET last_seq = ? WHERE id = ?", (last, run))


COMES = """async (pieces) => {
    const tall = '<div id="tall"><p>above</p><p id="below">first</p></div>';
    document.querySelector("main").insertAdjacentHTML("afterbegin", `<div id="near"></div>${tall}`);
    document.querySelector("#below").style.marginTop = "5000px";
    wait('<hx-partial hx-target="#near" hx-swap="outerMorph"><div id="near">begun</div></hx-partial>');
    await new Promise((shown) => setTimeout(shown, 4 * REST));
    pieces.forEach((piece) => wait(piece));
}"""
"""A place in sight, and one below it that is not; what comes has to wait, since something was shown just now."""


def piece(at: str, html: str, swap: str = "outerMorph") -> str:
    return f'<hx-partial hx-target="{at}" hx-swap="{swap}">{html}</hx-partial>'


async def test_what_comes_in_one_moment_is_shown_in_its_order(me: Visitor) -> None:
    page = await me.open("/settings/browser")
    log = piece("#near", '<div id="near">a log: <i id="lines"></i></div>', "outerHTML")
    one, two, three = (piece("#lines", text, "beforeend") for text in ("one ", "two ", "three"))
    below = piece("#below", '<p id="below">second</p>')
    tall = piece("#tall", '<div id="tall"><p>above</p><p id="below">third</p></div>')
    await page.evaluate(COMES, [log + one, log + two + three, below, tall])
    await expect(page.locator("#near")).to_have_text("a log: two three")
    await expect(page.locator("#below")).to_have_text("third")
    await page.evaluate("() => new Promise((all) => setTimeout(all, UNSEEN + REST))")
    await expect(page.locator("#below")).to_have_text("third")


async def test_a_run_changes_its_state_on_all_open_pages(me: Visitor, site: Server, tmp_path: Path) -> None:
    make(site, "busy", "gated_in_thread", args={"folder": str(tmp_path), "lines": 1})
    first = start(site, "busy")
    await until(lambda: is_in(site, first, "running"))
    lists = [await me.open("/jobs"), await me.open("/jobs")]
    job, overview = await me.open("/jobs/busy"), await me.open("/")
    pages = [*lists, job, overview]

    second = start(site, "busy")  # the job runs one at a time, so this one waits
    run = await me.open(f"/runs/{second}")
    pages.append(run)
    for page in pages:
        await stay(page)
    await expect(run.locator("#run-head")).to_have_attribute("data-state", "queued")
    await expect(job.locator(f'tr[data-run="{first}"]')).to_have_attribute("data-state", "running")
    await expect(job.locator(f'tr[data-run="{second}"]')).to_have_attribute("data-state", "queued")
    for page in lists:
        await expect(job_row(page, "busy")).to_contain_text("Running")

    (tmp_path / "gate-1").touch()
    for page in lists:
        await expect(job_row(page, "busy")).to_contain_text("Succeeded")
    await expect(run.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    for number in (first, second):
        await expect(job.locator(f'tr[data-run="{number}"]')).to_have_attribute("data-state", "succeeded")
    await expect(overview.locator(f'#overview [data-run="{second}"]')).to_have_count(0)
    assert [await stayed(page) for page in pages] == [True] * 5


async def test_a_queued_run_is_seen_to_start_and_end(me: Visitor, site: Server, tmp_path: Path) -> None:
    first_gates, second_gates = tmp_path / "first", tmp_path / "second"
    for folder in (first_gates, second_gates):
        folder.mkdir()
    make(site, "turns", "gated_on_loop", args={"folder": str(first_gates), "lines": 1})
    start(site, "turns")
    second = start(site, "turns", folder=str(second_gates))
    run, runs = await me.open(f"/runs/{second}"), await me.open("/runs")
    head, row = run.locator("#run-head"), runs.locator(f'tr[data-run="{second}"]')
    for place in (head, row):
        await expect(place).to_have_attribute("data-state", "queued")
    open_gates(first_gates, 1)
    for place in (head, row):
        await expect(place).to_have_attribute("data-state", "running")
    await expect(line(run, 1)).to_contain_text("line 1")
    open_gates(second_gates, 1)
    for place in (head, row):
        await expect(place).to_have_attribute("data-state", "succeeded")


async def test_a_job_on_its_schedule_changes_the_open_list_by_itself(me: Visitor, site: Server) -> None:
    page = await me.open("/jobs")
    await stay(page)
    make(site, "ticker", "hello", {"kind": "cron", "expression": "* * * * * *"})
    row = job_row(page, "ticker")
    await expect(row).to_contain_text("Succeeded")
    await expect(row.get_by_role("link", name=re.compile(r"Run \d+: "), include_hidden=True).nth(2)).to_be_attached()
    assert await stayed(page)


@pytest.mark.parametrize("task", GATED)
async def test_each_log_line_is_on_the_page_before_the_next_is_printed(
    me: Visitor, site: Server, tmp_path: Path, task: str
) -> None:
    make(site, "talker", task, args={"folder": str(tmp_path)})
    page = await me.open(f"/runs/{start(site, 'talker')}")
    await stay(page)
    for n in (1, 2, 3):
        await expect(line(page, n)).to_contain_text(f"line {n}")
        await expect(page.locator("#run-head")).to_have_attribute("data-state", "running")
        assert await seqs(page) == list(range(1, n + 1))
        open_gates(tmp_path, n)  # only now may the task go on
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    assert await seqs(page) == [1, 2, 3]
    assert await stayed(page)


async def test_the_page_of_a_failed_run_shows_what_was_raised_and_where(me: Visitor, site: Server) -> None:
    make(site, "failing", "fail", args={"message": "no figures for <b>Kiel</b>"})
    page = await me.open(f"/runs/{start(site, 'failing')}")
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "failed")
    error = page.get_by_role("region", name="Error")
    await expect(error.get_by_role("heading")).to_have_text("ValueError")
    await expect(error.locator(".message")).to_have_text("no figures for <b>Kiel</b>")
    await expect(error.locator(".hit")).to_contain_text("raise ValueError(message)")
    await expect(error.get_by_label("Traceback", exact=True)).not_to_contain_text("cronapp/engine")


async def test_running_it_again_adds_an_attempt_that_both_runs_link_to(me: Visitor, site: Server) -> None:
    make(site, "again", "fail")
    first = start(site, "again")
    page = await me.open(f"/runs/{first}")
    await page.get_by_role("button", name="Run again").click()
    await expect(page.locator("#toasts")).to_contain_text("tries again")
    await page.get_by_role("navigation", name="Attempts").get_by_role("link", name="Attempt 2").click()
    await expect(page).not_to_have_url(f"{site.url}/runs/{first}")
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "failed")
    earlier = page.get_by_role("navigation", name="Attempts").get_by_role("link", name="Attempt 1")
    await expect(earlier).to_have_attribute("href", f"/runs/{first}")


async def test_a_retry_of_the_job_comes_by_itself_and_is_seen(me: Visitor, site: Server) -> None:
    make(site, "retrying", "fail", retry={"max_attempts": 2, "delay": 0.1})
    page = await me.open(f"/runs/{start(site, 'retrying')}")
    await stay(page)
    await expect(page.locator("#run-side")).to_contain_text("1 of 2")
    await expect(page.get_by_role("navigation", name="Attempts").get_by_role("link")).to_have_count(2)
    assert await stayed(page)


@pytest.mark.parametrize("task", GATED)
async def test_a_running_run_is_cancelled(me: Visitor, site: Server, tmp_path: Path, task: str) -> None:
    make(site, "endless", task, args={"folder": str(tmp_path)})
    page = await me.open(f"/runs/{start(site, 'endless')}")
    await expect(line(page, 1)).to_contain_text("line 1")
    await page.get_by_role("button", name="Cancel", exact=True).click()
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "cancelled")
    await expect(page.locator("#run-outcome")).to_contain_text("Cancelled by hand")
    assert await seqs(page) == [1]


@pytest.mark.parametrize("task", GATED)
async def test_one_looks_into_a_run_while_it_goes_on(me: Visitor, site: Server, tmp_path: Path, task: str) -> None:
    make(site, "endless", task, args={"folder": str(tmp_path)})
    page = await me.open(f"/runs/{start(site, 'endless')}")
    inside = page.locator("#run-inside")
    await expect(line(page, 1)).to_contain_text("line 1")
    await expect(page.locator("#last-line")).to_contain_text("s ago")
    await expect(inside.locator("pre")).to_have_count(0)
    await inside.get_by_role("button", name="Stack now").click()
    await expect(inside.locator("pre")).to_contain_text(f"in {task}")
    await expect(inside.get_by_text("Memory")).to_have_count(1 if task == "gated_in_process" else 0)
    open_gates(tmp_path, 1)
    await expect(line(page, 2)).to_contain_text("line 2")
    await expect(inside.locator("pre")).to_contain_text(f"in {task}")  # what one reads stays
    second = await line(page, 2).locator("time").get_attribute("datetime")
    await expect(page.locator("#last-line time")).to_have_attribute("datetime", str(second))
    open_gates(tmp_path, 2, 3)
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    await expect(inside).to_be_hidden()


async def test_a_reply_that_comes_late_does_not_set_the_page_back(me: Visitor, site: Server, tmp_path: Path) -> None:
    make(site, "endless", "gated_on_loop", args={"folder": str(tmp_path)})
    page = await me.open(f"/runs/{start(site, 'endless')}")
    head = page.locator("#run-head")
    await expect(line(page, 1)).to_contain_text("line 1")

    async def hold_back(route: Route) -> None:
        reply = await route.fetch()  # made while the run was still running
        await expect(head).to_have_attribute("data-state", "cancelled")
        await route.fulfill(response=reply)

    await page.route("**/cancel", hold_back)
    await page.get_by_role("button", name="Cancel", exact=True).click()
    await expect(page.locator("#toasts")).to_contain_text("asked to stop")
    await expect(head).to_have_attribute("data-state", "cancelled")


async def test_the_progress_bar_moves(me: Visitor, site: Server, tmp_path: Path) -> None:
    make(site, "moving", "gated_in_thread", args={"folder": str(tmp_path), "lines": 4})
    run = start(site, "moving")
    page, overview = await me.open(f"/runs/{run}"), await me.open("/")
    for n in (1, 2, 3):
        for place in (page.locator("#run-head"), overview.locator(f'[data-run="{run}"]')):
            await expect(place.locator(".bar-line")).to_have_attribute("aria-label", f"{25 * n} per cent done")
            await expect(place).to_contain_text(f"gate {n}")
        open_gates(tmp_path, n)
    open_gates(tmp_path, 4)
    await expect(page.locator("#run-head .bar-line")).to_have_count(0)


async def test_a_hidden_tab_gives_its_stream_back_and_catches_up_when_it_is_shown(
    me: Visitor, site: Server, tmp_path: Path
) -> None:
    make(site, "unseen", "gated_on_loop", args={"folder": str(tmp_path)})
    page = await me.open(f"/runs/{start(site, 'unseen')}")
    await stay(page)
    await expect(line(page, 1)).to_be_visible()
    before = streams(site)
    await hide(page, True)
    await until(lambda: streams(site) == before - 1)
    open_gates(tmp_path, 1, 2, 3)
    await until(lambda: site.api("GET", "/runs?job=unseen&state=succeeded").json()["items"])
    assert await seqs(page) == [1]
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "running")
    await hide(page, False)
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    await expect(line(page, 3)).to_be_visible()
    assert await seqs(page) == [1, 2, 3]
    assert await stayed(page)


async def test_an_open_page_of_a_killed_server_becomes_live_again_with_every_line_once(
    server: Server, visit: Visit, tmp_path: Path
) -> None:
    server.write_tasks(TASKS)
    server.start()
    port = server.url.rpartition(":")[2]
    me = await visit(server)
    me.allowed.append("net::ERR_")
    make(server, "lasting", "gated_on_loop", args={"folder": str(tmp_path)})
    jobs = await me.open("/jobs")
    run = start(server, "lasting")
    page = await me.open(f"/runs/{run}")
    await expect(line(page, 1)).to_be_visible()
    open_gates(tmp_path, 1)
    await expect(line(page, 2)).to_be_visible()
    for one in (page, jobs):
        await stay(one)
    server.kill()
    await expect(page.locator("#live")).to_have_attribute("data-state", re.compile("reconnecting|stale"))
    for one in (page, jobs):
        await expect(one.locator("#live")).to_contain_text("Stale since ")  # and goes on trying
    add_lines(server.folder / "cronapp.db", run, 3, 5)  # stored in the last moment, told to nobody

    server.start("--port", port)
    await is_live(page)
    await is_live(jobs)
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "lost")
    await expect(job_row(jobs, "lasting")).to_contain_text("Lost")
    await expect(line(page, 5)).to_be_visible()
    assert await seqs(page) == [1, 2, 3, 4, 5]

    open_gates(tmp_path, 2)
    again = start(server, "lasting")
    await expect(job_row(jobs, "lasting")).to_contain_text("Running")
    open_gates(tmp_path, 3)
    await expect(job_row(jobs, "lasting")).to_contain_text("Succeeded")
    assert [await stayed(one) for one in (page, jobs)] == [True, True]
    await page.goto(f"{server.url}/runs/{again}")
    assert await seqs(page) == [1, 2, 3]

"""All of it by keyboard alone: where one is can be seen at each step, and nothing that comes or goes takes it away."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from browsing import Visitor, at_path, is_in, is_live, job_row, make, start
from playwright.async_api import Locator, Page, expect
from support import TOKEN, Server, until

Visit = Callable[..., Awaitable[Visitor]]
DAILY = {"kind": "cron", "expression": "0 3 * * *", "timezone": "UTC"}
SEEN = """() => {
    const at = document.activeElement, box = at.getBoundingClientRect(), told = at.outerHTML.slice(0, 120);
    if (at === document.body) return "the focus is lost";
    if (!box.width && !box.height) return `nothing is to be seen of ${told}`;
    if (box.bottom < 0 || box.top > innerHeight || box.right < 0 || box.left > innerWidth)
        return `out of sight: ${told}`;
    const x = Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 1);
    const y = Math.min(Math.max(box.top + Math.min(box.height, 60) / 2, 1), innerHeight - 1);
    const over = document.elementFromPoint(x, y);
    if (!(over && (at.contains(over) || over.contains(at) || over.closest("label, .f")?.contains(at))))
        return `${told} is under ${over?.outerHTML.slice(0, 120)}`;
    if (at.matches("#main, #palette-text, [type=date], [type=time], [type=datetime-local]")) return "";
    const shown = [at, at.parentElement, at.closest(".field, label"), ...at.children].filter(Boolean);
    return shown.map(getComputedStyle).some(style => style.outlineStyle !== "none" || style.stroke !== "none")
        ? "" : `nothing shows that one is at ${told}`;
}"""


async def seen(page: Page) -> None:
    """What has the focus is in sight, and shows it; what was taken away has its successor in a moment."""
    told = ""

    async def fine() -> bool:
        nonlocal told
        told = await page.evaluate(SEEN)
        return not told

    try:
        await until(fine, limit=5)
    except AssertionError:
        raise AssertionError(f"{page.url}: {told}") from None


async def tab(page: Page, to: Locator, key: str = "Tab", most: int = 90) -> None:
    """Goes there by Tab; each stop on the way can be seen."""
    wanted = await to.element_handle()
    for _ in range(most):
        if await page.evaluate("wanted => wanted === document.activeElement", wanted):
            return
        await page.keyboard.press(key)
        if await page.evaluate("document.activeElement !== document.body"):  # else it is in the browser's own bar
            await seen(page)
    raise AssertionError(f"{page.url}: {to} is not reached by {key}")


async def go(page: Page, words: str, path: str) -> None:
    """To another page by the palette."""
    await page.keyboard.press("Control+k")
    await page.keyboard.type(words)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(at_path(path))
    await is_live(page)


async def test_a_job_is_made_run_changed_paused_and_left_by_keyboard_alone(site: Server, visit: Visit) -> None:
    for n in range(3):
        make(site, f"by-key-{n}", "hello", DAILY, tags=["keyed"])
    me = await visit(site, signed_in=False, viewport={"width": 1280, "height": 800})
    page = await me.context.new_page()
    await page.goto(f"{site.url}/login")
    await tab(page, page.get_by_label("Token"))
    await page.keyboard.type(TOKEN)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(at_path("/"))
    await is_live(page)

    await make_by_keyboard(page, site)
    await use_the_job(page, site)
    await use_the_list(page, site)
    await go(page, "settings", "/settings")
    await tab(page, page.get_by_role("button", name="Sign out"))
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(at_path("/login"))


async def make_by_keyboard(page: Page, site: Server) -> None:
    await go(page, "new job", "/jobs/new")
    await tab(page, page.get_by_role("combobox", name="Task", exact=True))
    await page.keyboard.type("deliver")
    await expect(page.locator("#f-task-list [role=option]")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.locator("#f-task-list")).to_be_hidden()
    await expect(page.get_by_label("Job id")).to_have_value("deliver")
    add = page.get_by_role("button", name="Add a row to Shops")
    await tab(page, add)
    await page.keyboard.press("Enter")
    await expect(page.get_by_label(re.compile("^Shop 1, Name"))).to_be_focused()
    await page.keyboard.type("Kiel")
    await tab(page, page.get_by_label(re.compile("^Token")))
    await page.keyboard.type("geheim")
    await tab(page, page.get_by_role("radio", name="Simple"))
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_label("Cron expression")).to_be_visible()
    await seen(page)
    await page.keyboard.press("ArrowLeft")
    await tab(page, page.get_by_label("How often"))
    await page.keyboard.type("Each week")
    await tab(page, page.get_by_label("Mon", exact=True))
    await page.keyboard.press("Space")
    another = page.get_by_role("button", name="Add another time")
    await tab(page, another)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("group", name="Another time").get_by_label("Also")).to_be_focused()
    await tab(page, page.get_by_role("button", name="Take this time away"))
    await page.keyboard.press("Enter")
    await expect(another).to_be_focused()
    rules = page.locator("#rules-failure")
    await tab(page, rules)
    await page.keyboard.press("Enter")
    await tab(page, page.get_by_label("Try up to so many times"))
    await page.keyboard.type("2")
    await expect(page.locator("#form-summary")).to_contain_text("on Monday")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(at_path("/jobs/deliver"))
    await is_live(page)
    made = site.api("GET", "/jobs/deliver").json()
    assert (made["args"]["shops"], made["retry"]["max_attempts"]) == ([{"name": "Kiel"}], 2)


async def use_the_job(page: Page, site: Server) -> None:
    head = page.locator("#job-head")
    other = page.get_by_role("link", name="Run with…")
    await tab(page, other)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog").get_by_label(re.compile("^Shop 1, Name"))).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(other).to_be_focused()
    await tab(page, head.get_by_role("link", name="Pause"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog").get_by_label("Why")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(head.get_by_role("button", name="Resume")).to_be_focused()  # it stands where the other stood
    await page.keyboard.down("Enter")
    await expect(head.get_by_role("link", name="Pause")).to_be_focused()
    await page.keyboard.down("Enter")  # it is held a little long, which was not meant for what came
    await page.keyboard.up("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog").get_by_label("Why")).to_be_focused()
    site.api("POST", "/jobs/deliver/pause", json={"reason": "by somebody else"})  # what opened the question goes
    await expect(head).to_have_attribute("data-state", "paused")
    await page.keyboard.press("Escape")
    await expect(head.get_by_role("button", name="Resume")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(head).to_have_attribute("data-state", "active")
    await tab(page, head.get_by_role("button", name="Run now"), "Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#job-runs tr[data-run]")).to_have_attribute("data-state", "succeeded")
    await expect(head.get_by_role("button", name="Run now")).to_be_focused()
    await seen(page)

    await tab(page, page.get_by_role("link", name="Upcoming", exact=True))
    await page.keyboard.press("Enter")
    await is_live(page)
    row = page.locator("#job-upcoming tr[data-slot]").first
    await tab(page, row.get_by_role("button"))
    await page.keyboard.press("Enter")
    await expect(row).to_have_attribute("data-state", "skipped")
    await expect(row.get_by_role("button")).to_be_focused()
    await tab(page, page.get_by_role("link", name=re.compile("^Notes")))
    await page.keyboard.press("Enter")
    await is_live(page)
    notes = page.locator("#job-notes")
    for text in ("one", "two"):
        await tab(page, page.locator("#note-form textarea"))
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(notes).to_contain_text(text)
        await expect(page.locator("#note-form textarea")).to_be_focused()
    removes = notes.get_by_role("link", name=re.compile("^Remove"))
    await tab(page, removes.first)
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="Remove the note").press("Enter")
    await expect(removes).to_have_count(1)
    await expect(removes).to_be_focused()  # what comes next


async def use_the_list(page: Page, site: Server) -> None:
    await page.keyboard.press("g")
    await page.keyboard.press("j")
    await expect(page).to_have_url(at_path("/jobs"))
    await is_live(page)
    await page.keyboard.press("/")
    await page.keyboard.type("by-key")
    await expect(page.locator("tr[data-job]")).to_have_count(3)
    await expect(page.get_by_label("Find a job")).to_be_focused()
    menu = job_row(page, "by-key-0").get_by_label("More for by-key-0")
    await tab(page, menu)
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(menu).to_be_focused()
    await tab(page, page.get_by_label("Select by-key-0"), "Shift+Tab")
    await page.keyboard.press("Space")
    await tab(page, page.get_by_label("Select by-key-2"))
    await page.keyboard.press("Shift+Space")
    await expect(page.locator("#bulk-count")).to_have_text("3 selected")
    await tab(page, page.locator("#bulk [value=pause]"), "Shift+Tab")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("heading")).to_have_text("Pause 3 jobs?")
    await tab(page, dialog.get_by_role("button", name="Pause 3 jobs"))
    await page.keyboard.press("Enter")
    await expect(page.locator('tr[data-state="paused"]')).to_have_count(3)
    await expect(dialog).to_have_count(0)
    await seen(page)

    link = job_row(page, "by-key-1").get_by_role("link", name="by-key-1", exact=True)
    await tab(page, link)
    start(site, "by-key-1")
    await expect(job_row(page, "by-key-1")).to_contain_text("100%")
    await expect(link).to_be_focused()
    site.api("DELETE", "/jobs/by-key-1")  # by somebody else
    await expect(link).to_have_count(0)
    await seen(page)
    assert await page.evaluate("document.activeElement.closest('tr').dataset.job") == "by-key-2"
    toast = page.locator("#toasts")
    await tab(page, job_row(page, "by-key-2").get_by_role("button", name="Run by-key-2 now"))
    await page.keyboard.press("Enter")
    await expect(toast).to_contain_text("on its way")
    await tab(page, toast.get_by_role("button", name="Dismiss").last)
    while await toast.get_by_role("button", name="Dismiss").count():
        await page.keyboard.press("Enter")
    await seen(page)
    assert await page.evaluate("document.activeElement.closest('#job-list') !== null")  # where one came from


async def test_runs_errors_lanes_and_the_load_are_used_by_keyboard_alone(
    site: Server, visit: Visit, tmp_path: Path
) -> None:
    later = (datetime.now(UTC) + timedelta(hours=6)).hour
    for n in range(2):
        make(site, f"crowd-{n}", "hello", {"kind": "cron", "expression": f"0 {later} * * *", "timezone": "UTC"})
    make(site, "keyed-failure", "fail", args={"message": "no keys"}, retry={"max_attempts": 2, "delay": 0.1})
    make(site, "keyed-run", "gated_in_thread", args={"folder": str(tmp_path)})
    first = start(site, "keyed-failure")
    await until(lambda: site.api("GET", "/runs?job=keyed-failure&state=failed").json()["items"][1:])
    me = await visit(site, viewport={"width": 1280, "height": 800})
    page = await me.open(f"/runs/{first}")
    tries = page.get_by_role("navigation", name="Attempts").get_by_role("link")
    await tab(page, tries.nth(1))
    await page.keyboard.press("Enter")
    await expect(page.locator("#run-head")).to_contain_text("Attempt 2")
    await expect(page).not_to_have_url(at_path(f"/runs/{first}"))
    running = start(site, "keyed-run")
    await page.goto(f"{site.url}/runs/{running}")
    await is_live(page)
    await expect(page.locator("#log .line")).to_have_count(1)
    await tab(page, page.locator("#log-show"))
    await page.keyboard.press("f")
    await tab(page, page.locator("#log"))
    following = page.locator("#log-follow")
    await page.keyboard.press("f")
    await expect(following).to_have_attribute("aria-pressed", "false")
    cancel = page.locator("#run-head").get_by_role("button", name="Cancel")
    await tab(page, cancel, "Shift+Tab")
    await page.keyboard.press("Enter")
    await until(lambda: is_in(site, running, "cancelled"))
    await expect(page).to_have_title(f"Cancelled · Run {running} of keyed-run · Cron-App")  # it was running
    await seen(page)

    await go(page, "runs", "/runs")
    await tab(page, page.get_by_role("link", name="Filter", exact=True))
    await page.keyboard.press("Enter")
    await tab(page, page.get_by_role("dialog").get_by_label("Job", exact=True))
    await page.keyboard.type("keyed-failure")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(at_path(r"/runs\?job=keyed-failure"))
    await go(page, "errors", "/errors")
    await tab(page, page.get_by_role("searchbox"))
    await page.keyboard.type("no keys")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("q=no"))
    error = page.locator("tr[data-error] a.name")
    await expect(error).to_have_count(1)
    await tab(page, error)
    await page.keyboard.press("Enter")
    again = page.get_by_role("link", name="Retry all", exact=True)
    await is_live(page)
    await tab(page, again)
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="Retry").press("Enter")
    await expect(page.get_by_role("dialog").get_by_role("heading")).to_contain_text("tried again")
    await seen(page)
    await page.keyboard.press("Escape")
    await expect(again).to_be_focused()

    await go(page, "timeline", "/timeline")
    await tab(page, page.locator('.lane[data-job="keyed-failure"] svg a:not([tabindex="-1"])'))
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowDown")
    await seen(page)
    await page.goto(f"{site.url}/timeline/load")
    await is_live(page)
    crowd = page.locator(".crowds li").filter(has_text=f"2 jobs at {later:02}:00")
    await tab(page, crowd.get_by_role("link", name="Spread these"))
    await page.keyboard.press("Enter")
    await tab(page, page.get_by_role("button", name="Change the chosen jobs"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("changed")

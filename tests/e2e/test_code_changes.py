"""Somebody writes tasks while the dashboard is open: it shows what changed, mends jobs by a click, and keeps forms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from browsing import Visitor, make, stay, stayed
from playwright.async_api import expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]
BEFORE = "def greet(day: str, n: int = 1):\n    print(day, n)\n"
AFTER = "def greet(count: int):\n    print(count)\n"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, BEFORE)
    yield server.start("--watch")
    server.kill()


async def test_a_changed_signature_appears_on_the_open_page_and_a_click_mends_it(watched: Server, visit: Visit) -> None:
    make(watched, "greet", "greet", args={"day": "today", "n": 7})
    me = await visit(watched)
    job = await me.open("/jobs/greet/configuration")
    tasks = await me.open("/tasks")
    form = await me.open("/jobs/new?task=greet")
    await form.locator("#f-args-day").fill("half typed")
    for page in (job, tasks, form):
        await stay(page)
    await expect(job.locator("#job-changes")).to_be_hidden()

    watched.write_tasks(AFTER)
    await job.bring_to_front()
    changes = job.locator("#job-changes")
    await expect(changes).to_contain_text('The parameter day is gone; the job gives it "today".')
    await expect(changes.locator(".came")).to_contain_text("count: int")
    await expect(tasks.locator("#task-greet")).to_contain_text("count")
    await changes.get_by_role("button", name="Fix its arguments").click()
    await expect(changes).to_be_hidden()
    await expect(job.locator("#job-head")).to_have_attribute("data-state", "active")
    assert watched.api("GET", "/jobs/greet").json()["args"] == {"count": 7}

    watched.write_tasks(AFTER.replace("greet", "greets"))
    await changes.get_by_role("button", name="Point it at greets").click()
    await expect(job.locator("#job-detail")).to_contain_text("greets")
    await expect(changes).to_be_hidden()

    watched.write_tasks("def greets(:")
    for page in (job, tasks, form):
        await page.bring_to_front()
        await expect(page.locator("#banner")).to_contain_text("tasks.py cannot be imported")
    await expect(tasks.locator(".alert")).to_contain_text("SyntaxError")
    await expect(form.locator("#f-args-day")).to_have_value("half typed")
    watched.write_tasks(AFTER.replace("greet", "greets"))
    for page in (job, tasks, form):
        await page.bring_to_front()
        await expect(page.locator("#banner .note")).to_have_count(0)
        assert await stayed(page)


async def test_a_job_is_mended_without_javascript(watched: Server, visit: Visit) -> None:
    make(watched, "greet", "greet", args={"day": "today", "n": 7})
    watched.write_tasks(AFTER.replace("greet", "hail"))
    await until(lambda: watched.api("GET", "/jobs/greet").json()["state"] == "needs_attention")
    page = await (await visit(watched, java_script_enabled=False)).open("/jobs/greet", live=False)
    await page.get_by_label("Point it at another task").select_option("hail")
    await page.get_by_role("button", name="Point it there").click()
    await expect(page.locator("#job-head")).to_have_attribute("data-state", "active")
    await page.get_by_role("link", name="Configuration").click()
    await expect(page.locator("#job-detail")).to_contain_text("hail")

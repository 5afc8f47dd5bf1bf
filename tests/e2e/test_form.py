"""The job form from somebody's first look at it to the job: several times, a test of what is typed, two who edit."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from barriers import barriers
from browsing import REFUSED, Visitor, at_path, choose_task, is_live, make, stay, stayed, submit
from playwright.async_api import expect
from support import Server

Visit = Callable[..., Awaitable[Visitor]]


async def test_a_job_with_several_times_is_made_and_what_it_will_do_is_told_on_the_way(
    me: Visitor, site: Server
) -> None:
    make(site, "hello", "hello")
    page = await me.open("/jobs/new")
    words, said = page.locator("#form-summary"), page.locator("#f-id-said")
    await choose_task(page, "hello")
    job_id = page.get_by_label("Job id")
    await expect(job_id).to_have_value("hello-2")
    await job_id.fill("hello")
    await expect(said).to_contain_text("There is a job with this id already.")
    await job_id.press_sequentially("/s")
    await expect(said).to_contain_text("/ cannot be part of an id.")
    await expect(job_id).to_be_focused()
    await job_id.fill("greetings")
    await expect(said).to_contain_text("Nobody has this id yet.")

    await page.get_by_label("How often").select_option("week")
    for day in ("Mon", "Fri"):
        await page.get_by_label(day, exact=True).check(force=True)
    await page.get_by_label("at", exact=True).fill("09:30")
    await expect(page.locator("#form-told-0")).to_have_text("At 09:30 on Monday and Friday")
    await page.get_by_role("button", name="Add another time").click()
    more = page.get_by_role("group", name="Another time")
    await expect(more.get_by_label("Also")).to_be_focused()
    await more.get_by_label("Also").select_option("cron")
    cron = more.get_by_label("Cron expression")
    await cron.fill("0 25 * * sat")
    fields = more.locator(".cron-fields > li")
    await expect(fields.nth(1)).to_have_class("bad")
    await expect(more.locator(".wrong")).to_contain_text("25 is out of range")
    await cron.fill("0 12 * * sat")
    await expect(fields.nth(4)).to_contain_text("Saturday")
    await cron.press("End")
    await expect(fields.nth(4)).to_have_class("here")
    await cron.press("Home")
    await expect(fields.nth(0)).to_have_class("here")
    await expect(words).to_contain_text(
        "greetings runs hello() at 09:30 on Monday and Friday; at 12:00 on Saturday, UTC."
    )
    await expect(page.locator("#form-preview").get_by_role("listitem")).to_have_count(10)
    heard = page.get_by_role("status").filter(has_text="The first of the next runs: ")
    await expect(heard).to_contain_text("At 09:30 on Monday and Friday; at 12:00 on Saturday.")
    assert await page.locator("[aria-live], [role=status]").locator("[data-show=countdown]").count() == 0  # they tick

    rules = page.locator("#rules-failure")
    await expect(rules).to_contain_text("A run that fails is not tried again.")
    await rules.click()
    await page.get_by_label("Try up to so many times").fill("3")
    await page.get_by_label("Stop a run after").fill("10m")
    await expect(rules).to_contain_text("Up to 3 attempts")
    await expect(words).to_contain_text("A run is stopped after 10 min.")
    sentence = page.locator(".say").filter(has=page.locator("#f-timeout"))
    await sentence.get_by_role("button", name="Back to the default").click()
    await expect(words).not_to_contain_text("A run is stopped")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page).to_have_url(at_path("/jobs/greetings"))
    told = site.api("GET", "/jobs/greetings").json()
    assert [one["expression"] for one in told["schedule"]] == ["30 9 * * mon,fri", "0 12 * * sat"]
    assert (told["retry"]["max_attempts"], told["timeout"]) == (3, None)

    page = await me.open("/jobs/greetings/edit")
    await expect(page.locator("#when-0").get_by_label("Fri", exact=True)).to_be_checked()
    await page.get_by_role("group", name="Another time").get_by_role("button", name="Take this time away").click()
    changes = page.locator("#form-changes")
    await expect(changes).to_contain_text("0 12 * * sat")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page).to_have_url(at_path("/jobs/greetings"))
    assert site.api("GET", "/jobs/greetings").json()["schedule"]["expression"] == "30 9 * * mon,fri"


async def test_what_is_typed_is_tried_out_with_its_log_beside_the_form(
    me: Visitor, site: Server, tmp_path: Path
) -> None:
    me.allowed.append(REFUSED)
    page = await me.open("/jobs/new")
    await stay(page)
    test, log = page.locator("#form-test"), page.locator("#log")
    await page.get_by_role("button", name="Test once").click()
    await expect(test).to_contain_text("Choose a task first.")
    await test.get_by_role("link", name="Task").click()
    await expect(page.get_by_role("combobox", name="Task", exact=True)).to_be_focused()
    await choose_task(page, "gated_in_thread")
    await page.get_by_label("Folder").fill(str(tmp_path))
    await page.get_by_label("Job id").fill("not yet / an id")

    await page.get_by_role("button", name="Test once").click()
    head = page.locator("#test-head")
    await expect(head).to_have_attribute("data-state", "running")
    await expect(log.locator(".line")).to_have_count(1)
    await expect(head).to_contain_text("1 of 3")
    (tmp_path / "gate-1").touch()
    await expect(log.locator(".line")).to_have_count(2)
    await page.get_by_label("Job id").fill("typed-meanwhile")
    await head.get_by_role("button", name="Cancel").click()
    await expect(head).to_have_attribute("data-state", "cancelled")

    for gate in ("gate-2", "gate-3"):
        (tmp_path / gate).touch()
    await page.get_by_role("button", name="Test once").click()
    await expect(head).to_have_attribute("data-state", "succeeded")
    await expect(log.locator(".line")).to_have_count(3)
    await expect(page.get_by_label("Job id")).to_have_value("typed-meanwhile")
    assert await stayed(page)
    assert site.api("GET", "/jobs").json()["items"] == []
    assert [run["test"] for run in site.api("GET", "/runs?limit=2").json()["items"]] == [True, True]

    await choose_task(page, "fail")
    await page.get_by_role("button", name="Test once").click()
    await expect(page.locator("#test-outcome")).to_contain_text("no figures")
    runs = await me.open("/runs")
    await expect(runs.locator("tr[data-run]").first).to_contain_text("test")


@pytest.mark.parametrize("width", [1440, 390], ids=["on a desk", "in a hand"])
async def test_two_who_edit_one_job_lose_nothing(site: Server, visit: Visit, width: int) -> None:
    make(site, "shared", "hello", {"kind": "cron", "expression": "0 3 * * *"}, args={"name": "Ada"}, timeout=60)
    me = await visit(site, viewport={"width": width, "height": 900})
    me.allowed.append("status of 412")
    page = await me.open("/jobs/shared/edit")
    await page.locator("#rules-failure").click()
    await page.get_by_label("Stop a run after").fill("20m")
    await page.get_by_label(re.compile("^Name")).fill("Grace")
    await expect(page.locator("#form-changes")).to_contain_text("20 min")
    site.api("PATCH", "/jobs/shared", json={"timeout": 900, "priority": 5})
    note = page.locator("#form-saved")
    await expect(note).to_contain_text("time limit, priority changed")
    found = await barriers(page)
    assert await page.evaluate("dispatchEvent(new Event('beforeunload', {cancelable: true}))") is False, "it is warned"

    reply = await submit(page, page.get_by_role("button", name="Save", exact=True).click)
    assert reply.status == 412
    clash = page.get_by_role("alert", name="Somebody else saved this job meanwhile")
    await expect(clash).to_contain_text("taken over from it: priority")
    row = clash.locator("tr[data-field=timeout]")
    await expect(row).to_contain_text("15 min")
    await expect(page.locator("#f-priority")).to_have_value("5")
    found += await barriers(page)
    await row.get_by_role("button", name="Take theirs").click()
    await expect(clash.locator("tr[data-field]")).to_have_count(0)
    await is_live(page)
    await expect(page.locator("#f-timeout")).to_have_value("15m")
    await expect(page.locator("#form-changes")).to_contain_text("Grace")
    await page.get_by_role("button", name="Test once").click()
    await expect(page.locator("#test-head")).to_have_attribute("data-state", "succeeded")
    found += await barriers(page)
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page).to_have_url(at_path("/jobs/shared"))
    told = site.api("GET", "/jobs/shared").json()
    assert (told["timeout"], told["priority"], told["args"]["name"]) == (900, 5, "Grace")
    assert found == []

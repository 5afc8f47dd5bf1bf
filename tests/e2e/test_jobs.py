"""Making a job in the browser and doing with it what one can do, as somebody who is here for the first time."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from browsing import REFUSED, Visitor, at_path, choose_in_menu, choose_kind, choose_task, job_row, make, submit
from playwright.async_api import expect
from support import Server, until

Visit = Callable[..., Awaitable[Visitor]]


async def test_the_tasks_page_lists_each_task_with_what_it_does_and_takes(me: Visitor) -> None:
    page = await me.open("/tasks")
    task = page.locator("#task-report")
    await expect(task).to_contain_text("Take arguments of several types.")
    await expect(task.locator(".sig")).to_have_text(
        "(day: date, count: int, kind: Kind = 'short', dry_run: bool = False)"
    )
    await expect(page.locator("#task-gated_on_loop")).to_contain_text("the event loop")
    await expect(page.locator("#task-gated_in_process")).to_contain_text("a process of its own")
    await page.get_by_role("link", name="Schedule report").click()
    await expect(page).to_have_url(at_path(r"/jobs/new\?task=report"))


async def test_the_form_is_made_from_the_signature(me: Visitor) -> None:
    page = await me.open("/jobs/new?task=report")
    await expect(page.get_by_label("Job id")).to_have_value("report")
    await expect(page.locator("#form-args").get_by_label("Day")).to_have_attribute("type", "date")
    count = page.get_by_label("Count")
    await expect(count).to_have_attribute("type", "number")
    await expect(count).to_have_attribute("min", "1")
    kind = page.get_by_role("radiogroup", name=re.compile("^Kind"))
    await expect(kind.get_by_role("radio", name="Default: short")).to_be_checked()
    await expect(kind.get_by_role("radio", name="long")).not_to_be_checked()
    await expect(page.get_by_role("switch", name="Dry run")).not_to_be_checked()


async def test_another_task_brings_its_arguments_its_defaults_and_its_help(me: Visitor) -> None:
    page = await me.open("/jobs/new")
    await expect(page.locator("#form-args")).to_contain_text("Choose a task")
    await choose_task(page, "hello")
    name = page.get_by_label("Name")
    await expect(name).to_have_attribute("placeholder", "world")
    await expect(name).to_have_accessible_description("Who is greeted.")
    await expect(page.get_by_label(re.compile("^Times"))).to_have_attribute("placeholder", "1")
    await expect(page.get_by_label("Job id")).to_have_value("hello")
    await page.get_by_label("Job id").fill("mine")
    await choose_task(page, "fail")
    await expect(page.get_by_label("Message")).to_have_attribute("placeholder", "no figures")
    await expect(name).to_have_count(0)
    await expect(page.get_by_label("Job id")).to_have_value("mine")


async def test_a_schedule_is_told_in_words_with_its_next_runs_while_it_is_typed(me: Visitor) -> None:
    page = await me.open("/jobs/new?task=hello")
    preview = page.locator("#form-preview")
    slots = preview.get_by_role("listitem")
    await choose_kind(page, "Cron")
    await page.get_by_label("Cron expression").press_sequentially("0 3 * * mon-fri")
    await expect(preview.locator(".words")).to_contain_text("Monday to Friday")
    await expect(slots).to_have_count(10)
    await expect(slots.first).to_contain_text("03:00:00")

    await page.get_by_label("Cron expression").fill("0 25 * * *")
    await expect(preview.locator(".wrong")).to_contain_text("25")

    await page.get_by_role("button", name="Every 5 minutes").click()
    await expect(page.get_by_label("Cron expression")).to_have_value("*/5 * * * *")
    await expect(preview.locator(".words")).to_contain_text("5 minutes")

    await choose_kind(page, "Interval")
    await expect(page.get_by_label("Cron expression")).to_be_hidden()
    await page.get_by_label("Every", exact=True).fill("90s")
    await expect(preview.locator(".words")).to_contain_text("1 minute 30 seconds")
    first, second = [await slots.nth(n).locator("time").first.get_attribute("datetime") for n in (0, 1)]
    assert first
    assert second
    assert datetime.fromisoformat(second) - datetime.fromisoformat(first) == timedelta(seconds=90)

    await choose_kind(page, "Once")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0, tzinfo=None)
    await page.get_by_label("At", exact=True).fill(tomorrow.isoformat())
    await expect(slots).to_have_count(1)
    await expect(slots.locator("time").first).to_have_attribute("datetime", f"{tomorrow.isoformat()}.000Z")

    await choose_kind(page, "By hand")
    await expect(slots).to_have_count(0)
    await expect(preview).to_contain_text("No run is planned")


async def test_a_clock_change_among_the_next_runs_is_told(me: Visitor) -> None:
    page = await me.open("/jobs/new?task=hello")
    await page.get_by_label("Time zone").fill("Europe/Berlin")
    await choose_kind(page, "Cron")
    await page.get_by_label("Cron expression").fill("30 2 * 3,10 sun")
    await expect(page.locator("#form-preview .hint").first).to_be_visible()
    await expect(page.locator("#form-preview")).to_contain_text("Europe/Berlin")


async def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(me: Visitor, site: Server) -> None:
    me.allowed.append(REFUSED)
    page = await me.open("/jobs/new?task=report")
    await page.get_by_label("Job id").fill("what is this")
    await page.get_by_label("Count").fill("0")
    await page.get_by_role("switch", name="Dry run").check()
    await choose_kind(page, "Cron")
    await page.get_by_label("Cron expression").fill("61 * * * *")
    await page.get_by_label("Time zone").fill("Mars/Base")
    reply = await submit(page, page.get_by_role("button", name="Save", exact=True).click)
    assert reply.status == 422
    wrong = page.locator("#job-form [aria-invalid=true]")
    await expect(wrong).to_have_count(5)
    for label, typed, told in (
        ("Job id", "what is this", "letters"),
        ("Day", "", "required"),
        ("Count", "0", "1"),
        ("Cron expression", "61 * * * *", "61"),
        ("Time zone", "Mars/Base", "Mars/Base"),
    ):
        field = page.locator("#job-form").get_by_label(re.compile(f"^{label}(?!s? of)"))
        await expect(field).to_have_value(typed)
        box = field.locator("xpath=ancestor::div[contains(@class, 'is-wrong')]")
        await expect(box.locator(".wrong")).to_contain_text(re.compile(re.escape(told), re.IGNORECASE))
    await expect(page.get_by_role("switch", name="Dry run")).to_be_checked()
    await expect(page.get_by_label("Job id")).to_be_focused()
    await expect(page.get_by_role("alert")).to_contain_text("5 fields")
    assert site.api("GET", "/jobs").json()["items"] == []

    await page.get_by_label("Job id").fill("report-1")
    await page.locator("#form-args").get_by_label("Day").fill("2026-01-31")
    await page.get_by_label("Count").fill("2")
    await page.get_by_label("Cron expression").fill("0 0 1 1 *")
    await page.get_by_label("Time zone").fill("Europe/Berlin")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page).to_have_url(at_path("/jobs/report-1"))
    args = site.api("GET", "/jobs/report-1").json()["args"]
    assert args == {"day": "2026-01-31", "count": 2, "dry_run": True}, "what follows its default is left out"


async def test_an_error_in_a_folded_part_of_the_form_unfolds_it(me: Visitor) -> None:
    me.allowed.append(REFUSED)
    page = await me.open("/jobs/new?task=hello")
    await choose_kind(page, "By hand")
    timeout = page.get_by_label("Stop a run after")
    await expect(timeout).to_be_hidden()
    await page.get_by_text("If something fails").click()
    await timeout.fill("soon")
    await page.get_by_text("If something fails").click()
    await expect(timeout).to_be_hidden()
    await submit(page, page.get_by_role("button", name="Save", exact=True).click)
    await expect(timeout).to_be_visible()
    await expect(timeout).to_have_value("soon")
    await expect(timeout).to_be_focused()


async def test_an_id_that_is_taken_is_told_beside_the_id(me: Visitor, site: Server) -> None:
    me.allowed.append(REFUSED)
    make(site, "taken", "hello")
    page = await me.open("/jobs/new?task=hello")
    await page.get_by_label("Job id").fill("taken")
    await choose_kind(page, "By hand")
    await submit(page, page.get_by_role("button", name="Save", exact=True).click)
    await expect(page.get_by_label("Job id")).to_have_accessible_description(re.compile("already"))
    await expect(page.get_by_label("Job id")).to_be_focused()


async def test_a_new_job_stands_in_the_list_and_its_countdown_ticks(me: Visitor) -> None:
    page = await me.open("/jobs/new?task=hello")
    await page.get_by_label("Job id").fill("daily")
    await choose_kind(page, "Cron")
    await page.get_by_label("Cron expression").fill("0 3 * * *")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page).to_have_url(at_path("/jobs/daily"))
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Jobs").click()
    row = job_row(page, "daily")
    await expect(row).to_have_attribute("data-state", "active")
    await expect(row).to_contain_text("3:00")
    countdown = row.locator("time[data-show=countdown]")
    await expect(countdown).to_have_text(re.compile(r"^(\d\d:)?\d\d:\d\d$"))
    shown = await countdown.inner_text()
    await expect(countdown).not_to_have_text(shown)


async def test_save_and_run_leads_to_the_log_of_the_first_run(me: Visitor) -> None:
    page = await me.open("/jobs/new?task=hello")
    await page.get_by_label("Job id").fill("at-once")
    await page.get_by_label("Name").fill("Ada")
    await choose_kind(page, "By hand")
    await page.get_by_role("button", name="Save and run").click()
    await expect(page).to_have_url(at_path(r"/runs/\d+"))
    await expect(page.locator("#log")).to_contain_text("hello Ada")
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    await expect(page.get_by_role("region", name="Result")).to_have_text(re.compile(r"greeted\s*Ada"))


async def test_a_job_is_paused_and_resumed_in_the_list_and_on_its_page(me: Visitor, site: Server) -> None:
    make(site, "stopgo", "hello", schedule={"kind": "cron", "expression": "0 3 * * *"})
    page, other = await me.open("/jobs"), await me.open("/jobs/stopgo")
    row, head = job_row(page, "stopgo"), other.locator("#job-head")
    await row.get_by_role("switch").click()
    await expect(row).to_have_attribute("data-state", "paused")
    await expect(page.locator("#toasts")).to_contain_text("stopgo is paused")
    await expect(head).to_have_attribute("data-state", "paused")
    await expect(head.get_by_role("note")).to_contain_text("Paused by the admin token since")
    await head.get_by_role("button", name="Resume").click()
    await expect(head).to_have_attribute("data-state", "active")
    await expect(row).to_have_attribute("data-state", "active")
    await expect(row.locator("time[data-show=countdown]")).to_be_visible()


async def test_an_edit_starts_from_the_old_values_and_is_seen_on_other_pages(me: Visitor, site: Server) -> None:
    make(
        site,
        "changing",
        "hello",
        schedule={"kind": "cron", "expression": "0 3 * * *", "timezone": "Europe/Berlin"},
        args={"name": "Ada", "times": 2},
        timeout=600,
        tags=["night"],
        description="Old words.",
    )
    watching = await me.open("/jobs")
    page = await me.open("/jobs/changing")
    await page.get_by_role("link", name="Edit").click()
    await expect(page.get_by_label("Job id")).to_have_value("changing")
    for label, value in (
        ("Name", "Ada"),
        ("Times", "2"),
        ("Cron expression", "0 3 * * *"),
        ("Time zone", "Europe/Berlin"),
        ("Stop a run after", "10m"),
        ("Description", "Old words."),
        ("Tags", "night"),
    ):
        await expect(page.get_by_label(re.compile(f"^{label}"))).to_have_value(value)
    await expect(page.locator("#form-preview .words")).to_contain_text("3:00")
    await page.get_by_label("Name").fill("Grace")
    await choose_kind(page, "Cron")
    await page.get_by_label("Cron expression").fill("30 4 * * *")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page).to_have_url(at_path("/jobs/changing"))
    await page.get_by_role("link", name="Configuration").click()
    await expect(page.locator("#job-detail")).to_contain_text("Grace")
    await expect(page.locator("#job-detail")).to_contain_text("30 4 * * *")
    await expect(job_row(watching, "changing")).to_contain_text("4:30")


async def test_an_edit_shows_its_slots_old_against_new_while_it_is_typed(site: Server, visit: Visit) -> None:
    at_three = "0 0 3 1 1 * 2190-2199"
    make(site, "moved", "hello", {"kind": "cron", "expression": at_three, "timezone": "Europe/Berlin"})
    me = await visit(site, timezone_id="Asia/Tokyo")
    page = await me.open("/jobs/moved/edit")
    preview = page.locator("#form-preview")
    slots = preview.get_by_role("listitem")
    await expect(slots).to_have_count(10)
    await expect(preview.locator(".mark")).to_have_count(0)
    await expect(slots.first.locator(".there")).to_contain_text("03:00:00 CET")
    await expect(slots.first.locator("time").first).to_contain_text("11:00:00")

    await page.get_by_label("Cron expression").fill("0 0 4 1 1 * 2190-2199")
    await expect(preview.locator(".edited")).to_contain_text("The next run moves from")
    await expect(slots).to_have_count(20)
    await expect(preview.get_by_text("falls away", exact=True)).to_have_count(10)
    await expect(preview.get_by_text("new", exact=True)).to_have_count(10)
    await expect(slots.filter(has_text="falls away").first.locator(".there")).to_contain_text("03:00:00")
    await expect(slots.filter(has_text="new").first.locator(".there")).to_contain_text("04:00:00")

    await page.get_by_label("Cron expression").fill(at_three)
    await expect(preview.locator(".mark")).to_have_count(0)
    await expect(slots).to_have_count(10)

    berlin = await (await visit(site, timezone_id="Europe/Berlin")).open("/jobs/moved/edit")
    first = berlin.locator("#form-preview").get_by_role("listitem").first
    await expect(first).to_contain_text("03:00:00 CET")
    await expect(first.locator(".there")).to_be_hidden()


async def test_an_edit_of_somebody_else_is_not_overwritten(me: Visitor, site: Server) -> None:
    me.allowed.append("status of 412")
    make(site, "shared", "hello", args={"name": "Ada"})
    page = await me.open("/jobs/shared/edit")
    changed = site.api("PATCH", "/jobs/shared", json={"args": {"name": "Grace"}})
    assert changed.status_code == 200, changed.text
    await page.get_by_label("Name").fill("Barbara")
    reply = await submit(page, page.get_by_role("button", name="Save", exact=True).click)
    assert reply.status == 412
    await expect(page.get_by_role("alert", name="Somebody else saved this job meanwhile")).to_be_visible()
    await expect(page.get_by_label("Name")).to_have_value("Barbara")
    assert site.api("GET", "/jobs/shared").json()["args"]["name"] == "Grace"


async def test_a_job_is_removed_only_after_it_was_asked_for_and_leaves_every_open_page(
    me: Visitor, site: Server
) -> None:
    make(site, "going", "hello")
    watching, page = await me.open("/jobs"), await me.open("/jobs/going")
    await choose_in_menu(page, "going", "Remove")
    await expect(page.get_by_role("heading", name="Remove going?")).to_be_visible()
    await page.get_by_role("link", name="Keep it").click()
    await expect(page).to_have_url(at_path("/jobs/going"))
    assert site.api("GET", "/jobs/going").status_code == 200
    await choose_in_menu(page, "going", "Remove")
    await page.get_by_role("button", name="Remove the job").click()
    await expect(page).to_have_url(at_path("/jobs"))
    await expect(job_row(page, "going")).to_have_count(0)
    await expect(job_row(watching, "going")).to_have_count(0)
    assert site.api("GET", "/jobs/going").status_code == 404


async def test_a_job_is_found_by_typing_a_part_of_its_name(me: Visitor, site: Server) -> None:
    for job in ("apple", "apricot", "banana"):
        make(site, job, "hello")
    page = await me.open("/jobs")
    await expect(page.locator("tr[data-job]")).to_have_count(3)
    await page.get_by_label("Find a job").press_sequentially("ap")
    await expect(page.locator("tr[data-job]")).to_have_count(2)
    await expect(job_row(page, "banana")).to_have_count(0)
    await expect(page).to_have_url(at_path(r"/jobs\?q=ap"))
    make(site, "grape", "hello")
    await expect(job_row(page, "grape")).to_be_visible()


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
async def test_times_are_told_in_the_viewers_zone(site: Server, zone: str, visit: Visit) -> None:
    make(site, "zoned", "hello", schedule={"kind": "once", "at": "2099-06-01T12:00:00Z"})
    viewer = await visit(site, timezone_id=zone)
    page = await viewer.open("/jobs/zoned")
    shown = {"America/New_York": "08:00:00", "Asia/Kolkata": "17:30:00"}[zone]
    await expect(page.locator("#job-head")).to_contain_text(f"1 Jun 2099, {shown}")
    await expect(page.locator("#zone")).to_have_text(re.compile(zone.split("/")[0]))


async def test_run_now_runs_at_once_and_links_to_the_log(me: Visitor, site: Server) -> None:
    make(site, "now", "hello", args={"name": "Ada"})
    page = await me.open("/jobs")
    await job_row(page, "now").get_by_role("button", name="Run now now").click()
    await page.locator("#toasts").get_by_role("link", name="Follow its log").click()
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    await expect(page.locator("#log")).to_contain_text("hello Ada")
    runs = await until(lambda: site.api("GET", "/runs?job=now").json()["items"])
    assert [run["trigger"] for run in runs] == ["manual"]

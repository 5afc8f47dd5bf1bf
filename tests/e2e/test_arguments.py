"""The widgets of a task's arguments: filled in by keyboard and mouse, as JSON, with and without JavaScript."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

from barriers import barriers
from browsing import REFUSED, Visitor, at_path, make, submit
from playwright.async_api import Route, expect
from support import Server

Visit = Callable[..., Awaitable[Visitor]]


async def test_a_job_with_many_kinds_of_arguments_is_made_changed_as_json_and_saved(me: Visitor, site: Server) -> None:
    me.allowed.append(REFUSED)
    page = await me.open("/jobs/new?task=deliver")
    add = page.get_by_role("button", name="Add a row to Shops")
    for number, name in enumerate(("Kiel", "Bremen", "Lübeck"), 1):
        await add.press("Enter")
        await expect(page.get_by_label(re.compile(f"^Shop {number}, Name"))).to_be_focused()
        await page.keyboard.type(name)
    await page.keyboard.press("Alt+ArrowUp")
    await expect(page.get_by_label(re.compile("^Shop 2, Name"))).to_be_focused()
    await expect(page.get_by_label(re.compile("^Shop 2, Name"))).to_have_value("Lübeck")
    await page.get_by_role("button", name="Move Shop 2 up").press("Enter")
    await expect(page.get_by_role("button", name="Move Shop 1 down")).to_be_focused()
    await page.get_by_role("button", name="Remove Shop 2").press("Enter")
    await expect(page.get_by_label(re.compile("^Shop 3, Name"))).to_have_count(0)
    await expect(page.get_by_role("button", name="Remove Shop 2")).to_be_focused()
    await page.get_by_role("button", name="Add a row to Tags").first.press("Enter")
    await expect(page.get_by_label("Shop 1, Tag 1", exact=True)).to_be_focused()
    await page.keyboard.type("harbour")

    await page.get_by_label("Token").fill("geheim")
    await page.get_by_role("radio", name="Yes").check(force=True)
    note = page.get_by_label(re.compile("^Note"))
    await expect(note).to_have_attribute("placeholder", "by hand")
    await page.locator("#f-args-note-blank").select_option("none")
    await page.get_by_label("Parts: set or not").select_option("here")
    await page.get_by_role("checkbox", name="body").check(force=True)
    await page.get_by_role("button", name="Add a row to Limits").click()
    await expect(page.get_by_label("Limit 1, name")).to_be_focused()
    await page.keyboard.type("a")
    await page.get_by_label("Limit 1, value").fill("1.5")
    await page.get_by_label("Window: set or not").select_option("here")
    await page.get_by_role("radio", name="Whole number").check(force=True)
    await page.locator('[name="args.window@1"]').fill("7")
    await page.locator("label.kind").filter(has_text="By hand").click()
    assert await barriers(page) == []

    reply = await submit(page, page.get_by_role("button", name="Save", exact=True).click)
    assert reply.status == 422
    wrong = page.get_by_label("Limit 1, value")
    await expect(wrong).to_be_focused()
    await expect(wrong).to_have_accessible_description(re.compile("whole number is expected"))
    await expect(page.get_by_label(re.compile("^Shop 1, Name"))).to_have_value("Lübeck")
    await wrong.fill("4")

    await page.get_by_role("button", name="JSON", exact=True).click()
    text = page.get_by_label("Arguments as JSON")
    await expect(text).to_be_focused()
    said = json.loads(await text.input_value())
    assert said == {
        "shops": [{"name": "Lübeck", "tags": ["harbour"]}, {"name": "Bremen"}],
        "token": "********",
        "window": 7,
        "parts": ["head", "body"],
        "limits": {"a": 4},
        "note": None,
        "loud": True,
    }
    assert await barriers(page) == []
    await text.fill('{"shops": [')
    await expect(page.locator(".json-told")).to_contain_text("This is not JSON (line 1, column 12)")
    await page.get_by_role("button", name="Form", exact=True).click()
    await expect(page.locator("#f-args-wrong")).to_contain_text("line 1, column 12")
    await expect(text).to_have_value('{"shops": [')
    said["shops"].append({"name": "Kiel"})
    await text.fill(json.dumps(said))
    await page.get_by_role("button", name="Form", exact=True).click()
    await expect(page.get_by_label(re.compile("^Shop 3, Name"))).to_have_value("Kiel")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page).to_have_url(at_path("/jobs/deliver"))
    assert site.api("GET", "/jobs/deliver").json()["args"] == said


async def test_an_edit_keeps_the_secret_and_clears_what_is_optional(site: Server, visit: Visit) -> None:
    make(site, "deliver", "deliver", args={"shops": [{"name": "Kiel"}], "token": "geheim", "note": "x", "loud": False})
    me = await visit(site, viewport={"width": 390, "height": 800})
    page = await me.open("/jobs/deliver/edit")
    await expect(page.get_by_label(re.compile("^Token"))).to_have_attribute("placeholder", "unchanged")
    assert "geheim" not in await page.content()
    await page.get_by_role("button", name="Clear Note").click()
    await expect(page.get_by_label(re.compile("^Note"))).to_be_focused()
    await page.locator("#f-args-note-blank").select_option("empty")
    await page.get_by_role("radio", name="Not given").check(force=True)
    options = page.get_by_role("textbox", name=re.compile("^Options"))
    await options.fill('{"deep":[1]}')
    await page.get_by_role("button", name="Format Options").click()
    await expect(options).to_have_value('{\n  "deep": [\n    1\n  ]\n}')
    await options.press("Tab")
    await expect(options).not_to_be_focused()
    await options.press("Space")
    await options.press("Tab")
    await expect(options).to_be_focused()
    await expect(page.locator(".json-keys:visible")).to_have_text("Tab indents; Escape, then Tab leaves.")
    await options.press("Escape")
    await options.press("Tab")
    await expect(options).not_to_be_focused()
    assert await barriers(page) == []
    await page.get_by_role("button", name="Save and run").click()
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    await expect(page.locator("#log")).to_contain_text("1 6 ''")
    args = site.api("GET", "/jobs/deliver").json()["args"]
    assert args == {"shops": [{"name": "Kiel"}], "token": "********", "note": "", "options": {"deep": [1]}}


async def test_a_row_is_added_without_javascript(site: Server, visit: Visit) -> None:
    me = await visit(site, java_script_enabled=False)
    page = await me.open("/jobs/new?task=deliver", live=False)
    await page.get_by_label("Job id").fill("plain")
    await page.locator("label.kind").filter(has_text="By hand").click()
    await page.get_by_role("button", name="Add a row to Shops").click()
    await page.get_by_label(re.compile("^Shop 1, Name")).fill("Kiel")
    await page.get_by_role("button", name="Add a row to Shops").click()
    await page.get_by_label(re.compile("^Shop 2, Name")).fill("Bremen")
    await page.get_by_role("button", name="Move Shop 2 up").click()
    await page.get_by_label("Token").fill("geheim")
    await page.get_by_label("Token").press("Enter")
    await expect(page).to_have_url(at_path("/jobs/plain"))
    assert site.api("GET", "/jobs/plain").json()["args"]["shops"] == [{"name": "Bremen"}, {"name": "Kiel"}]


async def test_one_run_gets_other_rows_in_the_dialog_which_stays_open_while_one_leaves_the_json(
    me: Visitor, site: Server
) -> None:
    make(site, "deliver", "deliver", args={"shops": [{"name": "Kiel"}], "token": "geheim"})
    page = await me.open("/jobs/deliver")
    await page.get_by_role("link", name="Run with…").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Add a row to Shops").click()
    await expect(dialog.get_by_label(re.compile("^Shop 2, Name"))).to_be_focused()
    await page.keyboard.type("Bremen")
    assert await barriers(page) == []
    await dialog.get_by_role("button", name="JSON", exact=True).click()
    text = dialog.get_by_label("Arguments as JSON")
    await expect(text).to_be_focused()
    await page.keyboard.type(" ")
    await page.keyboard.press("Escape")
    await expect(text).to_be_visible()
    await text.fill((await text.input_value()).replace("Kiel", "Husum"))
    await dialog.get_by_role("button", name="Run it").click()
    await expect(dialog).to_be_hidden()
    await page.get_by_role("link", name="Follow its log").click()
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "succeeded")
    await expect(page.locator("#log")).to_contain_text("2 6 'by hand'")
    assert site.api("GET", "/jobs/deliver").json()["args"]["shops"] == [{"name": "Kiel"}]


async def test_buttons_pressed_fast_all_count_in_their_order_and_lose_nothing_typed(me: Visitor, site: Server) -> None:
    shops = [{"name": name} for name in ("Kiel", "Husum", "Bremen", "Trier")]
    make(site, "hasty", "deliver", args={"shops": shops, "token": "geheim"})
    page = await me.open("/jobs/hasty/edit")
    names = page.get_by_label(re.compile(r"^Shop \d, Name"))
    answers = asyncio.Event()

    async def wait(route: Route) -> None:
        await answers.wait()
        await route.continue_()

    async def come_to(*expected: str) -> None:
        """The answers come, one after the other, until the rows are those; then they are held back again."""
        answers.set()
        await expect(names).to_have_count(len(expected))
        for name, text in zip(await names.all(), expected, strict=True):
            await expect(name).to_have_value(text)
        answers.clear()

    await page.route("**/form/args", wait)
    await page.get_by_role("button", name="Move Shop 1 down").focus()
    for _ in range(2):
        await page.keyboard.press("Enter")
    await come_to("Husum", "Bremen", "Kiel", "Trier")
    await expect(page.get_by_role("button", name="Move Shop 3 down")).to_be_focused()

    await names.nth(3).focus()
    for _ in range(3):
        await page.keyboard.press("Alt+ArrowUp")
    await come_to("Trier", "Husum", "Bremen", "Kiel")
    await expect(names.first).to_be_focused()

    await page.get_by_role("button", name="Remove Shop 1").dblclick()
    await page.get_by_role("button", name="Add a row to Shops").dblclick()
    await names.nth(3).press("End")
    await page.keyboard.type(" West")
    await come_to("Bremen", "Kiel West", "", "")
    await expect(names.nth(3)).to_be_focused()
    await page.keyboard.type("Fulda")

    await page.get_by_role("button", name="Remove Shop 3").click()
    await page.get_by_role("button", name="Save", exact=True).click()
    answers.set()
    await expect(page).to_have_url(at_path("/jobs/hasty"))
    kept = site.api("GET", "/jobs/hasty").json()["args"]["shops"]
    assert [shop["name"] for shop in kept] == ["Bremen", "Kiel West", "Fulda"]

"""Secrets from the page where they are stored to the log in which they are masked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from barriers import barriers
from browsing import REFUSED, Visitor, at_path, choose_kind, is_live
from playwright.async_api import expect
from support import Server

from cronapp.core.hidden import MASK

Visit = Callable[..., Awaitable[Visitor]]
TASKS = """
from pydantic import SecretStr
from cronapp import secret

def confide(key: SecretStr, other: SecretStr):
    print("typed", key.get_secret_value(), flush=True)
    print("stored", other.get_secret_value(), secret("SHOP_PASSWORD"))
    raise ValueError(f"{key.get_secret_value()} is refused")
"""
WORDS = ("hunter2-hunter2", "hunter3-hunter3", "geheim-typed")


def kept(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("cronapp.db*") if file.suffix != ".lock")


async def test_a_secret_is_stored_chosen_for_a_job_used_by_its_run_and_seen_nowhere(
    server: Server, visit: Visit
) -> None:
    server.write_tasks(TASKS)
    server.start()
    me = await visit(server)
    me.allowed.append(REFUSED)
    page = await me.open("/settings/secrets")
    await expect(page.get_by_text("No secret is stored")).to_be_visible()
    await page.get_by_role("link", name="Store a secret").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("SHOP-PASSWORD")
    await dialog.get_by_label("Value").fill("hunter2-hunter2")
    await dialog.get_by_role("button", name="Store it").click()
    await expect(dialog.get_by_text("A name has letters, digits and _")).to_be_visible()
    assert "hunter2" not in await page.content(), "what was refused does not come back"
    await dialog.get_by_label("Name").fill("SHOP_PASSWORD")
    await dialog.get_by_label("Value").fill("hunter2-hunter2")
    await dialog.get_by_role("button", name="Store it").click()
    row = page.locator("[data-secret=SHOP_PASSWORD]")
    await expect(row).to_contain_text("asked for by confide")
    assert await barriers(page) == []
    await row.get_by_role("link", name="Replace the value of SHOP_PASSWORD").click()
    await expect(dialog.get_by_label("New value")).to_be_focused()
    await page.keyboard.type("hunter3-hunter3")
    await dialog.get_by_role("button", name="Replace it").click()
    await expect(page.get_by_text("has its new value")).to_be_visible()

    form = await me.open("/jobs/new?task=confide")
    await form.locator("#f-args-key").fill("geheim-typed")
    await form.locator("#f-args-other-blank").select_option(label="Stored secret SHOP_PASSWORD")
    await choose_kind(form, "By hand")
    assert await barriers(form) == []
    await form.get_by_role("button", name="Save and run").click()
    await form.wait_for_url("**/runs/*")
    await expect(form.locator("#log")).to_contain_text(f"typed {MASK}")
    await expect(form.locator("#log")).to_contain_text(f"stored {MASK} {MASK}")
    await expect(form.get_by_text(f"{MASK} is refused").first).to_be_visible()

    await form.goto(f"{server.url}/jobs/confide/edit")
    await is_live(form)
    await expect(form.locator("#f-args-key")).to_have_value("")
    await expect(form.locator("#f-args-other-blank")).to_have_value("secret:SHOP_PASSWORD")
    await form.get_by_role("button", name="Save", exact=True).click()
    await expect(form).to_have_url(at_path("/jobs/confide"))

    await expect(row).to_contain_text("named by 1 job")
    await row.get_by_role("link", name="Remove the secret SHOP_PASSWORD").click()
    await expect(dialog).to_contain_text("1 job names it in its arguments, and 1 task asks for it.")
    assert await barriers(page) == []
    await dialog.get_by_role("button", name="Remove the secret").click()
    await expect(row).to_have_count(0)
    for path in ("/jobs/confide/configuration", "/jobs/confide/history", "/runs/1", "/settings/audit"):
        await page.goto(f"{server.url}{path}")
        shown = await page.content()
        assert [word for word in WORDS if word in shown] == [], path
    assert [word for word in WORDS if word.encode() in kept(server.folder)] == []
    assert [word for word in WORDS if word in server.text()] == []


async def test_the_list_of_secrets_fits_a_phone(server: Server, visit: Visit) -> None:
    server.start()
    name = "A_SECRET_WITH_A_NAME_THAT_IS_AS_LONG_AS_ITS_MAKER_COULD_THINK_OF_AND_THEN_SOME_MORE"
    assert server.api("PUT", f"/secrets/{name}", json={"value": "geheim"}).status_code == 201
    me = await visit(server, viewport={"width": 390, "height": 800})
    page = await me.open("/settings/secrets")
    await expect(page.locator(f"[data-secret={name}]")).to_be_visible()
    assert await barriers(page) == []

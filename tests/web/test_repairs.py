"""A job whose task changed: its page says what changed and mends it, so does the API, and the form marks what lacks."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient
from visiting import HTMX, Api, Stream, page_of

from cronapp.app import App
from cronapp.core.events import TasksLoaded

BEFORE = "from cronapp import task\ndef greet(day: str, n: int = 1): ...\n"
CODE = "@task(schedule='0 3 * * *', timeout='10m')\ndef nightly(): ...\n"
AFTER = BEFORE.replace("day: str, n: int = 1", "count: int")


async def plain(client: QuartClient, path: str) -> str:
    """What stands on a page, for the eye."""
    reply = await client.get(path)
    return " ".join(unescape(re.sub(r"<[^>]*>", "", (await reply.get_data(as_text=True)).replace("<dd>", " "))).split())


def write(app: App, text: str) -> None:
    Path(app.tasks.sources[0]).write_text(text)


async def deploy(app: App, text: str) -> None:
    """What the watcher does when the file changes."""
    write(app, text)
    app.tasks.reload()
    await app.declarations.declare()
    await app.declarations.hold_against_code()
    app.bus.publish([TasksLoaded()])


@pytest.fixture
async def left_behind(quiet: App, api: Api) -> App:
    """The job `greet`, whose task has another signature now."""
    await deploy(quiet, BEFORE + CODE)
    await api.make("greet", "greet", args={"day": "<b>", "n": 7})
    await deploy(quiet, AFTER + CODE)
    return quiet


async def state_of(api: Api, job: str = "greet") -> dict[str, Any]:
    told: dict[str, Any] = await api.json("GET", f"/jobs/{job}")
    return told


async def test_the_page_shows_the_difference_and_one_click_fixes_the_arguments(
    left_behind: App, client: QuartClient, api: Api
) -> None:
    page = await page_of(client, "/jobs/greet")
    text = await plain(client, "/jobs/greet")
    assert 'The parameter day is gone; the job gives it "<b>".' in text
    assert "n seems to be called count now; the job gives 7 as n." in text
    assert "Drops day, moves n to count." in text
    assert len(page.all("span", class_="went")) == 2
    assert len(page.all("span", class_="came")) == 1
    page.one("form", action="/jobs/greet/fit")
    reply = await client.post("/jobs/greet/fit", headers=HTMX)
    html = await reply.get_data(as_text=True)
    assert 'hx-target="#job-changes"' in html
    assert "The arguments of greet fit again." in html
    told = await state_of(api)
    assert (told["state"], told["args"]) == ("active", {"count": 7})
    assert "hidden" in (await page_of(client, "/jobs/greet")).with_id("job-changes").attrs


async def test_a_gone_task_has_a_button_for_each_candidate_and_a_choice_of_all(
    left_behind: App, client: QuartClient, api: Api
) -> None:
    await deploy(left_behind, AFTER.replace("greet", "greets") + "def unlike(): ...")
    page = await page_of(client, "/jobs/greet")
    assert "The task greet is not in the code now." in await plain(client, "/jobs/greet")
    assert [e.attrs.get("value") for e in page.all("input", name="task")] == ["greets"]
    assert {e.attrs["value"] for e in page.all("option")} >= {"greets", "unlike"}
    reply = await client.post("/jobs/greet/repoint", form={"task": "greets"})  # without JavaScript
    assert (reply.status_code, reply.headers["Location"]) == (303, "/jobs/greet")
    told = await state_of(api)
    assert (told["state"], told["task"], told["args"]) == ("active", "greets", {"count": 7})


async def test_where_it_takes_a_guess_the_form_marks_the_fields_and_keeps_what_fits(
    left_behind: App, client: QuartClient
) -> None:
    await deploy(left_behind, "def greet(number: int, to: bool): ...")
    page = await page_of(client, "/jobs/greet")
    assert page.all("form", action="/jobs/greet/fit") == []
    assert page.all("a", class_="btn pri", href="/jobs/greet/edit")
    form = await page_of(client, "/jobs/greet/edit")
    assert form.form("job-form")["args.number"] == "7"
    assert form.wrong() == {"args-to": "This argument is required."}


async def test_the_api_tells_the_difference_and_mends_it(left_behind: App, api: Api) -> None:
    told = await state_of(api)
    assert told["difference"] == [
        "`n` seems to be called `count` now; the job gives 7 as `n`.",
        'The parameter `day` is gone; the job gives it "<b>".',
    ]
    assert (await api.json("POST", "/jobs/greet/repoint", 422, json={"task": "x"}))["errors"]["task"]
    mended = await api.json("POST", "/jobs/greet/fit")
    assert (mended["state"], mended["args"]) == ("active", {"count": 7})
    assert "difference" not in mended
    for path in ("fit", "repoint"):
        problem = await api.json("POST", f"/jobs/greet/{path}", 409, json={"task": "greet"})
        assert "nothing to mend" in problem["detail"]
    assert (await api.json("POST", "/jobs/greet/reset", 409))["title"] == "Conflict"


async def test_an_override_of_a_job_from_code_is_shown_and_taken_back(
    left_behind: App, client: QuartClient, api: Api
) -> None:
    assert "Changed here" not in await plain(client, "/jobs/nightly/configuration")
    changed = {"timeout": 60, "schedule": {"kind": "cron", "expression": "30 4 * * *", "timezone": "Europe/Berlin"}}
    await api.json("PATCH", "/jobs/nightly", json=changed)
    text = await plain(client, "/jobs/nightly/configuration")
    assert "Changed here, from what the code says" in text
    assert "(0 3 * * *, UTC)" in text
    assert "(30 4 * * *, Europe/Berlin)" in text
    reply = await client.post("/jobs/nightly/reset", headers=HTMX)
    assert "nightly follows the code again." in await reply.get_data(as_text=True)
    assert (await state_of(api, "nightly"))["timeout"] == 600
    assert "Changed here" not in await plain(client, "/jobs/nightly/configuration")


async def test_a_secret_of_a_task_that_is_gone_stays_hidden(quiet: App, client: QuartClient, api: Api) -> None:
    await deploy(quiet, "from pydantic import SecretStr\ndef send(key: SecretStr, to: str): ...")
    await api.make("send", "send", args={"key": "geheim", "to": "x"})
    for text in ("", "def send(to: str): ...", "def send(key: int, to: str): ..."):
        await deploy(quiet, text)
        reply = await client.get("/jobs/send")
        assert "geheim" not in await reply.get_data(as_text=True)
        told = await state_of(api, "send")
        assert told["state"] == "needs_attention"
        assert "geheim" not in str(told)


async def test_a_file_that_cannot_be_imported_is_told_on_every_open_page_until_it_can(
    left_behind: App, client: QuartClient
) -> None:
    async with Stream(left_behind, "job:greet") as job, Stream(left_behind, "tasks") as tasks:
        await deploy(left_behind, "def greet(:")
        told = await job.until("tasks.py cannot be imported:")
        assert 'hx-target="#banner"' in told
        assert "is still in use" in told
        assert "Traceback" in await tasks.until("SyntaxError")
        for path in ("/", "/jobs/new", "/runs"):
            assert "cannot be imported" in (await page_of(client, path)).text
        assert "greet" in (await page_of(client, "/tasks")).text
        await deploy(left_behind, AFTER)
        while "cannot be imported" in await job.until('hx-target="#banner"'):  # the same may be told twice
            pass
    assert "cannot be imported" not in (await page_of(client, "/")).text

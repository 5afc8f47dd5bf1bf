"""The arguments in the job form: rows without JavaScript, the same as JSON, secrets, many arguments."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient
from visiting import HTMX, Api, Page, page_of, settings_in, signed_in

from cronapp.app import App

TASKS = '''
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, SecretStr


@dataclass
class Shop:
    name: str
    size: int = 1


class Database(BaseModel):
    url: str
    password: SecretStr


def deliver(shops: list[Shop], token: SecretStr, databases: list[Database] = [], at: datetime | None = None,
            kind: Literal["a", "b"] = "a", loud: bool = True):
    """Deliver."""


def many(a: int, b: int = 1, c: int = 1, d: int = 1, e: int = 1, f: int = 1, g: int = 1, h: int = 1, i: bool = True,
         j: list[int] = [], k: int | None = None, l: str = "l", m: str = "m", n: int = 1):
    """Take many."""
'''
FORM = {
    "id": "shops",
    "task": "deliver",
    "schedule.kind": "manual",
    "args.shops?": "here",
    "args.shops.0.name": "Kiel",
    "args.shops.0.size": "two",
    "args.token": "geheim",
    "args.loud": "on",
    "args.loud?": "default",
}
ARGS: dict[str, Any] = {
    "shops": [{"name": "Kiel"}, {"name": "Bremen", "size": 2}],
    "token": "geheim",
    "databases": [{"url": "a", "password": "geheim-a"}, {"url": "b", "password": "geheim-b"}],
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[App]:
    app = App(settings_in(tmp_path, TASKS), address="http://127.0.0.1:5000")
    await app.start(worker=False)
    yield app
    await app.close()


@pytest.fixture
async def me(house: App) -> QuartClient:
    return await signed_in(house)


async def posted(client: QuartClient, path: str, form: dict[str, str], status: int = 200, **headers: str) -> Page:
    reply = await client.post(path, form=form, headers=headers)
    html = await reply.get_data(as_text=True)
    assert reply.status_code == status, html[-500:]
    page = Page(html)
    assert page.faults() == []
    return page


async def test_a_button_adds_a_row_on_the_page_or_in_the_fragment_and_nothing_typed_is_lost(
    house: App, me: QuartClient
) -> None:
    for path, headers in (("/jobs", {}), ("/form/args", HTMX)):
        page = await posted(me, path, FORM | {"do": "add:shops"}, **headers)
        assert page.one("input", name="args.shops.1.name").attrs["value"] == ""
        assert page.one("input", name="args.shops.0.size").attrs["value"] == "two"
        assert page.one("input", name="args.token").attrs["value"] == "geheim"
        assert "checked" in page.one("input", name="args.loud").attrs
    assert (await posted(me, "/jobs", FORM | {"do": "add:shops"})).one("input", name="id").attrs["value"] == "shops"
    page = await posted(me, "/jobs", FORM | {"do": "remove:shops.0"})
    assert not page.all("input", name="args.shops.0.name")
    assert await house.jobs.all() == []


async def test_what_was_pressed_and_not_answered_yet_is_done_first(house: App, me: QuartClient) -> None:
    shops = {f"args.shops.{n}.name": name for n, name in enumerate("abc")}
    sizes = {f"args.shops.{n}.size": "1" for n in range(3)}
    pressed = {"did": "down:shops.0 down:shops.0 nonsense add:shops", "do": "remove:shops.1"}
    page = await posted(me, "/form/args", FORM | shops | sizes | pressed, **HTMX)
    assert [page.one("input", name=f"args.shops.{n}.name").attrs["value"] for n in range(3)] == ["c", "a", ""]
    assert not page.all("input", name="args.shops.3.name")
    reply = await me.post("/jobs", form=FORM | shops | sizes | {"did": "remove:shops.2 remove:shops.2 add:shops"})
    assert reply.status_code == 422, "the new row has no name"
    reply = await me.post("/jobs", form=FORM | shops | sizes | {"did": "remove:shops.0 up:shops.2"})
    assert reply.status_code == 303
    assert (await house.jobs.get("shops")).spec.args["shops"] == [{"name": name, "size": 1} for name in "cb"]


async def test_what_is_wrong_in_a_row_stands_beside_its_field(house: App, me: QuartClient) -> None:
    page = await posted(me, "/jobs", FORM | {"args.shops.1.name": "", "args.shops.1.size": "3"}, 422)
    assert set(page.wrong()) == {"args-shops-0-size", "args-shops-1-name"}
    field = page.with_id("f-args-shops-1-name")
    assert "f-args-shops-1-name-wrong" in field.attrs["aria-describedby"]


async def test_the_form_goes_to_json_and_back_and_is_saved_as_either(house: App, me: QuartClient) -> None:
    page = await posted(me, "/jobs", FORM | {"args.shops.0.size": "2", "do": "json:"})
    raw = page.form("job-form")
    assert json.loads(raw["args"]) == {"shops": [{"name": "Kiel", "size": 2}], "token": "********"}
    wrong = await posted(me, "/jobs", raw | {"args": '{"shops": [],\n "token"'}, 422)
    assert "line 2, column 9" in wrong.text
    assert wrong.form("job-form")["args"].endswith('"token"'), "nothing is lost"
    wrong = await posted(me, "/jobs", raw | {"args": '{"shosp": []}', "do": "form:"})
    assert 'Did you mean "shops"?' in wrong.text
    changed = {"shops": [{"name": "Kiel", "size": "x"}, {"name": "b"}], "token": "********"}
    page = await posted(me, "/jobs", raw | {"args": json.dumps(changed), "do": "form:"})
    form = page.form("job-form")
    assert (form["args.shops.0.size"], form["args.shops.1.name"], form["args.token"]) == ("x", "b", "geheim")
    changed["shops"] = [{"name": "b"}]
    reply = await me.post("/jobs", form=raw | {"args": json.dumps(changed)})
    assert reply.status_code == 303
    args = (await house.jobs.get("shops")).spec.args
    assert house.tasks.opened(args) == {"shops": [{"name": "b"}], "token": "geheim"}


async def test_stored_secrets_are_never_sent_and_stay_with_their_rows(house: App, me: QuartClient) -> None:
    await Api(house).make("shops", "deliver", args=ARGS)
    reply = await me.get("/jobs/shops/edit")
    html = await reply.get_data(as_text=True)
    assert "geheim" not in html
    form = Page(html).form("job-form")
    page = await posted(me, "/jobs/shops/edit", form | {"do": "up:databases.1"})
    raw = (await posted(me, "/jobs/shops/edit", page.form("job-form") | {"do": "json:"})).form("job-form")
    assert "geheim" not in str(raw)
    for sent in (page.form("job-form"), raw):
        assert (await me.post("/jobs/shops/edit", form=sent | {"version": ""})).status_code == 303
        args = house.tasks.opened((await house.jobs.get("shops")).spec.args)
        assert args == ARGS | {"databases": ARGS["databases"][::-1]}
        await Api(house).json("PATCH", "/jobs/shops", json={"args": ARGS})


async def test_many_arguments_are_folded_away_while_they_follow_their_defaults(house: App, me: QuartClient) -> None:
    await Api(house).make("many", "many", args={"a": 1, "d": 2, "m": "x"})
    page = await page_of(me, "/jobs/many/edit")
    assert page.one("input", name="args?folded").attrs["value"] == "b,c,e,f,g,h,i,j,k,l,n"
    summary = next(e for e in page.all("summary") if e.text.startswith("More arguments"))
    assert summary.text == "More arguments (11)"
    form = page.form("job-form") | {"args.n": "x", "version": ""}
    refused = await posted(me, "/jobs/many/edit", form, 422)
    assert refused.one("input", name="args?folded").attrs["value"].endswith("n"), "it stays where it was"
    assert "open" in refused.one("details", class_="more-args").attrs


async def test_a_moment_that_no_picker_can_hold_is_shown_as_text(house: App, me: QuartClient) -> None:
    await Api(house).make("shops", "deliver", args=ARGS | {"at": "2026-01-31T09:30:00.123456+02:00"})
    page = await page_of(me, "/jobs/shops/edit")
    field = page.one("input", name="args.at")
    assert (field.attrs["type"], field.attrs["value"]) == ("text", "2026-01-31T09:30:00.123456")
    assert page.one("input", name="args.at@zone").attrs["value"] == "+02:00"


async def test_the_fragment_of_a_button_is_only_for_those_who_are_signed_in(house: App) -> None:
    stranger = house.site.test_client()
    reply = await stranger.post("/form/args", form=FORM | {"do": "add:shops"}, headers={"Origin": "http://localhost"})
    assert reply.status_code in (303, 401, 403)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ('{"shops": [', "line 1, column 12"),
        ('{"a": 1}', ""),
        ("", ""),
        ("NaN", "not JSON"),
        ("<b>", "line 1, column 1"),
    ],
)
async def test_where_a_text_stops_being_json_is_told_while_it_is_typed(me: QuartClient, typed: str, told: str) -> None:
    form = {"which": "args.options", "args.options": typed, "args": "{}"}
    reply = await me.post("/form/json", form=form, headers=HTMX)
    said = await reply.get_data(as_text=True)
    assert reply.status_code == 200
    assert told in said if told else said == ""

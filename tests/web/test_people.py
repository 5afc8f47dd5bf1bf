"""Accounts on the pages and in the API: the first one, one's own, and those of all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pyotp
import pytest
from pydantic import SecretStr
from quart.testing import QuartClient
from sqlalchemy import select
from visiting import HTMX, Api, Ended, Page, Stream, page_of, settings_in

from cronapp.app import App
from cronapp.core.vault import Vault
from cronapp.store.tables import audit

PASSWORD = "seven green herons"
OTHER = "nine brown otters"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[App]:
    """An app that can keep secrets."""
    settings = settings_in(tmp_path).model_copy(update={"secret_key": SecretStr("a key of enough letters")})
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    yield app
    await app.close()


@pytest.fixture
def calls(house: App) -> Api:
    return Api(house)


async def by_link(app: App) -> QuartClient:
    client = app.site.test_client()
    reply = await client.get(f"/login?token={await app.signin.new_link()}")
    assert reply.headers["Location"] == "/"
    return client


async def by_name(app: App, name: str = "ada", password: str = PASSWORD) -> QuartClient:
    client = app.site.test_client()
    reply = await client.post("/login", form={"name": name, "password": password})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/")
    return client


async def is_in(client: QuartClient) -> bool:
    return (await client.get("/jobs")).status_code == 200


def cookie(app: App, client: QuartClient) -> str:
    assert client.cookie_jar is not None
    return str(next(one.value for one in client.cookie_jar if one.name == app.site.parts.cookie))


def new(name: str = "ada", password: str = PASSWORD, **more: str) -> dict[str, str]:
    return {"name": name, "password": password, "again": password, **more}


def wrong(page: Page) -> dict[str, str]:
    """What is told beside the fields."""
    return {
        one.attrs["id"].removeprefix("f-").removesuffix("-wrong"): one.text for one in page.all("p", class_="wrong")
    }


# -- the first account ----------------------------------------------------------------------------------------------


async def test_who_came_by_a_link_makes_the_first_account_and_is_in_with_it(
    house: App, capfd: pytest.CaptureFixture[str]
) -> None:
    client, other, forgotten = await by_link(house), await by_link(house), await house.signin.new_link()
    page = await page_of(client, "/jobs")
    assert "Signed in by a one-time link" in page.text
    assert page.all("a", href="/settings/account/new")
    before = cookie(house, client)
    reply = await client.post("/settings/account/new", form=new())
    assert (reply.status_code, reply.headers["Location"]) == (303, "/settings/account?done=made")
    assert cookie(house, client) != before, "the session of an account has a secret of its own"
    page = await page_of(client, "/settings/account?done=made")
    assert "Your account is made" in page.text
    assert "one-time link" not in (await page_of(client, "/jobs")).text
    assert not await is_in(other)
    assert (await house.site.test_client().get(f"/login?token={forgotten}")).status_code == 403
    stale = house.site.test_client()
    stale.set_cookie("localhost", house.site.parts.cookie, before)
    assert not await is_in(stale)

    capfd.readouterr()
    reply = await house.site.test_client().post("/login/link")
    assert reply.status_code == 409
    assert "There are accounts here already" in await reply.get_data(as_text=True)
    assert "token=" not in capfd.readouterr().out
    assert await is_in(await by_name(house))


async def test_only_one_of_those_who_make_the_first_account_at_once_has_it(house: App) -> None:
    first, second = await by_link(house), await by_link(house)
    assert (await first.post("/settings/account/new", form=new())).status_code == 303
    assert (await second.post("/settings/account/new", form=new("eve"))).status_code == 401
    token = house.site.test_client()
    await token.post("/login", form={"token": "a-token-for-tests"})
    assert (await token.post("/settings/account/new", form=new("eve"))).status_code == 409
    assert [person.name for person in (await house.services.people.page())[0]] == ["ada"]


async def test_a_first_account_that_cannot_be_made_is_told_beside_its_fields(house: App) -> None:
    client = await by_link(house)
    reply = await client.post("/settings/account/new", form={"name": "<b>", "password": "short", "again": "short"})
    assert reply.status_code == 422
    html = await reply.get_data(as_text=True)
    assert set(wrong(Page(html))) == {"name", "password"}
    assert "&lt;b&gt;" in html
    assert 'value="short"' not in html
    reply = await client.post("/settings/account/new", form={**new(), "again": "another one"})
    assert wrong(Page(await reply.get_data(as_text=True))) == {
        "again": "The two are different. Write the same password twice."
    }


# -- signing in -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def accounts(house: App) -> App:
    await house.services.people.add("ada", PASSWORD, "admin")
    await house.services.people.add("grace", PASSWORD, "viewer")
    return house


async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(accounts: App) -> None:
    told = []
    for form in ({"name": "ada", "password": "wrong"}, {"name": "zoe", "password": "wrong"}):
        reply = await accounts.site.test_client().post("/login", form={**form, "next": "/runs"})
        assert reply.status_code == 403
        html = await reply.get_data(as_text=True)
        assert {one.attrs["value"] for one in Page(html).all("input", name="next")} == {"/runs"}
        told.append(html.replace(form["name"], "…"))
    assert told[0] == told[1]


async def test_who_tries_too_often_is_told_when_to_come_again(accounts: App) -> None:
    client = accounts.site.test_client()
    for _ in range(5):
        assert (await client.post("/login", form={"name": "ada", "password": "wrong"})).status_code == 403
    reply = await client.post("/login", form={"name": "ada", "password": PASSWORD})
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "2")
    assert "Try again in 2 s." in await reply.get_data(as_text=True)


async def test_after_signing_in_one_is_where_one_wanted_to_be_and_nowhere_outside(accounts: App) -> None:
    for target, led in (("/runs?q=a+b", "/runs?q=a+b"), ("https://evil.example/", "/"), ("//evil.example", "/")):
        form = {"name": "ada", "password": PASSWORD, "next": target}
        reply = await accounts.site.test_client().post("/login", form=form)
        assert (reply.status_code, reply.headers["Location"]) == (303, led)


async def test_a_session_that_somebody_planted_is_not_the_one_that_signs_in(accounts: App) -> None:
    victim = accounts.site.test_client()
    planted = cookie(accounts, await by_name(accounts, "grace"))
    victim.set_cookie("localhost", accounts.site.parts.cookie, planted)
    await victim.post("/login", form={"name": "ada", "password": PASSWORD})
    assert cookie(accounts, victim) != planted
    thief = accounts.site.test_client()
    thief.set_cookie("localhost", accounts.site.parts.cookie, planted)
    assert not await is_in(thief)


async def test_the_second_step_has_a_page_of_its_own_and_no_name_in_its_address(accounts: App) -> None:
    people, factor = accounts.services.people, accounts.services.factor
    ada = await people.find("ada")
    await factor.begin(ada)
    begun = await factor.beginning(ada)
    assert begun
    codes = await factor.begin_use(ada, pyotp.TOTP(begun.secret).at(accounts.clock()))
    client = accounts.site.test_client()
    reply = await client.post("/login", form={"name": "ada", "password": PASSWORD, "next": "/runs"})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/login/code?next=/runs")
    assert "HttpOnly" in reply.headers["Set-Cookie"]
    assert not await is_in(client)
    assert "ada" not in (await page_of(client, "/login/code?next=/runs")).text
    reply = await client.post("/login/code", form={"code": "000000", "next": "/runs"})
    assert reply.status_code == 403
    reply = await client.post("/login/code", form={"code": codes[0], "next": "/runs"})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/runs")
    assert await is_in(client)
    reply = await accounts.site.test_client().post("/login/code", form={"code": codes[1]})
    assert reply.status_code == 403
    assert "The time for the code is over" in await reply.get_data(as_text=True)


# -- one's own account ----------------------------------------------------------------------------------------------


async def test_a_new_password_asks_for_the_current_one_and_signs_the_others_out(accounts: App) -> None:
    mine, other = await by_name(accounts, "grace"), await by_name(accounts, "grace")
    form = {"current": "wrong", "password": OTHER, "again": OTHER}
    reply = await mine.post("/settings/account/password", form=form)
    assert reply.status_code == 422
    assert set(wrong(Page(await reply.get_data(as_text=True)))) == {"current"}
    before = cookie(accounts, mine)
    reply = await mine.post("/settings/account/password", form={**form, "current": PASSWORD})
    assert reply.headers["Location"] == "/settings/account?done=password"
    assert await is_in(mine)
    assert cookie(accounts, mine) != before
    assert not await is_in(other)
    assert await is_in(await by_name(accounts, "grace", OTHER))


async def test_a_second_factor_is_set_up_used_and_turned_off(accounts: App) -> None:
    client = await by_name(accounts, "grace")
    assert (await client.get("/settings/account/factor")).headers["Location"] == "/settings/account"
    assert (await client.post("/settings/account/factor", form={"current": "wrong"})).status_code == 422
    reply = await client.post("/settings/account/factor", form={"current": PASSWORD})
    assert reply.headers["Location"] == "/settings/account/factor"
    html = await (await client.get("/settings/account/factor")).get_data(as_text=True)
    assert re.search(r'<svg viewBox="[^"]*" class="segno"><g[^>]*><path fill=', html)
    assert " style=" not in html
    secret = Page(html).one("p", id="factor-secret").text.replace(" ", "")
    assert (await client.post("/settings/account/factor/confirm", form={"code": "000000"})).status_code == 422
    code = pyotp.TOTP(secret).at(accounts.clock())
    codes = await (await client.post("/settings/account/factor/confirm", form={"code": code})).get_data(as_text=True)
    assert len(re.findall(r"<li>[a-z2-7]{6}(?:-[a-z2-7]{6}){3}</li>", codes)) == 10
    assert (await client.get("/settings/account/factor")).headers["Location"] == "/settings/account", "told only once"
    assert secret not in (await page_of(client, "/settings/account")).text
    assert (await client.post("/settings/account/codes", form={"current": "wrong"})).status_code == 422
    assert (await client.post("/settings/account/factor/end", form={"current": "wrong"})).status_code == 422
    await client.post("/settings/account/factor/end", form={"current": PASSWORD})
    assert await is_in(await by_name(accounts, "grace"))


async def test_without_a_key_for_secrets_the_page_tells_how_to_make_one(quiet: App) -> None:
    quiet.services.factor.vault = Vault()
    await quiet.services.people.add("ada", PASSWORD, "admin")
    client = await by_name(quiet)
    assert "token_urlsafe" in (await page_of(client, "/settings/account")).text
    assert (await client.post("/settings/account/factor", form={"current": PASSWORD})).status_code == 409


async def test_one_signs_ones_own_browsers_out_and_no_other(accounts: App) -> None:
    mine, second, theirs = await by_name(accounts), await by_name(accounts), await by_name(accounts, "grace")
    grace = await accounts.services.people.find("grace")
    (foreign,) = await accounts.signin.sessions(grace.id)
    assert (await mine.post(f"/settings/account/sessions/{foreign.id}/end", headers=HTMX)).status_code == 404
    async with Stream(accounts, "account", secret=cookie(accounts, mine)) as stream:
        assert len(re.findall("data-session=", await stream.html())) == 2
        await mine.post("/settings/account/sessions/end", headers=HTMX)
        assert "nowhere else" in await stream.until("#account-sessions")
    assert await is_in(mine)
    assert not await is_in(second)
    assert await is_in(theirs)


# -- everybody's ----------------------------------------------------------------------------------------------------


async def test_an_account_is_added_changed_disabled_and_removed_on_the_pages(accounts: App) -> None:
    client = await by_name(accounts)
    reply = await client.post("/settings/people", form=new("zoe", role="operator", tags="shops, finance"))
    assert reply.status_code == 303
    at = reply.headers["Location"].removesuffix("?done=added")
    assert "jobs with one of the tags finance, shops" in (await page_of(client, at)).text
    hers = await by_name(accounts, "zoe")
    async with Stream(accounts, "settings:people") as stream:
        await stream.html()
        await client.post(at, form={"role": "editor", "tags": ""})
        assert "Editor, all jobs" in await stream.until("#settings-people")
        assert "1 browser is signed out at once" in (await page_of(client, f"{at}/disable")).text
        assert (await client.post(f"{at}/disable", headers=HTMX)).status_code == 200
        assert "disabled" in await stream.until("#settings-people")
    assert not await is_in(hers)
    await client.post(f"{at}/enable")
    reply = await client.post(f"{at}/password", form={"password": OTHER, "again": OTHER})
    assert reply.status_code == 303
    hers = await by_name(accounts, "zoe", OTHER)
    assert (await client.post(f"{at}/sign-out", headers=HTMX)).status_code == 200
    assert not await is_in(hers)
    assert (await client.post(f"{at}/remove")).headers["Location"] == "/settings/people"
    assert (await client.get(at)).status_code == 404


async def test_what_is_wrong_with_an_account_is_told_beside_its_fields(accounts: App) -> None:
    client = await by_name(accounts)
    reply = await client.post("/settings/people", form=new("ADA", role="owner", tags="x" * 51))
    assert reply.status_code == 422
    assert set(wrong(Page(await reply.get_data(as_text=True)))) == {"role", "tags"}
    reply = await client.post("/settings/people", form=new("ADA", role="viewer"))
    assert set(wrong(Page(await reply.get_data(as_text=True)))) == {"name"}
    ada = await accounts.services.people.find("ada")
    reply = await client.post(f"/settings/people/{ada.id}", form={"role": "admin", "tags": "shops"})
    assert set(wrong(Page(await reply.get_data(as_text=True)))) == {"tags"}
    reply = await client.post(f"/settings/people/{ada.id}", form={"role": "viewer", "tags": ""})
    assert reply.status_code == 409
    assert "the last account that keeps the people" in await reply.get_data(as_text=True)


async def test_a_session_alone_does_not_take_an_account_over(accounts: App) -> None:
    client = await by_name(accounts)
    ada = await accounts.services.people.find("ada")
    at = f"/settings/people/{ada.id}"
    assert not (await page_of(client, at)).all("input", type="password")
    assert (await client.post(f"{at}/password", form=new())).status_code == 409
    assert (await client.post(f"{at}/factor/end")).status_code == 409
    body = {"password": OTHER}
    assert (await client.post("/api/v1/users/ada/password", json=body)).status_code == 409
    assert (await client.delete("/api/v1/users/ada/second-factor")).status_code == 409
    assert await is_in(await by_name(accounts))


async def test_who_looks_only_follows_no_page_of_the_people(accounts: App) -> None:
    grace = cookie(accounts, await by_name(accounts, "grace"))
    client = accounts.site.test_client()
    client.set_cookie("localhost", accounts.site.parts.cookie, grace)
    for topic in ("settings:people", "person:1"):
        assert (await client.get(f"/stream?topics={topic}")).status_code == 404
    page = await page_of(client, "/settings/account")
    assert not page.all("a", href="/settings/people")
    with pytest.raises(Ended):
        async with Stream(accounts, "account", secret="x" * 43):
            pass


async def test_names_that_would_do_harm_are_shown_as_text(accounts: App) -> None:
    client = await by_name(accounts)
    evil = {"User-Agent": "<script>alert(1)</script>"}
    await accounts.site.test_client().post("/login", form={"name": "grace", "password": PASSWORD}, headers=evil)
    for path in ("/settings/people", "/settings/audit"):
        assert "<script>alert(1)" not in await (await client.get(path)).get_data(as_text=True)


# -- the API --------------------------------------------------------------------------------------------------------


async def test_accounts_are_kept_by_program(accounts: App, calls: Api) -> None:
    body = {"name": "zoe@example.com", "password": PASSWORD, "role": "operator", "tags": ["shops"]}
    made = await calls.json("POST", "/users", 201, json=body)
    assert {name: made[name] for name in ("name", "role", "tags", "disabled", "second_factor", "sessions")} == {
        "name": "zoe@example.com",
        "role": "operator",
        "tags": ["shops"],
        "disabled": False,
        "second_factor": False,
        "sessions": 0,
    }
    assert made["created_by"] == "the admin token"
    first = await calls.json("GET", "/users?limit=2")
    second = await calls.json("GET", f"/users?limit=2&cursor={first['next']}")
    assert [one["name"] for one in first["items"] + second["items"]] == ["ada", "grace", "zoe@example.com"]
    assert second["next"] is None
    path = "/users/ZOE@example.com"
    hers = await by_name(accounts, "zoe@example.com")
    assert (await calls.json("GET", path))["sessions"] == 1
    changed = await calls.json("PATCH", path, json={"tags": None})
    assert (changed["role"], changed["tags"]) == ("operator", None)
    assert (await calls.json("PATCH", path, json={"disabled": True}))["disabled"]
    assert not await is_in(hers)
    await calls.json("PATCH", path, json={"disabled": False, "role": "editor"})
    assert (await calls("POST", f"{path}/password", json={"password": OTHER})).status_code == 204
    await by_name(accounts, "zoe@example.com", OTHER)
    assert await calls.json("DELETE", f"{path}/sessions") == {"ended": 1}
    assert (await calls("DELETE", path)).status_code == 204
    assert (await calls("GET", path)).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "fields"),
    [
        ("POST", "/users", {}, 422, {"name", "password", "role"}),
        ("POST", "/users", {"name": "ada", "password": PASSWORD, "role": "viewer"}, 422, {"name"}),
        ("POST", "/users", {"name": "zoe", "password": 7, "role": ["admin"], "tags": {}}, 422, None),
        ("POST", "/users", {"name": "zoe", "password": PASSWORD, "role": "viewer", "id": 1}, 422, {"id"}),
        ("PATCH", "/users/grace", {"password": PASSWORD}, 422, {"password"}),
        ("PATCH", "/users/grace", {"disabled": "yes"}, 422, {"disabled"}),
        ("PATCH", "/users/ada", {"role": "viewer"}, 409, set()),
        ("PATCH", "/users/ada", {"disabled": True}, 409, set()),
        ("DELETE", "/users/ada", None, 409, set()),
        ("PATCH", "/users/nobody", {"role": "viewer"}, 404, set()),
        ("GET", "/users/a%00b", None, 404, set()),
        ("POST", "/users/grace/password", {"password": "short"}, 422, {"password"}),
    ],
)
async def test_what_is_refused_is_told_field_by_field(
    accounts: App, calls: Api, method: str, path: str, body: object, status: int, fields: set[str] | None
) -> None:
    told = await calls.json(method, path, status, json=body)
    assert fields is None or set(told.get("errors", {})) == fields


async def test_no_answer_tells_what_is_kept_of_a_password(accounts: App, calls: Api) -> None:
    client = await by_name(accounts)
    ada = await accounts.services.people.find("ada")
    told = [await (await calls("GET", path)).get_data(as_text=True) for path in ("/users", "/users/ada", "/audit")]
    pages = ("/settings/people", f"/settings/people/{ada.id}", "/settings/account", "/settings/audit")
    told += [await (await client.get(path)).get_data(as_text=True) for path in pages]
    assert not re.search(r"argon2|\$m=|totp_step", "".join(told))


async def test_whatever_is_done_to_accounts_is_in_the_books(accounts: App, calls: Api) -> None:
    client = await by_name(accounts)
    await client.post("/settings/people", form=new("zoe", role="viewer"))
    await calls("PATCH", "/users/zoe", json={"role": "operator"})
    await accounts.site.test_client().post("/login", form={"name": "zoe", "password": "wrong"})
    await calls("DELETE", "/users/zoe")
    await client.post("/logout")
    rows = await accounts.store.read(lambda conn: conn.execute(select(audit).order_by(audit.c.id)).mappings().all())
    assert [(row["action"], row["target"], row["by"]) for row in rows][2:] == [
        ("session.began", "ada", "ada"),
        ("user.created", "zoe", "ada"),
        ("user.changed", "zoe", "the admin token"),
        ("session.refused", "zoe", "nobody known"),
        ("user.removed", "zoe", "the admin token"),
        ("session.ended", "ada", "ada"),
    ]
    assert rows[4]["before"] == {"role": "viewer", "tags": None}
    assert rows[4]["after"] == {"role": "operator", "tags": None}
    assert PASSWORD not in str(rows)

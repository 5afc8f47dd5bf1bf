"""API tokens in the browser, by the API, and as what a program comes in with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient
from support import TOKEN, until
from visiting import HTMX, Api, Page, Stream, page_of, settings_in
from werkzeug.datastructures import Headers

from cronapp.app import App
from cronapp.core.tokens import SECRET
from cronapp.service.tokens import Made
from cronapp.web import stream
from cronapp.web.calls import Calls


def program(app: App, made: Made) -> Api:
    """A program with that token."""
    return Api(app, headers={"Authorization": f"Bearer {made.secret}"})


# -- by the API -------------------------------------------------------------------------------------------------------


async def test_a_token_is_made_listed_renamed_and_revoked(quiet: App, api: Api) -> None:
    wanted = {"role": "editor", "name": "pipeline", "tags": ["finance"], "expires": "2030-01-01T00:00:00Z"}
    reply = await api("POST", "/tokens", json=wanted)
    made = await reply.get_json()
    assert reply.status_code == 201
    assert reply.headers["Cache-Control"] == "no-store"
    secret = made.pop("token")
    assert SECRET.fullmatch(secret)
    assert made["expires_at"] == wanted["expires"]
    assert (made["state"], made["created_by"], made["used_at"]) == ("good", "the admin token", None)
    assert await api.json("GET", reply.headers["Location"].removeprefix("/api/v1")) == made
    assert await api.json("GET", "/tokens") == {"items": [made], "next": None}
    renamed = await api.json("PATCH", f"/tokens/{made['id']}", json={"name": "the pipeline"})
    assert renamed == {**made, "name": "the pipeline"}
    for _ in range(2):
        assert (await api("DELETE", f"/tokens/{made['id']}")).status_code == 204
    ended = await api.json("GET", f"/tokens/{made['id']}")
    assert ended["state"] == "revoked"
    assert secret not in str(await api.json("GET", "/tokens"))
    assert (await api("DELETE", "/tokens/77")).status_code == 404


async def test_a_token_is_good_for_ninety_days_unless_it_is_said(quiet: App, api: Api) -> None:
    usual = await api.json("POST", "/tokens", 201, json={"role": "viewer"})
    hour = await api.json("POST", "/tokens", 201, json={"role": "viewer", "expires": 3600})
    never = await api.json("POST", "/tokens", 201, json={"role": "viewer", "expires": None})
    assert usual["expires_at"] > hour["expires_at"] > quiet.clock().isoformat()
    assert never["expires_at"] is None


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, {"role"}),
        ({"role": ["viewer"], "tags": [1]}, {"role", "tags"}),
        ({"role": {}, "name": {}, "expires": []}, {"role", "name", "expires"}),
        ({"role": "viewer", "hash": "x"}, {"hash"}),
    ],
)
async def test_each_wrong_field_of_a_new_token_is_named(asker: Api, sent: dict[str, Any], fields: set[str]) -> None:
    told = await asker.json("POST", "/tokens", 422, json=sent)
    assert told["errors"].keys() == fields


async def test_whoever_asks_is_told_who_they_are(quiet: App, api: Api, client: QuartClient) -> None:
    made = await quiet.services.tokens.create("operator", name="probe", tags=["tax", "finance"])
    assert await program(quiet, made).json("GET", "/me") == {
        "name": "token probe",
        "role": "operator",
        "tags": ["finance", "tax"],
        "token": made.token.id,
        "expires_at": (made.token.expires_at or quiet.clock()).isoformat().replace("+00:00", "Z"),
    }
    admin = await api.json("GET", "/me")
    assert (admin["name"], admin["role"], admin["tags"], admin["token"]) == ("the admin token", "admin", None, None)
    assert (await (await client.get("/api/v1/me")).get_json())["role"] == "admin"


async def test_what_a_token_does_is_done_in_its_name(quiet: App, api: Api) -> None:
    made = await quiet.services.tokens.create("editor", name="pipeline")
    await program(quiet, made).make("nightly")
    (change,) = (await api.json("GET", "/jobs/nightly/changes"))["items"]
    assert change["by"] == "token pipeline"
    assert (await quiet.services.tokens.get(made.token.id)).used_at is not None


# -- a token in the wrong place ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "Bearer  {}",
        "Bearer {} ",
        "Bearer\t{}",
        "Bearer {}\t",
        "Basic {}",
        "Bearer {}, {}",
        "Token {}",
        "{}",
        "Bearer {}é",
    ],
)
@pytest.mark.parametrize("kind", ["admin", "made"])
async def test_an_odd_header_is_refused(empty: App, header: str, kind: str) -> None:
    secret = TOKEN if kind == "admin" else (await empty.services.tokens.create("admin")).secret
    for path in ("/jobs", "/api/v1/jobs", "/api/v1/me"):
        reply = await empty.site.test_client().get(path, headers={"Authorization": header.format(secret, secret)})
        assert reply.status_code == 401, path
        assert "WWW-Authenticate" in reply.headers


async def test_two_headers_are_refused(empty: App) -> None:
    made = await empty.services.tokens.create("admin")
    headers = Headers([("Authorization", f"Bearer {made.secret}"), ("Authorization", f"Bearer {TOKEN}")])
    assert (await empty.site.test_client().get("/api/v1/me", headers=headers)).status_code == 401


async def test_a_bad_header_is_not_made_good_by_a_session(quiet: App, client: QuartClient) -> None:
    assert (await client.get("/jobs")).status_code == 200
    assert (await client.get("/jobs", headers={"Authorization": "Bearer nonsense"})).status_code == 401


async def test_a_token_elsewhere_is_none_and_the_answer_says_where_it_belongs(empty: App) -> None:
    secret = (await empty.services.tokens.create("admin")).secret
    client = empty.site.test_client(use_cookies=False)
    replies = [
        await client.get(f"/api/v1/jobs?token={TOKEN}"),
        await client.get(f"/api/v1/jobs?access_token={secret}"),
        await client.get(f"/jobs?q={secret}"),
        await client.get("/jobs", headers={"Cookie": f"anything={secret}"}),
        await client.get("/jobs", headers={"Cookie": f"{empty.site.parts.cookie}={secret}"}),
        await client.post("/jobs/nightly/run", form={"token": TOKEN}),
        await client.post("/api/v1/jobs/nightly/run", form={"reason": f"because {secret}"}),
    ]
    for reply in replies:
        assert reply.status_code == 401
        assert "Authorization: Bearer TOKEN" in await reply.get_data(as_text=True)
    assert (await client.get("/jobs?q=token", headers={"Cookie": "token=of-another-site"})).status_code == 302


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
@pytest.mark.parametrize("body", [b"", b"--x\r\nContent-Disposition: form", b"\xff=%zz&&=;%00", b"token"])
async def test_a_broken_form_of_a_stranger_is_no_fault(empty: App, kind: str, body: bytes) -> None:
    client = empty.site.test_client(use_cookies=False)
    reply = await client.post("/jobs/nightly/run", data=body, headers={"Content-Type": kind})
    assert reply.status_code == 401


# -- limits -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def strict(tmp_path: Path) -> Any:
    """An app whose limits are soon reached, and whose buckets never fill up by themselves."""
    limits = {"api_rate": 0.001, "api_burst": 3, "api_refusals": 4, "streams": 2}
    app = App(settings_in(tmp_path).model_copy(update=limits), address="http://127.0.0.1:5000")
    await app.start(worker=False)
    app.site.calls = Calls(app.settings, clock=lambda: 0.0)
    yield app
    await app.close()


async def test_too_many_calls_are_told_when_to_come_again(strict: App) -> None:
    one, other = [program(strict, await strict.services.tokens.create("viewer", name="same")) for _ in range(2)]
    for _ in range(3):
        await one.json("GET", "/jobs")
    reply = await one("GET", "/jobs")
    told = await reply.get_json()
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "1000")
    assert (reply.content_type, told["status"]) == ("application/problem+json", 429)
    assert (await one("POST", "/tokens")).status_code == 429, "what is not allowed is not answered without end either"
    await other.json("GET", "/jobs")
    page = await strict.site.test_client().get("/jobs", headers=one.headers)
    assert page.status_code == 200, "pages are not counted"


async def test_guesses_are_limited_by_address_and_a_good_token_still_comes_in(strict: App) -> None:
    made = await strict.services.tokens.create("viewer")
    statuses = [(await Api(strict, {"Authorization": "Bearer guess"})("GET", "/me")).status_code for _ in range(3)]
    statuses += [(await Api(strict, {})("GET", "/me")).status_code for _ in range(3)]
    assert statuses == [401, 401, 401, 401, 429, 429]
    assert (await Api(strict)("GET", "/me")).status_code == 429, "not even the right guess is told apart"
    login = await strict.site.test_client().get("/login", headers={"Authorization": f"Bearer {TOKEN}"})
    assert login.status_code == 200, "nor by a page for everybody"
    assert (await program(strict, made)("GET", "/me")).status_code == 200


async def test_each_holds_only_so_many_streams(strict: App) -> None:
    made = await strict.services.tokens.create("viewer")
    client, address = strict.site.test_client(use_cookies=False), "/stream?topics=jobs"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with Stream(strict, "jobs"), Stream(strict, "runs"):
        reply = await client.get(address, headers=headers)
        assert (reply.status_code, reply.headers["Retry-After"]) == (429, "10")
        assert (await client.head(address, headers={"Authorization": f"Bearer {made.secret}"})).status_code == 200
    await until(lambda: not strict.site.calls._streams)
    assert (await client.head(address, headers=headers)).status_code == 200


async def test_a_stream_ends_with_its_token(quiet: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE", 0.05)
    made = await quiet.services.tokens.create("viewer")
    async with Stream(quiet, "page", headers={"Authorization": f"Bearer {made.secret}"}) as open_page:
        while (await open_page.message()).event != "here":
            pass
        await quiet.services.tokens.revoke(made.token.id)
        while (await open_page.message()).event != "gone":
            pass


# -- the page ---------------------------------------------------------------------------------------------------------


async def test_the_page_makes_a_token_and_shows_it_once(quiet: App, client: QuartClient) -> None:
    fields = {"name": "pipeline", "role": "operator", "tags": "finance, tax", "expires": "30d"}
    reply = await client.post("/settings/tokens", form=fields, headers=HTMX)
    secret = Page(await reply.get_data(as_text=True)).one("code", id="token-secret").text
    assert (await program(quiet, Made(await quiet.services.tokens.get(1), secret)).json("GET", "/me"))["tags"] == [
        "finance",
        "tax",
    ]
    page = await page_of(client, "/settings/tokens")
    assert page.one("li", id="token-1", data_state="good")
    for told in (
        "pipeline",
        "Operator, jobs with one of the tags finance, tax",
        "made by the admin token",
        f"{secret[:12]}…",
    ):
        assert told in page.text
    assert secret not in page.text


async def test_a_wrong_field_is_told_in_the_dialog(client: QuartClient) -> None:
    fields = {"name": "x", "role": "admin", "tags": "finance", "expires": "90d"}
    reply = await client.post("/settings/tokens", form=fields, headers=HTMX)
    assert reply.status_code == 422
    page = Page(await reply.get_data(as_text=True))
    assert "An admin sees all jobs" in page.text
    assert page.one("input", name="tags").attrs["value"] == "finance"


async def test_the_open_page_follows_what_becomes_of_a_token(quiet: App, client: QuartClient) -> None:
    made = await quiet.services.tokens.create("viewer", name="<script>")
    async with Stream(quiet, "settings:tokens") as open_page:
        assert "&lt;script&gt;" in await open_page.until('data-state="good"')
        reply = await client.post(f"/settings/tokens/{made.token.id}/rename", form={"name": "probe"}, headers=HTMX)
        assert "The token is called probe." in await reply.get_data(as_text=True)
        await open_page.until("probe</b>")
        await client.post(f"/settings/tokens/{made.token.id}/revoke", headers=HTMX)
        await open_page.until('data-state="revoked"')


async def test_only_an_admin_follows_the_page(quiet: App) -> None:
    for role, status in (("editor", 404), ("admin", 200)):
        made = await quiet.services.tokens.create(role)
        client, headers = quiet.site.test_client(), {"Authorization": f"Bearer {made.secret}"}
        assert (await client.head("/stream?topics=settings:tokens", headers=headers)).status_code == status


async def test_the_page_works_without_javascript(quiet: App, client: QuartClient) -> None:
    assert (await page_of(client, "/settings/tokens/new")).one("form", action="/settings/tokens")
    reply = await client.post("/settings/tokens", form={"role": "viewer", "expires": "never"})
    assert SECRET.search(await reply.get_data(as_text=True))
    assert (await page_of(client, "/settings/tokens/1/rename")).one("input", name="name")
    assert (await page_of(client, "/settings/tokens/1/revoke")).one("form", action="/settings/tokens/1/revoke")
    reply = await client.post("/settings/tokens/1/revoke")
    assert (reply.status_code, reply.headers["Location"]) == (303, "/settings/tokens")
    assert (await page_of(client, "/settings/tokens")).one("li", id="token-1", data_state="revoked")

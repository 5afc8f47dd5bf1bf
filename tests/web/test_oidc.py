"""Single sign-on: who comes back from the issuer with a good answer is in, with the role of their groups."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from issuer import CLIENT, SECRET, Issuer, issuing, unsigned
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from pydantic import SecretStr
from quart import Response
from quart.testing import QuartClient
from sqlalchemy import select, update
from visiting import Page, settings_in

from cronapp.app import App
from cronapp.core.access import Role, Sight
from cronapp.store.tables import audit, sessions, users


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@asynccontextmanager
async def serving(folder: Path, issuer: Issuer, **more: Any) -> AsyncIterator[App]:
    settings = settings_in(folder).model_copy(
        update={
            "oidc_issuer": issuer.url,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SecretStr(SECRET),
            "oidc_name": "Example ID",
            "oidc_roles": "cron-admins=admin, ops=operator, finance=editor:finance+tax",
            **more,
        }
    )
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    try:
        yield app
    finally:
        await app.close()


@pytest.fixture
async def house(tmp_path: Path, issuer: Issuer) -> AsyncIterator[App]:
    async with serving(tmp_path, issuer) as app:
        yield app


async def at_the_issuer(client: QuartClient, path: str = "/login/oidc") -> str:
    """Goes to the issuer and signs in there; where the browser is sent back to."""
    there = await client.get(path)
    assert there.status_code == 303, Page(await there.get_data(as_text=True)).text
    async with httpx.AsyncClient() as browser:
        back = (await browser.get(there.headers["Location"])).headers["Location"]
    place = urlsplit(back)
    return f"{place.path}?{place.query}"


async def come_in(client: QuartClient, path: str = "/login/oidc") -> Response:
    return await client.get(await at_the_issuer(client, path))


async def told(reply: Response) -> str:
    return Page(await reply.get_data(as_text=True)).text


async def accounts(app: App) -> list[Any]:
    return await app.store.read(lambda conn: list(conn.execute(select(users).order_by(users.c.id))))


async def test_who_signed_in_at_the_issuer_is_in_with_the_role_of_their_groups(house: App, issuer: Issuer) -> None:
    client = house.site.test_client()
    page = Page(await (await client.get("/login?next=/jobs?q=a")).get_data(as_text=True))
    button = next(link for link in page.all("a") if "Example ID" in link.text)
    reply = await come_in(client, button.attrs["href"])
    assert (reply.status_code, reply.headers["Location"]) == (303, "/jobs?q=a")
    assert (await client.get("/jobs")).status_code == 200
    assert (await client.get("/settings/audit")).status_code == 403
    [account] = await accounts(house)
    assert (account.name, account.role, account.tags, account.subject) == ("ada", "operator", None, f"{issuer.url}|42")
    assert (account.password, account.by) == (None, "ada")
    begun = await house.store.read(lambda conn: conn.execute(select(audit.c.action, audit.c.by, audit.c.target)).all())
    assert [tuple(row) for row in begun] == [("user.created", "ada", "ada"), ("session.began", "ada", "ada")]


@pytest.mark.parametrize(
    ("groups", "sight"),
    [
        (["finance"], Sight(Role.EDITOR, frozenset(("finance", "tax")))),
        (["ops", "finance"], Sight(Role.EDITOR, frozenset(("finance", "tax")))),
        (["finance", "cron-admins", "unknown"], Sight(Role.ADMIN)),
        ("ops", Sight(Role.OPERATOR)),
    ],
)
async def test_the_role_is_taken_anew_at_each_sign_in(
    house: App, issuer: Issuer, groups: list[str], sight: Sight
) -> None:
    first, second = house.site.test_client(), house.site.test_client()
    await come_in(first)
    issuer.person["groups"] = groups
    await come_in(second)
    [account] = await accounts(house)
    assert Sight(Role(account.role), account.tags and frozenset(account.tags)) == sight
    assert (await first.get("/settings/audit")).status_code == (200 if sight.role is Role.ADMIN else 403)


@pytest.mark.parametrize("groups", [["strangers"], [], None, 7, {"ops": True}])
async def test_who_is_in_no_group_that_counts_stays_outside(house: App, issuer: Issuer, groups: Any) -> None:
    issuer.person["groups"] = groups
    client = house.site.test_client()
    reply = await come_in(client)
    assert reply.status_code == 403
    assert "You are signed in as ada. None of your groups has a role here." in await told(reply)
    assert (await client.get("/jobs")).status_code == 302
    assert await accounts(house) == []


async def test_a_default_role_lets_in_who_is_in_no_group(tmp_path: Path, issuer: Issuer) -> None:
    issuer.person["groups"] = []
    async with serving(tmp_path, issuer, oidc_default_role="viewer") as app:
        client = app.site.test_client()
        assert (await come_in(client)).status_code == 303
        assert (await client.post("/jobs/none/run")).status_code == 403


async def test_groups_that_the_token_does_not_hold_are_asked_for(tmp_path: Path, issuer: Issuer) -> None:
    del issuer.person["groups"]
    issuer.only_when_asked = {"realm": {"roles": ["ops"]}}
    async with serving(tmp_path, issuer, oidc_groups="realm.roles") as app:
        assert (await come_in(app.site.test_client())).status_code == 303
        issuer.only_when_asked["sub"] = "another"
        assert (await come_in(app.site.test_client())).status_code == 403


async def test_nobody_comes_in_under_the_name_of_somebody_else(house: App, issuer: Issuer) -> None:
    for subject, name in (("1", "ada"), ("2", "ADA"), ("3", "Cron-App"), ("4", "a\nb\x1b[31m" + "c" * 200)):
        issuer.person |= {"sub": subject, "preferred_username": name}
        assert (await come_in(house.site.test_client())).status_code == 303
    assert [account.name for account in await accounts(house)] == [
        "ada",
        "ADA 2",
        "Cron-App 2",
        ("a b [31m" + "c" * 200)[:100],
    ]


async def test_a_disabled_account_stays_outside(house: App) -> None:
    client = house.site.test_client()
    await come_in(client)
    await house.store.write(lambda tx: tx.conn.execute(update(users).values(disabled_at=house.clock())))
    assert (await client.get("/jobs")).status_code == 302
    reply = await come_in(house.site.test_client())
    assert reply.status_code == 403
    assert "Your account here is disabled." in await told(reply)


async def test_signing_in_makes_a_new_session_and_ends_the_old_one(house: App) -> None:
    client = house.site.test_client()
    await come_in(client)
    assert client.cookie_jar is not None
    old = next(cookie.value for cookie in client.cookie_jar)
    await come_in(client)
    assert old != next(cookie.value for cookie in client.cookie_jar)
    copy = house.site.test_client()
    copy.set_cookie("localhost", house.site.parts.cookie, str(old))
    assert (await copy.get("/jobs")).status_code == 302
    assert len(await house.store.read(lambda conn: list(conn.execute(select(sessions))))) == 1


async def test_signing_out_leads_on_to_the_issuer(house: App, issuer: Issuer) -> None:
    client = house.site.test_client()
    await come_in(client)
    reply = await client.post("/logout")
    there = urlsplit(reply.headers["Location"])
    assert f"{there.scheme}://{there.netloc}{there.path}" == f"{issuer.url}/logout"
    assert parse_qs(there.query) == {"client_id": [CLIENT], "post_logout_redirect_uri": ["http://localhost/login"]}
    assert f"form-action 'self' {issuer.address};" in reply.headers["Content-Security-Policy"]
    assert (await client.get("/jobs")).status_code == 302


# -- what a wrong answer leads to -----------------------------------------------------------------------------------


def with_claims(**claims: Any) -> dict[str, Any]:
    return {"change": lambda told: {**told, **claims}}


def by_our_secret(issuer: Issuer, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


def by_another_key(issuer: Issuer, claims: dict[str, Any]) -> str:
    kid = issuer.keys[0].kid
    return jwt.encode({"alg": "RS256", "kid": kid}, claims, RSAKey.generate_key(2048, {"kid": kid}))


FORGED = {
    "a nonce of another sign-in": with_claims(nonce="x" * 43),
    "no nonce": with_claims(nonce=None),
    "another audience": with_claims(aud="another-site"),
    "no audience": with_claims(aud=None),
    "two audiences": with_claims(aud=[CLIENT, "another-site"]),
    "made for another site": with_claims(aud=[CLIENT, "another-site"], azp="another-site"),
    "another issuer": with_claims(iss="https://evil.example"),
    "expired": with_claims(exp=int(time.time()) - 3600),
    "no end": with_claims(exp=None),
    "an end that is no number": with_claims(exp="tomorrow"),
    "from the future": with_claims(iat=int(time.time()) + 36000),
    "no subject": with_claims(sub=""),
    "a subject that is no text": with_claims(sub=["42"]),
    "not signed": {"sign": unsigned},
    "signed with our secret": {"sign": by_our_secret},
    "signed with a key of its own": {"sign": by_another_key},
    "no token": {"sign": lambda issuer, claims: None},
    "half a token": {"sign": lambda issuer, claims: "a.b"},
    "a deep token": {"sign": lambda issuer, claims: "[" * 100_000},
    "from another place": {"answer": {"iss": "https://evil.example"}},
    "cancelled": {"error": "access_denied"},
}


@pytest.mark.parametrize("wrong", FORGED.values(), ids=FORGED)
async def test_an_answer_that_is_not_good_lets_nobody_in(house: App, issuer: Issuer, wrong: dict[str, Any]) -> None:
    for name, value in wrong.items():
        setattr(issuer, name, value)
    client = house.site.test_client()
    reply = await come_in(client)
    assert reply.status_code == 403
    assert Page(await reply.get_data(as_text=True)).all(role="alert")
    assert client.cookie_jar is not None
    assert [cookie.name for cookie in client.cookie_jar] == []
    assert (await client.get("/jobs")).status_code == 302
    assert await accounts(house) == []


async def test_a_code_is_good_once(house: App) -> None:
    client = house.site.test_client()
    back = await at_the_issuer(client)
    assert client.cookie_jar is not None
    flow = {cookie.name: str(cookie.value) for cookie in client.cookie_jar}
    assert (await client.get(back)).status_code == 303
    again = await house.site.test_client().get(back)
    assert again.status_code == 403
    copy = house.site.test_client()  # somebody who has the address and the cookie too
    for name, value in flow.items():
        copy.set_cookie("localhost", name, value)
    reply = await copy.get(back)
    assert (reply.status_code, "not good any more" in await told(reply)) == (403, True)
    assert (await copy.get("/jobs")).status_code == 302


async def test_an_answer_of_another_browser_is_refused(house: App, issuer: Issuer) -> None:
    """Else somebody could have me work in their account."""
    mine, theirs = house.site.test_client(), house.site.test_client()
    await mine.get("/login/oidc")
    back = await at_the_issuer(theirs)
    asked = len(issuer.asked)
    reply = await mine.get(back)
    assert (reply.status_code, "another browser" in await told(reply)) == (403, True)
    assert len(issuer.asked) == asked, "the code went no further"


@pytest.mark.parametrize("query", ["", "?code=1", "?state=", "?state=a.b.c&code=1", "?state=%00&code=%FF", "?error=x"])
async def test_an_answer_that_was_not_asked_for_is_refused(house: App, query: str) -> None:
    client = house.site.test_client()
    assert (await client.get(f"/login/oidc/callback{query}")).status_code == 403
    await client.get("/login/oidc")
    assert (await client.get(f"/login/oidc/callback{query}")).status_code == 403


async def test_a_key_that_came_lately_is_found(house: App, issuer: Issuer) -> None:
    await come_in(house.site.test_client())
    clock, house.sign_on.clock = house.sign_on.clock, lambda: clock() + later
    later = timedelta(seconds=31)
    issuer.new_key()
    assert (await come_in(house.site.test_client())).status_code == 303
    issuer.new_key()
    asked = issuer.asked.count(f"{issuer.path}/keys")
    assert (await come_in(house.site.test_client())).status_code == 403
    assert issuer.asked.count(f"{issuer.path}/keys") == asked, "anybody can name an unknown key"


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
async def test_an_issuer_that_is_not_what_it_should_be_is_not_asked(
    house: App, issuer: Issuer, metadata: dict[str, Any]
) -> None:
    issuer.metadata = metadata
    reply = await house.site.test_client().get("/login/oidc")
    assert (reply.status_code, "Set-Cookie" in reply.headers) == (503, False)


async def test_an_issuer_that_is_away_is_told_and_other_ways_in_go_on(tmp_path: Path) -> None:
    with issuing() as issuer:
        pass
    async with serving(tmp_path, issuer) as app:
        client = app.site.test_client()
        reply = await client.get("/login/oidc?next=/jobs")
        assert (reply.status_code, "does not answer" in await told(reply)) == (503, True)
        assert (await client.post("/login", form={"token": "a-token-for-tests"})).status_code == 303


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"])
async def test_coming_back_leads_nowhere_outside(house: App, target: str) -> None:
    client = house.site.test_client()
    there = await client.get("/login/oidc", query_string={"next": target})
    async with httpx.AsyncClient() as browser:
        back = urlsplit((await browser.get(there.headers["Location"])).headers["Location"])
    reply = await client.get(f"{back.path}?{back.query}")
    assert (reply.status_code, reply.headers["Location"]) == (303, "/")


async def test_without_an_issuer_there_is_no_single_sign_on(client: QuartClient, quiet: App) -> None:
    stranger = quiet.site.test_client()
    for path in ("/login/oidc", "/login/oidc/callback?code=1&state=1"):
        assert (await stranger.get(path)).status_code == 404
    assert "oidc" not in await (await stranger.get("/login")).get_data(as_text=True)


async def test_no_secret_of_a_sign_in_stands_in_the_log(
    house: App, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    client = house.site.test_client()
    back = await at_the_issuer(client)
    assert client.cookie_jar is not None
    flow = str(next(cookie.value for cookie in client.cookie_jar)).split("~")[0]
    code = parse_qs(urlsplit(back).query)["code"][0]
    caplog.clear()  # what the browser of this test did
    await client.get(back)
    house.sign_on._secret = "wrong"
    await come_in(house.site.test_client())
    text = "\n".join(f"{record.name} {record.getMessage()}" for record in caplog.records)
    told = "\n".join(line for line in text.splitlines() if not line.startswith("httpx HTTP Request: GET http://127"))
    for secret in (SECRET, "wrong", flow, code, "access"):
        assert secret not in told.replace("access_", ""), secret

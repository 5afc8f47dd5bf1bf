"""Behind a proxy: what it tells is believed, and of nobody else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from quart import Response
from quart.testing import QuartClient
from sqlalchemy import select, update
from visiting import Page, Stream, settings_in

from cronapp.app import App
from cronapp.core.hosts import networks_of
from cronapp.store.tables import users
from cronapp.web.form_token import HEADER, token_of
from cronapp.web.proxies import Proxies

PROXY, STRANGER = "10.1.2.3", "10.2.2.3"


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[App]:
    """An app behind a proxy that signs people in."""
    settings = settings_in(tmp_path).model_copy(
        update={
            "trusted_proxies": ("10.1.0.0/16", "fd00::1"),
            "trusted_hosts": ("cron.example",),
            "proxy_user_header": "Remote-User",
            "proxy_groups_header": "Remote-Groups",
            "proxy_roles": "admins=admin, ops=operator",
        }
    )
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    yield app
    await app.close()


async def ask(app: App, path: str, peer: str = PROXY, *, client: QuartClient | None = None, **options: Any) -> Response:
    headers = {"Host": "localhost", **options.pop("headers", {})}
    client = client or app.site.test_client()
    return await client.open(path, headers=headers, scope_base={"client": (peer, 4711)}, **options)


def read(peer: str, *headers: tuple[str, str], scheme: str = "http") -> tuple[str, str, str]:
    """From where, how and by which name a request comes, as it is believed."""
    proxies = Proxies(networks_of(("10.1.0.0/16", "fd00::1")))
    raw = [(b"host", b"inner"), *((name.lower().encode(), value.encode()) for name, value in headers)]
    scope = proxies.read({"client": (peer, 1), "scheme": scheme, "headers": raw})
    names = [value.decode() for name, value in scope["headers"] if name == b"host"]
    assert len(names) == 1
    assert not [name for name, _ in scope["headers"] if name.startswith(b"x-forwarded") or name == b"forwarded"]
    return scope["client"][0], scope["scheme"], names[0]


FORWARDED = (
    ("X-Forwarded-For", "192.0.2.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "cron.example"),
)


def test_a_trusted_proxy_is_believed_and_a_stranger_is_not() -> None:
    for peer in (PROXY, "fd00::1", "::ffff:10.1.2.3"):
        assert read(peer, *FORWARDED) == ("192.0.2.7", "https", "cron.example")
    for peer in (STRANGER, "192.0.2.9", "fd00::2", "127.0.0.1", "", "nonsense"):
        assert read(peer, *FORWARDED) == (peer, "http", "inner")


@pytest.mark.parametrize(
    ("told", "sender"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("203.0.113.1, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1, 192.0.2.7, 10.1.9.9", "192.0.2.7"),
        ("10.1.9.9", "10.1.9.9"),
        ("[2001:db8::5]", "2001:db8::5"),
        ("192.0.2.7, unknown", PROXY),
        ("<script>", PROXY),
        ("", PROXY),
        ("192.0.2.7\n127.0.0.1", PROXY),
    ],
)
def test_the_sender_is_the_first_address_that_is_no_proxy_of_ours(told: str, sender: str) -> None:
    assert read(PROXY, ("X-Forwarded-For", told))[0] == sender


def test_what_the_browser_wrote_before_the_proxy_does_not_count() -> None:
    several = [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "http, https")]
    assert read(PROXY, *several)[:2] == ("192.0.2.7", "https")
    assert read(PROXY, ("Forwarded", "for=127.0.0.1;proto=https;host=cron.example")) == (PROXY, "http", "inner")
    assert read(PROXY, ("X-Forwarded-Proto", "javascript")) == (PROXY, "http", "inner")


async def test_whom_the_proxy_names_is_in_with_the_role_of_their_groups(behind: App) -> None:
    named = {"Remote-User": "ada", "Remote-Groups": "staff,ops"}
    assert (await ask(behind, "/jobs", headers=named)).status_code == 200
    assert (await ask(behind, "/settings/audit", headers=named)).status_code == 403
    assert (await ask(behind, "/settings", headers={**named, "Remote-Groups": "admins"})).status_code == 200
    [account] = await behind.store.read(lambda conn: list(conn.execute(select(users))))
    assert (account.name, account.role, account.subject, account.password) == ("ada", "admin", "proxy|ada", None)


@pytest.mark.parametrize("peer", [STRANGER, "127.0.0.1", ""])
async def test_whom_somebody_else_names_is_a_stranger(behind: App, peer: str) -> None:
    named = {"Remote-User": "ada", "Remote-Groups": "admins"}
    for headers in (named, {**named, "X-Forwarded-For": PROXY}, {name.upper(): value for name, value in named.items()}):
        reply = await ask(behind, "/jobs", peer, headers=headers)
        assert (reply.status_code, reply.headers["Location"]) == (302, "/login?next=/jobs")
    assert (await ask(behind, "/api/v1/jobs", peer, headers=named)).status_code == 401


async def test_who_has_no_role_or_is_disabled_is_told_so(behind: App) -> None:
    reply = await ask(behind, "/jobs", headers={"Remote-User": "eve", "Remote-Groups": "strangers"})
    assert reply.status_code == 403
    text = Page(await reply.get_data(as_text=True)).text
    assert "You are signed in as eve. None of your groups has a role here." in text
    assert (await ask(behind, "/healthz", headers={"Remote-User": "eve"})).status_code == 200
    named = {"Remote-User": "ada", "Remote-Groups": "ops"}
    assert (await ask(behind, "/jobs", headers=named)).status_code == 200
    await behind.store.write(lambda tx: tx.conn.execute(update(users).values(disabled_at=behind.clock())))
    assert (await ask(behind, "/jobs", headers=named)).status_code == 403


@pytest.mark.parametrize("change", ["groups", "disabled"])
async def test_an_open_page_of_whom_a_proxy_names_goes_when_their_rights_do(behind: App, change: str) -> None:
    named = {"Host": "localhost", "Remote-User": "ada", "Remote-Groups": "ops"}
    stale = {"Cookie": f"{behind.site.parts.cookie}=of-a-session-that-ended"}
    async with Stream(behind, "jobs", headers={**named, **stale}, peer=PROXY) as stream:
        await stream.html()
        [ada] = (await behind.services.people.page(after=None, limit=9))[0]
        await behind.services.tokens.create("viewer")  # as whatever else changes: it is asked, and the page stays
        await behind.jobs.create(
            {"id": "other", "task": "hello", "schedule": {"kind": "manual"}}, origin="api", by="me"
        )
        assert await stream.until("other")
        if change == "groups":
            assert (await ask(behind, "/jobs", headers={**named, "Remote-Groups": "admins"})).status_code == 200
        else:
            await behind.services.people.disable(ada.id)
        while (message := await stream.message()).event == "message":
            pass
        assert message.event == "gone"


async def test_a_form_of_whom_a_proxy_names_needs_its_token_too(behind: App) -> None:
    named = {"Remote-User": "ada", "Remote-Groups": "admins"}
    client = QuartClient(behind.site)
    page = await ask(behind, "/jobs", client=client, headers=named)
    assert (await ask(behind, "/jobs/none/run", client=client, method="POST", headers=named)).status_code == 403
    assert client.cookie_jar is not None
    [cookie] = list(client.cookie_jar)
    assert cookie.value not in str(await page.get_data(as_text=True))
    good = {**named, HEADER: token_of(str(cookie.value))}
    assert (await ask(behind, "/jobs/none/run", client=client, method="POST", headers=good)).status_code == 404


async def test_over_tls_cookies_and_headers_are_those_of_tls(behind: App) -> None:
    tls = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "cron.example"}
    client = behind.site.test_client(use_cookies=False)
    form = {"token": "a-token-for-tests"}
    reply = await ask(behind, "/login", client=client, method="POST", form=form, headers=tls)
    assert reply.status_code == 303
    name, _, rest = reply.headers["Set-Cookie"].partition("=")
    assert name == f"__Host-{behind.site.parts.cookie}"
    secret, _, attributes = rest.partition(";")
    parts = {part.strip().partition("=")[0] for part in attributes.split(";")}
    assert parts == {"Secure", "HttpOnly", "Path", "SameSite", "Max-Age", "Expires"}
    assert "Path=/;" in f"{attributes};"
    assert "SameSite=Lax" in attributes
    assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"
    cookies = {"Cookie": f"{name}={secret}"}
    assert (await ask(behind, "/jobs", client=client, headers={**tls, **cookies})).status_code == 200
    assert (await ask(behind, "/jobs", client=client, headers=cookies)).status_code == 302
    plain = {"Cookie": f"{behind.site.parts.cookie}={secret}"}
    assert (await ask(behind, "/jobs", client=client, headers={**tls, **plain})).status_code == 302
    reply = await ask(behind, "/jobs", client=client, headers=plain)
    assert (reply.status_code, "Strict-Transport-Security" in reply.headers) == (200, False)


async def test_over_tls_a_page_that_came_without_is_a_foreign_one(behind: App) -> None:
    tls = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "cron.example"}
    for origin, status in (
        ("https://cron.example", 303),
        ("http://cron.example", 403),
        ("https://cron.example:444", 403),
    ):
        form = {"token": "a-token-for-tests"}
        reply = await ask(behind, "/login", method="POST", form=form, headers={**tls, "Origin": origin})
        assert reply.status_code == status, origin


@pytest.mark.parametrize(("host", "status"), [("cron.example", 302), ("evil.example", 400), ("10.0.0.9", 400)])
async def test_a_name_that_the_proxy_tells_must_be_ours(behind: App, host: str, status: int) -> None:
    assert (await ask(behind, "/jobs", headers={"X-Forwarded-Host": host})).status_code == status
    stranger = await ask(behind, "/jobs", STRANGER, headers={"X-Forwarded-Host": "evil.example"})
    assert (stranger.status_code, "evil" in str(stranger.headers)) == (302, False)


async def test_a_request_has_the_number_that_the_proxy_gave_it_and_no_strangers(behind: App) -> None:
    given = {"X-Request-ID": "from-the-proxy.1"}
    assert (await ask(behind, "/login", headers=given)).headers["X-Request-ID"] == given["X-Request-ID"]
    for peer, headers in ((STRANGER, given), (PROXY, {"X-Request-ID": "two words"}), (PROXY, {})):
        assert re.fullmatch(
            "[0-9a-f]{12}", (await ask(behind, "/login", peer, headers=headers)).headers["X-Request-ID"]
        )


async def test_the_sender_is_noted_with_the_session(behind: App) -> None:
    form = {"token": "a-token-for-tests"}
    await ask(behind, "/login", method="POST", form=form, headers={"X-Forwarded-For": "192.0.2.7"})
    await ask(behind, "/login", STRANGER, method="POST", form=form, headers={"X-Forwarded-For": "192.0.2.8"})
    assert {session.address for session in await behind.signin.sessions()} == {"192.0.2.7", STRANGER}

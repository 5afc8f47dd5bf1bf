"""Who may come in, and what every request and every reply must hold to."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from quart import Response
from quart.testing import QuartClient
from support import TOKEN, TurnedClock
from visiting import HTMX, Api, Page, page_of, put_run, settings_in, signed_in
from werkzeug.routing import Rule

from cronapp.app import App
from cronapp.core.models import RunState

OPEN = {
    *("static", "auth.login", "auth.sign_in", "auth.code", "auth.enter_code", "auth.new_link"),
    *("health.alive", "health.ready", "oidc.begin", "oidc.callback"),
}
"""All that one may reach without being known. A new route is closed unless it is added here by intent."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; worker-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


def address(rule: Rule) -> str:
    """A route's address with its places filled in."""
    values = {"job_id": "nightly", "run_id": "1", "name": "hello", "filename": "app.css", "kind": "group"}
    values |= {"backfill_id": "1", "seq": "1", "note_id": "1", "session": "none", "group": "lost", "token_id": "1"}
    values |= {"rule_id": "default", "delivery_id": "1"}
    values |= {"person_id": "1"}
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda place: values[place[1]], rule.rule)


def calls(app: App) -> list[tuple[str, str, str]]:
    """Every route with each of its methods."""
    return [
        (rule.endpoint, method, address(rule))
        for rule in app.site.url_map.iter_rules()
        for method in sorted(rule.methods or ())
    ]


def is_refused(reply: Response) -> bool:
    to_login = reply.status_code == 302 and reply.headers["Location"].startswith("/login")
    return reply.status_code == 401 or to_login


@pytest.fixture
def stranger(quiet: App) -> QuartClient:
    return quiet.site.test_client()


@pytest.fixture
def anybody(empty: App) -> QuartClient:
    """A stranger at the empty app."""
    return empty.site.test_client()


# -- who may come in ------------------------------------------------------------------------------------------------


async def test_every_route_but_the_open_ones_is_closed_to_strangers(quiet: App, stranger: QuartClient) -> None:
    seen = set()
    for endpoint, method, path in calls(quiet):
        reply = await stranger.open(path, method=method)
        assert is_refused(reply) is (endpoint not in OPEN), f"{method} {path}: {reply.status_code}"
        seen.add(endpoint)
    assert seen > OPEN
    assert len(seen) > 30


async def test_every_route_is_open_to_a_session(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly")
    await put_run(quiet, await quiet.jobs.get("nightly"), RunState.FAILED)
    for endpoint, method, path in calls(quiet):
        if endpoint not in ("auth.sign_out", "stream.stream"):
            reply = await client.open(path, method=method)
            assert not is_refused(reply), f"{method} {path}"
            assert reply.status_code < 500 or path == "/readyz", f"{method} {path}"


async def test_a_person_is_sent_to_the_sign_in_page_and_a_program_is_told(anybody: QuartClient) -> None:
    page = await anybody.get("/jobs")
    assert (page.status_code, page.headers["Location"]) == (302, "/login?next=/jobs")
    assert (await anybody.get("/")).headers["Location"] == "/login"
    call = await anybody.get("/api/v1/jobs")
    assert (call.status_code, call.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (await call.get_json())["status"] == 401
    fragment = await anybody.get("/form/args", headers=HTMX)
    assert (fragment.status_code, fragment.headers["HX-Redirect"]) == (401, "/login")
    post = await anybody.post("/jobs/nightly/run")
    assert post.status_code == 401
    assert Page(await post.get_data(as_text=True)).all("a", href="/login")


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/nowhere"])
async def test_strangers_do_not_learn_which_addresses_exist(anybody: QuartClient, path: str) -> None:
    assert is_refused(await anybody.get(path))


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        (f"Bearer {TOKEN}x", 401),
        ("Bearer ", 401),
        ("Bearer", 401),
    ],
)
async def test_the_admin_token_opens_the_api_and_nothing_else_does(
    anybody: QuartClient, header: str, status: int
) -> None:
    reply = await anybody.get("/api/v1/jobs", headers={"Authorization": header})
    assert reply.status_code == status


async def test_without_an_admin_token_no_token_opens_the_api(tmp_path: Path) -> None:
    app = App(settings_in(tmp_path).model_copy(update={"admin_token": None}), address="http://127.0.0.1:5000")
    await app.start(worker=False)
    try:
        for header in ("Bearer ", "Bearer None", f"Bearer {TOKEN}"):
            reply = await app.site.test_client().get("/api/v1/jobs", headers={"Authorization": header})
            assert reply.status_code == 401
    finally:
        await app.close()


async def test_a_made_up_cookie_is_no_session(quiet: App, stranger: QuartClient) -> None:
    stranger.set_cookie("localhost", quiet.site.parts.cookie, "x" * 43)
    assert is_refused(await stranger.get("/jobs"))


# -- signing in -----------------------------------------------------------------------------------------------------


async def test_a_sign_in_link_works_once(quiet: App, stranger: QuartClient) -> None:
    link = f"/login?token={await quiet.signin.new_link()}"
    first = await stranger.get(link)
    assert (first.status_code, first.headers["Location"]) == (303, "/")
    cookie = first.headers["Set-Cookie"]
    assert cookie.startswith(f"{quiet.site.parts.cookie}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert (await stranger.get("/jobs")).status_code == 200
    second = await quiet.site.test_client().get(link)
    assert second.status_code == 403
    assert "Set-Cookie" not in second.headers
    assert "not good any more" in Page(await second.get_data(as_text=True)).text


async def test_who_is_in_may_open_the_used_link_again(quiet: App, stranger: QuartClient) -> None:
    link = f"/login?token={await quiet.signin.new_link()}"
    await stranger.get(link)
    assert (await stranger.get(link)).headers["Location"] == "/"


async def test_over_tls_the_cookie_stays_on_tls(quiet: App) -> None:
    link = f"/login?token={await quiet.signin.new_link()}"
    reply = await quiet.site.test_client().get(link, scheme="https")
    assert "Secure" in reply.headers["Set-Cookie"]


@pytest.mark.parametrize("token", ["", "wrong", "x" * 10_000, "ü", "\0"])
async def test_a_wrong_token_is_refused_and_the_form_stays(anybody: QuartClient, token: str) -> None:
    reply = await anybody.post("/login", form={"token": token, "next": "/jobs"})
    assert reply.status_code == 403
    page = Page(await reply.get_data(as_text=True))
    assert page.all("input", name="token")
    assert page.all("input", name="next")[0].attrs["value"] == "/jobs"
    assert is_refused(await anybody.get("/jobs"))


async def test_a_link_is_good_for_a_quarter_of_an_hour_and_a_session_for_a_week_unused_and_a_month_in_all(
    tmp_path: Path,
) -> None:
    clock = TurnedClock()
    app = App(settings_in(tmp_path), address="http://127.0.0.1:5000", clock=clock)
    await app.start(worker=False)
    try:
        late, timely = await app.signin.new_link(), await app.signin.new_link()
        clock.turn(899)
        secret = await app.signin.use_link(timely)
        assert secret
        clock.turn(1)
        assert await app.signin.use_link(late) is None

        clock.turn(timedelta(days=6, hours=23).total_seconds())
        assert await app.signin.session(secret)
        for _ in range(3):
            clock.turn(timedelta(days=6, hours=23).total_seconds())
            assert await app.signin.session(secret)
        clock.turn(timedelta(days=3).total_seconds())
        assert await app.signin.session(secret) is None, "a month is over"

        idle = await app.signin.use_link(TOKEN)
        assert idle
        clock.turn(timedelta(days=7).total_seconds())
        assert await app.signin.session(idle) is None, "unused for a week"
    finally:
        await app.close()


async def test_the_admin_token_signs_in_again_and_again(quiet: App) -> None:
    for _ in range(2):
        await signed_in(quiet)


@pytest.mark.parametrize(
    "path", ["/jobs", "/jobs?q=a+b&state=paused&tag=x%26y", "/runs/1#L5", "/jobs/a.b-c", "/runs?job=%C3%BC"]
)
async def test_after_signing_in_one_is_where_one_wanted_to_be(anybody: QuartClient, path: str) -> None:
    sent = (await anybody.get(path.partition("#")[0])).headers["Location"]
    form = Page(await (await anybody.get(sent)).get_data(as_text=True))
    wanted = form.all("input", name="next")[-1].attrs["value"]
    reply = await anybody.post("/login", form={"token": TOKEN, "next": wanted})
    assert (reply.status_code, reply.headers["Location"]) == (303, path.partition("#")[0])


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        "javascript:alert(1)",
        "evil",
        "",
    ],
)
@pytest.mark.parametrize("by", ["link", "form"])
async def test_signing_in_leads_nowhere_outside(anybody: QuartClient, target: str, by: str) -> None:
    if by == "link":
        reply = await anybody.get("/login", query_string={"token": TOKEN, "next": target})
    else:
        reply = await anybody.post("/login", form={"token": TOKEN, "next": target})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/")


async def test_signing_out_ends_the_session_also_for_a_copy_of_its_cookie(quiet: App, client: QuartClient) -> None:
    assert client.cookie_jar is not None
    secret = next(iter(client.cookie_jar)).value
    reply = await client.post("/logout")
    assert (reply.status_code, reply.headers["Location"]) == (303, "/login")
    assert "Max-Age=0" in reply.headers["Set-Cookie"]
    copy = quiet.site.test_client()
    copy.set_cookie("localhost", quiet.site.parts.cookie, str(secret))
    assert is_refused(await copy.get("/jobs"))
    other = await signed_in(quiet)
    await copy.post("/logout")
    assert (await other.get("/jobs")).status_code == 200


async def test_a_new_link_stands_in_the_terminal_and_nowhere_else(
    stranger: QuartClient, capfd: pytest.CaptureFixture[str]
) -> None:
    reply = await stranger.post("/login/link")
    assert (reply.status_code, reply.headers["Location"]) == (303, "/login?sent=1")
    link = re.search(r"/login\?token=\S+", capfd.readouterr().out)
    assert link
    assert link[0] not in await reply.get_data(as_text=True)
    assert link[0] not in str(reply.headers)
    sent = await stranger.get("/login?sent=1")
    assert "A new link stands in the terminal" in Page(await sent.get_data(as_text=True)).text
    assert (await stranger.get(link[0])).headers["Location"] == "/"


@pytest.mark.parametrize("path", ["/jobs", "/jobs?q=a+b&state=paused&tag=x%26y", "/runs?job=%C3%BC"])
async def test_after_asking_for_a_link_one_still_comes_to_where_one_wanted_to_be(quiet: App, path: str) -> None:
    stranger = quiet.site.test_client()
    sent = (await stranger.get(path)).headers["Location"]
    form = Page(await (await stranger.get(sent)).get_data(as_text=True))
    reply = await stranger.post("/login/link", form={"next": form.all("input", name="next")[0].attrs["value"]})
    assert reply.status_code == 303
    again = await stranger.get(reply.headers["Location"])
    page = Page(await again.get_data(as_text=True))
    assert "A new link stands in the terminal" in page.text
    wanted = page.all("input", name="next")[-1].attrs["value"]
    reply = await stranger.post("/login", form={"token": TOKEN, "next": wanted})
    assert (reply.status_code, reply.headers["Location"]) == (303, path)


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
async def test_asking_for_a_link_leads_nowhere_outside(quiet: App, target: str) -> None:
    reply = await quiet.site.test_client().post("/login/link", form={"next": target})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/login?sent=1")


async def test_of_links_a_few_are_printed_each_minute_whoever_asks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clock = TurnedClock()
    app = App(settings_in(tmp_path), address="http://127.0.0.1:5000", clock=clock)
    await app.start(worker=False)
    try:
        for n in range(5):
            clock.turn(1)
            assert (await app.site.test_client().post("/login/link")).status_code == 303, n
        refused = await app.site.test_client().post("/login/link", form={"next": "/jobs"})
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "56")
        page = Page(await refused.get_data(as_text=True))
        assert "Too many links were asked for." in page.text
        assert "ask again in 56 s" in page.text
        assert {field.attrs["value"] for field in page.all("input", name="next")} == {"/jobs"}
        assert capfd.readouterr().out.count("/login?token=") == 5
        clock.turn(55.5)
        assert (await app.site.test_client().post("/login/link")).headers["Retry-After"] == "1"
        clock.turn(0.5)
        assert (await app.site.test_client().post("/login/link")).status_code == 303
        assert (await app.site.test_client().post("/login/link")).status_code == 429
        clock.turn(-3600)
        assert (await app.site.test_client().post("/login/link")).status_code == 303, "the clock was set back"
    finally:
        await app.close()


async def test_who_is_signed_in_needs_no_sign_in_page(client: QuartClient) -> None:
    assert (await client.get("/login")).headers["Location"] == "/"


# -- where a request comes from -------------------------------------------------------------------------------------

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:5001"},
    {"Origin": "http://localhost.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
]
OWN = [
    {},
    {"Origin": "http://localhost"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_changes_from_another_origin_are_refused_on_every_route(
    quiet: App, client: QuartClient, api: Api, headers: dict[str, str]
) -> None:
    await api.make("nightly")
    for _, method, path in calls(quiet):
        if method not in ("GET", "HEAD", "OPTIONS"):
            reply = await client.open(path, method=method, headers=headers)
            assert reply.status_code == 403, f"{method} {path}"
    job = await quiet.jobs.get("nightly")
    assert (job.state, job.version) == ("active", 1)
    assert (await client.get("/jobs", headers=headers)).status_code == 200


@pytest.mark.parametrize("headers", OWN)
async def test_changes_from_the_own_origin_are_taken(client: QuartClient, api: Api, headers: dict[str, str]) -> None:
    await api.make("nightly")
    assert (await client.post("/jobs/nightly/pause", headers=headers)).status_code == 303


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5000", "localhost.evil.example", "10.0.0.1", "[::2]", ""]
)
async def test_a_foreign_host_name_is_refused(client: QuartClient, stranger: QuartClient, host: str) -> None:
    for path in ("/jobs", "/login", "/healthz", "/static/app.css"):
        assert (await client.get(path, headers={"Host": host})).status_code == 400, path
    assert (await stranger.get("/jobs", headers={"Host": host})).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5000", "127.0.0.1:5000", "[::1]:5000", "cron.example"])
async def test_the_own_and_the_trusted_host_names_are_answered(tmp_path: Path, host: str) -> None:
    settings = settings_in(tmp_path).model_copy(update={"trusted_hosts": ("cron.example",)})
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    try:
        assert (await app.site.test_client().get("/healthz", headers={"Host": host})).status_code == 200
    finally:
        await app.close()


# -- replies --------------------------------------------------------------------------------------------------------


async def test_every_reply_carries_the_headers_that_protect_it(
    quiet: App, client: QuartClient, stranger: QuartClient
) -> None:
    replies = [await client.get("/nowhere"), await client.get("/api/v1/nowhere"), await stranger.get("/jobs")]
    replies += [await client.get("/jobs", headers={"Host": "evil.example"})]
    replies += [await client.post("/jobs", headers={"Origin": "https://evil.example"})]
    for endpoint, method, path in calls(quiet):
        if endpoint not in ("stream.stream", "auth.sign_out"):
            replies.append(await client.open(path, method=method))
    for reply in replies:
        for name, value in HEADERS.items():
            assert reply.headers.get(name) == value, name
    kept = [reply for reply in replies if reply.headers.get("Cache-Control") != "no-store"]
    assert kept
    assert all(reply.content_type.startswith(("text/css", "text/html")) for reply in kept)


async def test_a_static_file_is_kept_under_an_address_that_changes_with_it(
    client: QuartClient, stranger: QuartClient
) -> None:
    page = await page_of(client, "/jobs")
    sheet = page.all("link", rel="stylesheet")[0].attrs["href"]
    assert re.fullmatch(r"/static/app\.css\?v=[0-9a-f]{12}", sheet)
    reply = await stranger.get(sheet)
    assert reply.status_code == 200
    assert "max-age=31536000" in reply.headers["Cache-Control"]
    for script in page.all("script"):
        assert (await stranger.get(script.attrs["src"])).status_code == 200


@pytest.mark.parametrize(
    "path", ["/static/../pyproject.toml", "/static/%2e%2e/pyproject.toml", "/static//etc/passwd", "/static/..%5cx"]
)
async def test_static_files_are_only_those_of_their_folder(anybody: QuartClient, path: str) -> None:
    reply = await anybody.get(path)
    assert reply.status_code in (302, 404)


async def test_pages_of_strangers_tell_nothing_of_the_jobs(stranger: QuartClient, api: Api) -> None:
    await api.make("secret-plan")
    for path in ("/login", "/nowhere", "/jobs"):
        reply = await stranger.get(path)
        assert b"secret-plan" not in await reply.get_data()

"""Each form proves that it is one of ours: a page of another site, or of another session, cannot send it."""

from __future__ import annotations

import re

import pytest
from quart.testing import QuartClient
from visiting import HTMX, Api, Stream, put_run, signed_in

from cronapp.app import App
from cronapp.core.models import RunState
from cronapp.web.form_token import FIELD, HEADER, filled, is_good, token_of
from cronapp.web.permissions import OPEN

FORM = re.compile(r"<form\b[^>]*>")
TOKEN = rf'<input type="hidden" name="{FIELD}" value="([0-9a-f.]+)">'


class Bare(QuartClient):
    """A browser that sends its cookies, and no token that it was not given."""


async def bare(app: App) -> tuple[Bare, str]:
    """Somebody who is signed in, and the secret of their session."""
    client = await signed_in(app)
    assert client.cookie_jar is not None
    secret = str(next(cookie.value for cookie in client.cookie_jar))
    one = Bare(app.site)
    one.set_cookie("localhost", app.site.parts.cookie, secret)
    return one, secret


async def test_no_route_changes_anything_without_the_token(quiet: App, api: Api) -> None:
    await api.make("nightly")
    client, secret = await bare(quiet)
    other = await signed_in(quiet)
    assert other.cookie_jar is not None
    foreign = token_of(str(next(cookie.value for cookie in other.cookie_jar)))
    wrong = []
    for rule in quiet.site.url_map.iter_rules():
        if rule.endpoint in OPEN:
            continue
        for method in sorted((rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
            named = {name: "nightly" if name == "job_id" else 1 for name in rule.arguments}
            named |= {name: "x" for name in ("kind", "name", "session", "group", "change") if name in rule.arguments}
            try:
                path = quiet.site.url_map.bind("127.0.0.1").build(rule.endpoint, named, append_unknown=False)
            except Exception:
                path = re.sub(r"<[^>]+>", "1", rule.rule)
            for headers in ({}, HTMX, {HEADER: ""}, {HEADER: foreign}, {HEADER: f"{foreign}ü"}, {HEADER: secret}):
                reply = await client.open(path, method=method, headers=headers)
                if reply.status_code != 403:
                    wrong.append(f"{method} {path} {headers}: {reply.status_code}")
    assert not wrong
    job = await quiet.jobs.get("nightly")
    assert (job.state, job.version) == ("active", 1)
    assert (await client.get("/jobs")).status_code == 200, "the session lives"


async def test_a_form_without_javascript_and_one_of_htmx_are_taken(quiet: App, api: Api) -> None:
    await api.make("nightly")
    client, _ = await bare(quiet)
    page = str(await (await client.get("/jobs/nightly")).get_data(as_text=True))
    field = re.search(TOKEN, page)
    assert field
    assert (await client.post("/jobs/nightly/pause", form={"reason": "why", FIELD: field[1]})).status_code == 303
    job = await quiet.jobs.get("nightly")
    assert (job.state, job.reason) == ("paused", "why")
    header = re.search(rf"""<body hx-headers:inherited='\{{"{HEADER}": "([0-9a-f.]+)"\}}'""", page)
    assert header
    reply = await client.post("/jobs/nightly/resume", headers={**HTMX, HEADER: header[1]})
    assert (reply.status_code, (await quiet.jobs.get("nightly")).state) == (200, "active")


async def test_the_api_by_its_token_needs_no_other(api: Api) -> None:
    await api.make("nightly")
    assert (await api("POST", "/jobs/nightly/pause")).status_code == 200


async def test_every_form_that_posts_has_the_token_and_no_other_place_has(quiet: App, api: Api) -> None:
    await api.make("nightly", tags=["night"])
    run = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.FAILED)
    client, secret = await bare(quiet)
    paths = ["/", "/jobs", "/jobs/nightly", "/jobs/new", "/jobs/nightly/edit", "/jobs/nightly/remove", "/system"]
    paths += [f"/runs/{run.id}", "/runs", "/errors", "/settings/people", "/settings/views", "/load", "/nowhere"]
    seen = 0
    for path in paths:
        html = str(await (await client.get(path)).get_data(as_text=True))
        for form in FORM.finditer(html):
            follows = re.match(TOKEN, html[form.end() :])
            assert bool(follows) == ('method="post"' in form[0]), f"{path}: {form[0]}"
            if follows:
                assert is_good(follows[1], secret)
                seen += 1
        assert html.count(HEADER) == 1, path
    assert seen > 20


async def test_what_the_stream_brings_has_the_token_of_who_reads_it(quiet: App, api: Api) -> None:
    await api.make("nightly")
    _, mine = await bare(quiet)
    _, yours = await bare(quiet)
    for secret in (mine, yours):  # rendered once for both
        async with Stream(quiet, "jobs", secret=secret) as stream:
            html = await stream.until("/jobs/nightly/run")
        [token] = set(re.findall(TOKEN, html))
        assert is_good(token, secret)
        assert not is_good(token, yours if secret == mine else mine)


async def test_a_token_is_another_one_each_time_and_tells_nothing_of_the_session(quiet: App) -> None:
    client, secret = await bare(quiet)
    pages = [str(await (await client.get("/settings/browser")).get_data(as_text=True)) for _ in range(2)]
    tokens = [set(re.findall(TOKEN, page)) for page in pages]
    assert [len(found) for found in tokens] == [1, 1]
    assert tokens[0] != tokens[1]
    assert secret not in "".join(pages)


async def test_who_is_not_signed_in_gets_none(empty: App) -> None:
    html = str(await (await Bare(empty.site).get("/login")).get_data(as_text=True))
    assert FIELD not in html
    assert HEADER not in html


async def test_the_handlers_see_the_form_as_it_was_filled_in(quiet: App, api: Api) -> None:
    """The field is ours, and no task's argument, filter or note."""
    await api.make("nightly", task="hello")
    client, secret = await bare(quiet)
    form = {FIELD: token_of(secret), "text": "a note"}
    assert (await client.post("/jobs/nightly/notes", form=form)).status_code == 303
    [note] = (await api.json("GET", "/jobs/nightly/notes"))["items"]
    assert note["text"] == "a note"
    form = {FIELD: token_of(secret), "args.name": "Ada"}
    reply = await client.post("/jobs/nightly/run", form=form)
    assert reply.status_code == 303, await reply.get_data(as_text=True)


async def test_a_page_of_before_the_sign_in_says_what_to_do(quiet: App, api: Api) -> None:
    await api.make("nightly")
    client, _ = await bare(quiet)
    reply = await client.post("/jobs/nightly/pause", headers={HEADER: token_of("another")})
    assert "Load it anew" in str(await reply.get_data(as_text=True))


@pytest.mark.parametrize("token", ["", ".", "a", "a.b", "ü.ü", "x" * 100_000])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert not is_good(token, "secret")
    assert is_good(token_of("secret"), "secret")


def test_text_of_people_is_left_alone() -> None:
    html = (
        '<p>&lt;form method=&quot;post&quot;&gt; &lt;body</p><form method="get"><textarea>&lt;form></textarea></form>'
    )
    assert filled(html, "token") == html

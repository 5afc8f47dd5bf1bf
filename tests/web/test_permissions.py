"""Who may do what: every route there is, asked by everybody there is. A route that comes later is asked too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import update
from teams import OURS, THEIRS, furnish, visitor
from visiting import HTMX, settings_in
from werkzeug.routing import Rule

from cronapp.app import App
from cronapp.core.access import Right, Role
from cronapp.store.runs import RunFilter
from cronapp.store.tables import tokens
from cronapp.web.permissions import NEEDS, OPEN, OWN

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    """One app with the jobs of two teams."""
    app = App(settings_in(tmp_path_factory.mktemp("house")), address="http://127.0.0.1:5000")
    await app.start(worker=False)
    for team in (OURS, THEIRS):
        for n in range(2):
            job = await app.jobs.create(
                {
                    "id": f"{team}-job-{n}",
                    "task": "hello",
                    "args": {"name": f"{team}-argument"},
                    "schedule": {"kind": "cron", "expression": "0 * * * *"},
                    "tags": [team],
                    "description": f"{team}-words",
                    "notify": [{"on": ["failure"], "urls": ["json://127.0.0.1:9/nobody"]}],
                },
                origin="browser",
                by=f"{team}-person",
            )
            await furnish(app, job, team)
    yield app
    await app.close()


def routes(app: App) -> Iterator[tuple[str, Rule]]:
    """Every route with each method that it takes."""
    for rule in app.site.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule


def address(app: App, rule: Rule, **named: Any) -> str:
    """The route with something in each of its places; what is not named is not there."""
    values = {name: named.get(name, 2**40 if "id" in name or name == "seq" else "nothing") for name in rule.arguments}
    values |= {"kind": "queue"} if "kind" in rule.arguments else {}
    return app.site.url_map.bind("127.0.0.1").build(rule.endpoint, values, append_unknown=False)


async def answers(client: QuartClient, method: str, path: str) -> int:
    """The status of an empty request, as a page of the app sends it."""
    reply = await client.open(path, method=method, headers={**HTMX, "Accept": "text/html"})
    return reply.status_code


PEOPLE = [None, *Role]


@pytest.mark.parametrize("role", PEOPLE, ids=str)
async def test_each_route_lets_in_whom_the_table_says(house: App, role: Role | None) -> None:
    wrong = []
    for method, rule in routes(house):
        if rule.endpoint in OPEN | {"auth.sign_out", "stream.stream"}:
            continue
        client = await visitor(house, role)
        status = await answers(client, method, address(house, rule))
        need = None if rule.endpoint in OWN else NEEDS[rule.endpoint]
        if role is None:
            good = status == 401
        elif need is None or need.right in role.rights:
            good = status not in (401, 403) and status < 500
        else:
            good = status == 403
        if not good:
            wrong.append(f"{method} {rule.rule}: {status}")
    assert not wrong


@pytest.mark.parametrize("end", ["expired", "revoked", "good"])
async def test_a_token_that_ended_opens_no_route(house: App, end: str) -> None:
    made = await house.services.tokens.create("admin", name=end)
    if end == "revoked":
        await house.services.tokens.revoke(made.token.id)
    if end == "expired":
        past = {"expires_at": house.clock() - timedelta(seconds=1)}
        await house.store.write(lambda tx: tx.conn.execute(update(tokens).where(tokens.c.name == end).values(past)))
    client, headers = house.site.test_client(), {"Authorization": f"Bearer {made.secret}", "Accept": "text/html"}
    wrong = []
    for method, rule in routes(house):
        if rule.endpoint not in OPEN and (rule.endpoint != "stream.stream" or end != "good"):
            reply = await client.open(address(house, rule), method=method, headers=headers)
            if (reply.status_code == 401) is (end == "good"):
                wrong.append(f"{method} {rule.rule}: {reply.status_code}")
    assert not wrong


@pytest.mark.parametrize("role", Role)
async def test_a_token_may_what_its_role_may(house: App, role: Role) -> None:
    made = await house.services.tokens.create(role)
    client, headers = house.site.test_client(), {"Authorization": f"Bearer {made.secret}", **HTMX}
    wrong = []
    for method, rule in routes(house):
        need = NEEDS.get(rule.endpoint)
        if need is not None and rule.endpoint != "stream.stream":
            reply = await client.open(address(house, rule), method=method, headers=headers)
            if (reply.status_code == 403) is (need.right in role.rights) or reply.status_code == 401:
                wrong.append(f"{method} {rule.rule}: {reply.status_code}")
    assert not wrong


def test_each_role_has_the_rights_of_those_before_it() -> None:
    assert [len(role.rights) for role in Role] == [1, 2, 3, 4]
    assert Role.VIEWER.rights == {Right.LOOK}
    assert Role.ADMIN.rights == set(Right)


ASKED = ("/jobs?group=tag", "/jobs?sort=last", "/jobs?q=job", "/search?q=job", "/logs?q=line", "/runs?q=argument")
"""Lists that are put together in other ways than the plain ones."""


async def told(app: App, client: QuartClient) -> set[str]:
    """Which addresses tell something of the other team to somebody who asks for nothing of it."""
    run = (await app.runs.page(RunFilter(job=f"{OURS}-job-0")))[0][0].id
    named = {"job_id": f"{OURS}-job-0", "run_id": run, "name": "hello", "seq": 1}
    asked = {
        rule.rule: address(app, rule, **named)
        for method, rule in routes(app)
        if method == "GET" and rule.endpoint not in OPEN | {"stream.stream"}
    }
    asked |= {path: path for path in (*ASKED, *(f"/api/v1{path}" for path in ASKED if "search" not in path))}
    return {name for name, path in asked.items() if THEIRS in await (await client.get(path)).get_data(as_text=True)}


async def test_whoever_is_limited_to_a_tag_finds_only_its_jobs(house: App) -> None:
    everything = await told(house, await visitor(house, Role.ADMIN))
    assert {"/", "/jobs", "/runs", "/errors", "/timeline", "/deliveries", "/api/v1/jobs", *ASKED} <= everything
    assert await told(house, await visitor(house, Role.EDITOR, tags=[OURS])) == set()


async def test_what_belongs_to_another_tag_is_not_there(house: App) -> None:
    client = await visitor(house, Role.EDITOR, tags=[OURS])
    foreign = {run.job: run.id for run in (await house.runs.page(RunFilter(), limit=50))[0]}
    named = {"job_id": f"{THEIRS}-job-0", "run_id": foreign[f"{THEIRS}-job-0"]}
    wrong = []
    for method, rule in routes(house):
        if named.keys() & rule.arguments:
            status = await answers(client, method, address(house, rule, **named))
            if status != (404 if NEEDS[rule.endpoint].right in Role.EDITOR.rights else 403):
                wrong.append(f"{method} {rule.rule}: {status}")
    assert not wrong


AUDIT = ("/settings/audit", "/settings/audit.csv", "/settings/audit.jsonl", "/api/v1/audit")


@pytest.mark.parametrize(
    ("role", "tags", "status"), [("admin", None, 200), ("admin", [OURS], 403), ("editor", None, 403)]
)
async def test_only_an_administrator_without_limits_reads_the_audit(
    house: App, role: Role, tags: list[str] | None, status: int
) -> None:
    client = await visitor(house, role, tags=tags)
    assert {path: (await client.get(path)).status_code for path in AUDIT} == dict.fromkeys(AUDIT, status)

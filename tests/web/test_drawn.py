"""What one may not press is not drawn: everybody there is walks all pages, and all that is on them leads where they may
go."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from quart.testing import QuartClient
from support import TASKS, until
from teams import OURS, THEIRS, furnish, visitor
from visiting import Page, put_in_state, put_run, settings_in
from werkzeug.exceptions import HTTPException

from cronapp.app import App
from cronapp.core.access import ALL, Role, Sight
from cronapp.core.models import JobState, RunState
from cronapp.service.backfills import Window
from cronapp.store.runs import RunFilter
from cronapp.web.permissions import NEEDS, OPEN, OWN

HOURLY = {"kind": "cron", "expression": "0 * * * *"}
JOBS: dict[str, dict[str, Any]] = {
    "active": {
        "group": "figures",
        "queue": "slow",
        "args": {"name": "you"},
        "notify": [{"on": ["failure"], "channels": ["hook"]}],
    },
    "paused": {},
    "unfit": {"task": "greet", "args": {"day": "today", "n": 7}},
    "without": {"task": "leave"},
    "after": {"schedule": {"kind": "dependency"}, "after": {"jobs": ["active"]}},
    "gone": {},
    "foreign": {"tags": [THEIRS]},
}
BEFORE = f"""
@task(schedule="0 3 * * *", tags=["{OURS}"])
def nightly(): ...
def greet(day: str, n: int = 1): ...
def leave(): ...
"""
AFTER = BEFORE.replace("day: str, n: int = 1", "count: int").replace("leave", "leaves")
METHODS = {"href": "GET", "hx-get": "GET", "hx-post": "POST"}
STARTS = (
    "/",
    f"/jobs?tag={OURS}",
    "/jobs/after/dependencies",
    "/jobs/active/upcoming",
    "/jobs/nightly/configuration",
    "/jobs/active/configuration",
    "/search?q=active",
    "/search?q=paused",
)
ONLY_LOOKED_AT = {"log.as_text", "log.as_json", "runs.args_json", "runs.result_json"}
"""Where a page leads to what is no page."""
BEYOND = """
    static stream.stream health.alive health.ready metrics.show auth.login auth.sign_in auth.new_link
    oidc.begin oidc.callback auth.code auth.enter_code account.new account.create
    bulk.carry_out form_args.json_told runs.ask_cancel pauses.ask_resume switch.ask_resume
    log.piece log.search log.whole_line nodes.ask_drain nodes.drain nodes.resume
"""
"""Where no page leads: what is asked by scripts, keys or replies, what is for nobody who is signed in, and what is for
several processes, of which an SQLite file has none."""
OF_ACCOUNTS = """
    account.change_password account.end_session account.end_others account.factor account.begin_factor
    account.confirm_factor account.give_up_factor account.end_factor account.renew_codes
    people.set_password people.end_factor people.enable
"""
"""What is drawn for who has a password, a second factor or another browser, or is disabled: nobody is here."""


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    """One app with jobs and runs in all states, and whatever else there may be on a page."""
    app = App(settings_in(tmp_path_factory.mktemp("drawn"), TASKS + BEFORE), address="http://127.0.0.1:5000")
    await app.start(worker=False)
    await app.services.tokens.create("viewer")
    await app.services.secrets.put("SHOP_PASSWORD", "a-stored-secret")
    await app.services.channels.create("hook", {"kind": "hook", "url": "http://127.0.0.1:9/"})  # nobody is called there
    await app.services.alerts.add({"tag": OURS, "channels": ["hook"]})
    for name, fields in JOBS.items():
        data = {"id": name, "task": "hello", "schedule": HOURLY, "tags": [OURS], **fields}
        job = await app.jobs.create(data, origin="browser", by="somebody")
        await furnish(app, job, OURS if name != "foreign" else THEIRS)
        await put_run(app, job, RunState.RUNNING)
        await put_run(app, job, RunState.SUCCEEDED, result={"greeted": "you"})
        await app.jobs.edit(name, {**data, "description": "edited"}, by="somebody")
    await furnish_more(app)
    await until(lambda: given_up(app))
    yield app
    await app.close()


async def given_up(app: App) -> bool:
    """Whether something was told that may be sent once more."""
    return bool((await app.services.alerts.page(job="active", state="failed"))[0])


def deploy(app: App, code: str) -> None:
    Path(app.tasks.sources[0]).write_text(code)
    app.tasks.reload()


async def furnish_more(app: App) -> None:
    """What one comes to by working with it for some time."""
    services, now = app.services, app.clock()
    await app.jobs.edit("nightly", {"task": "nightly", "schedule": HOURLY, "tags": [OURS]}, by="somebody")
    await services.backfills.open("active", Window(since=now - timedelta(days=1), until=now), by="somebody")
    first, second = [slot.at for slot in (await services.upcoming.slots(await app.jobs.get("active")))[0][:2]]
    await services.upcoming.skip("active", first, by="somebody")
    await services.upcoming.add("active", second + timedelta(minutes=1), by="somebody")
    await services.limits.set("queue", "slow", {"max_running": 2})
    await services.views.save("jobs", "Ours", f"tag={OURS}", by="somebody")
    await put_in_state(app, "paused", JobState.PAUSED)
    await app.jobs.remove("gone", by="somebody")
    await visitor(app, Role.VIEWER, name="another")
    deploy(app, TASKS + AFTER)
    await app.declarations.declare()
    await app.declarations.hold_against_code()


@dataclass
class Walk:
    """All pages that somebody comes to, and all addresses that they are led to there, by method and endpoint."""

    app: App
    client: QuartClient
    led: dict[tuple[str, str], str] = field(default_factory=dict)
    """Each with the page on which it stood first."""
    refused: dict[str, str] = field(default_factory=dict)

    async def go(self, starts: list[str]) -> None:
        waiting, seen = deque((path, "") for path in starts), set[str]()
        while waiting:
            path, place = waiting.popleft()
            endpoint, _ = self.match(urlsplit(path).path, "GET")
            if place and endpoint in seen:
                continue
            seen.add(endpoint)
            reply = await self.client.get(path, headers={"Accept": "text/html"})
            if reply.status_code >= 400 and "gone" not in path:
                self.refused[path] = f"{reply.status_code}, on {place}"
                continue
            if not (reply.content_type or "").startswith("text/html"):
                continue
            waiting += [(one, path) for one in self.read(path, Page(await reply.get_data(as_text=True)))]

    def match(self, path: str, method: str) -> tuple[str, dict[str, str]]:
        try:
            endpoint, named = self.app.site.url_map.bind("127.0.0.1").match(path, method=method)
        except HTTPException as error:
            raise AssertionError(f"{method} {path} leads nowhere") from error
        return str(endpoint), dict(named)

    def read(self, place: str, page: Page) -> list[str]:
        """Notes where all that is on a page leads; answers the addresses to go on to."""
        further = []
        for element in page.elements:
            own = element.attrs.get("method", "get").upper()
            for name, value in element.attrs.items():
                method = own if name == "action" else "POST" if name == "formaction" else METHODS.get(name)
                if method is None or element.tag in ("link", "use") or value.startswith("#"):
                    continue
                path = urljoin(place, value)
                endpoint, _ = self.match(urlsplit(path).path, method)
                self.led.setdefault((method, endpoint), place)
                if method == "GET" and endpoint not in ONLY_LOOKED_AT:
                    further.append(path)
        return further


async def walk(app: App, role: Role, tags: list[str] | None = None) -> Walk:
    """Everything that they come to from the overview, and from each of their jobs and runs; also while the scheduler is
    paused and the server is emptied. Of all pages of people it is the first in the list that is read: another's."""
    own = "walker" if tags is None else "limited walker"
    walked = Walk(app, await visitor(app, role, tags=tags, name=f"{own}, {role}"))
    runs = [
        run.id
        for run in (await app.runs.page(RunFilter(), limit=100))[0]
        if run.job == "active" or (run.job == "gone" and tags is None)
    ]
    jobs = [f"/jobs/{job}" for job in (*JOBS, "nightly") if job != "foreign"]
    await walked.go([*STARTS, *jobs, *(f"/runs/{run}" for run in runs)])
    await app.services.switch.pause("a reason", by="somebody")
    await app.site.parts.drain.begin("somebody")
    await walked.go(["/", "/system", "/search?q=scheduler"])
    await app.site.parts.drain.end("somebody")
    await app.services.switch.resume()
    return walked


EVERYBODY = [*((role, None) for role in Role), (Role.EDITOR, [OURS])]


@pytest.mark.parametrize(("role", "tags"), EVERYBODY)
async def test_nobody_is_led_where_they_may_not_go(house: App, role: Role, tags: list[str] | None) -> None:
    walked = await walk(house, role, tags)
    sight = Sight(role, None if tags is None else frozenset(tags))
    forbidden = {
        f"{method} {endpoint}": place
        for (method, endpoint), place in walked.led.items()
        if endpoint not in OPEN | OWN and not NEEDS[endpoint].met_by(sight)
    }
    assert (forbidden, walked.refused) == ({}, {})
    if sight == ALL:  # to whom all there is is drawn
        there = {rule.endpoint for rule in house.site.url_map.iter_rules() if not rule.endpoint.startswith("api.")}
        left = sorted(there - {endpoint for _, endpoint in walked.led})
        assert left == sorted((BEYOND + OF_ACCOUNTS).split())

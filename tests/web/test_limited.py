"""Whoever is limited to some tags, or may only look: what they reach neither by lists, forms, bulk nor streams."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import update
from teams import OURS, THEIRS, furnish, session_of, visitor
from visiting import HTMX, Ended, Page, Stream, page_of, put_run, settings_in

from cronapp.app import App
from cronapp.core.access import Role
from cronapp.core.events import SessionsChanged
from cronapp.core.models import RunState
from cronapp.store.runs import RunFilter
from cronapp.store.store import Tx
from cronapp.store.tables import users

HOURLY = {"kind": "cron", "expression": "0 * * * *"}
TOPICS = ("overview", "jobs", "runs", "errors", "timeline", "load", "tasks", "task:hello", "system", "page")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[App]:
    """One app with a job of each of two teams."""
    app = App(settings_in(tmp_path), address="http://127.0.0.1:5000")
    await app.start(worker=False)
    for team in (OURS, THEIRS):
        data = {"id": f"{team}-job", "task": "hello", "schedule": HOURLY, "tags": [team], "args": {"name": team}}
        await furnish(app, await app.jobs.create(data, origin="browser", by=f"{team}-person"), team)
    yield app
    await app.close()


@pytest.fixture
async def editor(house: App) -> QuartClient:
    """Somebody who edits the jobs of one team."""
    return await visitor(house, Role.EDITOR, tags=[OURS])


async def sent(client: QuartClient, method: str, path: str, **options: Any) -> tuple[int, Any]:
    """The status and the answer of the API."""
    headers = {"Sec-Fetch-Site": "same-origin", **options.pop("headers", {})}
    reply = await client.open(f"/api/v1{path}", method=method, headers=headers, **options)
    return reply.status_code, await reply.get_json()


async def ids_of(house: App, team: str) -> list[int]:
    return [run.id for run in (await house.runs.page(RunFilter(job=f"{team}-job")))[0]]


async def become(house: App, **account: Any) -> None:
    """All accounts are changed, as by whoever keeps them."""

    def change(tx: Tx) -> None:
        tx.conn.execute(update(users).values(**account))
        tx.emit(SessionsChanged())

    await house.store.write(change)


# -- open pages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", [{"role": Role.VIEWER}, {"tags": [THEIRS]}, {"disabled_at": True}], ids=str)
async def test_an_open_page_goes_at_once_when_its_reader_may_no_longer_do_what_it_shows(
    house: App, account: dict[str, Any]
) -> None:
    secret = await session_of(house, Role.EDITOR, tags=[OURS])
    client = house.site.test_client()
    client.set_cookie("localhost", house.site.parts.cookie, secret)
    assert (await page_of(client, "/jobs")).all("form", action=f"/jobs/{OURS}-job/run")
    async with Stream(house, "jobs", secret=secret) as stream:
        assert f"/jobs/{OURS}-job/run" in await stream.until("job-list")
        await become(house, **account if "disabled_at" not in account else {"disabled_at": house.clock()})
        while (message := await stream.message()).event == "message":
            assert THEIRS not in message.data
        assert message.event == "gone"
        with pytest.raises(Ended):
            await stream.message()
    reply = await client.get("/jobs")
    assert f"/jobs/{OURS}-job/run" not in await reply.get_data(as_text=True)


async def test_an_open_page_stays_while_others_come_and_go(house: App) -> None:
    secret, other = await session_of(house, Role.VIEWER), await session_of(house, Role.ADMIN)
    async with Stream(house, "jobs", secret=secret) as stream:
        await stream.until("job-list")
        await house.services.signin.sign_out(other)
        await house.jobs.pause(f"{OURS}-job", by="somebody")
        assert await stream.until('data-state="paused"')


async def test_each_is_sent_what_they_may_press(house: App) -> None:
    secrets = {role: await session_of(house, role) for role in Role}
    for topic in ("jobs", f"job:{OURS}-job", f"run:{(await ids_of(house, OURS))[0]}", f"job:{OURS}-job:notes"):
        for role, secret in secrets.items():
            async with Stream(house, topic, secret=secret) as stream:
                html = await stream.html()
                posts = {element.attrs["action"] for element in Page(html).all("form", method="post")}
                assert bool(posts) == (role is not Role.VIEWER), (topic, role)


async def test_what_one_may_not_look_at_cannot_be_followed(house: App) -> None:
    viewer, limited = await visitor(house, Role.VIEWER), await visitor(house, Role.EDITOR, tags=[OURS])
    for topic in ("settings:people", "settings:audit", "settings:tokens", "settings:nothing", f"form:{OURS}-job:1"):
        assert (await viewer.get(f"/stream?topics={topic}")).status_code == 404, topic
    for topic in (f"run:{(await ids_of(house, THEIRS))[0]}", "run:99999", "settings:people"):
        assert (await limited.get(f"/stream?topics={topic}")).status_code == 404, topic


async def test_no_stream_tells_of_jobs_with_other_tags(house: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cronapp.web.stream.KEEP_ALIVE", 0.2)
    secret, theirs = await session_of(house, Role.EDITOR, tags=[OURS]), f"{THEIRS}-job"
    foreign = [f"job:{theirs}{tab}" for tab in ("", ":notes", ":log", ":history", ":dependencies")]
    for topic in (*TOPICS, *foreign, f"slots:{theirs}"):
        async with Stream(house, topic, secret=secret) as stream:
            told = [await stream.message()]
            await put_run(house, await house.jobs.get(theirs), RunState.RUNNING)
            while told[-1].event != "here":
                told.append(await stream.message())
            html = "".join(message.data for message in told)
            assert THEIRS not in (html.replace(theirs, "") if topic in foreign else html), topic


# -- changes ----------------------------------------------------------------------------------------------------------


async def test_a_job_keeps_one_of_the_tags_of_who_changes_it(house: App, editor: QuartClient) -> None:
    page = await page_of(editor, "/jobs/new")
    assert page.form("job-form")["tags"] == OURS
    data = {"id": "fresh", "task": "hello", "schedule": HOURLY}
    for tags in ([], [THEIRS]):
        status, told = await sent(editor, "POST", "/jobs", json={**data, "tags": tags})
        assert (status, list(told["errors"])) == (422, ["tags"])
    assert (await sent(editor, "POST", "/jobs", json={**data, "tags": [OURS, "more"]}))[0] == 201
    status, told = await sent(editor, "PATCH", "/jobs/fresh", json={"tags": ["more"]})
    assert status == 422
    status, told = await sent(editor, "POST", "/jobs/bulk", json={"ids": ["fresh"], "action": "untag", "tags": [OURS]})
    assert [one["id"] for one in told["refused"]] == ["fresh"]
    assert (await house.jobs.get("fresh")).spec.tags == (OURS, "more")


async def test_a_job_runs_after_none_that_its_editor_cannot_see(house: App, editor: QuartClient) -> None:
    after = {"after": {"jobs": [f"{THEIRS}-job"]}}
    status, told = await sent(editor, "PATCH", f"/jobs/{OURS}-job", json=after)
    assert (status, told["errors"]["after.jobs.0"]) == (422, f'There is no job "{THEIRS}-job".')
    await house.jobs.edit(f"{OURS}-job", {"task": "hello", "schedule": HOURLY, "tags": [OURS], **after}, by="admin")
    page = await page_of(editor, f"/jobs/{OURS}-job/dependencies")
    assert "A job that you cannot see" in page.text
    assert THEIRS not in page.text.replace(f"after {THEIRS}-job succeeds", "")
    assert not [element for element in page.all("a") if THEIRS in element.attrs["href"]]
    assert (await sent(editor, "PATCH", f"/jobs/{OURS}-job", json={"description": "kept"}))[0] == 200


async def test_an_id_that_others_have_is_told_as_taken(house: App, editor: QuartClient) -> None:
    data = {"id": f"{THEIRS}-job", "task": "hello", "schedule": HOURLY, "tags": [OURS]}
    status, told = await sent(editor, "POST", "/jobs", json=data)
    assert (status, list(told["errors"])) == (422, ["id"])


async def test_many_at_once_are_only_theirs(house: App, editor: QuartClient) -> None:
    ids = [f"{OURS}-job", f"{THEIRS}-job", "nowhere"]
    status, told = await sent(editor, "POST", "/jobs/bulk", json={"ids": ids, "action": "pause"})
    assert (status, told["done"]) == (200, [f"{OURS}-job"])
    assert len({one["reason"] for one in told["refused"]}) == 1
    _, told = await sent(editor, "POST", "/jobs/bulk", json={"filter": {}, "action": "resume"})
    assert told["done"] == [f"{OURS}-job"]
    runs = [*await ids_of(house, OURS), *await ids_of(house, THEIRS)]
    _, told = await sent(editor, "POST", "/runs/bulk", json={"ids": runs, "action": "cancel"})
    assert {one["id"] for one in told["done"]} <= set(await ids_of(house, OURS))
    reply = await editor.post("/runs/bulk", form={"all": "1", "action": "cancel", "query": ""}, headers=HTMX)
    assert THEIRS not in await reply.get_data(as_text=True)
    (group,) = {run.error_group for run in (await house.runs.page(RunFilter(state="failed")))[0]}
    reply = await editor.get(f"/errors/{group}/retry", headers=HTMX)
    html = await reply.get_data(as_text=True)
    assert "Retry 1 run?" in html
    assert THEIRS not in html


async def test_who_only_runs_jobs_deletes_and_tags_none_of_many(house: App) -> None:
    operator = await visitor(house, Role.OPERATOR)
    for action in ("remove", "tag", "untag"):
        order = {"ids": [f"{OURS}-job"], "action": action, "tags": ["x"]}
        assert (await sent(operator, "POST", "/jobs/bulk", json=order))[0] == 403
        for path in ("/jobs/bulk", "/jobs/bulk/done"):
            form = {"job": f"{OURS}-job", "ids": f"{OURS}-job", "action": action, "tags": "x"}
            assert (await operator.post(path, form=form, headers=HTMX)).status_code == 403, (action, path)
    assert (await house.jobs.get(f"{OURS}-job")).spec.tags == (OURS,)


async def test_the_same_key_of_two_clients_makes_two_jobs(house: App, editor: QuartClient) -> None:
    key = {"Idempotency-Key": "one"}
    other = await visitor(house, Role.EDITOR, tags=[THEIRS])
    for client, team in ((editor, OURS), (other, THEIRS)):
        data = {"id": f"{team}-new", "task": "hello", "schedule": HOURLY, "tags": [team]}
        for _ in range(2):
            status, told = await sent(client, "POST", "/jobs", json=data, headers=key)
            assert (status, told["id"]) == (201, f"{team}-new")


async def test_a_test_of_what_is_typed_is_seen_by_who_began_it(house: App, editor: QuartClient) -> None:
    status, told = await sent(editor, "POST", "/tasks/hello/test", json={"args": {"name": "you"}})
    assert status in (200, 201, 202), told
    (trial,) = [run.id for run in (await house.runs.page(RunFilter()))[0] if run.trial]
    assert (await page_of(editor, f"/runs/{trial}")).all("form", action=f"/runs/{trial}/cancel")
    other = await visitor(house, Role.EDITOR, tags=[OURS])
    assert (await other.get(f"/runs/{trial}")).status_code == 404
    assert (await editor.post(f"/runs/{trial}/cancel", headers=HTMX)).status_code == 200


async def test_a_note_is_changed_by_who_wrote_it_or_an_admin(house: App) -> None:
    job, clients = f"{OURS}-job", {}
    for name in ("ann", "bob"):
        clients[name] = house.site.test_client()
        clients[name].set_cookie(
            "localhost", house.site.parts.cookie, await session_of(house, Role.OPERATOR, name=name)
        )
    _, note = await sent(clients["ann"], "POST", f"/jobs/{job}/notes", json={"text": "mine"})
    edit, remove = (f"/jobs/{job}/notes/{note['id']}/{verb}" for verb in ("edit", "remove"))
    for name, drawn, status in (("ann", 1, 200), ("bob", 0, 403)):
        assert len((await page_of(clients[name], f"/jobs/{job}/notes")).all("a", href=edit)) == drawn
        assert (await clients[name].get(edit)).status_code == status
        assert (await clients[name].get(remove)).status_code == status
        path = f"/jobs/{job}/notes/{note['id']}"
        assert (await sent(clients[name], "PATCH", path, json={"text": name}))[0] == status
    assert (await clients["bob"].post(remove)).status_code == 403
    admin = await visitor(house, Role.ADMIN)
    assert (await admin.post(remove)).status_code == 303


async def test_the_frame_says_to_which_jobs_somebody_is_limited(house: App, editor: QuartClient) -> None:
    page = await page_of(editor, "/")
    assert f"Jobs tagged {OURS}" in page.text
    assert re.search(r"You are here as [0-9a-f]{16}, editor of jobs tagged", page.text)
    assert "Jobs tagged" not in (await page_of(await visitor(house, Role.EDITOR), "/")).text


async def test_the_settings_lead_everybody_to_what_is_theirs(house: App, editor: QuartClient) -> None:
    reply = await editor.get("/settings")
    assert (reply.status_code, reply.headers["Location"]) == (302, "/settings/account")
    page = await page_of(editor, "/settings/browser")
    assert {e.attrs["href"] for e in page.all("a") if e.attrs.get("href", "").startswith("/settings/")} == {
        "/settings/views",
        "/settings/account",
        "/settings/browser",
    }
    assert (await editor.get("/settings/audit")).status_code == 403

"""The history of a job on its page and at the API: who changed what, and an older version taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from quart.testing import QuartClient
from visiting import EVIL, HTMX, Api, Page, Stream, page_of, put_run

from cronapp.app import App
from cronapp.core.events import TasksLoaded
from cronapp.core.models import RunState

NIGHTLY = {"kind": "cron", "expression": "0 3 * * *", "timezone": "Europe/Berlin"}


async def form(client: QuartClient, path: str, **texts: str) -> str:
    """The reply to a form that htmx sent."""
    reply = await client.post(path, form=texts, headers=HTMX)
    return await reply.get_data(as_text=True)


def add(app: App, text: str) -> None:
    source = Path(app.tasks.sources[0])
    source.write_text(source.read_text() + text)


@pytest.fixture
async def nightly(api: Api) -> None:
    await api.make("nightly", schedule=NIGHTLY)
    await api.json("PATCH", "/jobs/nightly", json={"timeout": "10m", "args": {"name": EVIL}})


@pytest.mark.usefixtures("nightly")
async def test_the_api_tells_each_change_field_by_field_and_page_by_page(api: Api) -> None:
    told = await api.json("GET", "/jobs/nightly/changes?limit=1")
    (edited,) = told["items"]
    assert {name: edited[name] for name in ("job", "version", "kind", "by", "reason")} == {
        "job": "nightly",
        "version": 2,
        "kind": "edited",
        "by": "the admin token",
        "reason": None,
    }
    assert {one["field"]: (one["old"], one["new"]) for one in edited["fields"]}["timeout"] == ("none", "10 min")
    rest = await api.json("GET", f"/jobs/nightly/changes?cursor={told['next']}")
    assert ([one["kind"] for one in rest["items"]], rest["next"]) == (["created"], None)
    await api("DELETE", "/jobs/nightly")
    removed = await api.json("GET", "/jobs/nightly/changes")
    assert [one["kind"] for one in removed["items"]] == ["removed", "edited", "created"]
    await api.json("GET", "/jobs/nowhere/changes", 404)


@pytest.mark.usefixtures("nightly")
async def test_the_api_restores_a_version(api: Api) -> None:
    for wrong in ({}, {"version": "1"}, {"version": 9}, {"version": True}):
        assert "version" in (await api.json("POST", "/jobs/nightly/restore", 422, json=wrong))["errors"]
    await api.json("POST", "/jobs/nightly/restore", 412, json={"version": 1}, headers={"If-Match": '"1"'})
    job = await api.json("POST", "/jobs/nightly/restore", json={"version": 1}, headers={"If-Match": '"2"'})
    assert (job["timeout"], job["args"], job["version"]) == (None, {}, 3)
    await api.json("POST", "/jobs/nightly/restore", 409, json={"version": 1})


@pytest.mark.usefixtures("nightly")
async def test_the_page_tells_who_changed_what_and_escapes_it(quiet: App, client: QuartClient) -> None:
    page = await page_of(client, "/jobs/nightly/history")
    kinds = [one.attrs["data-kind"] for one in page.all("li") if "data-kind" in one.attrs]
    assert kinds == ["edited", "created"]
    assert any("alert(1)" in one.text for one in page.all("span", class_="is"))
    assert not any("alert(1)" in one.text for one in page.all("script"))
    assert [one.attrs["href"] for one in page.all("a") if "/restore" in one.attrs.get("href", "")] == [
        "/jobs/nightly/restore?version=1"
    ]
    async with Stream(quiet, "job:nightly:history", at="/jobs/nightly/history") as stream:
        await stream.until("#job-history")
        await quiet.jobs.pause("nightly", "deploying", by="ada")
        newest = Page(await stream.until("#job-history"))
        assert newest.all("li")[0].attrs["data-kind"] == "paused"


@pytest.mark.usefixtures("nightly")
async def test_a_version_is_restored_through_a_question_that_shows_the_difference(
    quiet: App, client: QuartClient
) -> None:
    question = await (await client.get("/jobs/nightly/restore?version=1", headers=HTMX)).get_data(as_text=True)
    asked = Page(question)
    assert "Restore version 1 of nightly?" in asked.one("h1").text
    assert "time limit" in [one.text for one in asked.all("dt")]
    sent = {one.attrs["name"]: one.attrs["value"] for one in asked.all("input")}
    texts = {name: sent[name] for name in sent if name != "form_token"}
    assert texts == {"version": "1", "expected": "2"}
    assert "is as it was in version 1" in await form(client, "/jobs/nightly/restore", **texts)
    job = await quiet.jobs.get("nightly")
    assert (job.spec.timeout, job.version) == (None, 3)
    assert "Somebody else saved this job" in await form(client, "/jobs/nightly/restore", version="2", expected="2")


@pytest.mark.usefixtures("nightly")
async def test_a_version_that_does_not_fit_any_more_says_so_in_the_question(quiet: App, client: QuartClient) -> None:
    await quiet.jobs.edit("nightly", {"task": "fail", "schedule": NIGHTLY})
    del quiet.tasks.registry.tasks["hello"]
    reply = await client.post("/jobs/nightly/restore", form={"version": "2", "expected": "3"}, headers=HTMX)
    assert reply.status_code == 422
    asked = Page(await reply.get_data(as_text=True))
    assert any("There is no task named" in one.text for one in asked.all("li"))
    assert "disabled" in asked.one("button").attrs
    plain = await client.get("/jobs/nightly/restore?version=2")
    assert plain.status_code == 200
    assert "<html" in await plain.get_data(as_text=True)


async def test_a_job_without_a_record_says_so(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("old")
    await quiet.services.history.prune(keep_days=1)
    await quiet.store.write(lambda tx: tx.conn.exec_driver_sql("DELETE FROM job_changes"))
    page = await page_of(client, "/jobs/old/history")
    assert "No change is on record yet" in [one.text for one in page.all("h2")]


@pytest.mark.usefixtures("nightly")
async def test_a_removed_job_tells_who_removed_it_and_what_is_left(quiet: App, client: QuartClient, api: Api) -> None:
    job = await quiet.jobs.get("nightly")
    run = await put_run(quiet, job, RunState.FAILED)
    async with Stream(quiet, "job:nightly:configuration", at="/jobs/nightly/configuration") as stream:
        await stream.html()
        await quiet.jobs.remove("nightly", by="ada")
        left = Page(await stream.until("removed by ada"))
        assert [one.text for one in left.all("a") if one.attrs["href"].startswith("/jobs/nightly")][:2] == [
            "Runs",
            "History",
        ]
        assert left.one("tr", data_run=str(run.id))
    reply = await client.get("/jobs/nightly")
    assert reply.status_code == 404
    page = Page(await reply.get_data(as_text=True))
    assert page.one("header", id="job-head").attrs["data-state"] == "removed"
    assert page.one("tr", data_run=str(run.id))
    assert 'href="/jobs/nightly/edit"' not in page.text
    told = await (await client.get("/jobs/nightly/history")).get_data(as_text=True)
    assert [one.attrs["data-kind"] for one in Page(told).all("li") if "data-kind" in one.attrs] == [
        "removed",
        "edited",
        "created",
    ]
    assert "Restore" not in told
    async with Stream(quiet, "job:nightly", at="/jobs/nightly") as stream:
        await stream.html()
        await api.make("nightly", schedule=NIGHTLY)
        assert "#job-head" in await stream.until('data-state="active"')
    assert (await client.get("/jobs/nowhere")).status_code == 404


async def test_the_history_hides_what_becomes_secret_by_a_deployment(quiet: App, api: Api) -> None:
    await api.make("nightly", args={"name": "one"})
    await api.json("PATCH", "/jobs/nightly", json={"args": {"name": "two"}})
    async with Stream(quiet, "job:nightly:history", at="/jobs/nightly/history") as stream:
        assert "two" in await stream.until("#job-history")
        add(quiet, "\nfrom pydantic import SecretStr\ndef hello(name: SecretStr):\n    pass\n")
        quiet.tasks.reload()
        quiet.bus.publish([TasksLoaded()])
        assert "two" not in await stream.until("#job-history")

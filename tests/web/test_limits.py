"""Backfills, limits and repeated tries on pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from quart.testing import QuartClient
from recipes import a_node
from visiting import HTMX, Api, Page, Stream, page_of, partials, put_run

from cronapp.app import App
from cronapp.core.models import Outcome, RunError, RunState

HOURLY = {"kind": "cron", "expression": "0 * * * *", "timezone": "Europe/Berlin"}


def wall(hours: int) -> str:
    """So many hours ago, as the form's fields have it."""
    return (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S")


async def test_a_backfill_is_seen_before_it_is_started_and_then_on_the_jobs_page(
    quiet: App, client: QuartClient, api: Api
) -> None:
    await api.make("hourly", schedule=HOURLY)
    page = await page_of(client, "/jobs/hourly/backfill")
    assert "By the clocks of Europe/Berlin." in page.text
    window = {"from": wall(30), "to": wall(26), "max_running": "2"}
    seen = await client.post("/jobs/hourly/backfill/preview", form=window, headers=HTMX)
    assert "4 slots" in await seen.get_data(as_text=True)
    started = await client.post("/jobs/hourly/backfill", form=window)
    assert (started.status_code, started.headers["Location"]) == (303, "/runs?backfill=1")
    listed = await page_of(client, "/runs?backfill=1")
    assert sum("data-run" in row.attrs for row in listed.all("tr")) == 4
    assert "0 of 4 done" in (await page_of(client, "/jobs/hourly")).text
    reply = await client.post("/jobs/hourly/backfills/1/cancel", headers=HTMX)
    assert [part.target for part in partials(await reply.get_data(as_text=True))] == ["#job-backfills", "#toasts"]
    runs, _ = await quiet.runs.of_job(await quiet.jobs.get("hourly"))
    assert {run.state for run in runs} == {RunState.CANCELLED}


async def test_a_wrong_window_comes_back_with_its_field(client: QuartClient, api: Api) -> None:
    await api.make("hourly", schedule=HOURLY)
    reply = await client.post("/jobs/hourly/backfill", form={"from": wall(-5), "to": wall(-9)}, headers=HTMX)
    assert reply.status_code == 422
    assert "The window must lie in the past." in await reply.get_data(as_text=True)


async def test_limits_are_set_and_taken_away_on_the_system_page(quiet: App, client: QuartClient) -> None:
    form = {"kind": "queue", "name": "mail", "rate": "10/m"}
    assert (await client.post("/limits", form=form)).status_code == 303
    assert "10 within 1 min" in (await page_of(client, "/system")).text
    for headers in ({}, HTMX):
        wrong = await client.post("/limits", form=form | {"rate": "often"}, headers=headers)
        assert wrong.status_code == 422
        page = Page(await wrong.get_data(as_text=True))
        assert page.wrong()["rate"].startswith("Write a number of starts")
        assert page.form("limit-form")["rate"] == "often"
    chosen = await page_of(client, "/system?limit=queue:mail")
    assert chosen.form("limit-form") == form | {"max_running": ""}
    assert (await client.post("/limits/queue/mail/clear")).status_code == 303
    assert await quiet.services.limits.all() == []


async def test_all_that_failed_alike_are_offered_together(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("one", task="fail")
    job = await quiet.jobs.get("one")
    error = RunError("ValueError", "no figures", "")
    runs = [await put_run(quiet, job, RunState.FAILED, error=error) for _ in range(3)]
    group = runs[0].error_group
    assert (await page_of(client, f"/runs/{runs[0].id}")).all("a", href=f"/errors/{group}")
    asked = await page_of(client, f"/errors/{group}/retry")
    assert "Retry 3 runs?" in asked.text
    form = {"action": "retry", "ids": asked.one("input", name="ids").attrs["value"]}
    told = Page(await (await client.post("/runs/bulk/done", form=form)).get_data(as_text=True))
    assert "3 runs tried again." in told.text
    assert await quiet.runs.counts() == {"queued": 3}


async def test_a_waiting_run_says_what_has_no_place_for_it(quiet: App, client: QuartClient, api: Api) -> None:
    await quiet.services.fleet.join(a_node("node-1"))
    await quiet.services.limits.set("queue", "mail", {"rate": "1/h"})
    for job_id in ("first", "next"):
        await api.make(job_id, group="db", queue="mail")
    first, again = await quiet.runs.run_now("first"), await quiet.runs.run_now("first")
    other = await quiet.runs.run_now("next")
    (claimed,) = await quiet.runs.claim("node-1", 10)
    assert claimed.run.id == first.id
    told = (await page_of(client, f"/runs/{again.id}")).text
    assert "waits: its job runs 1 of 1, and the queue mail starts at most 1 within 1 h, and the group db" in told
    told = (await page_of(client, f"/runs/{other.id}")).text
    assert "waits: the queue mail starts at most 1 within 1 h, and the group db runs 1 of 1" in told
    async with Stream(quiet, f"run:{other.id}", at=f"/runs/{other.id}", after=0) as stream:
        assert "waits: the queue mail starts" in await stream.html()
        await quiet.services.limits.clear("queue", "mail")
        assert "waits: the group db runs 1 of 1" in await stream.until("#run-side")
        await quiet.runs.finish(claimed.run, Outcome(state=RunState.SUCCEEDED), 1.0)
        assert "waits:" not in await stream.until("#run-side"), "what another job does, tells of this run too"

"""The list of runs, errors and the search over logs, in the browser and by the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from quart.testing import QuartClient
from visiting import EVIL, HTMX, Api, Page, page_of, partials, put_lines, put_run

from cronapp.app import App
from cronapp.core.models import Run, RunError, RunState
from cronapp.store.runs import RunFilter
from cronapp.web.asked_runs import asked_runs_of
from cronapp.web.log_search import marked
from cronapp.web.views.failures import asked_errors_of

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


# -- the address ----------------------------------------------------------------------------------------------------


def test_an_address_says_what_is_shown_and_nonsense_is_passed_over() -> None:
    asked = asked_runs_of(
        "state=lost,failed,evil&args=shop%3DKiel&args=x&q=+a+b+&trigger=evil&within=24h&since=2026-01-01&backfill=3"
        "&cursor=9&what=1&node="
    )
    assert asked.filters(NOW) == RunFilter(
        q="a b", state="failed,lost", args=("shop=Kiel", "x"), since=NOW - timedelta(days=1), backfill=3
    )
    assert asked.query == "q=a%20b&state=failed,lost&within=24h&args=shop%3DKiel&args=x&backfill=3"
    assert asked.cursor == 9
    between = asked_runs_of("since=2026-03-01T10:00&until=2026-03-01T12:00%2B01:00&state=failed&state=lost")
    assert between.filters(NOW) == RunFilter(
        state="failed,lost",
        since=datetime(2026, 3, 1, 10, tzinfo=UTC),
        until=datetime(2026, 3, 1, 11, tzinfo=UTC),
    )
    assert asked_runs_of("since=0001-01-01T00:00%2B14:00&cursor=x&within=9y").pairs == ()


def test_one_step_away_is_an_address_of_its_own() -> None:
    asked = asked_runs_of("state=failed&job=one&within=7d&cursor=5")
    assert asked.toggled("lost") == "/runs?state=failed,lost&within=7d&job=one"
    assert asked.toggled("failed") == "/runs?within=7d&job=one"
    assert asked.within("1h") == "/runs?state=failed&within=1h&job=one"
    assert [(chip.text, chip.href) for chip in asked.chips] == [
        ("Last 7 days", "/runs?state=failed&job=one"),
        ("job: one", "/runs?state=failed&within=7d"),
    ]
    assert asked.page(3).endswith("&cursor=3")
    errors = asked_errors_of({"within": "30d", "job": "one", "q": "x", "cursor": "4"})
    assert errors.href(q=None) == "/errors?job=one&within=30d"
    assert errors.within("7d") == "/errors?q=x&job=one"
    assert asked_errors_of({"within": "evil"}).within("24h", "/errors/ab") == "/errors/ab?within=24h"


# -- runs -----------------------------------------------------------------------------------------------------------


def numbers(page: Page) -> list[int]:
    return [int(e.attrs["data-run"]) for e in page.all("tr") if "data-run" in e.attrs]


async def some(app: App, api: Api) -> list[Run]:
    """One that waits, one that succeeded, two that failed of another job."""
    await api.make("one", args={"name": "Kiel"}, tags=["night"])
    await api.make("two", task="fail")
    one, two = await app.jobs.get("one"), await app.jobs.get("two")
    error = RunError("ValueError", f"no figures {EVIL}", "Traceback")
    return [
        await put_run(app, one, RunState.QUEUED),
        await put_run(app, one, RunState.SUCCEEDED, result={"sent": 3}),
        await put_run(app, two, RunState.FAILED, error=error),
        await put_run(app, two, RunState.FAILED, error=error),
    ]


async def test_the_list_shows_what_its_address_asks_for(quiet: App, client: QuartClient, api: Api) -> None:
    waiting, good, bad, worse = await some(quiet, api)
    page = await page_of(client, "/runs")
    assert numbers(page) == [worse.id, bad.id, good.id, waiting.id]
    counts = {e.text.strip(): e.attrs["href"] for e in page.all("a", title="Show these")}
    assert counts["Failed"] == "/runs?state=failed"
    assert numbers(await page_of(client, "/runs?state=failed,queued")) == [worse.id, bad.id, waiting.id]
    assert numbers(await page_of(client, "/runs?args=name%3DKiel&tag=night&state=succeeded")) == [good.id]
    assert numbers(await page_of(client, "/runs?q=NO+figures&within=1h")) == [worse.id, bad.id]
    assert numbers(await page_of(client, "/runs?result=sent")) == [good.id]
    assert "No run matches" in (await page_of(client, "/runs?error=nowhere")).text
    dialog = await page_of(client, "/runs/filter?args=name%3DKiel&args=x&state=lost&within=1h")
    assert dialog.one("input", id="f-args").attrs["value"] == "name=Kiel"
    hidden = [(e.attrs["name"], e.attrs["value"]) for e in dialog.all("input", type="hidden") if "value" in e.attrs]
    assert [one for one in hidden if one[0] != "form_token"] == [("within", "1h"), ("args", "x")]
    listed = await api.json("GET", "/runs?state=failed,queued&args=Kiel")
    assert [run["id"] for run in listed["items"]] == [waiting.id]
    assert set((await api.json("GET", "/runs?state=evil", 422))["errors"]) == {"state"}


async def test_from_when_and_until_when_are_typed_by_the_clock_of_who_looks(quiet: App, client: QuartClient) -> None:
    typed = "/runs?state=failed&by_clock=1&since=2026-07-28T08:00:00&until=2026-01-01T08:00"
    for told, since, until in [
        ("Europe/Berlin", "2026-07-28T06:00:00Z", "2026-01-01T07:00:00Z"),
        ("job", "2026-07-28T08:00:00Z", "2026-01-01T08:00:00Z"),
        ("Nowhere/At-all", "2026-07-28T08:00:00Z", "2026-01-01T08:00:00Z"),
    ]:
        client.set_cookie("localhost", "cronapp_zone", told)
        reply = await client.get(typed)
        assert reply.headers["Location"] == f"/runs?state=failed&since={since}&until={until}"
        page = await page_of(client, reply.headers["Location"])
        assert page.one("input", type="datetime-local", name="since").attrs["value"] == "2026-07-28T08:00:00"
        assert page.one("form", **{"data-drawn-in": told})
    nothing = await client.get("/runs?by_clock=1&since=2026-13-01&until=")
    assert nothing.headers["Location"] == "/runs"


async def test_many_runs_are_retried_without_javascript(quiet: App, client: QuartClient, api: Api) -> None:
    waiting, good, bad, worse = await some(quiet, api)
    asked = await client.post("/runs/bulk", form={"action": "retry", "all": "1", "query": "state=failed,queued"})
    page = Page(await asked.get_data(as_text=True))
    assert page.faults() == []
    assert "Retry 2 runs?" in page.text
    assert "It waits for its turn already." in page.text
    form = {name: page.one("input", name=name).attrs["value"] for name in ("ids", "action", "back")}
    assert form == {"ids": f"{worse.id} {bad.id} {waiting.id}", "action": "retry", "back": "/runs?state=queued,failed"}
    told = await client.post("/runs/bulk/done", form=form)
    report = Page(await told.get_data(as_text=True))
    assert report.faults() == []
    assert "2 runs tried again." in report.text
    opened = [run.id for run in (await quiet.runs.page(RunFilter(job="two", state="queued")))[0]]
    assert {f"/runs/{run}" for run in opened} <= {e.attrs["href"] for e in report.all("a", class_="link")}
    again = Page(await (await client.post("/runs/bulk/done", form=form)).get_data(as_text=True))
    assert "A later attempt waits." in again.text
    assert (await quiet.runs.get(good.id)).state is RunState.SUCCEEDED
    assert waiting.state is RunState.QUEUED


async def test_a_change_of_many_runs_is_asked_in_the_dialog_and_told_in_a_toast(
    quiet: App, client: QuartClient, api: Api
) -> None:
    waiting, *_ = await some(quiet, api)
    asked = await client.post("/runs/bulk", form={"action": "cancel", "run": str(waiting.id)}, headers=HTMX)
    (part,) = partials(await asked.get_data(as_text=True))
    assert (part.target, "Cancel 1 run?" in part.html) == ("#dialog", True)
    form = {"action": "cancel", "ids": str(waiting.id), "back": "//evil.example"}
    reply = await client.post("/runs/bulk/done", form=form, headers=HTMX)
    assert [part.target for part in partials(await reply.get_data(as_text=True))] == ["#dialog", "#toasts"]
    told = Page(await (await client.post("/runs/bulk/done", form=form)).get_data(as_text=True))
    assert told.faults() == []
    assert "It has ended already." in told.text
    for wrong in ({"action": "retry"}, {"action": "evil", "id": "1"}, {"action": "retry", "id": "x"}):
        assert (await client.post("/runs/bulk", form=wrong)).status_code == 400


async def test_programs_change_many_runs(quiet: App, api: Api) -> None:
    waiting, good, bad, worse = await some(quiet, api)
    order = {"action": "retry", "filter": {"state": ["failed", "queued"]}, "dry_run": True}
    told = await api.json("POST", "/runs/bulk", json=order)
    assert ([one["id"] for one in told["done"]], told["matched"]) == ([worse.id, bad.id], 3)
    assert told["unchanged"] == [{"id": waiting.id, "job": "one", "reason": "It waits for its turn already."}]
    told = await api.json("POST", "/runs/bulk", json={"action": "retry", "ids": [bad.id]})
    assert (await api.json("GET", f"/runs/{told['done'][0]['opened']}"))["trigger"] == "api"
    for wrong, field in (
        ({"action": "evil", "ids": [1]}, "action"),
        ({"action": "retry"}, "ids"),
        ({"action": "retry", "ids": ["1"]}, "ids"),
        ({"action": "retry", "filter": {"evil": "x"}}, "filter.evil"),
        ({"action": "retry", "filter": {"state": "evil"}}, "state"),
        ({"action": "retry", "filter": {"since": "evil"}}, "filter.since"),
    ):
        assert set((await api.json("POST", "/runs/bulk", 422, json=wrong))["errors"]) == {field}
    assert good.state is RunState.SUCCEEDED


# -- errors ---------------------------------------------------------------------------------------------------------


async def test_errors_are_grouped_and_a_group_is_retried_as_a_whole(quiet: App, client: QuartClient, api: Api) -> None:
    assert "No run failed in the last 7 days." in (await page_of(client, "/errors")).text
    *_, bad, worse = await some(quiet, api)
    group = bad.error_group
    page = await page_of(client, "/errors?within=24h&job=two&q=figures")
    assert [e.attrs["data-error"] for e in page.all("tr") if "data-error" in e.attrs] == [group]
    assert "No error matches" in (await page_of(client, "/errors?q=nowhere")).text
    detail = await page_of(client, f"/errors/{group}")
    assert numbers(detail) == [worse.id, bad.id]
    assert detail.with_id("run-outcome")
    asked = await page_of(client, f"/errors/{group}/retry")
    assert "Retry 2 runs?" in asked.text
    assert (await client.get("/errors/nothing")).status_code == 404
    assert (await client.get("/errors/nothing/retry")).status_code == 404
    (told,) = (await api.json("GET", "/errors?within=24h"))["items"]
    assert (told["id"], told["type"], told["count"], told["state"]) == (group, "ValueError", 2, "new")
    assert [(job["id"], job["failing"]) for job in told["jobs"]] == [("two", True)]
    assert (await api.json("GET", f"/errors/{group}"))["error"]["type"] == "ValueError"
    assert set((await api.json("GET", "/errors?within=evil", 422))["errors"]) == {"within"}
    assert f"/errors/{group}" in {e.attrs.get("href") for e in (await page_of(client, f"/runs/{bad.id}")).all("a")}


# -- logs -----------------------------------------------------------------------------------------------------------


async def test_the_logs_of_all_runs_are_searched(quiet: App, client: QuartClient, api: Api) -> None:
    waiting, good, *_ = await some(quiet, api)
    await put_lines(quiet, good, ["one", "two", f"the <b>Needle</b> {EVIL}", "four", "five", "six"])
    await put_lines(quiet, waiting, ["no needle here? yes"])
    page = await page_of(client, "/logs?q=needle")
    assert [e.attrs["data-seq"] for e in page.all("li", class_="hit")] == ["3", "1"]
    assert f"/runs/{good.id}#L3" in {e.attrs.get("href") for e in page.all("a")}
    assert {e.text for e in page.all("mark")} == {"Needle", "needle"}
    assert "Searched 7 lines of 2 runs. These are all." in page.text
    assert "Nothing found" in (await page_of(client, "/logs?q=nowhere&job=one&within=24h")).text
    assert "Search what runs wrote" in (await page_of(client, "/logs")).text
    told = await api.json("GET", "/logs?q=needle")
    assert [(one["run"], one["count"], len(one["lines"])) for one in told["items"]] == [
        (good.id, 1, 5),
        (waiting.id, 1, 1),
    ]
    assert told["searched"] == {"runs": 2, "lines": 7, "back_to": waiting.id}
    assert set((await api.json("GET", "/logs", 422))["errors"]) == {"q"}
    assert set((await api.json("GET", "/logs?show=evil", 422))["errors"]) == {"show"}


@pytest.mark.parametrize(
    ("text", "q", "told"),
    [
        ("a Needle", "needle", "a <mark>Needle</mark>"),
        ("<b>\x1b[31mred\x1b[0m", "red", "&lt;b&gt;<mark>red</mark>"),
        ("İ needle", "needle", "İ <mark>needle</mark>"),
        ("none", "", "none"),
    ],
)
def test_what_was_looked_for_is_marked(text: str, q: str, told: str) -> None:
    assert marked(text, q) == told


def test_a_long_line_is_shown_around_what_was_found() -> None:
    told = marked("a" * 1000 + "needle" + "b" * 1000, "needle")
    assert told.startswith("…aaa")
    assert "<mark>needle</mark>" in told
    assert len(told) < 450

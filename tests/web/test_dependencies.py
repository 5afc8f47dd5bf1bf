"""Jobs that run after others, on the pages: typed, drawn, told, and kept fresh."""

from __future__ import annotations

from itertools import pairwise

import pytest
from quart.testing import QuartClient
from recipes import carry
from visiting import Api, Page, Stream, page_of, partials, put_in_state

from cronapp.app import App
from cronapp.core.events import RunChanged
from cronapp.core.models import JobState
from cronapp.web.views.job.dependencies import DependenciesTab

ALONE = {"kind": "dependency"}


async def chain(api: Api, *, mode: str = "all") -> None:
    """`extract` and `fetch`, after them `load`, after that `report`."""
    await api.make("extract")
    await api.make("fetch")
    await api.make("load", schedule=ALONE, after={"jobs": ["extract", "fetch"], "mode": mode})
    await api.make("report", schedule=ALONE, after={"jobs": ["load"], "when": "any"})


def titles(page: Page) -> dict[str, str]:
    """What the graph says of each of its jobs, and the state it has there."""
    return {
        title.text: job.attrs["data-state"]
        for job, title in pairwise(page.elements)
        if job.tag == "a" and title.tag == "title" and "data-state" in job.attrs
    }


def nodes(page: Page) -> dict[str, str]:
    """The jobs of the graph and their states."""
    return {text.split(":")[0]: state for text, state in titles(page).items()}


async def end(app: App, job_id: str) -> int:
    run = await app.runs.run_now(job_id)
    await carry(app.runs)
    return run.id


# -- typed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "kinds"),
    [({"schedule.kind": "dependency"}, ["dependency"]), ({"schedule.expression": "0 3 * * *"}, ["cron"])],
)
async def test_jobs_before_are_typed_and_stay_as_they_are_when_the_form_is_saved_again(
    quiet: App, client: QuartClient, api: Api, schedule: dict[str, str], kinds: list[str]
) -> None:
    await chain(api)
    typed = {"after.jobs": "report , extract", "after.when": "failure", "after.mode": "each"}
    reply = await client.post("/jobs", form={"id": "alarm", "task": "hello", **schedule, **typed})
    assert reply.status_code == 303
    made = await api.json("GET", "/jobs/alarm")
    assert made["after"] == {"jobs": ["report", "extract"], "when": "failure", "mode": "each"}
    assert made["schedule"]["kind"] in kinds
    form = (await page_of(client, "/jobs/alarm/edit")).form("job-form")
    assert (await client.post("/jobs/alarm/edit", form=form)).status_code == 303
    again = await api.json("GET", "/jobs/alarm")
    assert (again["after"], again["schedule"]) == (made["after"], made["schedule"])


async def test_emptied_it_runs_after_none(client: QuartClient, api: Api) -> None:
    await chain(api)
    form = (await page_of(client, "/jobs/load/edit")).form("job-form")
    reply = await client.post("/jobs/load/edit", form=form | {"schedule.kind": "manual", "after.jobs": " "})
    assert reply.status_code == 303
    assert (await api.json("GET", "/jobs/load"))["after"] is None


async def test_a_circle_is_spelt_out_beside_the_field(client: QuartClient, api: Api) -> None:
    await chain(api)
    form = (await page_of(client, "/jobs/extract/edit")).form("job-form")
    reply = await client.post("/jobs/extract/edit", form=form | {"after.jobs": "report"})
    assert reply.status_code == 422
    page = Page(await reply.get_data(as_text=True))
    assert "extract → load → report → extract" in page.wrong()["after-jobs"]
    assert page.with_id("f-after-jobs").attrs["value"] == "report"


# -- drawn and told -------------------------------------------------------------------------------------------------


async def test_the_jobs_page_shows_what_hangs_together_and_what_is_awaited(
    quiet: App, client: QuartClient, api: Api
) -> None:
    await chain(api)
    await api.make("alone")
    run = await end(quiet, "extract")
    page = await page_of(client, "/jobs/load/dependencies")
    states = {"extract": "succeeded", "fetch": "never_run", "load": "never_run", "report": "never_run"}
    assert nodes(page) == states
    assert "load: not run yet; after extract and fetch succeed" in titles(page)
    assert page.one("a", aria_current="page", data_state="never_run").attrs["href"] == "/jobs/load"
    assert page.all("a", href=f"/runs/{run}")
    assert "still awaited" in page.text
    assert "runs after extract and fetch succeed." in page.text
    assert "runs after load ends." in page.text
    assert nodes(await page_of(client, "/jobs/report/dependencies")) == states
    alone = await page_of(client, "/jobs/alone/dependencies")
    assert nodes(alone) == {}
    assert "Nothing runs before or after this job" in alone.text


async def test_an_upstream_that_wakes_nobody_is_told(quiet: App, client: QuartClient, api: Api) -> None:
    await chain(api)
    await quiet.jobs.pause("extract", by="admin")
    await quiet.jobs.remove("fetch")
    page = await page_of(client, "/jobs/load/dependencies")
    assert nodes(page) == {"extract": "paused", "fetch": "removed", "load": "never_run", "report": "never_run"}
    assert "which this job runs after, is paused." in page.text
    assert "fetch, which this job runs after, was removed." in page.text
    assert page.text.count("this job is not woken") == 2
    await put_in_state(quiet, "load", JobState.NEEDS_ATTENTION, "Its task is gone.")
    assert "needs attention and does not run." in (await page_of(client, "/jobs/report/dependencies")).text


async def test_who_removes_a_job_is_told_which_jobs_run_after_it(client: QuartClient, api: Api) -> None:
    await chain(api)
    assert "1 job runs after this one:" in (await page_of(client, "/jobs/extract/remove")).text
    assert "after this one" not in (await page_of(client, "/jobs/report/remove")).text


async def test_a_run_names_the_run_that_woke_it_as_long_as_that_is_kept(
    quiet: App, client: QuartClient, api: Api
) -> None:
    await chain(api, mode="each")
    waker = await end(quiet, "extract")
    (woken,) = (await api.json("GET", "/runs?job=load"))["items"]
    assert (woken["trigger"], woken["woken_by"], woken["cause"], woken["backfill"]) == ("dependency", waker, None, None)
    page = await page_of(client, f"/runs/{woken['id']}")
    assert page.one("a", href=f"/runs/{waker}").text == f"run #{waker} of extract"
    assert (await page_of(client, "/runs?job=load")).one("a", href=f"/runs/{waker}").text == f"Run #{waker}"
    await quiet.runs.prune(keep_days=1000, keep_runs=0)
    page = await page_of(client, f"/runs/{woken['id']}")
    assert f"run #{waker}, no longer kept" in page.text
    assert not page.all("a", href=f"/runs/{waker}")


# -- kept fresh -----------------------------------------------------------------------------------------------------


async def test_the_graph_follows_the_runs_of_its_jobs_and_new_ones(quiet: App, api: Api) -> None:
    await chain(api)

    async def graph(stream: Stream, wanted: str) -> str:
        html = await stream.until(wanted)
        return next(one.html for one in partials(html) if one.target == "#job-graph")

    async with Stream(quiet, "job:report:dependencies") as stream:
        await graph(stream, "#job-graph")
        await end(quiet, "extract")
        assert nodes(Page(await graph(stream, 'data-state="succeeded"')))["extract"] == "succeeded"
        await api.make("mail", schedule=ALONE, after={"jobs": ["report"]})
        assert "mail" in nodes(Page(await graph(stream, "mail")))


async def test_the_graph_is_drawn_anew_for_the_runs_of_its_own_jobs_only(quiet: App, api: Api) -> None:
    await chain(api)
    view = DependenciesTab(quiet.site.parts, "report", {}, "")
    assert (
        tuple(view.heed(RunChanged(1, "extract"))) == ()
    )  # it is not known yet, and comes with the first message anyhow
    await view.show("graph")
    assert tuple(view.heed(RunChanged(1, "extract"))) == ("graph",)
    assert tuple(view.heed(RunChanged(1, "alone"))) == ()

"""What one can do to a job and a run in the browser: as a fragment for htmx, and without JavaScript as a whole page."""

from __future__ import annotations

import pytest
from quart import Response
from quart.testing import QuartClient
from visiting import HTMX, Api, Page, page_of, partials, put_in_state, put_run

from cronapp.app import App
from cronapp.core.models import JobState, RunState


def on(path: str) -> dict[str, str]:
    """What htmx says of the page that asks."""
    return HTMX | {"HX-Current-URL": f"http://localhost{path}"}


async def targets(reply: Response) -> list[str]:
    assert reply.status_code == 200
    return [part.target for part in partials(await reply.get_data(as_text=True))]


@pytest.fixture
async def nightly(api: Api) -> None:
    await api.make("nightly", schedule={"kind": "cron", "expression": "0 3 * * *"})


@pytest.mark.usefixtures("nightly")
async def test_run_now_opens_a_run_and_tells_where_it_is(quiet: App, client: QuartClient) -> None:
    plain = await client.post("/jobs/nightly/run")
    assert plain.status_code == 303
    run = await quiet.runs.get(int(plain.headers["Location"].removeprefix("/runs/")))
    assert (run.state, run.trigger, run.job) == ("queued", "manual", "nightly")

    key = (await quiet.jobs.get("nightly")).key
    reply = await client.post("/jobs/nightly/run", headers=on("/jobs?state=active"))
    assert await targets(reply) == [f"#job-row-{key}", "#toasts"]
    assert f"/runs/{run.id + 1}" in await reply.get_data(as_text=True)
    assert await targets(await client.post("/jobs/nightly/run", headers=on("/jobs/nightly"))) == [
        "#job-head",
        "#toasts",
    ]
    assert await targets(await client.post("/jobs/nightly/run", headers=on("/"))) == ["#toasts"]


@pytest.mark.usefixtures("nightly")
@pytest.mark.parametrize("path", ["/jobs", "/jobs/nightly"])
async def test_pause_and_resume_bring_the_new_state_along(quiet: App, client: QuartClient, path: str) -> None:
    for act, state in (("pause", "paused"), ("pause", "paused"), ("resume", "active"), ("resume", "active")):
        reply = await client.post(f"/jobs/nightly/{act}", headers=on(path))
        closed, _, told = await targets(reply)
        assert (closed, told) == ("#dialog", "#toasts")
        page = Page(await reply.get_data(as_text=True))
        assert page.one("", data_job="nightly").attrs["data-state"] == state
        assert (await quiet.jobs.get("nightly")).state == state
        plain = await client.post(f"/jobs/nightly/{act}")
        assert (plain.status_code, plain.headers["Location"]) == (303, "/jobs/nightly")


@pytest.mark.usefixtures("nightly")
async def test_a_paused_job_has_no_next_run_and_can_be_run_by_hand(quiet: App, client: QuartClient) -> None:
    await client.post("/jobs/nightly/pause")
    assert (await quiet.jobs.get("nightly")).next_slot is None
    page = await page_of(client, "/jobs/nightly")
    assert page.all("form", action="/jobs/nightly/resume")
    assert not page.all("a", href="/jobs/nightly/pause", class_="btn")
    assert (await client.post("/jobs/nightly/run")).status_code == 303


@pytest.mark.usefixtures("nightly")
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
async def test_removing_asks_first_and_then_leads_to_the_list(
    quiet: App, client: QuartClient, headers: dict[str, str]
) -> None:
    waiting = await put_run(quiet, await quiet.jobs.get("nightly"), RunState.QUEUED)
    page = await page_of(client, "/jobs/nightly/remove")
    assert page.one("form", action="/jobs/nightly/remove").attrs["method"] == "post"
    assert await quiet.jobs.get("nightly"), "a GET changes nothing"
    reply = await client.post("/jobs/nightly/remove", headers=headers)
    assert reply.headers["HX-Redirect" if headers else "Location"] == "/jobs"
    assert await quiet.jobs.all() == []
    run = await quiet.runs.get(waiting.id)
    assert (run.state, run.reason) == ("cancelled", "The job was removed.")


@pytest.mark.usefixtures("nightly")
async def test_cancel_ends_a_waiting_run_and_asks_a_running_one(quiet: App, client: QuartClient) -> None:
    job = await quiet.jobs.get("nightly")
    waiting, running = await put_run(quiet, job, RunState.QUEUED), await put_run(quiet, job, RunState.RUNNING)
    reply = await client.post(f"/runs/{waiting.id}/cancel", headers=on(f"/runs/{waiting.id}"))
    assert await targets(reply) == ["#dialog", "#run-head", "#toasts"]
    assert (await quiet.runs.get(waiting.id)).state == "cancelled"
    reply = await client.post(f"/runs/{running.id}/cancel", headers=on("/"))
    assert await targets(reply) == ["#dialog", "#toasts"]
    assert "asked to stop" in await reply.get_data(as_text=True)
    plain = await client.post(f"/runs/{running.id}/cancel")
    assert (plain.status_code, plain.headers["Location"]) == (303, f"/runs/{running.id}")


@pytest.mark.usefixtures("nightly")
async def test_run_again_opens_the_next_attempt_with_the_same_arguments(quiet: App, client: QuartClient) -> None:
    run = await quiet.runs.run_now("nightly", {"name": "Kiel"})
    await quiet.runs.cancel(run.id)
    plain = await client.post(f"/runs/{run.id}/retry")
    again = await quiet.runs.get(int(plain.headers["Location"].removeprefix("/runs/")))
    assert (again.attempt, again.first_attempt, again.args) == (2, run.id, {"name": "Kiel"})
    reply = await client.post(f"/runs/{run.id}/retry", headers=on(f"/runs/{run.id}"))
    assert await targets(reply) == ["#run-head", "#toasts"]
    page = await page_of(client, f"/runs/{run.id}")
    assert {e.attrs["href"] for e in page.all("a", class_="t-wait")} == {
        f"/runs/{run.id + 1}",
        f"/runs/{run.id + 2}",
    }


@pytest.mark.usefixtures("nightly")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/jobs/gone/run", 404),
        ("/jobs/gone/pause", 404),
        ("/jobs/gone/resume", 404),
        ("/jobs/gone/remove", 404),
        ("/jobs/gone/edit", 404),
        ("/runs/99/cancel", 404),
        ("/runs/99/retry", 404),
        ("/runs/1/cancel", 409),
        ("/runs/2/retry", 409),
        ("/jobs/over/pause", 409),
        ("/jobs/over/resume", 409),
    ],
)
async def test_what_cannot_be_done_is_told_where_it_was_asked(
    quiet: App, client: QuartClient, api: Api, path: str, status: int
) -> None:
    job = await quiet.jobs.get("nightly")
    await put_run(quiet, job, RunState.SUCCEEDED)
    await put_run(quiet, job, RunState.QUEUED)
    await api.make("over", schedule={"kind": "cron", "expression": "0 3 * * *"})
    await put_in_state(quiet, "over", JobState.FINISHED)
    told = await client.post(path, headers=on("/jobs"))
    assert told.status_code == status
    (part,) = partials(await told.get_data(as_text=True))
    assert (part.target, part.swap) == ("#toasts", "beforeend")
    plain = await client.post(path)
    assert plain.status_code == status
    page = Page(await plain.get_data(as_text=True))
    assert page.faults() == []
    assert page.one("h1").text


async def test_a_job_whose_task_is_gone_cannot_be_run(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly")
    quiet.tasks.registry.tasks.pop("hello")
    reply = await client.post("/jobs/nightly/run", headers=HTMX)
    assert reply.status_code == 409
    assert "no longer in the code" in await reply.get_data(as_text=True)
    assert await quiet.runs.counts() == {}


async def test_nothing_is_changed_by_looking(quiet: App, client: QuartClient, api: Api) -> None:
    await api.make("nightly")
    before = await quiet.jobs.get("nightly")
    assert (await client.get("/jobs/nightly/run")).status_code in (404, 405)
    for path in ("/jobs/nightly/remove", "/jobs/nightly/pause?until=1h", "/jobs/nightly/pause/told?until=1h"):
        assert (await client.get(path)).status_code == 200
    for path in ("/jobs/nightly/resume", "/scheduler/pause", "/scheduler/pause/told", "/scheduler/resume"):
        assert (await client.get(path)).status_code in (200, 303)
    assert (await client.get("/logout")).status_code == 405
    assert await quiet.jobs.get("nightly") == before
    assert await quiet.runs.counts() == {}

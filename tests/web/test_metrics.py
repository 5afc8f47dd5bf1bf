"""The metrics: who is told them, in which form, and that they tell what happened."""

from __future__ import annotations

import platform
import re
from datetime import timedelta

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed
from quart import Response
from support import TOKEN, Server, until
from visiting import Api, put_run

from cronapp import __version__
from cronapp.app import App
from cronapp.core.errors import StoreUnavailable
from cronapp.core.models import RunState
from cronapp.metrics import meter, page
from cronapp.service import standing

Figures = dict[tuple[str, ...], float]


async def asked(app: App, token: str = TOKEN, **headers: str) -> Response:
    client = app.site.test_client(use_cookies=False)
    return await client.get("/metrics", headers={"Authorization": f"Bearer {token}", **headers})


def figures(text: str) -> Figures:
    """Each sample by its name and the values of its labels, in the order of their names."""
    samples = [sample for family in parsed(text) for sample in family.samples]
    return {(one.name, *(one.labels[label] for label in sorted(one.labels))): one.value for one in samples}


async def told(app: App) -> Figures:
    reply = await asked(app)
    assert reply.status_code == 200
    return figures(await reply.get_data(as_text=True))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the database knows is asked for each time."""
    monkeypatch.setattr(standing, "FRESH", 0.0)


async def test_it_tells_how_runs_went_how_long_they_took_and_how_late_they_were(app: App) -> None:
    for job, task in (("good", "hello"), ("bad", "fail")):
        await app.jobs.create({"id": job, "task": task, "schedule": {"kind": "manual"}}, origin="api")
    before = await told(app)
    assert before["cronapp_runs_total", "bad", "failed", "fail"] == 0, (
        "else the first failure is none that increase() sees"
    )
    for job in ("good", "bad", "bad"):
        run = await app.runs.run_now(job)
        await until(lambda run=run: ended(app, run.id))
    now = await told(app)
    assert now["cronapp_runs_total", "bad", "failed", "fail"] == 2
    assert now["cronapp_runs_total", "good", "succeeded", "hello"] == 1
    assert now["cronapp_run_duration_seconds_count", "fail"] == 2
    assert now["cronapp_runs_started_total", "default"] == 3
    assert now["cronapp_job_failures", "bad"] == 2
    assert now["cronapp_job_last_success_timestamp_seconds", "good", "hello"] == pytest.approx(
        app.clock().timestamp(), abs=60
    )
    assert ("cronapp_job_last_success_timestamp_seconds", "bad", "fail") not in now
    assert now["cronapp_database_seconds_count", "write"] > before["cronapp_database_seconds_count", "write"]
    assert now["cronapp_database_up",] == now["cronapp_scheduler_running",] == 1
    assert now["process_resident_memory_bytes",] > 1e6


async def ended(app: App, run_id: int) -> bool:
    return (await app.runs.get(run_id)).state.ended


async def test_slots_without_a_run_and_what_waits_are_told(quiet: App, api: Api) -> None:
    await api.make("hourly", schedule={"kind": "cron", "expression": "0 * * * *"}, queue="mail")
    job = await quiet.jobs.get("hourly")
    await put_run(quiet, job, RunState.MISSED, missed=3, slot=quiet.clock() - timedelta(hours=1))
    await put_run(quiet, job, RunState.QUEUED)
    now = await told(quiet)
    assert now["cronapp_slots_missed_total", "hourly"] == 3
    assert now["cronapp_runs_queued", "mail"] == 1
    assert now["cronapp_jobs", "active"] == 1
    assert job.next_slot is not None
    assert now["cronapp_job_next_slot_timestamp_seconds", "hourly"] == job.next_slot.timestamp()
    assert now["cronapp_scheduler_paused",] == 0
    await api.json("POST", "/scheduler/pause", json={})
    paused = await told(quiet)
    assert paused["cronapp_scheduler_paused",] == 1
    assert ("cronapp_job_next_slot_timestamp_seconds", "hourly") not in paused, "nobody is to be woken for it"
    await api("DELETE", "/jobs/hourly")
    gone = [name for name in await told(quiet) if "hourly" in name]
    assert gone == [], "a job that was removed leaves no series behind"


async def test_beyond_a_limit_jobs_and_queues_are_told_together(
    quiet: App, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter, "MOST_NAMES", 2)
    quiet.meter.tally._most = quiet.standings.most = 2
    for n in range(4):
        await api.make(f"job-{n}", queue=f"queue-{n}")
        await put_run(quiet, await quiet.jobs.get(f"job-{n}"), RunState.FAILED)
    await quiet.runs.run_now("job-3")
    assert await quiet.runs.claim("node-1", 1)
    now = await told(quiet)
    runs = {name[1:]: value for name, value in now.items() if name[0] == "cronapp_runs_total" and value}
    assert runs == {
        ("job-0", "failed", "hello"): 1,
        ("job-1", "failed", "hello"): 1,
        ("", "failed", ""): 2,
    }
    assert {name[1] for name in now if name[0] == "cronapp_job_failures"} == {"job-0", "job-1"}


async def test_what_this_server_knows_is_told_also_while_the_database_is_away(
    quiet: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable

    headers = {"Authorization": f"Bearer {(await quiet.services.tokens.create('viewer')).secret}"}
    monkeypatch.setattr(page, "PATIENCE", 1.0)
    monkeypatch.setattr(quiet.standings, "look", away)
    reply = await quiet.site.test_client().get("/metrics", headers=headers)
    now = figures(await reply.get_data(as_text=True))
    assert (now["cronapp_database_up",], now["cronapp_concurrency",]) == (0, 0)
    assert ("cronapp_scheduler_paused",) not in now


async def test_who_is_limited_to_tags_or_has_no_token_is_told_nothing(quiet: App) -> None:
    create = quiet.services.tokens.create
    limited, viewer = await create("editor", tags=["ours"]), await create("viewer")
    for token, status in ((limited.secret, 403), (viewer.secret, 200), ("wrong", 401)):
        assert (await asked(quiet, token)).status_code == status
    stranger = await quiet.site.test_client(use_cookies=False).get("/metrics")
    assert (stranger.status_code, stranger.mimetype) == (401, "application/problem+json")
    assert stranger.headers["WWW-Authenticate"] == "Bearer"


async def test_it_speaks_openmetrics_with_those_who_do(quiet: App) -> None:
    prometheus = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    reply = await asked(quiet, Accept=prometheus)
    text = await reply.get_data(as_text=True)
    assert reply.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert text.endswith("# EOF\n")
    assert {"cronapp_runs", "cronapp_build_info"} <= {family.name for family in parsed_openmetrics(text)}
    plain = await asked(quiet, Accept="text/plain")
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert not re.search(r"_created\b", await plain.get_data(as_text=True))


def test_a_port_of_its_own_tells_everybody_but_nothing_else(server: Server) -> None:
    server.env["CRONAPP_METRICS_PORT"] = "0"
    server.start()
    found = re.search(r"^Metrics +(\S+)/metrics", server.text(), re.MULTILINE)
    assert found
    reply = httpx.get(f"{found[1]}/metrics", headers={"Accept-Encoding": "gzip"})
    assert (reply.status_code, reply.headers["Content-Encoding"]) == (200, "gzip")
    assert figures(reply.text)["cronapp_build_info", "sqlite", "server", platform.python_version(), __version__] == 1
    assert httpx.get(f"{found[1]}/metrics", headers={"Host": "evil.example"}).status_code == 400
    for path in ("/", "/jobs", "/api/v1/jobs", "/login", "/static/app.css"):
        assert httpx.get(f"{found[1]}{path}", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 404
    assert httpx.get(f"{server.url}/metrics").status_code == 401, "at the site one has to say who one is"
    assert server.stop() == 0

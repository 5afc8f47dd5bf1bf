"""A restart on the system page, and a server that is emptied on every page."""

from __future__ import annotations

from pathlib import Path

import pytest
from quart.testing import QuartClient
from recipes import a_node
from support import until
from visiting import HTMX, Api, page_of, partials, settings_in, signed_in

from cronapp.app import App
from cronapp.store import nodes


async def test_the_system_page_tells_whether_a_restart_is_safe_and_empties_the_server(
    quiet: App, client: QuartClient, api: Api
) -> None:
    assert (await page_of(client, "/system")).with_id("restart").attrs["data-safe"] == "yes"
    await api.make("each-minute", schedule={"kind": "cron", "expression": "* * * * *"})
    page = await page_of(client, "/system")
    assert page.with_id("restart").attrs["data-safe"] == "no"
    assert "1 job due within 5 min. There is no gap within a day." in page.text

    reply = await client.post("/system/drain", headers=HTMX)
    assert [part.target for part in partials(await reply.get_data(as_text=True))] == ["#banner", "#restart", "#toasts"]
    for path in ("/", "/jobs", "/jobs/each-minute", "/jobs/each-minute/slots", "/runs", "/system"):
        page = await page_of(client, path)
        assert page.faults() == []
        assert "The server is being emptied for a restart" in page.text, path
    ready = await client.get("/readyz")
    assert (ready.status_code, (await ready.get_json())["scheduler"]) == (503, False)
    assert (await client.get("/healthz")).status_code == 200

    plain = await client.post("/system/drain/end")
    assert (plain.status_code, plain.headers["Location"]) == (303, "/system")
    assert "emptied" not in (await page_of(client, "/jobs")).text
    assert (await client.get("/readyz")).status_code == 200


async def test_a_server_follows_who_empties_it_by_its_name(quiet: App, client: QuartClient, api: Api) -> None:
    name = quiet.node
    assert (await api.json("POST", f"/workers/{name}/drain"))["drained_by"] == "the admin token"
    await until(lambda: quiet.draining.since)
    assert "The server is being emptied for a restart" in (await page_of(client, "/jobs")).text
    assert (await api.json("GET", "/drain"))["draining"] is True
    assert (await api.json("POST", f"/workers/{name}/resume"))["draining"] is False
    await until(lambda: quiet.draining.since is None)
    await api.json("POST", "/drain")
    assert await until(lambda: drained_by(api)) == "the admin token"
    await api.json("DELETE", "/drain")
    await until(lambda: not_drained(api))
    assert quiet.draining.since is None


async def drained_by(api: Api) -> str | None:
    (told,) = (await api.json("GET", "/workers"))["items"]
    return str(told["drained_by"]) if told["drained_by"] else None


async def not_drained(api: Api) -> bool:
    return await drained_by(api) is None


async def test_a_server_whose_clock_is_off_leaves_the_slots_to_others(
    quiet: App, client: QuartClient, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    for off in (1.5, 1.6, 5.5, 6.0):
        quiet.clocks.measured(off)
    warned = [record.levelname for record in caplog.records if "clock" in record.name]
    assert warned == ["WARNING", "ERROR"], "each is told once"
    page = await page_of(client, "/jobs")
    assert "The clock of this server is +6.0 s off" in page.text
    ready = await client.get("/readyz")
    told = await ready.get_json()
    assert (ready.status_code, told["clock"], told["scheduler"]) == (503, False, False)
    assert not quiet.serving()
    await api.make("tick", schedule={"kind": "interval", "every": 1})
    await until(lambda: quiet.scheduler._due_keys)
    assert (await api.json("GET", "/runs"))["items"] == []
    quiet.clocks.measured(-0.2)
    await until(lambda: runs_of(api))
    assert (await client.get("/readyz")).status_code == 200
    assert "off the database" not in (await page_of(client, "/jobs")).text


async def runs_of(api: Api) -> list[object]:
    return list((await api.json("GET", "/runs"))["items"])


async def test_any_process_is_emptied_from_the_system_page(postgres_url: str, tmp_path: Path) -> None:
    settings = settings_in(tmp_path).model_copy(update={"database": postgres_url})
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start(worker=False)
    try:
        node = a_node("gpu-1:7", queues=("train", "default"), labels=("gpu",), clock_off=1.4)
        await app.services.fleet.join(node)
        client = await signed_in(app)
        page = await page_of(client, "/system")
        assert page.faults() == []
        assert page.one(data_node="gpu-1:7")
        for told in ("train, default", "gpu", "0 of 2", "+1.4 s", "this one"):
            assert told in page.text
        await app.jobs.create({"id": "a", "task": "hello", "schedule": {"kind": "manual"}}, origin="api")
        run = (await app.runs.run_now("a")).id
        await app.store.write(nodes.set_lacks, "gpu-1:7", ["hello"])
        for path in ("/system", "/jobs/a"):
            assert "Nobody has the task hello." in (page := await page_of(client, path)).text
            assert page.faults() == []
        assert "waits: nobody has the task hello" in (await page_of(client, f"/runs/{run}")).text
        told = (await Api(app).json("GET", "/workers"))["unserved"]
        why = {"queue": "default", "labels": [], "task": "hello", "count": 1, "why": "nobody has the task hello"}
        assert told == [why]
        figures = await client.get("/metrics")
        assert 'cronapp_runs_unserved{queue="default"} 1.0' in await figures.get_data(as_text=True)
        asked = (await page_of(client, "/system/nodes/gpu-1:7/drain")).text
        assert "It runs nothing now." in asked
        assert "Nobody else serves the queues" in asked
        assert "Nobody else has the label" in asked
        assert "No other server schedules" in (await page_of(client, f"/system/nodes/{app.node}/drain")).text
        reply = await client.post("/system/nodes/gpu-1:7/drain", headers=HTMX)
        targets = [part.target for part in partials(await reply.get_data(as_text=True))]
        assert targets == ["#dialog", "#nodes", "#toasts"]
        assert "emptied by the admin token" in (await page_of(client, "/system")).text
        assert (await client.post("/system/nodes/gpu-1:7/resume")).status_code == 303
        assert "emptied by" not in (await page_of(client, "/system")).text
        assert (await client.get("/system/nodes/nobody/drain")).status_code == 404
    finally:
        await app.close()

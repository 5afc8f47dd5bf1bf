"""A worker is watched at an address of its own: it tells whether it is alive and ready, and its figures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed
from support import TOKEN, until
from visiting import settings_in

from cronapp.app import App
from cronapp.core.errors import StoreUnavailable
from cronapp.core.models import NodeKind
from cronapp.web.watching import make_watched_site

SELF = {"Host": "127.0.0.1:5001"}


@pytest.fixture
async def worker(postgres_url: str, tmp_path: Path) -> AsyncIterator[App]:
    app = App(
        settings_in(tmp_path).model_copy(update={"database": postgres_url, "api_refusals": 30}), kind=NodeKind.WORKER
    )
    await app.start()
    yield app
    await app.close()


async def test_a_worker_tells_whether_it_is_alive_takes_runs_and_what_it_did(
    worker: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_watched_site(worker.parts, "127.0.0.1").test_client(use_cookies=False)

    async def state(path: str) -> tuple[int, dict[str, object]]:
        reply = await client.get(path, headers=SELF)
        return reply.status_code, await reply.get_json()

    assert await state("/healthz") == (200, {"status": "ok"})
    ready = {"status": "ok", "database": True, "worker": True}
    assert await state("/readyz") == (200, ready)

    async def figures() -> dict[tuple[str, ...], float]:
        text = await (await client.get("/metrics", headers=SELF)).get_data(as_text=True)
        return {(one.name, *one.labels.values()): one.value for family in parsed(text) for one in family.samples}

    async def counted() -> bool:
        return ("cronapp_runs_total", "a", "failed", "fail") in await figures()

    await worker.jobs.create({"id": "a", "task": "fail", "schedule": {"kind": "manual"}}, origin="api")
    await worker.runs.run_now("a")
    await until(counted)
    told = await figures()
    assert (told["cronapp_database_up",], told["cronapp_draining",]) == (1, 0)
    assert told["cronapp_concurrency",] == worker.settings.concurrency
    assert [name[2] for name in told if name[0] == "cronapp_build_info"] == ["worker"]
    assert not {"cronapp_jobs", "cronapp_scheduler_running", "cronapp_stream_clients"} & {name[0] for name in told}

    for path in ("/", "/jobs", "/api/v1/jobs", "/login", "/stream", "/static/app.css"):
        assert (await client.get(path, headers=SELF)).status_code == 404
    alive = await client.get("/healthz", headers=SELF)
    assert alive.headers["X-Content-Type-Options"] == "nosniff"
    assert (await client.get("/healthz", headers={"Host": "evil.example"})).status_code == 400
    assert (await client.post("/readyz", headers=SELF)).status_code == 405

    await worker.services.fleet.drain(worker.node)
    draining = {"status": "unavailable", "database": True, "worker": False}

    async def drained() -> bool:
        return await state("/readyz") == (503, draining)

    await until(drained)
    await worker.services.fleet.resume(worker.node)
    await until(lambda: worker.membership.node.draining is None)

    async def away(*_: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(worker.store, "read", away)
        assert await state("/readyz") == (503, ready | {"status": "unavailable", "database": False})
        assert (await state("/healthz"))[0] == 200, "to start it anew would only lose its runs"
    beat = worker.membership._beat
    assert beat is not None
    monkeypatch.setattr(beat._thread, "is_alive", lambda: False)
    assert await state("/healthz") == (503, {"status": "unavailable"})


async def test_beyond_loopback_a_workers_figures_need_a_token_that_looks_at_everything(worker: App) -> None:
    client = make_watched_site(worker.parts, "0.0.0.0").test_client(use_cookies=False)
    create = worker.services.tokens.create
    limited, viewer = await create("editor", tags=["ours"]), await create("viewer")
    pod = {"Host": "10.0.0.7:5001"}
    for token, status in ((limited.secret, 403), (viewer.secret, 200), (TOKEN, 200), ("wrong", 401)):
        reply = await client.get("/metrics", headers={"Authorization": f"Bearer {token}", **pod})
        assert reply.status_code == status
    stranger = await client.get("/metrics", headers={"Remote-User": "ada", **pod})
    assert (stranger.status_code, stranger.headers["WWW-Authenticate"]) == (401, "Bearer")
    refused = await asyncio.gather(*(client.get("/metrics", headers=pod) for _ in range(40)))
    assert 429 in {reply.status_code for reply in refused}
    for path in ("/healthz", "/readyz"):
        assert (await client.get(path, headers=pod)).status_code == 200

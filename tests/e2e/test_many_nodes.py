"""Several servers behind a load balancer: a browser may land on any of them at any time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from balancing import Balancer
from browsing import AWAY, TASKS, Visitor, choose_kind, choose_task, line, seqs, stay, stayed
from playwright.async_api import expect
from support import Server

Visit = Callable[..., Awaitable[Visitor]]


@pytest.fixture
async def servers(tmp_path: Path, postgres_url: str) -> AsyncIterator[list[Server]]:
    """The first of them executes nothing."""
    env = {"CRONAPP_DATABASE": postgres_url, "CRONAPP_SECRET_KEY": "k" * 40}
    made = []
    for name, options in (("one", ["--no-worker"]), ("two", [])):
        (tmp_path / name).mkdir()
        made.append(Server(tmp_path / name, TASKS, env))
        made[-1].launch(*options)
    for server in made:
        server.wait_ready()
    yield made
    for server in made:
        if server.process is not None and server.process.poll() is None:
            server.kill()


@pytest.fixture
async def balancer(servers: list[Server]) -> AsyncIterator[Balancer]:
    made = Balancer(*(server.url for server in servers))
    await made.start()
    yield made
    await made.stop()


async def test_a_browser_lands_on_any_server_and_its_streams_go_on_at_another(
    servers: list[Server], balancer: Balancer, visit: Visit, tmp_path: Path
) -> None:
    me = await visit(balancer)
    page = await me.open("/jobs/new")
    await choose_task(page, "gated_in_thread")
    await page.get_by_label("Job id").fill("shared")
    await page.get_by_label("folder").fill(str(tmp_path))
    await choose_kind(page, "By hand")
    await page.get_by_role("button", name="Save and run").click()
    await expect(page.locator("#run-head")).to_have_attribute("data-state", "running")
    assert all(asked > 5 for asked in balancer.asked), balancer.asked

    balancer.only = 0
    watched = await me.open(page.url.removeprefix(balancer.url))
    balancer.only = None
    await stay(watched)
    await expect(line(watched, 1)).to_contain_text("line 1")
    me.allowed.append(AWAY)
    servers[0].kill()
    for gate in (1, 2, 3):
        (tmp_path / f"gate-{gate}").touch()
    for one in (page, watched):
        await expect(one.locator("#run-head")).to_have_attribute("data-state", "succeeded")
        assert await seqs(one) == [1, 2, 3]
    assert await stayed(watched)

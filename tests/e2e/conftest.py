"""A browser for the whole session, a server that the tests share, and a new window for each test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from browsing import TASKS, Settings, Visitor, find_browser, start_browser
from playwright.async_api import Browser, async_playwright
from support import Server

Visit = Callable[..., Awaitable[Visitor]]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        path = find_browser(playwright)
        if path is None:
            if os.environ.get("CI") == "true":
                pytest.fail("there is no browser, and with CI=true the browser tests may not be left out")
            pytest.skip("there is no browser; `make test` installs one, or tells how to")
        browser = await start_browser(playwright, path)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("e2e"), TASKS)
    try:
        yield server.start()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()


@pytest.fixture
def site(shared_server: Server) -> Iterator[Server]:
    """A running server that the browser tests share, without a job."""
    yield shared_server
    shared_server.api("POST", "/scheduler/resume")
    for job in shared_server.api("GET", "/jobs?limit=500").json()["items"]:
        shared_server.api("DELETE", f"/jobs/{job['id']}")


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """`await visit(server)` is a new window, signed in; each fault that a page tells of fails the test."""
    visitors: list[Visitor] = []

    async def open_window(server: Server, *, signed_in: bool = True, **settings: Any) -> Visitor:
        options: Settings = {"reduced_motion": "reduce", "timezone_id": "UTC", "locale": "en-GB", **settings}
        visitor = Visitor(await browser.new_context(**options), server.url)
        visitors.append(visitor)
        if signed_in:
            await visitor.sign_in()
        return visitor

    yield open_window
    for visitor in visitors:
        await visitor.context.close()
    assert [fault for visitor in visitors for fault in visitor.unexpected()] == []


@pytest.fixture
async def me(site: Server, visit: Visit) -> Visitor:
    """One signed-in window on the shared server."""
    return await visit(site)

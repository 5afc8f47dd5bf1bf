"""An app that executes nothing, so that what a test sets up stays as it is, and those who ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from quart.testing import QuartClient
from visiting import Api, settings_in, signed_in

from cronapp.app import App


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[App]:
    """The whole app, without a worker."""
    folder = tmp_path / "quiet"
    folder.mkdir()
    app = App(settings_in(folder), address="http://127.0.0.1:5000")
    await app.start(worker=False)
    yield app
    await app.close()


@pytest.fixture
async def client(quiet: App) -> QuartClient:
    """Somebody who is signed in, at the quiet app."""
    return await signed_in(quiet)


@pytest.fixture
def api(quiet: App) -> Api:
    """The quiet app's API."""
    return Api(quiet)


@pytest.fixture(scope="module")
async def empty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    """One app for all those tests of a file that store nothing."""
    app = App(settings_in(tmp_path_factory.mktemp("empty")), address="http://127.0.0.1:5000")
    await app.start(worker=False)
    yield app
    await app.close()


@pytest.fixture
def asker(empty: App) -> Api:
    """The empty app's API."""
    return Api(empty)

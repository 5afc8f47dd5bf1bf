"""An app with the ready-made tasks switched on, and runs of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from errands import Begin, Carry, begun, ended, texts
from visiting import settings_in

from cronapp.app import App
from cronapp.core.models import Run
from cronapp.core.ready import MODULES


@pytest.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    """One for all tests of a file. Private addresses may be asked."""
    wanted = {"ready_tasks": tuple(MODULES), "allow_private_hooks": True}
    settings = settings_in(tmp_path_factory.mktemp("ready")).model_copy(update=wanted)
    made = App(settings, address="http://127.0.0.1:5000")
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def begin(app: App) -> Begin:
    """`await begin(task, **args)` is a run that was opened."""

    async def start(task: str, rules: dict[str, Any] | None = None, **args: Any) -> Run:
        return await begun(app, task, rules, args)

    return start


@pytest.fixture
def carry(app: App) -> Carry:
    """`await carry(task, **args)` is a run that has ended, and its log."""

    async def run(task: str, rules: dict[str, Any] | None = None, **args: Any) -> tuple[Run, list[str]]:
        opened = await begun(app, task, rules, args)
        return await ended(app, opened), await texts(app, opened)

    return run

"""Runs of the ready-made tasks, in an app that has them switched on."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

from support import until

from cronapp.app import App
from cronapp.core.models import Run

Begin = Callable[..., Awaitable[Run]]
Carry = Callable[..., Awaitable[tuple[Run, list[str]]]]
_numbers = itertools.count(1)


async def begun(app: App, task: str, rules: dict[str, Any] | None, args: dict[str, Any]) -> Run:
    """A run of a new job, which was opened; `rules` are those of its job."""
    job_id = f"job-{next(_numbers)}"
    data = {"id": job_id, "task": task, "args": args, "schedule": {"kind": "manual"}, **(rules or {})}
    await app.jobs.create(data, origin="api")
    return await app.runs.run_now(job_id)


async def ended(app: App, run: Run) -> Run:
    async def look() -> Run | None:
        now = await app.runs.get(run.id)
        return now if now.state.ended else None

    found = await until(look)
    assert found is not None
    return found


async def texts(app: App, run: Run) -> list[str]:
    """The log."""
    return [line.text for line in await app.runs.lines(run.id, 0, 10_000)]

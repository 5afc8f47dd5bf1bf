"""A clock that APScheduler reads too, output that is captured, and the services on a database that tells a bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import apscheduler.schedulers.base
import pytest
from support import TASKS, VAULT, TurnedClock

from cronapp.bus.local import LocalBus
from cronapp.core.clock import Clock, system_clock
from cronapp.core.models import Run
from cronapp.engine import capture
from cronapp.engine import timer as timer_module
from cronapp.service.blackouts import Blackouts
from cronapp.service.calendars import Calendars
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.service.tasks import Tasks
from cronapp.store.open import open_store
from cronapp.store.runs import RunFilter
from cronapp.store.store import Store


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> TurnedClock:
    """A clock that stands still until it is turned, also for APScheduler."""
    clock = TurnedClock(datetime(2026, 3, 2, 12, 0, 0, 500_000, tzinfo=UTC))

    class Turned(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return clock().astimezone(tz)

    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", Turned)
    monkeypatch.setattr(timer_module, "datetime", Turned)
    return clock


@pytest.fixture
def capturing() -> Iterator[None]:
    """What runs print goes into their logs. (`pytest_runtest_call` takes the streams, which pytest sets anew.)"""
    capture.install()
    yield
    capture.uninstall()


@dataclass
class House:
    """The services on one database, with a bus between them and the engine."""

    store: Store
    bus: LocalBus
    tasks: Tasks
    jobs: Jobs
    runs: Runs
    clock: Clock
    made: list[str] = field(default_factory=list)

    async def make(self, job_id: str, task: str = "hello", **fields: Any) -> int:
        """A new job, by hand if not said otherwise; its key."""
        data = {"id": job_id, "task": task, "schedule": {"kind": "manual"}, **fields}
        return (await self.jobs.create(data, origin="api")).key

    async def runs_of(self, job_id: str = "", **filters: Any) -> list[Run]:
        """The runs of a job, the oldest first."""
        listed, _ = await self.runs.page(RunFilter(job=job_id, **filters), limit=10_000)
        return listed[::-1]

    async def texts(self, run: Run) -> list[str]:
        """A run's log."""
        return [line.text for line in await self.runs.lines(run.id, 0, 1_000_000)]

    async def ended(self, run: Run | int) -> Run | None:
        """The run, if it has ended."""
        now = await self.runs.get(run if isinstance(run, int) else run.id)
        return now if now.state.ended else None


async def open_house(folder: Path, clock: Clock, url: str) -> House:
    (folder / "tasks.py").write_text(TASKS)
    bus = LocalBus()
    store = await open_store(url, bus.publish)
    tasks = Tasks([str(folder / "tasks.py")], vault=VAULT)
    blackouts = Blackouts(Calendars(folder))
    jobs, runs = Jobs(store, tasks, blackouts, clock, "UTC"), Runs(store, tasks, blackouts, clock)
    return House(store, bus, tasks, jobs, runs, clock)


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """On the machine's clock."""
    opened = await open_house(tmp_path, system_clock, database_url)
    yield opened
    await opened.store.close()


@pytest.fixture
async def turned_house(tmp_path: Path, turned: TurnedClock, database_url: str) -> AsyncIterator[House]:
    """On the clock that is turned."""
    opened = await open_house(tmp_path, turned, database_url)
    yield opened
    await opened.store.close()


async def a_while() -> None:
    """Lets everything go on that needs no time."""
    for _ in range(30):
        await asyncio.sleep(0)

"""A call is a task under way. Here is what the three ways to call have in common."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Protocol

from cronapp.core.current import CURRENT, CurrentRun
from cronapp.core.models import Outcome, Progress
from cronapp.core.secret import LOOKUP
from cronapp.engine import capture
from cronapp.engine.executors.attempt import Attempt


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen inside a call: where it is, and the bytes of memory of its process, if it has one of its own."""

    stack: str
    memory: int | None = None


class Call(Protocol):
    """A task under way, in one of the three ways."""

    ended: asyncio.Future[Outcome]

    async def start(self) -> None: ...

    def ask(self) -> None:
        """Ask the task to stop."""

    def kill(self) -> bool:
        """End it by force. False: this way has no force, and the task goes on."""

    def left(self) -> str:
        """What the run's page says about a task that goes on."""

    async def look(self) -> Look:
        """Look where the task is, without disturbing it."""


def settle(ended: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not ended.done():
        ended.set_result(outcome)


class ProgressRelay:
    """Brings progress from any thread to the loop. Only the newest counts, so a busy task floods nothing."""

    def __init__(self, deliver: Callable[[Progress], None]) -> None:
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._newest: Progress | None = None
        self._lock = threading.Lock()

    def __call__(self, progress: Progress) -> None:
        with self._lock:
            first, self._newest = self._newest is None, progress
        if first:
            with suppress(RuntimeError):  # a leaked thread may report when the loop is closed
                self._loop.call_soon_threadsafe(self._pass_on)

    def _pass_on(self) -> None:
        with self._lock:
            progress, self._newest = self._newest, None
        if progress is not None:
            self._deliver(progress)


def current(attempt: Attempt) -> CurrentRun:
    return CurrentRun(
        id=attempt.id,
        job=attempt.job,
        task=attempt.task.name,
        attempt=attempt.attempt,
        slot=attempt.slot,
        report=ProgressRelay(attempt.on_progress),
    )


def context_of(attempt: Attempt, run: CurrentRun) -> Context:
    """A context in which output, progress and `current_run()` belong to this attempt."""
    context = copy_context()
    context.run(capture.LOG.set, attempt.log)
    context.run(CURRENT.set, run)
    context.run(LOOKUP.set, attempt.secret)
    return context

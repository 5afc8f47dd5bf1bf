"""A task in a thread, and the threads that could not be stopped."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import suppress
from weakref import WeakSet

from cronapp.core.models import Json, Outcome
from cronapp.engine import capture
from cronapp.engine.executors.attempt import Attempt
from cronapp.engine.executors.call import Look, context_of, current, settle
from cronapp.engine.outcomes import failed, run_error, succeeded
from cronapp.engine.stacks import user_stack

_leaked: WeakSet[threading.Thread] = WeakSet()


def leaked_threads() -> int:
    """How many threads of runs that ended in the books still work."""
    return sum(thread.is_alive() for thread in list(_leaked))


class ThreadCall:
    """A thread of its own, not one of a pool: one that never ends then takes nobody's place.

    It is asked to stop by an event, which `progress`, `current_run().check()` and `print` look at. There is no force.
    """

    def __init__(self, attempt: Attempt, kwargs: Json) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Outcome] = self._loop.create_future()
        self._attempt = attempt
        self._kwargs = kwargs
        self._run = current(attempt)
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        context = context_of(self._attempt, self._run)
        context.run(capture.PRINT_STOPS.set, self._run.stop)
        name = f"run-{self._attempt.id}"
        self._thread = threading.Thread(target=context.run, args=(self._execute,), name=name, daemon=True)
        self._thread.start()

    def _execute(self) -> None:
        task = self._attempt.task
        try:
            outcome = succeeded(task.signature.call(task.function, self._kwargs), self._attempt.log)
        except BaseException as problem:
            outcome = failed(run_error(problem))
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(settle, self.ended, outcome)

    def ask(self) -> None:
        self._run.stop.set()

    def kill(self) -> bool:
        if self._thread:
            _leaked.add(self._thread)
        return False

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._thread.ident or 0) if self._thread else None
        return user_stack(frame) if frame else ""

    async def look(self) -> Look:
        return Look(self._stack())

    def left(self) -> str:
        if stack := self._stack():
            self._attempt.log.system("The thread is here:\n" + stack)
        return 'The thread still works, and a thread cannot be killed; use run_in="process" for such a task.'

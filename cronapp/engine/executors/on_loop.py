"""A task on the event loop, and what it starts there."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from cronapp.core.models import Json, Outcome
from cronapp.engine.executors.attempt import Attempt
from cronapp.engine.executors.call import Look, context_of, current, settle
from cronapp.engine.outcomes import failed, run_error, succeeded
from cronapp.engine.stacks import tasks_stack

_ATTEMPT: ContextVar[Attempt | None] = ContextVar("cronapp_attempt", default=None)
_attempts: WeakKeyDictionary[asyncio.Task[Any], Attempt] = WeakKeyDictionary()


def attempt_on(loop: asyncio.AbstractEventLoop) -> Attempt | None:
    """The attempt whose coroutine the loop executes at this moment. May be called from another thread."""
    task = asyncio.current_task(loop)
    return _attempts.get(task) if task else None


class ExitedError(Exception):
    """A task of a run's own called sys.exit; see its cause."""


class Guarded(Coroutine[Any, Any, Any]):
    """A coroutine whose SystemExit ends itself. In a plain asyncio task it would end the loop, and the server."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        return self._step(self._coroutine.send, value)

    def throw(self, *problem: Any) -> Any:
        return self._step(self._coroutine.throw, *problem)

    def _step(self, step: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return step(*arguments)
        except (SystemExit, KeyboardInterrupt) as problem:
            raise ExitedError(f"{type(problem).__name__}: {problem}") from problem

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)  # asyncio shows a task by its coroutine's code and frame


def create_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """The loop's task factory: what a run starts belongs to it, and cannot end the server."""
    context: Context | None = options.get("context")
    attempt = context.get(_ATTEMPT) if context else _ATTEMPT.get()
    if attempt is None:
        return asyncio.Task(coroutine, loop=loop, **options)
    guarded = Guarded(coroutine) if asyncio.iscoroutine(coroutine) else coroutine
    task: asyncio.Task[Any] = asyncio.Task(guarded, loop=loop, **options)
    _attempts[task] = attempt
    return task


class LoopCall:
    """A coroutine as an asyncio task of its own. It is asked to stop by cancelling it; there is no force."""

    def __init__(self, attempt: Attempt, kwargs: Json) -> None:
        self.ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._attempt = attempt
        self._kwargs = kwargs
        self._run = current(attempt)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        context = context_of(self._attempt, self._run)
        context.run(_ATTEMPT.set, self._attempt)
        loop = asyncio.get_running_loop()
        if loop.get_task_factory() is None:
            loop.set_task_factory(create_task)
        self._task = loop.create_task(self._execute(), name=f"run {self._attempt.id}", context=context)
        self._task.add_done_callback(self._never_began)

    def _never_began(self, _: asyncio.Task[None]) -> None:
        """A task that is cancelled before its first step never gets into its own `try`."""
        if not self.ended.done():
            settle(self.ended, failed(run_error(asyncio.CancelledError())))

    async def _execute(self) -> None:
        task = self._attempt.task
        try:
            result = task.signature.call(task.function, self._kwargs)
            if inspect.isawaitable(result):
                result = await result
            outcome = succeeded(result, self._attempt.log)
        except ExitedError as problem:
            outcome = failed(run_error(problem.__cause__ or problem))
        except BaseException as problem:
            outcome = failed(run_error(problem))
        settle(self.ended, outcome)

    def ask(self) -> None:
        self._run.stop.set()
        if self._task:
            self._task.cancel()

    def kill(self) -> bool:
        return False

    async def look(self) -> Look:
        if self._task is None:
            return Look("")
        theirs = [task for task, attempt in list(_attempts.items()) if attempt is self._attempt]
        return Look(tasks_stack(self._task, theirs))

    def left(self) -> str:
        return "The coroutine ignored the cancellation and still runs."

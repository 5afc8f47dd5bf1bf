"""Executing one attempt: one call, three ways to stop.

`execute` checks the arguments, starts the task on the loop, in a thread or in a process, and waits for its end. When a
stop is requested, it asks the task to end, and after the grace time it does what that way allows: a process is killed;
a coroutine or a thread that goes on cannot be, so the run ends in the books and its log says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from cronapp.core.current import RunCancelled
from cronapp.core.durations import duration_words
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json, Outcome, RunState
from cronapp.engine.executors.attempt import Attempt, StopRequest
from cronapp.engine.executors.call import Call
from cronapp.engine.executors.in_process import ProcessCall
from cronapp.engine.executors.in_thread import ThreadCall
from cronapp.engine.executors.on_loop import LoopCall
from cronapp.engine.frames import type_name
from cronapp.engine.outcomes import CANCELLED, DIED, failed, invalid_arguments, run_error

REAPING = 5.0  # for a killed process to be gone

CALLS: dict[str, Callable[[Attempt, Json], Call]] = {"loop": LoopCall, "thread": ThreadCall, "process": ProcessCall}

STOPPING = {DIED, CANCELLED, type_name(RunCancelled)}
"""How a task that was asked to stop ends; anything else is a problem of its own."""


async def execute(attempt: Attempt, stop: StopRequest, begun: Callable[[Call], None] = lambda _: None) -> Outcome:
    """Carry out the attempt. Never raises, except for its own cancellation, which ends the task too.

    `begun` is handed the call once it is under way, to look inside.
    The log stays open: take its last lines when this has returned, then close it.
    """
    try:
        kwargs = attempt.task.signature.check(attempt.args)
    except InvalidInput as problem:
        return invalid_arguments(problem)
    except Exception as problem:  # a type of the user's that refuses in its own way
        return failed(run_error(problem))
    call = CALLS[attempt.task.run_in](attempt, kwargs)
    timer = asyncio.get_running_loop().call_later(attempt.timeout, time_out, attempt, stop) if attempt.timeout else None
    try:
        if stop.state is None:
            await call.start()
            begun(call)
            await first(call.ended, stop)
            return call.ended.result() if call.ended.done() else await stopped(attempt, stop, call)
        return stop.outcome()
    except Exception as problem:  # no thread or no process is to be had
        return failed(run_error(problem))
    except asyncio.CancelledError:
        call.ask()
        if call.kill():
            await asyncio.wait({call.ended}, timeout=REAPING)
        raise
    finally:
        if timer:
            timer.cancel()


def time_out(attempt: Attempt, stop: StopRequest) -> None:
    stop.request(RunState.TIMED_OUT, f"It ran longer than its timeout of {duration_words(attempt.timeout or 0)}.")


async def first(ended: asyncio.Future[Outcome], stop: StopRequest) -> None:
    """Wait for the end or for a request to stop, whichever is first."""
    request: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    waited: set[asyncio.Future[Any]] = {ended, request}
    try:
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        request.cancel()


async def stopped(attempt: Attempt, stop: StopRequest, call: Call) -> Outcome:
    """Ask, wait, force; the outcome is what was requested, however the task took it."""
    call.ask()
    await asyncio.wait({call.ended}, timeout=attempt.grace)
    if not call.ended.done():
        if not call.kill():
            remark = call.left()
            attempt.log.system(remark)
            return stop.outcome(remark=remark)
        attempt.log.system(
            f"It did not end within {duration_words(attempt.grace)} after it was asked to, so it was killed."
        )
        await asyncio.wait({call.ended}, timeout=REAPING)
    error = call.ended.result().error if call.ended.done() else None
    return stop.outcome(None if error is None or error.type in STOPPING else error)

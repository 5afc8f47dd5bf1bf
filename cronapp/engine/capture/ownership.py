"""Whose output it is: a context variable says so, and threads started by a task carry it on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any, Protocol

from cronapp.core.models import LogStream

REAL_START = threading.Thread.start
REAL_SUBMIT = ThreadPoolExecutor.submit


class LogSink(Protocol):
    """Where the output of a run goes. Once `closed`, what still comes belongs to nobody's log."""

    @property
    def closed(self) -> bool: ...

    def write(self, stream: LogStream, text: str) -> None: ...

    def flush(self) -> None: ...

    def log(self, level: str, text: str) -> None: ...


LOG: ContextVar[LogSink | None] = ContextVar("cronapp_log", default=None)
"""The log of the run that the calling code belongs to."""

PRINT_STOPS: ContextVar[threading.Event | None] = ContextVar("cronapp_print_stops", default=None)
"""Set for runs in a thread or a process: when this event is set, `print` raises `RunCancelled`."""

# A forked process has the log's memory, but nobody reads it there: what it prints goes to the real streams.
os.register_at_fork(after_in_child=lambda: LOG.set(None))


def run_log() -> LogSink | None:
    """The open log of the current run, or None outside a run and after its end."""
    log = LOG.get()
    return None if log is None or log.closed else log


def within_run() -> bool:
    """Whether the calling code belongs to a run that goes on."""
    return run_log() is not None


def start_thread(thread: threading.Thread) -> None:
    if LOG.get() is not None:
        context, run = copy_context(), thread.run
        thread.run = lambda: context.run(run)  # type: ignore[method-assign]
    REAL_START(thread)


def submit(pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
    if LOG.get() is None:
        return REAL_SUBMIT(pool, function, *args, **kwargs)
    context = copy_context()
    # A pool's thread outlives the run that happened to start it, so it must not inherit that run.
    token = LOG.set(None)
    try:
        return REAL_SUBMIT(pool, context.run, function, *args, **kwargs)
    finally:
        LOG.reset(token)

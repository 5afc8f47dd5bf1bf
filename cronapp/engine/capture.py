"""`print`, `logging` and `warnings` of a run become lines of that run's log, also with many runs at once.

A context variable says whose output it is. Threads started by a task carry it on. What passes Python by (`os.write`,
C extensions, programs that a task starts) is not seen here; `run_in="process"` catches that too. A task that replaces
`sys.stdout`, changes handlers or calls `logging.disable` does so for the whole server.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any, TextIO

from cronapp.core.current import RunCancelled
from cronapp.core.models import LogStream
from cronapp.engine.runlog import LogSink

LOG: ContextVar[LogSink | None] = ContextVar("cronapp_log", default=None)
"""The log of the run that the calling code belongs to."""

PRINT_STOPS: ContextVar[threading.Event | None] = ContextVar("cronapp_print_stops", default=None)
"""Set for runs in a thread: when this event is set, `print` raises `RunCancelled`."""


def run_log() -> LogSink | None:
    """The open log of the current run, or None outside a run and after its end."""
    log = LOG.get()
    return None if log is None or log.closed else log


def outside_runs(record: logging.LogRecord) -> bool:
    """A filter for the server's own handlers: only records of the server, and only those its own levels let through.

    `install` lowers the root logger's level to INFO, so that `logging.info` of a task is seen. The server's handlers
    need this filter to stay as quiet as the root logger was before.
    """
    return run_log() is None and record.levelno >= _level_before(record.name)


# -- print ----------------------------------------------------------------------------------------------------------


class RunOutput(io.TextIOBase):
    """Stands in for `sys.stdout` or `sys.stderr`: inside a run it writes to the run's log, else to the real stream."""

    def __init__(self, real: TextIO, stream: LogStream) -> None:
        self.real = real
        self.stream = stream
        self.buffer = RunBytes(self)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        stop = PRINT_STOPS.get()
        # What cleans up after the request may print: it is the handling of RunCancelled.
        if stop is not None and stop.is_set() and not isinstance(sys.exception(), RunCancelled):
            raise RunCancelled("The run was asked to stop.")
        log = LOG.get()
        if log is None or log.closed:
            return self.real.write(text)
        log.write(self.stream, text)
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:  # type: ignore[override]
        for text in texts:
            self.write(text)

    def flush(self) -> None:
        log = run_log()
        if log is None:
            self.real.flush()
        else:
            log.flush()

    def isatty(self) -> bool:
        return run_log() is None and self.real.isatty()

    def fileno(self) -> int:
        return self.real.fileno()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Stays open: it belongs to every run."""

    def reconfigure(self, **_: Any) -> None:
        """A task's wish about encoding or buffering; text goes to the log as it is."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self.real, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return getattr(self.real, "errors", None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class RunBytes(io.RawIOBase):
    """The `.buffer` of `RunOutput`, for those who print bytes."""

    def __init__(self, output: RunOutput) -> None:
        self.output = output

    def write(self, data: Any) -> int:
        if run_log() is None:
            return int(self.output.real.buffer.write(data))
        raw = bytes(data)
        self.output.write(raw.decode("utf-8", "replace"))
        return len(raw)

    def flush(self) -> None:
        self.output.flush()

    def fileno(self) -> int:
        return self.output.fileno()

    def isatty(self) -> bool:
        return self.output.isatty()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Stays open, as the text stream does."""


# -- logging --------------------------------------------------------------------------------------------------------


class RunHandler(logging.Handler):
    """Sends records inside a run to its log: the message and the traceback, once each."""

    formatter = logging.Formatter("%(message)s")

    def emit(self, record: logging.LogRecord) -> None:
        log = run_log()
        if log is None or getattr(record, "_cronapp_seen", False):
            return
        record._cronapp_seen = True
        try:
            log.log(record.levelname, self.format(record))
        except Exception:
            self.handleError(record)


def emit_to_stream(handler: logging.StreamHandler[Any], record: logging.LogRecord) -> None:
    """`StreamHandler.emit`, except that a task's own handler on the captured stream would double each record."""
    if isinstance(handler.stream, RunOutput) and run_log() is not None:
        HANDLER.emit(record)
    else:
        REAL_EMIT(handler, record)


def _level_before(name: str) -> int:
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None and logger.parent is not None:
        if logger.level:
            return logger.level
        logger = logger.parent
    return _installed.root_level


# -- warnings -------------------------------------------------------------------------------------------------------


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    log = run_log()
    if log is None or file is not None:
        _installed.showwarning(message, category, filename, lineno, file, line)
    else:
        log.log("WARNING", warnings.formatwarning(message, category, filename, lineno, line="").rstrip())


def warn(
    message: Warning | str,
    category: type[Warning] | None = None,
    stacklevel: int = 1,
    source: Any = None,
    **more: Any,
) -> None:
    level = max(stacklevel, 1)
    if run_log() is not None:
        # Python shows a warning once per place; each run should have its own.
        _frame_globals(level + 1).pop("__warningregistry__", None)
    REAL_WARN(message, category, level + 1, source, **more)


def _frame_globals(depth: int) -> dict[str, Any]:
    try:
        return sys._getframe(depth).f_globals
    except ValueError:
        return {}


# -- threads --------------------------------------------------------------------------------------------------------


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


# -- putting it in --------------------------------------------------------------------------------------------------

HANDLER = RunHandler()
REAL_EMIT = logging.StreamHandler.emit
REAL_WARN = warnings.warn
REAL_START = threading.Thread.start
REAL_SUBMIT = ThreadPoolExecutor.submit


class Installed:
    """What stands where at the moment, and what was there before."""

    def __init__(self) -> None:
        self.patches: list[tuple[Any, str, Any, Any]] = []
        self.streams: dict[str, RunOutput] = {}
        self.root_level = logging.WARNING
        self.showwarning = warnings.showwarning

    def patch(self, owner: Any, name: str, new: Any) -> None:
        self.patches.append((owner, name, getattr(owner, name), new))
        setattr(owner, name, new)

    def unpatch(self) -> None:
        while self.patches:
            owner, name, old, new = self.patches.pop()
            if getattr(owner, name) is new:  # else somebody else replaced it since, and theirs stays
                setattr(owner, name, old)

    def take_streams(self) -> None:
        for name, stream in (("stdout", LogStream.STDOUT), ("stderr", LogStream.STDERR)):
            real = getattr(sys, name)
            if not isinstance(real, RunOutput):
                self.streams[name] = RunOutput(real, stream)
                setattr(sys, name, self.streams[name])

    def give_streams(self) -> None:
        for name, output in self.streams.items():
            if getattr(sys, name) is output:
                setattr(sys, name, output.real)
        self.streams.clear()


_installed = Installed()


def install() -> None:
    """Start to capture. Called again, it takes back the streams and the root handler if somebody replaced them."""
    root = logging.getLogger()
    _installed.take_streams()
    if HANDLER not in root.handlers:
        root.addHandler(HANDLER)
    if _installed.patches:
        return
    _installed.root_level = root.level
    _installed.showwarning = warnings.showwarning
    if root.level > logging.INFO:
        root.setLevel(logging.INFO)
    _installed.patch(logging.StreamHandler, "emit", emit_to_stream)
    _installed.patch(warnings, "showwarning", show_warning)
    _installed.patch(warnings, "warn", warn)
    _installed.patch(threading.Thread, "start", start_thread)
    _installed.patch(ThreadPoolExecutor, "submit", submit)


def uninstall() -> None:
    """Put everything back as it was before `install`."""
    if not _installed.patches:
        return
    _installed.give_streams()
    _installed.unpatch()
    logging.getLogger().removeHandler(HANDLER)
    logging.getLogger().setLevel(_installed.root_level)


# A forked process has the log's memory, but nobody reads it there: what it prints goes to the real streams.
os.register_at_fork(after_in_child=lambda: LOG.set(None))

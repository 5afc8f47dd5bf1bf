"""What a run logs and warns of."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any, TextIO

from cronapp.engine.capture.output import RunOutput
from cronapp.engine.capture.ownership import run_log

REAL_EMIT = logging.StreamHandler.emit
REAL_WARN = warnings.warn


class Before:
    """What stood here before `install`."""

    def __init__(self) -> None:
        self.root_level = logging.WARNING
        self.showwarning = warnings.showwarning


BEFORE = Before()


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


HANDLER = RunHandler()


def emit_to_stream(handler: logging.StreamHandler[Any], record: logging.LogRecord) -> None:
    """`StreamHandler.emit`, except that a task's own handler on the captured stream would double each record."""
    if isinstance(handler.stream, RunOutput) and run_log() is not None:
        HANDLER.emit(record)
    else:
        REAL_EMIT(handler, record)


def outside_runs(record: logging.LogRecord) -> bool:
    """A filter for the server's own handlers: only records of the server, and only those its own levels let through.

    `install` lowers the root logger's level to INFO, so that `logging.info` of a task is seen. The server's handlers
    need this filter to stay as quiet as the root logger was before.
    """
    return run_log() is None and record.levelno >= level_before(record.name)


def level_before(name: str) -> int:
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None and logger.parent is not None:
        if logger.level:
            return logger.level
        logger = logger.parent
    return BEFORE.root_level


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
        BEFORE.showwarning(message, category, filename, lineno, file, line)
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

"""The server's own log: text for people, JSON for machines, on standard error."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from cronapp.core.about import about
from cronapp.core.errors import StoreUnavailable
from cronapp.core.hidden import MASK
from cronapp.core.plain import json_line, plain
from cronapp.engine.capture import outside_runs, within_run
from cronapp.engine.runlog import Cover

log = logging.getLogger("cronapp")
CARRIED = re.compile(
    r"(?i)((?:(?:proxy-)?authorization|(?:set-)?cookie|x-api-key)\\*[\"']?\s*[:=,]\s*b?\\*[\"']?(?:bearer |basic )?"
    r"|[?&](?:token|code|secret|password)=|\bbearer )[^\s\\\"'&;,)]+"
)
"""What carries who somebody is: headers of requests, and what stands in addresses."""


class Covered(logging.Formatter):
    """Another formatter, whose lines have no secrets: not those that are known, nor what carries one."""

    def __init__(self, inner: logging.Formatter, cover: Cover) -> None:
        super().__init__()
        self.inner = inner
        self.cover = cover

    def format(self, record: logging.LogRecord) -> str:
        return CARRIED.sub(rf"\1{MASK}", self.cover(self.inner.format(record)))


class TextLines(logging.Formatter):
    """For people. What a message brings along cannot pass for a line of its own: further lines are indented, and what
    cannot be seen is written out. `%(about)s` is what the line is about, as ` [run=12 job=nightly]`."""

    def format(self, record: logging.LogRecord) -> str:
        named = " ".join(f"{name}={value}" for name, value in about().items())
        record.about = f" [{named}]" if named else ""
        return "\n    ".join(plain(line) for line in super().format(record).expandtabs().split("\n"))


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        line |= {"message": record.getMessage(), **about()}
        line |= getattr(record, "figures", {})
        if audit := getattr(record, "audit", None):
            line["audit"] = audit
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json_line(line)


AGAIN = 60.0  # seconds until it is told once more that something waits for the database


class Waiting(logging.Filter):
    """What waits for a database that is away is tried each second, for as long as it takes, and told each minute."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[object, ...], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        args = record.args if isinstance(record.args, tuple) else ()
        what = record.name, record.msg, *(arg for arg in args if not isinstance(arg, StoreUnavailable))
        if len(what) == len(args) + 2:  # it is about something else
            return True
        self._told = {told: at for told, at in self._told.items() if record.created - at < AGAIN}
        return self._told.setdefault(what, record.created) == record.created


CHATTY = ("apscheduler", "hypercorn.error", "alembic", "asyncio", "watchfiles")
QUIET_HERE = ("httpx", "httpcore")
"""They tell each request with its address: of the server that is nobody's business, of a run it is the run's own."""


def set_up_log(form: str, secrets: Iterable[str] = (), level: str = "info") -> None:
    """Sends what the server logs to standard error, without secrets; what a run logs goes to that run's log only.

    `level` is that of Cron-App's own lines. The audit's are told in any case."""
    handler = logging.StreamHandler(sys.stderr)
    text = TextLines("%(asctime)s %(levelname)-7s %(name)s%(about)s: %(message)s")
    handler.setFormatter(Covered(JsonLines() if form == "json" else text, Cover(secrets)))
    handler.addFilter(outside_runs)
    handler.addFilter(Waiting())
    handler.addFilter(lambda record: record.levelno >= logging.WARNING or not record.name.startswith(QUIET_HERE))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("cronapp").setLevel(level.upper())
    logging.getLogger("cronapp.audit").setLevel(logging.INFO)
    tell_what_python_tells()


def tell_what_python_tells() -> None:
    """Warnings, and errors that nobody caught, become lines like all others, or a program that reads the log by lines
    would stumble over them. What happens within a run stays in its log."""
    logging.captureWarnings(True)
    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread


def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("the server ends by an error that nobody caught", exc_info=(kind, error, trace))


def uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if within_run() or args.exc_value is None:
        threading.__excepthook__(args)
    elif not issubclass(args.exc_type, SystemExit):
        name = args.thread.name if args.thread else "a thread"
        log.error("%s ended by an error", name, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))


def teller(form: str) -> Callable[[str], None]:
    """How the server tells at its start and its end what it does: on standard output to people, else in the log."""
    return (lambda text: log.info("%s", " ".join(text.split()))) if form == "json" else say


def say(text: str) -> None:
    print(text, flush=True)

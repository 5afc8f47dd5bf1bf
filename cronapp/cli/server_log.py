"""The server's own log: text for people, JSON for machines, on standard error."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

from cronapp.core.hidden import MASK
from cronapp.core.plain import json_line, plain
from cronapp.engine.capture import outside_runs
from cronapp.engine.runlog import Cover

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
    cannot be seen is written out."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n    ".join(plain(line) for line in super().format(record).expandtabs().split("\n"))


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if audit := getattr(record, "audit", None):
            line["audit"] = audit
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json_line(line)


def set_up_log(form: str, secrets: Iterable[str] = ()) -> None:
    """Sends what the server logs to standard error, without secrets; what a run logs goes to that run's log only."""
    handler = logging.StreamHandler(sys.stderr)
    text = TextLines("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(Covered(JsonLines() if form == "json" else text, Cover(secrets)))
    handler.addFilter(outside_runs)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("apscheduler", "hypercorn.error", "alembic", "asyncio", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)

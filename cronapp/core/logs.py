"""Which lines of a log are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LogShow(StrEnum):
    """What of a log is shown."""

    ALL = "all"
    WARNINGS = "warnings"  # and errors, and what was written to stderr
    ERRORS = "errors"
    STDOUT = "stdout"
    STDERR = "stderr"


ERROR_LEVELS = ("ERROR", "CRITICAL", "FATAL")
WARNING_LEVELS = ("WARNING", "WARN", *ERROR_LEVELS)
TRACEBACK = "Traceback (most recent call last)"
"""How Python begins to tell of an exception that nobody logged."""

ESCAPES = "\x1b\\[[0-9;:<=>?]*[ -/]*[@-~]"
"""Terminal colours and moves within a line, for Python's `re` and for PostgreSQL alike."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    show: LogShow = LogShow.ALL
    q: str = ""  # a text that the line holds, in small or capital letters
    records: bool = False  # of what was logged at once only the first line

    @property
    def all(self) -> bool:
        return self == LogFilter()


@dataclass(frozen=True, slots=True)
class Step:
    """How many lines fit, and the next of them from where one is: its number, and the how many-eth it is."""

    count: int
    seq: int | None
    at: int

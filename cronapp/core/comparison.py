"""What is different about a run that went wrong, held against the last one of its job that succeeded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Literal

from cronapp.core.code import Environment
from cronapp.core.models import Json, LogLine, Run

MOST_LINES = 1500  # of a function that are compared
MOST_SHOWN = 400  # lines of a difference
HUNK = re.compile(r"@@ -(\d+)\S* \+(\d+)")

NEVER_ALIKE = re.compile(
    r"""\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?   # a day, perhaps with its time
    | \b\d\d:\d\d:\d\d(?:[.,]\d+)?                                                      # a time of the clock
    | \b\d+(?:\.\d+)?\s?(?:µs|us|ms|s|sec|seconds|min|minutes)\b                        # how long something took
    | \b0x[0-9a-fA-F]+\b | \b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b              # an address, a UUID
    """,
    re.VERBOSE,
)
"""What differs between any two runs, and says nothing."""

State = Literal["same", "changed", "unknown"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something with a name that was one thing before and is another now; None: it was or is not there."""

    name: str
    before: Any
    now: Any


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a function, old against new: `-` it is gone, `+` it is new, ` ` it stays, `@` some are left out."""

    mark: str
    text: str
    number: int | None = None  # in the function; of a line that is gone, in the one before


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDifference:
    """Where two logs begin to differ. An empty side has ended there."""

    common_before: tuple[LogLine, ...]  # the last lines that are alike, as the run that succeeded has them
    common: tuple[LogLine, ...]  # and as this one has them
    before: tuple[LogLine, ...]  # the lines from there on, of the run that succeeded
    now: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A run and the last one before it that succeeded."""

    run: Run
    before: Run
    function: State
    environment: State
    diff: tuple[DiffLine, ...] = ()
    args: tuple[Change, ...] = ()
    python: Change | None = None
    packages: tuple[Change, ...] = ()
    files: tuple[Change, ...] = ()  # of the project; before and now are hashes
    host: Change | None = None
    log: LogDifference | None = None
    log_beyond: int | None = None  # the logs are alike up to this line, and were not compared further

    @property
    def nothing(self) -> bool:
        """Whether all that could have made a difference is known to be the same."""
        known = self.function == "same" and self.environment == "same"
        return known and not (self.args or self.python or self.packages or self.files or self.host)


def source_diff(before: str, now: str) -> tuple[DiffLine, ...]:
    """Two sources of a function line by line, with three lines around each change."""
    old, new = (text.splitlines()[:MOST_LINES] for text in (before, now))
    lines: list[DiffLine] = []
    left = right = 0
    for line in list(unified_diff(old, new, lineterm="", n=3))[2 : MOST_SHOWN + 2]:
        mark, text = line[0], line[1:]
        if found := HUNK.match(line):
            left, right = int(found[1]), int(found[2])
            if lines or left > 1:
                lines.append(DiffLine("@", ""))
            continue
        lines.append(DiffLine(mark, text, left if mark == "-" else right))
        left, right = left + (mark != "+"), right + (mark != "-")
    return tuple(lines)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs of two sets of named things, by their names."""
    names = sorted({*before, *now})
    return tuple(Change(n, before.get(n), now.get(n)) for n in names if before.get(n) != now.get(n))


def args_changes(before: Json, now: Json, shown_before: Json, shown_now: Json) -> tuple[Change, ...]:
    """Arguments that differ, as they may be shown: without their secrets."""
    return tuple(Change(one.name, shown_before.get(one.name), shown_now.get(one.name)) for one in changes(before, now))


def environment_changes(before: Environment | None, now: Environment | None, *, without: str = "") -> Json:
    """The parts of a `Comparison` that tell of the environment; of the files those beside one."""
    if before is None or now is None:
        return {"environment": "unknown"}
    return {
        "environment": "same" if before == now else "changed",
        "python": Change("Python", before.python, now.python) if before.python != now.python else None,
        "packages": changes(before.packages, now.packages),
        "files": tuple(one for one in changes(before.files, now.files) if not f"/{without}".endswith(f"/{one.name}")),
    }


def host_of(run: Run) -> str:
    """The machine on which it was carried out."""
    return (run.node or "").rpartition(":")[0]


def host_change(before: Run, now: Run) -> Change | None:
    return Change("Host", host_of(before), host_of(now)) if host_of(before) != host_of(now) else None


def alike(one: str, other: str) -> bool:
    """Whether two lines say the same, but for times and addresses."""
    return one == other or NEVER_ALIKE.sub("…", one) == NEVER_ALIKE.sub("…", other)

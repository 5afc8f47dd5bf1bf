"""Limits that several jobs share: how many of a group or of a queue run side by side, and how fast a queue starts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from cronapp.core.durations import duration_words, parse_duration

LimitKind = Literal["group", "queue"]
GROUP_AT_ONCE = 1  # a group that nobody gave a limit: never two at once
MOST_STARTS = 1000
LONGEST = 7 * 86400.0

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE = re.compile(r"(\d{1,6}) ?(?:/|per) ?(.+)")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `starts` within any `per` seconds."""

    starts: int
    per: float

    def __str__(self) -> str:
        unit = next((unit for unit, seconds in _UNITS.items() if seconds == self.per), None)
        return f"{self.starts}/{unit}" if unit else f"{self.starts} per {self.per:g}s"

    def words(self) -> str:
        return f"{self.starts} within {duration_words(self.per)}"


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit of a group or a queue; None: there is none of that kind."""

    kind: LimitKind
    name: str
    max_running: int | None = None
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Full:
    """Why a run waits: its job, group, queue or backfill has no place for it."""

    kind: str
    name: str
    running: int
    most: int | None = None
    rate: Rate | None = None  # what it has used up, if it could run more side by side

    def words(self) -> str:
        """As `the group db runs 1 of 1`."""
        who = f"the {self.kind} {self.name}" if self.kind in ("group", "queue") else f"its {self.kind}"
        return f"{who} starts at most {self.rate.words()}" if self.rate else f"{who} runs {self.running} of {self.most}"


def parse_rate(text: str) -> Rate:
    """`10/m`, `100/h`, `5 per 30s`; raises ValueError with a sentence."""
    found = _RATE.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError("Write a number of starts and a time, as 10/m, 100/h or 5 per 30s.")
    starts, word = int(found[1]), found[2].strip()
    per = _UNITS[word] if word in _UNITS else parse_duration(word)
    if not 1 <= starts <= MOST_STARTS:
        raise ValueError(f"The number of starts must be from 1 to {MOST_STARTS:,}.")
    if not 0 < per <= LONGEST:
        raise ValueError("The time must be more than nothing, and at most 7 days.")
    return Rate(starts, per)

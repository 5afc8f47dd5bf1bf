"""What a reader of the event stream is told of, and how far they were told.

A place is no memory of ours: with it a reader goes on at any server of the same database, also after a restart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cronapp.core.errors import InvalidInput

MOST = 50  # topics of one stream
MARGIN = timedelta(seconds=30)
"""What happened at a moment may be committed, or heard of, as much later: so far back it is told again."""

TOPIC = re.compile(r"jobs|runs|job:(?P<job>[A-Za-z0-9._-]{1,100})|run:(?P<run>\d{1,18})(@(?P<line>\d{1,9}))?", re.ASCII)
PLACE = re.compile(r"(?P<moment>\d{1,17})(?P<lines>(\.\d{1,18}-\d{1,9})*)", re.ASCII)
LONGEST_PLACE = 2000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

WHICH = "There are jobs, runs, job:ID, run:NUMBER and run:NUMBER@LINE."
NO_PLACE = "This is no place in the stream. Send the id of the last event that came, or none to begin anew."


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """`lines`: the runs that are followed, and of each the last line that the reader has already."""

    jobs: bool = False
    runs: bool = False
    of_jobs: tuple[str, ...] = ()
    lines: Mapping[int, int] = field(default_factory=dict)


def topics_of(texts: Iterable[str]) -> Topics:
    """Topics as they are asked for, with commas or one by one. Raises `InvalidInput`."""
    names = list(dict.fromkeys(name for text in texts for one in text.split(",") if (name := one.strip())))
    if not names:
        raise InvalidInput.of("topics", f"Name what to be told of, several with commas. {WHICH}")
    if len(names) > MOST:
        raise InvalidInput.of("topics", f"One stream takes at most {MOST} topics. Ask for the others by another one.")
    found = [one for name in names if (one := TOPIC.fullmatch(name))]
    if len(found) < len(names):
        unknown = next(name for name in names if not TOPIC.fullmatch(name))
        raise InvalidInput.of("topics", f"There is no topic {unknown[:120]!r}. {WHICH}")
    return Topics(
        jobs="jobs" in names,
        runs="runs" in names,
        of_jobs=tuple(one["job"] for one in found if one["job"]),
        lines={int(one["run"]): int(one["line"] or 0) for one in found if one["run"]},
    )


@dataclass(frozen=True, slots=True)
class Place:
    """All that changed before `moment` was told, and of each followed run the lines up to its number in `lines`."""

    moment: datetime
    lines: Mapping[int, int] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = "".join(f".{run}-{seq}" for run, seq in self.lines.items())
        return f"{(self.moment - EPOCH) // MICROSECOND}{lines}"

    @property
    def since(self) -> datetime:
        """From when on it is told again."""
        return max(EPOCH, self.moment - MARGIN)

    def is_kept(self, now: datetime, days: float) -> bool:
        """Whether all is still there that happened since, where what was removed is forgotten after so many days. One
        that lies ahead is of another history: the database was brought back to how it was."""
        return 0 <= (now - self.since).total_seconds() < days * 86400


def place_of(text: str, field_name: str) -> Place:
    """Raises `InvalidInput`."""
    found = PLACE.fullmatch(text) if len(text) <= LONGEST_PLACE else None
    if found is None:
        raise InvalidInput.of(field_name, NO_PLACE)
    pairs = [one.partition("-") for one in found["lines"].split(".")[1:]]
    lines = {int(run): int(seq) for run, _, seq in pairs}
    return Place(EPOCH + int(found["moment"]) * MICROSECOND, lines)

"""What the newest runs of a job say together: how often they succeed, how long they take, and how many in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cronapp.core.models import RETRIED_STATES, RunState, RunTrigger

WINDOW = 100  # ended runs that the figures are of; the trend is against so many before them
JUDGED = RETRIED_STATES | {RunState.SUCCEEDED}
"""Ends that say whether a job does what it should. A cancelled run says nothing of it."""


@dataclass(frozen=True, slots=True)
class Past:
    """One attempt, as the figures and the chart of durations need it."""

    id: int
    first_attempt: int
    state: RunState
    trigger: RunTrigger
    attempt: int
    slot: datetime | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration: float | None

    @property
    def at(self) -> datetime:
        return self.started_at or self.slot or self.queued_at

    @property
    def good(self) -> bool:
        return self.state is RunState.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Streak:
    """So many runs in a row ended alike, up to now."""

    count: int
    good: bool
    since: datetime
    more: bool  # there may be more of them further back than was looked


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    counted: int  # runs that the figures are of
    succeeded: int
    before: float | None  # the share that succeeded of as many runs before these; None: there are too few
    longest: float | None  # of those that succeeded, in seconds
    last: float | None  # the newest duration
    streak: Streak | None

    @property
    def share(self) -> float | None:
        return self.succeeded / self.counted if self.counted else None

    @property
    def trend(self) -> int | None:
        """In points of a hundred: +2 is 98 % after 96 %."""
        if self.share is None or self.before is None:
            return None
        return round(100 * self.share) - round(100 * self.before)


def judged(newest_first: Sequence[Past]) -> list[Past]:
    """Runs that ended for good or bad, each once, by its last attempt. One that is going to be tried again is not over,
    and a backfill says nothing of how the job does now."""
    seen: set[int] = set()
    found = []
    for past in newest_first:
        if past.first_attempt in seen:
            continue
        seen.add(past.first_attempt)
        if past.state in JUDGED and past.trigger is not RunTrigger.BACKFILL:
            found.append(past)
    return found


def figures_of(newest_first: Sequence[Past], more: bool = False) -> Figures:
    """`more`: there are older runs that were not looked at."""
    ended = judged(newest_first)
    window, before = ended[:WINDOW], ended[WINDOW : 2 * WINDOW]
    return Figures(
        counted=len(window),
        succeeded=sum(past.good for past in window),
        before=sum(past.good for past in before) / WINDOW if len(before) == WINDOW else None,
        longest=max((past.duration for past in window if past.good and past.duration is not None), default=None),
        last=next((past.duration for past in window if past.duration is not None), None),
        streak=streak_of(ended, more),
    )


def streak_of(ended: Sequence[Past], more: bool) -> Streak | None:
    """How many of the newest ended as the very newest did."""
    if not ended:
        return None
    good = ended[0].good
    count = next((n for n, past in enumerate(ended) if past.good is not good), len(ended))
    return Streak(count, good, ended[count - 1].at, more and count == len(ended))

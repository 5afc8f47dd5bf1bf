"""What needs somebody: jobs that fail or do not run, slots that wait. The overview lists it, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Trouble(StrEnum):
    """In the order of how bad they are: what runs not at all comes before what runs and fails."""

    MISFIT = "needs_attention"  # the task is gone, or the arguments no longer fit it
    PAUSED = "paused"  # by itself, after failures in a row
    FAILING = "failing"
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One job, or one waiting run, that somebody should look at."""

    trouble: Trouble
    job: str
    key: int  # of the job
    words: str  # what is wrong, in one line
    since: datetime | None = None
    failures: int = 0  # in a row
    run: int | None = None  # the one that tells most
    trying: int | None = None  # a run of the job that waits or goes on just now


@dataclass(frozen=True, slots=True)
class Concerns:
    """The worst ones, and how many more there are of each kind."""

    listed: tuple[Concern, ...]
    more: dict[Trouble, int]

    @property
    def total(self) -> int:
        return len(self.listed) + sum(self.more.values())


def waiting_words(held_up: Sequence[str]) -> str:
    """Why a run waits although its time has come."""
    return f"Waits: {' and '.join(held_up)}." if held_up else "Waits for its turn."

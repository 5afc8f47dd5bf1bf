"""Failures with the same exception out of the same place, as one thing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cronapp.core.models import Run, RunState

NEW_FOR = timedelta(hours=24)


class Standing(StrEnum):
    """How a group stands: whether it is new, goes on, or its jobs have succeeded since."""

    NEW = "new"
    FAILING = "failing"
    RECOVERED = "recovered"
    GONE = "gone"  # no job that it hit is there any more


@dataclass(frozen=True, slots=True)
class Hit:
    """A job that failed so. `last` is its newest run that did, `succeeded` its newest run that succeeded."""

    job: str
    count: int
    last: int
    there: bool
    succeeded: int | None

    @property
    def failing(self) -> bool:
        return self.there and (self.succeeded is None or self.succeeded < self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroup:
    """`count`, `bars` and `hits` are of the stretch of time that was asked for; `first_seen` is of all that is kept.
    `jobs` is how many jobs were hit; `hits` has the newest of them."""

    id: str
    newest: Run
    count: int
    bars: tuple[int, ...]
    jobs: int
    hits: tuple[Hit, ...]
    first_seen: datetime
    last_seen: datetime
    standing: Standing

    @property
    def title(self) -> str:
        """The exception's type, or what happened instead of one."""
        if self.newest.error and self.newest.state is RunState.FAILED:
            return self.newest.error.type
        return {RunState.TIMED_OUT: "Timed out", RunState.LOST: "Lost"}.get(self.newest.state, "Failed")

    @property
    def message(self) -> str:
        """Of the newest run."""
        return (self.newest.error.message if self.newest.error else "") or self.newest.reason or ""


def standing_of(hits: tuple[Hit, ...], first_seen: datetime, now: datetime) -> Standing:
    if any(hit.failing for hit in hits):
        return Standing.NEW if now - first_seen < NEW_FOR else Standing.FAILING
    return Standing.RECOVERED if any(hit.there for hit in hits) else Standing.GONE

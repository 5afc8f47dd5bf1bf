"""Who is told what: of one job, or of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class AlertEvent(StrEnum):
    """What may be told of a job."""

    FAILURE = "failure"  # a run failed for good: after its last attempt
    RECOVERY = "recovery"
    MISSED = "missed"
    LATE = "late"
    SLOW = "slow"
    FAST = "fast"
    NO_OUTPUT = "no_output"
    SUCCESS = "success"
    PAUSED = "paused"  # by itself
    NEEDS_ATTENTION = "needs_attention"


USUAL_EVENTS = (AlertEvent.FAILURE, AlertEvent.RECOVERY)
"""What a rule tells that does not say on what."""


class SecretUrl(str):
    """An address that may hold a password. As a text it is only its mask; `token` is the encrypted whole."""

    token: str

    def __new__(cls, shown: str, token: str) -> SecretUrl:
        made = super().__new__(cls, shown)
        made.token = token
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """A copy is one too."""
        return str(self), self.token

    def __repr__(self) -> str:
        return f"SecretUrl({str(self)!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Addresses that are called when a run begins, succeeds, or fails for good, so that who does not hear of it knows
    that something is wrong."""

    start: str | None = None
    success: str | None = None
    failure: str | None = None

    def urls(self) -> Iterator[str]:
        yield from (one for one in (self.start, self.success, self.failure) if one is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """One rule. Durations are seconds."""

    on: tuple[AlertEvent, ...] = USUAL_EVENTS
    channels: tuple[str, ...] = ()  # by their names
    urls: tuple[str, ...] = ()  # of Apprise
    failures: int = 1  # in a row, before a failure is told
    slower_than: float | None = None  # none: `slower_by` times the usual
    slower_by: float = 2
    faster_than: float | None = None
    late_after: float = 300
    remind: float | None = None  # again each time so long has passed, while it lasts
    ping: Ping | None = None
    instead: bool = False  # of the rules for all jobs and for its tags

    def all_urls(self) -> tuple[str, ...]:
        return (*self.urls, *(self.ping.urls() if self.ping else ()))

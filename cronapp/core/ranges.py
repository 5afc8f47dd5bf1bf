"""Stretches of time that end now, by the names that addresses have for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

RANGES = {
    "1h": (timedelta(hours=1), "Last hour"),
    "24h": (timedelta(hours=24), "Last 24 hours"),
    "7d": (timedelta(days=7), "Last 7 days"),
    "30d": (timedelta(days=30), "Last 30 days"),
}


@dataclass(frozen=True, slots=True)
class Range:
    """The last hours or days, or a stretch between two moments of which either may be open."""

    within: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def at(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """From when, and until when."""
        if self.within in RANGES:
            return now - RANGES[self.within][0], None
        return self.since, self.until

    @property
    def any(self) -> bool:
        return self == Range()

    @property
    def words(self) -> str:
        """`Last 7 days`; empty where it has two ends."""
        return RANGES[self.within][1] if self.within in RANGES else ""

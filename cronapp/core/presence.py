"""When nobody was there to serve slots."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

STAMP = "%Y-%m-%d %H:%M:%S UTC"


@dataclass(frozen=True, slots=True)
class Outage:
    since: datetime
    until: datetime

    def covers(self, slot: datetime) -> bool:
        return self.since <= slot <= self.until

    def words(self) -> str:
        """`from 2026-03-02 02:00:00 UTC to 2026-03-02 02:40:12 UTC`; pages show such moments by the viewer's clock."""
        return f"from {self.since:{STAMP}} to {self.until:{STAMP}}"

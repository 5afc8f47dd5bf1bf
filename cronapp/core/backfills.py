"""A backfill: the slots of a past window, run after all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    id: int
    job_key: int
    since: datetime
    until: datetime
    max_running: int
    created_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a backfill of a window would run, oldest first, and how many slots it leaves out as they have succeeded."""

    slots: tuple[datetime, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class BackfillRow:
    """A backfill and how far it is."""

    backfill: Backfill
    total: int
    waiting: int
    running: int
    failed: int
    cancelled: int

    @property
    def done(self) -> int:
        return self.total - self.waiting - self.running - self.cancelled

    @property
    def over(self) -> bool:
        return self.waiting + self.running == 0

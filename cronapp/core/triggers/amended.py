"""A trigger of which somebody skips single slots, or to which somebody added some."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from cronapp.core.triggers.trigger import TICK, Trigger


@dataclass(frozen=True, slots=True)
class AmendedTrigger(Trigger):
    """The slots of the inner one and the added ones, without those that are skipped. An added one that the inner
    trigger promises too is one slot, and one that is skipped and not promised is none."""

    inner: Trigger
    added: tuple[datetime, ...]  # in order
    skipped: frozenset[datetime] = frozenset()

    @property
    def zone(self) -> ZoneInfo | None:
        return self.inner.zone

    def next_after(self, moment: datetime) -> datetime | None:
        slot = self._promised_after(moment)
        while slot is not None and slot in self.skipped:
            slot = self._promised_after(slot)
        return slot

    def previous_before(self, moment: datetime) -> datetime | None:
        slot = self._promised_before(moment)
        while slot is not None and slot in self.skipped:
            slot = self._promised_before(slot)
        return slot

    def count(self, after: datetime, until: datetime, at_most: int) -> int:
        added = [slot for slot in self.added if after < slot <= until and not is_slot(self.inner, slot)]
        skipped = [slot for slot in self.skipped if after < slot <= until]
        gone = [slot for slot in skipped if slot in added or is_slot(self.inner, slot)]
        return self.inner.count(after, until, at_most) + len(added) - len(gone)

    def wall_after(self, moment: datetime) -> tuple[datetime, ZoneInfo] | None:
        return self.inner.wall_after(moment)

    def words(self) -> str:
        return self.inner.words()

    def warnings(self) -> tuple[str, ...]:
        return self.inner.warnings()

    def keeps_time(self) -> bool:
        return self.inner.keeps_time()

    def starts_with_server(self) -> bool:
        return self.inner.starts_with_server()

    def _promised_after(self, moment: datetime) -> datetime | None:
        index = bisect_right(self.added, moment)
        found = (self.inner.next_after(moment), *self.added[index : index + 1])
        return min((slot for slot in found if slot), default=None)

    def _promised_before(self, moment: datetime) -> datetime | None:
        index = bisect_left(self.added, moment)
        found = (self.inner.previous_before(moment), *self.added[max(0, index - 1) : index])
        return max((slot for slot in found if slot), default=None)


def is_slot(trigger: Trigger, moment: datetime) -> bool:
    """Whether the trigger promises this very moment."""
    return trigger.next_after(moment - TICK) == moment

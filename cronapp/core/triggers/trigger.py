"""What every trigger can be asked, and the questions that its answers are for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

TICK = timedelta(microseconds=1)
MOST_COUNTED = 100_000


class Trigger(Protocol):
    """A promise of slots. Moments are aware, slots are aware UTC."""

    @property
    def zone(self) -> ZoneInfo | None:
        """Whose clock it follows; None for elapsed time, and for what keeps no time."""
        return None

    def next_after(self, moment: datetime) -> datetime | None:
        """The first slot strictly after the moment."""

    def previous_before(self, moment: datetime) -> datetime | None:
        """The last slot strictly before the moment."""

    def words(self) -> str:
        """The promise in English."""

    def count(self, after: datetime, until: datetime, at_most: int) -> int:
        """How many slots are after `after` and not after `until`, found in `at_most` steps."""
        found = 0
        slot = self.next_after(after)
        while slot is not None and slot <= until and found < at_most:
            found += 1
            slot = self.next_after(slot)
        return found

    def wall_after(self, moment: datetime) -> tuple[datetime, ZoneInfo] | None:
        """The wall time that is promised next, also one that the clock is going to skip; None without wall times."""
        return None

    def warnings(self) -> tuple[str, ...]:
        """What may surprise, in sentences."""
        return ()

    def keeps_time(self) -> bool:
        """Whether it promises moments; what starts by hand or with the server does not."""
        return True

    def starts_with_server(self) -> bool:
        """Whether a run is promised for each start of the scheduler."""
        return False

    def reaching_back(self, since: datetime) -> Trigger:
        """The same promise, as if it had been made before that moment: an interval has slots before its anchor too."""
        return self


def needs_no_slot(trigger: Trigger) -> bool:
    """Whether its job stays active with no slot ahead: it is started by hand, or with the server."""
    return trigger.starts_with_server() or not trigger.keeps_time()


def slots_between(trigger: Trigger, after: datetime, until: datetime, limit: int) -> list[datetime]:
    """The slots after `after` and not after `until`, oldest first, `limit` at most."""
    slots: list[datetime] = []
    slot = trigger.next_after(after)
    while slot is not None and slot <= until and len(slots) < limit:
        slots.append(slot)
        slot = trigger.next_after(slot)
    return slots


def count_between(trigger: Trigger, after: datetime, until: datetime, at_most: int = MOST_COUNTED) -> int:
    """How many slots are after `after` and not after `until`; no list is made.

    An interval of elapsed time is reckoned at once and a cron day by day; what is left is counted one by one. The count
    ends after `at_most` steps.
    """
    return trigger.count(after, until, at_most)


def last_at_or_before(trigger: Trigger, moment: datetime, after: datetime) -> datetime | None:
    """The newest slot that is not after `moment` and after `after`."""
    slot = trigger.previous_before(moment + TICK)
    return slot if slot is not None and slot > after else None


def moment_words(moment: datetime, its_zone: ZoneInfo) -> str:
    """As a sentence about a trigger says it: `29 March 2026 at 02:30`."""
    shown = moment.astimezone(its_zone)
    seconds = ":%S" if shown.second else ""
    return f"{shown.day} {shown:%B %Y} at {shown.strftime('%H:%M' + seconds)}"

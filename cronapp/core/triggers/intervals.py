"""The triggers of an interval: elapsed time for hours and less, calendar time for days and more."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronapp.core.durations import Period
from cronapp.core.triggers.trigger import Trigger
from cronapp.core.zones import clock_of, datetime_to_instant, resolve, wall_to_datetime

_LAST_YEAR = 9998
_FIRST, _LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(_LAST_YEAR, 12, 31, tzinfo=UTC)
"""No zone's offset leads from there out of what a datetime can hold; and there are no slots beyond."""


@dataclass(frozen=True, slots=True)
class IntervalTrigger(Trigger):
    """Elapsed time: the slots are `anchor + k * step`, k = 0, 1, 2 …, so nothing ever makes them drift."""

    anchor: datetime
    step: timedelta
    period: Period
    first: int = 0  # the least k

    def next_after(self, moment: datetime) -> datetime | None:
        return self._slot(self._count_until(moment))

    def previous_before(self, moment: datetime) -> datetime | None:
        before = -((self.anchor - moment) // self.step)  # how many, rounded up: the moment itself is none of them
        return self._slot(max(self.first, before) - 1)

    def count(self, after: datetime, until: datetime, at_most: int) -> int:
        return max(0, self._count_until(until) - self._count_until(after))

    def words(self) -> str:
        return f"Every {_without_one(self.period.words())}"

    def reaching_back(self, since: datetime) -> Trigger:
        return replace(self, first=min(self.first, (since - self.anchor) // self.step))

    def _count_until(self, moment: datetime) -> int:
        return max(self.first, (moment - self.anchor) // self.step + 1)

    def _slot(self, k: int) -> datetime | None:
        if k < self.first:
            return None
        try:
            return self.anchor + k * self.step
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class CalendarTrigger(Trigger):
    """Calendar time: days, weeks, months and years keep the wall clock of the anchor in the zone.

    Months are counted from the anchor and end on the month's last day where they are too short: 31 January, 28
    February, 31 March. A wall time that the clock skips runs right after the gap.
    """

    anchor: datetime  # naive, in the zone
    period: Period
    zone: ZoneInfo
    first: int = 0  # the least number of periods after the anchor

    def next_after(self, moment: datetime) -> datetime | None:
        k = max(self.first, self._index(moment) - 1)
        while (wall := self._wall(k)) is not None:
            slot = resolve(wall, self.zone)
            if slot is not None and slot > moment:
                return slot
            k += 1
        return None

    def previous_before(self, moment: datetime) -> datetime | None:
        for k in range(self._index(moment) + 1, self.first - 1, -1):
            wall = self._wall(k)
            slot = None if wall is None else resolve(wall, self.zone)
            if slot is not None and slot < moment:
                return slot
        return None

    def wall_after(self, moment: datetime) -> tuple[datetime, ZoneInfo] | None:
        shown = self._shown(moment)
        k = max(self.first, self._index(moment) - 1)
        while (wall := self._wall(k)) is not None:
            if wall > shown:
                return wall, self.zone
            k += 1
        return None

    def words(self) -> str:
        at, every = f"{self.anchor:%H:%M}", f"Every {_without_one(self.period.words())}"
        if self.anchor.second:
            at = f"{self.anchor:%H:%M:%S}"
        if self.period.days:
            return f"{every} on {self.anchor:%A} at {at}" if self.period.days % 7 == 0 else f"{every} at {at}"
        if self.period.months % 12 == 0:
            return f"{every} on {self.anchor.day} {self.anchor:%B} at {at}"
        return f"{every} on day {self.anchor.day} at {at}"

    def warnings(self) -> tuple[str, ...]:
        if self.period.months and self.anchor.day > 28:
            return (f"Months without a day {self.anchor.day} run on their last day.",)
        return ()

    def reaching_back(self, since: datetime) -> Trigger:
        return replace(self, first=min(self.first, self._index(since) - 1))

    def _shown(self, moment: datetime) -> datetime:
        near = min(max(moment, _FIRST), _LAST)
        return wall_to_datetime(clock_of(self.zone).wall(datetime_to_instant(near)))

    def _index(self, moment: datetime) -> int:
        """About how many periods there are from the anchor to the moment; one off at most."""
        shown = self._shown(moment)
        if self.period.months:
            months = (shown.year - self.anchor.year) * 12 + shown.month - self.anchor.month
            return months // self.period.months
        return (shown - self.anchor) // timedelta(days=self.period.days)

    def _wall(self, k: int) -> datetime | None:
        """The k-th wall time; None beyond the calendar."""
        if self.period.days:
            days = self.anchor.toordinal() + k * self.period.days
            if days > datetime(_LAST_YEAR, 12, 31, tzinfo=UTC).toordinal():
                return None
            return datetime.combine(datetime.fromordinal(days), self.anchor.time())
        year, month = divmod(self.anchor.year * 12 + self.anchor.month - 1 + k * self.period.months, 12)
        if year > _LAST_YEAR:
            return None
        return self.anchor.replace(year=year, month=month + 1, day=min(self.anchor.day, monthrange(year, month + 1)[1]))


def _without_one(words: str) -> str:
    return words.removeprefix("1 ") if words.count(" ") == 1 else words

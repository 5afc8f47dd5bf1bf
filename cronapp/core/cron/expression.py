"""A cron expression and its slots: jumps in wall time, with a second look only where the clock changes."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from cronapp.core.cron.days import FIRST_DAY, LAST_DAY, Days
from cronapp.core.cron.grammar import REBOOT, read, refusal
from cronapp.core.cron.times import Times
from cronapp.core.cron.tree import Tree
from cronapp.core.cron.warnings import warnings
from cronapp.core.cron.words import Words
from cronapp.core.zones import DAY, WallClock, clock_of, datetime_to_instant, instant_to_datetime

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_FIRST_INSTANT, _LAST_INSTANT = (FIRST_DAY - _EPOCH_DAY) * DAY, (LAST_DAY - _EPOCH_DAY) * DAY


def parse(expression: str, *, seed: str = "") -> Cron:
    """Read an expression. `seed`, the job's id, decides the values of `H` and `~`.

    Raises `InvalidInput` for `expression` with a sentence that names the field, what is wrong and what is allowed; also
    for an expression that never fires, as the 30th of February.
    """
    text = expression.strip()
    cron = Cron(text, read(text, seed))
    if not cron.has_days():
        raise refusal(
            "Day of month, Month and Day of week: no date fits them all, so this would never run. "
            "Allowed are days that the month has, as 28 or L in February."
        )
    return cron


class Cron:
    """A parsed expression. Slots are whole seconds, in UTC."""

    def __init__(self, expression: str, tree: Tree) -> None:
        self.expression = expression
        self.is_reboot = expression == REBOOT
        self.fixed = tree.fixed
        self._tree = tree
        self._days = Days(tree)
        self._times = Times(tree)

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first slot strictly after an aware moment, in UTC; None when there is none."""
        instant = max(datetime_to_instant(moment), _FIRST_INSTANT)
        if self.is_reboot or instant >= _LAST_INSTANT:
            return None
        found = self._next(instant, clock_of(zone))
        return None if found is None else instant_to_datetime(found)

    def previous_before(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The last slot strictly before an aware moment, in UTC; None when there is none."""
        instant = min(datetime_to_instant(moment) + (1 if moment.microsecond else 0), _LAST_INSTANT)
        if self.is_reboot or instant <= _FIRST_INSTANT:
            return None
        found = self._previous(instant, clock_of(zone))
        return None if found is None else instant_to_datetime(found)

    def count(self, after: datetime, until: datetime, zone: ZoneInfo, at_most: int) -> int:
        """How many slots are after `after` and not after `until`; a day is reckoned in one of the `at_most` steps."""
        clock, end = clock_of(zone), min(datetime_to_instant(until), _LAST_INSTANT)
        here = max(datetime_to_instant(after), _FIRST_INSTANT)
        found = 0
        for _ in range(0 if self.is_reboot else at_most):
            slot = self._next(here, clock) if here < end else None
            if slot is None or slot > end:
                break
            offset = clock.steady[slot // DAY]
            if offset is None:
                found, here = found + 1, slot
                continue
            time = (slot + offset) % DAY
            here = min(end, slot - time + DAY - 1)
            found += self._times.count_until((here + offset) % DAY) - self._times.count_until(time) + 1
        return found

    def wall_after(self, moment: datetime, zone: ZoneInfo) -> int | None:
        """The wall time that the expression names next, also one that the clock is going to skip."""
        instant = datetime_to_instant(moment)
        if self.is_reboot or not _FIRST_INSTANT <= instant < _LAST_INSTANT:
            return None
        return self._after(clock_of(zone).wall(instant))

    def words(self) -> str:
        """The expression in English, as `At 09:00, Monday to Friday`."""
        return "When the server starts" if self.is_reboot else Words(self._tree).sentence()

    def warnings(self) -> tuple[str, ...]:
        """What may surprise in this expression, in sentences."""
        return () if self.is_reboot else warnings(self._tree)

    def has_days(self) -> bool:
        """Whether there is a date that it names."""
        return self._days.exist()

    # Each search below jumps field by field in wall time; only where the clock changes the instant is looked at twice.

    def _next(self, instant: int, clock: WallClock) -> int | None:
        steady = clock.steady
        offset = steady[instant // DAY]
        if offset is not None:
            wall = self._after(instant + offset)
            if wall is None:
                return None
            if steady[(wall - offset) // DAY] == offset:
                return wall - offset
        return self._next_at_change(instant, clock)

    def _next_at_change(self, instant: int, clock: WallClock) -> int | None:
        here = clock.wall(instant)
        change = clock.change(here)
        if change is not None and not change.skips:
            if instant >= change.at and self.fixed:
                here = change.ends - 1  # these times had their run in the first pass
            elif instant < change.at and not self.fixed:
                wall = self._after(here)
                if wall is not None and wall < change.ends:
                    return wall - change.before
                here = change.starts - 1
        while (wall := self._after(here)) is not None:
            change = clock.change(wall)
            if change is None:
                return clock.instant(wall)
            if not change.skips:
                first = wall - change.before
                return first if first > instant else wall - change.after
            if self.fixed and not change.long_gap:
                return change.at
            here = change.ends - 1
        return None

    def _previous(self, instant: int, clock: WallClock) -> int | None:
        steady = clock.steady
        offset = steady[instant // DAY]
        if offset is not None:
            wall = self._before(instant + offset)
            if wall is None:
                return None
            if steady[(wall - offset) // DAY] == offset:
                return wall - offset
        return self._previous_at_change(instant, clock)

    def _previous_at_change(self, instant: int, clock: WallClock) -> int | None:
        here = clock.wall(instant)
        change = clock.change(here)
        if change is not None and not change.skips and instant >= change.at:
            wall = None if self.fixed else self._before(here)
            if wall is not None and wall >= change.starts:
                return wall - change.after
            here = change.ends
        while (wall := self._before(here)) is not None:
            change = clock.change(wall)
            if change is None:
                return clock.instant(wall)
            if not change.skips:
                last = wall - (change.before if self.fixed else change.after)
                return last if last < instant else wall - change.before
            if self.fixed and not change.long_gap and change.at < instant:
                return change.at
            here = change.starts
        return None

    def _after(self, wall: int) -> int | None:
        """The first wall time after this one that the fields name."""
        day, time = divmod(wall + 1, DAY)
        found = self._days.at_or_after(day + _EPOCH_DAY)
        if found is None:
            return None
        if found == day + _EPOCH_DAY:
            at = self._times.at_or_after(time)
            if at >= 0:
                return day * DAY + at
            found = self._days.at_or_after(found + 1)
            if found is None:
                return None
        return (found - _EPOCH_DAY) * DAY + self._times.first

    def _before(self, wall: int) -> int | None:
        """The last wall time before this one that the fields name."""
        day, time = divmod(wall - 1, DAY)
        found = self._days.at_or_before(day + _EPOCH_DAY)
        if found is None:
            return None
        if found == day + _EPOCH_DAY:
            at = self._times.at_or_before(time)
            if at >= 0:
                return day * DAY + at
            found = self._days.at_or_before(found - 1)
            if found is None:
                return None
        return (found - _EPOCH_DAY) * DAY + self._times.last

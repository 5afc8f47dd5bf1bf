"""The days that a cron expression names, as proleptic ordinals (`date.toordinal()`)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date

from cronapp.core.cron.times import Dial
from cronapp.core.cron.tree import LAST, Field, LastDay, NearestWeekday, NthWeekday, Span, Tree

FIRST_DAY, LAST_DAY = date(2, 1, 1).toordinal(), date(9998, 12, 31).toordinal()
"""The search ends there, so that no zone's offset leads out of what a datetime can hold."""


class Days:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._month = Dial(tree.month.values, 13)
        self._years = None if tree.year.full else tree.year.values
        self._masks: dict[tuple[int, int], int] = {}
        any_month, day, weekday = tree.month.full and tree.year.full, tree.day, tree.weekday
        self._every_day = any_month and day.full and weekday.full
        only_weekdays = any_month and day.full and tree.both_days and len(weekday.spans) == len(weekday.items)
        self._weekdays = frozenset(weekday.values) if only_weekdays else None

    def at_or_after(self, day: int) -> int | None:
        """The first matching day >= this one."""
        if not FIRST_DAY <= day <= LAST_DAY:
            return None
        if self._every_day:
            return day
        if self._weekdays is not None:
            return next(at for at in range(day, day + 7) if at % 7 in self._weekdays)
        at = date.fromordinal(day)
        year, month = at.year, at.month
        mask = self._month_mask(year, month) >> (at.day - 1)
        if mask:
            return day + _lowest_bit(mask)
        while not mask:
            month = self._month.after[month + 1]
            if month < 0:
                month = self._month.first
                next_year = self._year_from(year + 1)
                if next_year is None:
                    return None
                year = next_year
            mask = self._month_mask(year, month)
        return date(year, month, 1).toordinal() + _lowest_bit(mask)

    def at_or_before(self, day: int) -> int | None:
        """The last matching day <= this one."""
        if not FIRST_DAY <= day <= LAST_DAY:
            return None
        if self._every_day:
            return day
        if self._weekdays is not None:
            return next(at for at in range(day, day - 7, -1) if at % 7 in self._weekdays)
        at = date.fromordinal(day)
        year, month = at.year, at.month
        mask = self._month_mask(year, month) & ((1 << at.day) - 1)
        while not mask:
            month = self._month.before[month - 1]
            if month < 0:
                month = self._month.last
                previous_year = self._year_until(year - 1)
                if previous_year is None:
                    return None
                year = previous_year
            mask = self._month_mask(year, month)
        return date(year, month, 1).toordinal() + mask.bit_length() - 1

    def exist(self) -> bool:
        """Whether any month of any allowed year has a matching day."""
        # 2000 to 2027 has every pair of first weekday and length that a month can have.
        years = range(2000, 2028) if self._years is None else self._years
        return any(self._month_mask(year, month) for year in years for month in self._month.values)

    def _year_from(self, year: int) -> int | None:
        if self._years is None:
            return year if year <= 9998 else None
        place = bisect_left(self._years, year)
        return self._years[place] if place < len(self._years) else None

    def _year_until(self, year: int) -> int | None:
        if self._years is None:
            return year if year >= 2 else None
        place = bisect_right(self._years, year)
        return self._years[place - 1] if place else None

    def _month_mask(self, year: int, month: int) -> int:
        """The matching days of a month as bits, the 1st is bit 0."""
        if self._month.after[month] != month or (self._years is not None and self._year_from(year) != year):
            return 0
        shape = (date(year, month, 1).toordinal() % 7, _length(year, month))
        if shape not in self._masks:
            self._masks[shape] = self._days_mask(*shape)
        return self._masks[shape]

    def _days_mask(self, first: int, length: int) -> int:
        """The matching days of a month that starts on the weekday `first` (0 is Sunday) and has `length` days."""
        by_day = _bits(_days_of_month(self._tree.day, first, length))
        by_weekday = _bits(_days_of_week(self._tree.weekday, first, length))
        return by_day & by_weekday if self._tree.both_days else by_day | by_weekday


def _length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _lowest_bit(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _bits(days: Iterable[int]) -> int:
    mask = 0
    for day in days:
        mask |= 1 << (day - 1)
    return mask


def _days_of_month(field: Field, first: int, length: int) -> Iterable[int]:
    for item in field.items:
        if isinstance(item, Span):
            yield from (day for day in item.values if day <= length)
        elif isinstance(item, LastDay):
            yield _nearest_weekday(length, first, length) if item.weekday else length
        elif isinstance(item, NearestWeekday) and item.day <= length:
            yield _nearest_weekday(item.day, first, length)


def _nearest_weekday(day: int, first: int, length: int) -> int:
    weekday = (first + day - 1) % 7
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day


def _days_of_week(field: Field, first: int, length: int) -> Iterable[int]:
    weekdays = set(field.values)
    yield from (day for day in range(1, length + 1) if (first + day - 1) % 7 in weekdays)
    for item in field.items:
        if isinstance(item, NthWeekday):
            days = range(1 + (item.weekday - first) % 7, length + 1, 7)
            if item.nth <= len(days):
                yield days[item.nth if item.nth == LAST else item.nth - 1]

"""The kinds of blackouts."""

from __future__ import annotations

from calendar import isleap
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cronapp.core.blackouts.walls import days_around, end_of_cover, instant_of, midnight, whole_days
from cronapp.core.blackouts.words import clock_words, date_words, dates_words, month_day_words, weekday_words

_DAY = timedelta(days=1)
MonthDay = tuple[int, int]


class Blackout(Protocol):
    """A time at which a job must not run. Moments are aware."""

    def end_of(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The instant (aware UTC) at which the blackout that covers the moment ends; None: it does not cover it."""

    def words(self) -> str:
        """The time in English, as `22:00 to 06:00, Monday to Friday`."""


@dataclass(frozen=True, slots=True)
class Dates(Blackout):
    """Whole days, both inclusive."""

    first: date
    last: date

    def end_of(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        return end_of_cover([whole_days(self.first, self.last, zone)], moment)

    def words(self) -> str:
        return dates_words(self.first, self.last)


@dataclass(frozen=True, slots=True)
class YearlyDates(Blackout):
    """Whole days of every year, both inclusive; the last may lie in the year after."""

    first: MonthDay
    last: MonthDay

    def end_of(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        years = sorted({day.year for day in days_around(moment, zone)})
        spans = [whole_days(*self._days_of(year), zone) for year in range(years[0] - 1, years[-1] + 1)]
        return end_of_cover(spans, moment)

    def _days_of(self, year: int) -> tuple[date, date]:
        first = _day_or_next(year, self.first)
        past_new_year = self.last < self.first
        after_last = _day_or_next(year + past_new_year, self.last)
        is_there = (after_last.month, after_last.day) == self.last
        return first, after_last if is_there else after_last - _DAY

    def words(self) -> str:
        first, last = month_day_words(self.first), month_day_words(self.last)
        return f"{first} every year" if self.first == self.last else f"{first} to {last} every year"


def _day_or_next(year: int, day: MonthDay) -> date:
    """That day of the year; 1 March for the 29 February of a year without one."""
    return date(year, 3, 1) if day == (2, 29) and not isleap(year) else date(year, *day)


@dataclass(frozen=True, slots=True)
class Stretch(Blackout):
    """From one moment to another: both naive (wall times in the job's zone), or both aware."""

    start: datetime
    end: datetime

    def end_of(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        if self.start.tzinfo is None:
            return end_of_cover([(instant_of(self.start, zone), instant_of(self.end, zone))], moment)
        return end_of_cover([(self.start.astimezone(UTC), self.end.astimezone(UTC))], moment)

    def words(self) -> str:
        return " to ".join(
            f"{date_words(moment.date())} at {clock_words(_seconds_of_day(moment))}" + (f" {moment:%Z}".rstrip())
            for moment in (self.start, self.end)
        )


def _seconds_of_day(moment: datetime) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


@dataclass(frozen=True, slots=True)
class DailySpan(Blackout):
    """From one time of the day to another, in seconds after midnight; past midnight if it ends before it starts."""

    start: int
    end: int
    weekdays: frozenset[int] = frozenset(range(7))
    """The days on which it begins, 0 is Monday."""

    def end_of(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        length = self.end - self.start if self.end > self.start else self.end - self.start + 86_400
        starts = [
            midnight(day) + timedelta(seconds=self.start)
            for day in days_around(moment, zone)
            if day.weekday() in self.weekdays
        ]
        spans = [(instant_of(start, zone), instant_of(start + timedelta(seconds=length), zone)) for start in starts]
        return end_of_cover(spans, moment)

    def words(self) -> str:
        times = f"{clock_words(self.start)} to {clock_words(self.end)}"
        return f"{times} every day" if len(self.weekdays) == 7 else f"{times}, {weekday_words(self.weekdays)}"


@dataclass(frozen=True, slots=True)
class Weekdays(Blackout):
    """Whole days of the week, 0 is Monday. Days in a row are one blackout."""

    weekdays: frozenset[int]

    def end_of(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        days = [day for day in days_around(moment, zone) if day.weekday() in self.weekdays]
        return end_of_cover([whole_days(day, self._last_in_a_row(day), zone) for day in days], moment)

    def _last_in_a_row(self, day: date) -> date:
        while (day + _DAY).weekday() in self.weekdays:  # ends: all seven are refused
            day += _DAY
        return day

    def words(self) -> str:
        return weekday_words(self.weekdays)


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """The events of an iCalendar file. It has to be read first, so `core` cannot say when they end."""

    path: str

    def words(self) -> str:
        return f"the events of {self.path}"

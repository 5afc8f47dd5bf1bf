"""A cron expression in English, as `At 09:00, Monday to Friday`."""

from __future__ import annotations

from cronapp.core.cron.phrases import (
    capital,
    clock_time,
    even_step,
    every_unit,
    joined,
    month_day,
    nth_weekday,
    numbered,
    ordinal,
    value_names,
)
from cronapp.core.cron.tree import MONTHS, WEEKDAYS, NthWeekday, Tree

_MOST_TIMES = 4


class Words:
    """The parse tree in English."""

    def __init__(self, tree: Tree) -> None:
        self.both_days = tree.both_days
        self.second, self.minute, self.hour = tree.second, tree.minute, tree.hour
        self.day, self.month, self.weekday, self.year = tree.day, tree.month, tree.weekday, tree.year

    def sentence(self) -> str:
        times = self._clock_times()
        days = self._days()
        start = f"At {joined(times)}" if times else self._repeating()
        if not days:
            days = (" every day" if times else "") + self._comma_months()
        return start + days + self._years()

    def _clock_times(self) -> list[str]:
        """The times of day, when they are few enough to be listed."""
        if any(field.star for field in (self.second, self.minute, self.hour)):
            return []
        if self.minute.values == (0,) and self.second.values == (0,) and len(self.hour.items) == len(self.hour.values):
            return [clock_time(hour, 0) for hour in self.hour.values]
        hours, minutes, seconds = self.hour.values, self.minute.values, self.second.values
        if len(hours) * len(minutes) * len(seconds) > _MOST_TIMES:
            return []
        with_seconds = seconds != (0,)
        return [clock_time(h, m, s if with_seconds else None) for h in hours for m in minutes for s in seconds]

    def _repeating(self) -> str:
        if self.second.values != (0,):
            return capital(self._seconds() + self._minutes_of() + self._hours(of=not self.minute.full))
        if self.minute.values == (0,):
            return capital(self._whole_hours())
        if every := every_unit(self.minute, "minute"):
            return capital(every + self._hours(of=False))
        return f"At {numbered(self.minute, 'minute')}{self._hours(of=True)}"

    def _seconds(self) -> str:
        return every_unit(self.second, "second") or f"at {numbered(self.second, 'second')}"

    def _minutes_of(self) -> str:
        if self.minute.full:
            return "" if every_unit(self.second, "second") else " of every minute"
        step = even_step(self.minute)
        return f" of every {ordinal(step)} minute" if step else f" of {numbered(self.minute, 'minute')}"

    def _whole_hours(self) -> str:
        if every := every_unit(self.hour, "hour"):
            return every
        if len(self.hour.spans) == 1:
            span = self.hour.spans[0]
            pace = "every hour" if span.step == 1 else f"every {span.step} hours"
            return f"{pace} from {clock_time(span.first, 0)} to {clock_time(self.hour.values[-1], 0)}"
        return f"at {joined([clock_time(hour, 0) for hour in self.hour.values])}"

    def _hours(self, *, of: bool) -> str:
        """Which hours: ` from 09:00 to 17:59` or ` of every hour`; with `of` it also speaks of all of them."""
        if self.hour.full:
            return " of every hour" if of else ""
        if len(self.hour.spans) > 1:
            names = [clock_time(hour, 0) for hour in self.hour.values]
            return f" of the hours that start at {joined(names)}"
        span = self.hour.spans[0]
        limits = f" from {clock_time(span.first, 0)} to {clock_time(span.last, 59)}"
        if span.step > 1:
            return f" of every {ordinal(span.step)} hour" + ("" if self.hour.star else limits)
        return f" of every hour{limits}" if of and span.first != span.last else limits

    def _days(self) -> str:
        day_said = not self.day.full
        weekday_said = not self.weekday.full
        if day_said and weekday_said:
            days = f" on {self._month_days()} of the month"
            if self.both_days:
                return f"{days}, only if it is {self._weekday_test()}{self._comma_months()}"
            return f"{days} or on {self._weekdays()}{self._comma_months()}"
        if not self.both_days:
            return ""  # either may match, and one of the two always does
        if day_said:
            return f" on {self._month_days()}{self._of_months()}"
        return self._weekdays_alone() if weekday_said else ""

    def _of_months(self) -> str:
        """Only months that are listed one by one are named right after the day."""
        names = self._month_names()
        if names and not any(" to " in name for name in names):
            return f" of {joined(names)}"
        return f" of the month{self._comma_months()}"

    def _comma_months(self) -> str:
        names = self._month_names()
        if not names:
            return ""
        return f", {names[0]}" if len(names) == 1 and " to " in names[0] else f", in {joined(names)}"

    def _month_names(self) -> list[str]:
        return [] if self.month.full else value_names(self.month, ("", *MONTHS))

    def _month_days(self) -> str:
        return joined([month_day(item, self.day.star) for item in self.day.items])

    def _weekdays(self) -> str:
        return joined(value_names(self.weekday, WEEKDAYS) + self._nths_of_the_month())

    def _nths(self) -> list[str]:
        return [nth_weekday(item) for item in self.weekday.items if isinstance(item, NthWeekday)]

    def _nths_of_the_month(self) -> list[str]:
        return [f"{nth} of the month" for nth in self._nths()]

    def _weekday_test(self) -> str:
        names = [name if " to " in name else f"a {name}" for name in value_names(self.weekday, WEEKDAYS)]
        parts = names + self._nths_of_the_month()
        return parts[0] if len(parts) == 1 else f"one of {joined(parts)}"

    def _weekdays_alone(self) -> str:
        if self._nths() and not self.weekday.spans:
            return f" on {joined(self._nths())}{self._of_months()}"
        names = value_names(self.weekday, WEEKDAYS)
        lead = ", " if len(self.weekday.items) == 1 and " to " in names[0] else " on "
        return lead + self._weekdays() + self._comma_months()

    def _years(self) -> str:
        if self.year.full:
            return ""
        parts = []
        for span in self.year.spans:
            limits = str(span.first) if span.first == span.last else f"{span.first} to {span.last}"
            parts.append(limits if span.step == 1 else f"every {ordinal(span.step)} year from {limits}")
        return f", {joined(parts)}" if parts[0].startswith("every") else f", in {joined(parts)}"

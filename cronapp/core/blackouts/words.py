"""Days and times in English."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from cronapp.core.cron.phrases import clock_time, joined
from cronapp.core.cron.tree import MONTHS, WEEKDAYS


def date_words(day: date) -> str:
    return f"{month_day_words((day.month, day.day))} {day.year}"


def month_day_words(day: tuple[int, int]) -> str:
    return f"{day[1]} {MONTHS[day[0] - 1]}"


def dates_words(first: date, last: date) -> str:
    """`25 December 2026`, `24 to 26 December 2026`, `24 December 2026 to 2 January 2027`."""
    if first == last:
        return date_words(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {date_words(last)}"
    start = date_words(first) if first.year != last.year else month_day_words((first.month, first.day))
    return f"{start} to {date_words(last)}"


def clock_words(seconds: int) -> str:
    """`06:00` of the seconds after midnight, with seconds where there are some."""
    minutes, second = divmod(seconds, 60)
    return clock_time(*divmod(minutes, 60), second or None)


def weekday_words(weekdays: Collection[int]) -> str:
    """`Monday to Friday`, `Saturday and Sunday`; three days in a row or more are one range, over Sunday too."""
    parts: list[str] = []
    for first in sorted(weekdays):
        if (first - 1) % 7 in weekdays:
            continue
        row = [first]
        while (row[-1] + 1) % 7 in weekdays and len(row) < 7:
            row.append((row[-1] + 1) % 7)
        names = [WEEKDAYS[(day + 1) % 7] for day in row]  # theirs begin with Sunday
        parts += [f"{names[0]} to {names[-1]}"] if len(names) > 2 else names
    return joined(parts)

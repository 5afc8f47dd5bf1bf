"""What a person writes for a blackout, on one line. Every refusal says what is wrong and what to write instead."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

from cronapp.core.blackouts.kinds import (
    Blackout,
    CalendarFile,
    DailySpan,
    Dates,
    MonthDay,
    Stretch,
    Weekdays,
    YearlyDates,
)
from cronapp.core.blackouts.walls import YEARS
from cronapp.core.blackouts.weekdays import parse_weekdays
from cronapp.core.cron.tree import MONTHS

FORMS = (
    "Write a day (2026-12-25), days (2026-12-24..2027-01-02), days of every year (12-24..01-02), "
    "a span (2026-12-24T18:00/2026-12-27T06:00), times of the day (22:00-06:00 mon-fri), weekdays (sat,sun), "
    "or a calendar file (holidays.ics)."
)
MOST_CHARACTERS = 200
_DAY_SECONDS = 86_400
_LEAP_YEAR = 2000

_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?"
_DATE = r"\d{4}-\d{1,2}-\d{1,2}"
_FULL_DAY = re.compile(_DATE)
_MONTH_DAY = re.compile(r"\d{1,2}-\d{1,2}")
_MOMENT = re.compile(rf"({_DATE})[Tt ]({_CLOCK}) ?([Zz]|UTC|[+-]\d{{2}}:?\d{{2}})?")
_DAILY = re.compile(rf"({_CLOCK}) ?- ?({_CLOCK})(?:[ ,]+([^\d:]*))?")
_DASHES = str.maketrans("‐‑‒–—−", "------")


@lru_cache(maxsize=4096)
def blackout_for(text: str) -> Blackout | CalendarFile:
    """As `parse_blackout`, remembered: a job is asked about its blackouts at each slot."""
    return parse_blackout(text)


def parse_blackout(text: str) -> Blackout | CalendarFile:
    """The blackout that one line describes. Raises `ValueError` with a sentence for people."""
    line = " ".join(text.split())
    if not line:
        raise ValueError(f"This blackout is empty. {FORMS}")
    if len(line) > MOST_CHARACTERS:
        raise ValueError(f"A blackout has at most {MOST_CHARACTERS} characters; this one has {len(line)}.")
    if line.lower().endswith(".ics"):
        return CalendarFile(line)
    line = line.translate(_DASHES)
    return _reader_of(line)(line)


def _reader_of(line: str) -> Callable[[str], Blackout]:
    if ".." in line:
        return _days
    if _FULL_DAY.fullmatch(line):
        return _one_day
    if _MONTH_DAY.fullmatch(line):
        return _one_day_a_year
    if _FULL_DAY.match(line):
        return _stretch
    if ":" in line:
        return _daily
    if re.fullmatch(r"[A-Za-z][A-Za-z ,-]*", line):
        return _weekdays
    raise ValueError(f'"{line}" is no blackout. {FORMS}')


def _one_day(line: str) -> Blackout:
    day = _full_day(line)
    return Dates(day, day)


def _one_day_a_year(line: str) -> Blackout:
    day = _month_day(line)
    return YearlyDates(day, day)


def _days(line: str) -> Blackout:
    first, last = (part.strip() for part in line.split("..", 1))
    if _FULL_DAY.fullmatch(first) and _FULL_DAY.fullmatch(last):
        dates = Dates(_full_day(first), _full_day(last))
        if dates.last < dates.first:
            raise ValueError(f"{last} is before {first}. Write the first day first: {last}..{first}.")
        return dates
    if _MONTH_DAY.fullmatch(first) and _MONTH_DAY.fullmatch(last):
        return _every_year(_month_day(first), _month_day(last))
    raise ValueError(
        f'"{line}" has no two days of one kind. Write both with the year, as 2026-12-24..2027-01-02, '
        "or both without it, as 12-24..01-02."
    )


def _every_year(first: MonthDay, last: MonthDay) -> YearlyDates:
    after_last = date(_LEAP_YEAR, *last) + timedelta(days=1)
    if (after_last.month, after_last.day) == first:
        raise ValueError("These days are the whole year, so nothing would ever run. Pause the job instead.")
    return YearlyDates(first, last)


def _full_day(text: str) -> date:
    year, month, day = map(int, text.split("-"))
    if year not in YEARS:
        raise ValueError(f"The year {year} is too far away. Use the years {YEARS.start} to {YEARS.stop - 1}.")
    _check_day(year, month, day, f"{MONTHS[month - 1]} {year}" if 1 <= month <= 12 else "")
    return date(year, month, day)


def _month_day(text: str) -> MonthDay:
    month, day = map(int, text.split("-"))
    if month > 12 >= day > 0 and month <= 31:
        raise ValueError(f"There is no month {month}. The month comes first: did you mean {day:02}-{month:02}?")
    _check_day(_LEAP_YEAR, month, day, MONTHS[month - 1] if 1 <= month <= 12 else "")
    return month, day


def _check_day(year: int, month: int, day: int, month_words: str) -> None:
    if not 1 <= month <= 12:
        raise ValueError(
            f"There is no month {month}. A day is written as 2026-12-25, one of every year as 12-25, "
            "times of the day as 22:00-06:00."
        )
    most = monthrange(year, month)[1]
    if not 1 <= day <= most:
        raise ValueError(f"{month_words} has no day {day}; use 1 to {most}.")


def _stretch(line: str) -> Blackout:
    parts = [part.strip() for part in line.split("/")]
    if len(parts) != 2:
        raise ValueError(
            f'"{line}" is no span. Write its start and its end, as 2026-12-24T18:00/2026-12-27T06:00, '
            "or whole days as 2026-12-24..2026-12-26."
        )
    start, end = (_moment(part, as_end=as_end) for part, as_end in zip(parts, (False, True), strict=True))
    if (start.tzinfo is None) != (end.tzinfo is None):
        raise ValueError(
            "Only one end of this span has an offset. Give both ends one (Z is UTC), or neither: "
            "then they are wall times in the job's time zone."
        )
    if end <= start:
        raise ValueError("This span ends before it has begun. Write the earlier moment first.")
    return Stretch(start, end)


def _moment(text: str, *, as_end: bool) -> datetime:
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(
            f'"{text}" is no moment. Write one as 2026-12-24T18:00, or whole days as 2026-12-24..2026-12-26.'
        )
    day, clock, offset = match.groups()
    naive = datetime.combine(_full_day(day), datetime.min.time()) + timedelta(seconds=_clock(clock, as_end=as_end))
    return naive.replace(tzinfo=_offset(offset)) if offset else naive


def _offset(text: str) -> timezone:
    if text.upper() in ("Z", "UTC"):
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 14 or minutes > 59:
        raise ValueError(f"{text} is no offset from UTC; use -14:00 to +14:00, or Z for UTC.")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _daily(line: str) -> Blackout:
    match = _DAILY.fullmatch(line)
    if match is None:
        raise ValueError(
            f'"{line}" is no daily span. Write its start, its end and, if you like, the weekdays on which it begins, '
            "as 22:00-06:00 mon-fri."
        )
    start, end, weekdays = match.groups()
    span = DailySpan(_clock(start), _clock(end, as_end=True), parse_weekdays(weekdays or "mon-sun"))
    if span.start == span.end:
        raise ValueError("This daily span starts and ends at the same time. Give it another end, or name whole days.")
    if span.end - span.start == _DAY_SECONDS and len(span.weekdays) == 7:
        raise ValueError("This is the whole of every day, so nothing would ever run. Pause the job instead.")
    return span


def _clock(text: str, *, as_end: bool = False) -> int:
    """Seconds after midnight. As an end 24:00 is allowed."""
    hour, minute, second = [*map(int, text.split(":")), 0][:3]
    if as_end and (hour, minute, second) == (24, 0, 0):
        return _DAY_SECONDS
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"{text} is no time of the day; use 00:00 to 23:59 (24:00 as an end).")
    return hour * 3600 + minute * 60 + second


def _weekdays(line: str) -> Blackout:
    weekdays = parse_weekdays(line)
    if len(weekdays) == 7:
        raise ValueError("These are all days of the week, so nothing would ever run. Pause the job instead.")
    return Weekdays(weekdays)

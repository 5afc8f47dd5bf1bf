"""The few schedules that need no knowledge of cron: every so often, each day, each week, each month.

A simple choice is a way to write a cron or interval schedule, and is recognised in one; nothing else is stored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cronapp.core.errors import InvalidInput
from cronapp.core.models import CronSchedule, IntervalSchedule, Json, Schedule

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNITS = {"minutes": "m", "hours": "h", "days": "d"}
LAST = "last"
Pace = Literal["every", "day", "week", "month"]

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::00)?", re.ASCII)
_EVERY = re.compile(r"([1-9]\d{0,5})([mhd])", re.ASCII)
_NUMBERS = {str(n): WEEK[n - 1] for n in range(1, 8)} | {"0": "sun"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Simple:
    """Texts, as a form has them. `pace` says which of the others count."""

    pace: Pace | str = "day"
    count: str = "15"
    unit: str = "minutes"
    time: str = "03:00"
    days: tuple[str, ...] = ()  # of the week, as `mon`
    day: str = "1"  # of the month, or `last`


def schedule_of_simple(simple: Simple) -> Json:
    """The cron or interval schedule, as JSON without a zone, that says the same.

    Raises `InvalidInput` with a sentence for each wrong part, by the names of `Simple`.
    """
    if simple.pace == "every":
        return {"kind": "interval", "every": _every(simple)}
    errors: dict[str, str] = {}
    time = _CLOCK.fullmatch(simple.time.strip())
    if time is None:
        errors["time"] = "Choose a time of day, as 03:00."
    days = _days(simple, errors)
    if time is None or errors:
        raise InvalidInput(errors)
    return {"kind": "cron", "expression": f"{int(time[2])} {int(time[1])} {days}"}


def _every(simple: Simple) -> str:
    if not re.fullmatch(r"[0-9]{1,6}", simple.count.strip()) or int(simple.count) == 0:
        raise InvalidInput.of("count", "A whole number above 0 is expected, as 15.")
    if simple.unit not in UNITS:
        raise InvalidInput.of("unit", "Choose minutes, hours or days.")
    return f"{int(simple.count)}{UNITS[simple.unit]}"


def _days(simple: Simple, errors: dict[str, str]) -> str:
    """The last three fields of the expression."""
    match simple.pace:
        case "day":
            return "* * *"
        case "week":
            chosen = [day for day in WEEK if day in simple.days]
            if not chosen:
                errors["days"] = "Choose at least one day of the week."
            return f"* * {','.join(_spans(chosen))}"
        case "month":
            if simple.day == LAST:
                return "L * *"
            if not re.fullmatch(r"[0-9]{1,2}", simple.day) or not 1 <= int(simple.day) <= 31:
                errors["day"] = "Choose a day from 1 to 31, or the last one."
                return ""
            return f"{int(simple.day)} * *"
    errors["pace"] = "Choose one of every, day, week and month."
    return ""


def _spans(chosen: Sequence[str]) -> list[str]:
    """Three days in a row or more as a range: `mon-fri`."""
    places = [WEEK.index(day) for day in chosen]
    parts: list[str] = []
    while places:
        run = 1
        while run < len(places) and places[run] == places[0] + run:
            run += 1
        names = [WEEK[place] for place in places[:run]]
        parts += [f"{names[0]}-{names[-1]}"] if run > 2 else names
        places = places[run:]
    return parts


def simple_of(schedule: Schedule) -> Simple | None:
    """The simple choice that a schedule is; None: it says more than one can."""
    match schedule:
        case IntervalSchedule(every=str(every)) if found := _EVERY.fullmatch(every):
            unit = next(name for name, letter in UNITS.items() if letter == found[2])
            return Simple(pace="every", count=found[1], unit=unit)
        case CronSchedule(expression=expression):
            return _simple_cron(expression)
    return None


def _simple_cron(expression: str) -> Simple | None:
    texts = expression.split()
    if len(texts) != 5 or texts[3] != "*":
        return None
    minute, hour, day, _, weekday = texts
    if not (minute.isdecimal() and hour.isdecimal() and int(minute) < 60 and int(hour) < 24):
        return None
    time = f"{int(hour):02}:{int(minute):02}"
    if (day, weekday) == ("*", "*"):
        return Simple(pace="day", time=time)
    if day == "*":
        days = _weekdays(weekday)
        return Simple(pace="week", time=time, days=days) if days else None
    if weekday == "*" and (day == "L" or (day.isdecimal() and 1 <= int(day) <= 31)):
        return Simple(pace="month", time=time, day=LAST if day == "L" else str(int(day)))
    return None


def _weekdays(text: str) -> tuple[str, ...]:
    """The days of `mon-fri`, `1,3`, `sat,sun`, in the order of the week; none where it says more."""
    found: set[str] = set()
    for part in text.lower().split(","):
        first, dash, last = (_NUMBERS.get(name, name) for name in part.partition("-"))
        if first not in WEEK or (dash and last not in WEEK):
            return ()
        start, end = WEEK.index(first), WEEK.index(last if dash else first)
        if end < start:  # SUN begins a week in cron, and ends it here
            return ()
        found |= set(WEEK[start : end + 1])
    return tuple(day for day in WEEK if day in found)

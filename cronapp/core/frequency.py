"""How often a schedule runs, in a short sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from cronapp.core.triggers import TICK, Trigger, count_between, parts_of, slots_between
from cronapp.core.zones import clock_of, datetime_to_instant, resolve

MOST_LISTED = 12
"""A schedule with so many slots or fewer is told by their number."""
MOST_WALKED = 200
"""So many slots of several schedules are counted one by one; of more the sum is told, as `up to`."""

_DAY, _WEEK, _YEAR = timedelta(days=1), timedelta(days=7), timedelta(days=365)
_END = datetime.max.replace(tzinfo=UTC)
_WEEKS, _MONTHS, _LAST_YEAR = 10, 12, 9995


def frequency_words(trigger: Trigger, now: datetime, its_zone: ZoneInfo) -> str:
    """`288 runs a day`, `5 runs a week`, `1 run a month`, `1 run in all`; empty when there is none.

    Counted from the next slot on, by days, weeks and months that are alike. Weeks in which the clock of the zone
    changes are left out.
    """
    listed = slots_between(trigger, now, _END, MOST_LISTED + 1)
    if not listed:
        return ""
    start = listed[0] - TICK
    if len(listed) <= MOST_LISTED:
        return _runs(trigger, len(listed), "in all")
    if start.year >= _LAST_YEAR:
        return ""  # its calendar ends before there is a year to count
    for span in (_WEEK, _YEAR):
        if trigger.next_after(start + span) is None:
            return _runs(trigger, _count(trigger, start, start + span), "in all")
    return _by_week(trigger, start, its_zone) or _by_month(trigger, start, its_zone) or _by_year(trigger, start)


def slots_words(trigger: Trigger, after: datetime, until: datetime) -> str:
    """How many slots lie in a stretch of time: `no slot`, `1 slot`, `1,200 slots`, `up to 300 slots`."""
    count = _count(trigger, after, until)
    if not count:
        return "no slot"
    return f"{_bound(trigger, count)}{count:,} slot{'' if count == 1 else 's'}"


def _by_week(trigger: Trigger, start: datetime, its_zone: ZoneInfo) -> str:
    steady = [begin for begin in (start + n * _WEEK for n in range(_WEEKS)) if _is_steady(trigger, begin, its_zone)]
    weeks = {_count(trigger, begin, begin + _WEEK) for begin in steady}
    if not any(weeks):
        return ""
    days = [_count(trigger, steady[0] + n * _DAY, steady[0] + (n + 1) * _DAY) for n in range(7)]
    if len({*days}) == 1 and len(weeks) == 1:
        return _runs(trigger, days[0], "a day")
    if min(days) >= 24 and max(days) - min(days) <= 1 and max(weeks) - min(weeks) <= 1:
        return f"about {_runs(trigger, round(sum(days) / 7), 'a day')}"
    return _runs(trigger, weeks.pop(), "a week") if len(weeks) == 1 else ""


def _is_steady(trigger: Trigger, begin: datetime, its_zone: ZoneInfo) -> bool:
    """Whether the week has neither a clock change nor the end of the schedule in it."""
    clock, end = clock_of(its_zone), begin + _WEEK
    if clock.offset_at(datetime_to_instant(begin)) != clock.offset_at(datetime_to_instant(end)):
        return False
    return trigger.next_after(end) is not None


def _by_month(trigger: Trigger, start: datetime, its_zone: ZoneInfo) -> str:
    shown = start.astimezone(its_zone)
    edges = [_month(shown.year * 12 + shown.month + n, its_zone) for n in range(_MONTHS + 1)]
    lasting = [edge for edge in edges if trigger.next_after(edge) is not None]
    months = {_count(trigger, begin, end) for begin, end in pairwise(lasting)}
    return _runs(trigger, months.pop(), "a month") if len(months) == 1 and months != {0} else ""


def _month(number: int, its_zone: ZoneInfo) -> datetime:
    """The moment before a month begins, counted from the year 0."""
    first = datetime(number // 12, number % 12 + 1, 1)  # noqa: DTZ001  a wall time
    return (resolve(first, its_zone) or first.replace(tzinfo=UTC)) - TICK


def _by_year(trigger: Trigger, start: datetime) -> str:
    this, next_one = (_count(trigger, begin, begin + _YEAR) for begin in (start, start + _YEAR))
    if not next_one:
        return f"less than {_runs(trigger, this, 'a year')}"
    if this == next_one:
        return _runs(trigger, this, "a year")
    return f"about {_runs(trigger, (this + next_one) // 2, 'a year')}"


def _count(trigger: Trigger, after: datetime, until: datetime) -> int:
    parts = parts_of(trigger)
    summed = sum(count_between(part, after, until) for part in parts)
    return count_between(trigger, after, until) if len(parts) > 1 and summed <= MOST_WALKED else summed


def _runs(trigger: Trigger, count: int, span: str) -> str:
    return f"{_bound(trigger, count)}{count:,} run{'' if count == 1 else 's'} {span}"


def _bound(trigger: Trigger, count: int) -> str:
    """Several schedules may promise the same slots, and many slots are only summed."""
    return "up to " if count > MOST_WALKED and len(parts_of(trigger)) > 1 else ""

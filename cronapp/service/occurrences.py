"""What one version of an iCalendar file says: its events, repeated ones too, as stretches of time.

The libraries walk every repetition from the first one on, so their answers are kept: a stretch of days at a time, for
each zone, as everything that covers a moment of it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from math import prod
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar

from cronapp.core.blackouts.walls import instant_of, midnight, whole_days

Component = Any
"""The library's types allow each property thirty kinds of values, in lists too."""

MOST_EVENTS = 5_000
MOST_STEPS = 1_000_000
"""About five seconds' work for the libraries, once."""
LOOK_AHEAD = datetime(2050, 1, 1, tzinfo=UTC)
"""A file must be quick to ask up to here, or it is refused at once."""

STRETCH = timedelta(days=32)
_MARGIN = timedelta(days=1)
_MOST_STRETCHES = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_YEAR = timedelta(days=365.2425)
_LEAP_YEAR = 2000

_TIMES = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")
_WORDY = re.compile(
    rb"^(?:ATTACH|ATTENDEE|CATEGORIES|COMMENT|CREATED|DESCRIPTION|DTSTAMP|LAST-MODIFIED|LOCATION|ORGANIZER|URL|X-ALT-DESC)"
    rb"[;:].*\n(?:[ \t].*\n)*",
    re.MULTILINE | re.IGNORECASE,
)
"""What says nothing of times, and is most of many files: parsing it would take seconds."""
_STEPS_A_YEAR = {
    "YEARLY": 10,
    "MONTHLY": 24,
    "WEEKLY": 53,
    "DAILY": 366,
    "HOURLY": 366 * 24,
    "MINUTELY": 366 * 1_440,
    "SECONDLY": 366 * 86_400,
}
"""The work that a rule makes, in repetitions; a year has to be looked through for each yearly one."""


class NotUnderstood(Exception):
    """The file cannot be used; the text completes "it cannot be read: …"."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    start: datetime
    end: datetime
    summary: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How much work a repeated event is."""

    since: datetime
    until: datetime | None
    count: float
    steps_a_year: float

    def steps(self, moment: datetime) -> float:
        """How many repetitions have to be walked to know what is at the moment."""
        years = (min(moment, self.until or moment) - self.since) / _YEAR
        return min(self.count, max(0.0, years) * self.steps_a_year)


@dataclass(frozen=True, slots=True)
class Covers:
    """Occurrences by their start; to each the one among it and those before it that ends last."""

    starts: list[datetime]
    last_to_end: list[Occurrence]

    def at(self, moment: datetime) -> Occurrence | None:
        """Of those that cover the moment the one that ends last."""
        index = bisect_right(self.starts, moment)
        found = self.last_to_end[index - 1] if index else None
        return found if found is not None and moment < found.end else None


class Events:
    """The events of a file, to be asked what covers a moment. Not for several threads at once."""

    def __init__(self, data: bytes) -> None:
        """Raises `NotUnderstood`: nothing of a file is left out silently."""
        calendars = _calendars(data)
        events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
        self._rules: list[Rule] = [rule for event in events for rule in _understood(_rules, event)]
        self._refuse_long_work(LOOK_AHEAD)
        self._queries = [_understood(recurring_ical_events.of, calendar) for calendar in calendars]
        self._covers: dict[tuple[int, ZoneInfo], Covers] = {}

    def at(self, moment: datetime, zone: ZoneInfo) -> Occurrence | None:
        """Of the events that cover the moment the one that ends last. Raises `NotUnderstood`."""
        stretch = (moment - _EPOCH) // STRETCH, zone
        if stretch not in self._covers:
            self._refuse_long_work(moment)
            if len(self._covers) >= _MOST_STRETCHES:
                self._covers.clear()
            self._covers[stretch] = _understood(self._covers_of, *stretch)
        return self._covers[stretch].at(moment)

    def _refuse_long_work(self, moment: datetime) -> None:
        if sum(rule.steps(moment) for rule in self._rules) > MOST_STEPS:
            raise NotUnderstood(f"its events repeat too often to be looked up until {moment.year}")

    def _covers_of(self, number: int, zone: ZoneInfo) -> Covers:
        start = _EPOCH + number * STRETCH
        span = ((start - _MARGIN).astimezone(zone), (start + STRETCH + _MARGIN).astimezone(zone))
        events = [event for query in self._queries for event in query.between(*span)]
        found = sorted((_occurrence(event, zone) for event in events), key=lambda occurrence: occurrence.start)
        # An event without a length covers nothing, and neither does a cancelled one.
        found = [occurrence for occurrence in found if occurrence.start < occurrence.end]
        return Covers(
            [occurrence.start for occurrence in found],
            list(accumulate(found, _last_to_end)),
        )


def _last_to_end(one: Occurrence, other: Occurrence) -> Occurrence:
    return one if one.end > other.end else other


def _understood(ask: Any, *arguments: Any) -> Any:
    """The libraries' answer, which is whatever exception comes up where a file is odd."""
    try:
        return ask(*arguments)
    except NotUnderstood:
        raise
    except Exception as error:
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise NotUnderstood(f"it holds what is no iCalendar ({told})") from error


def _calendars(data: bytes) -> list[Component]:
    if len(re.findall(rb"(?mi)^BEGIN:VEVENT\b", data)) > MOST_EVENTS:
        raise NotUnderstood(f"it has more than {MOST_EVENTS:,} events")
    calendars: list[Component] = _understood(lambda: Calendar.from_ical(_WORDY.sub(b"", data), multiple=True))
    begun = len(re.findall(rb"(?mi)^BEGIN:VCALENDAR\b", data))
    if not begun or any(calendar.name != "VCALENDAR" for calendar in calendars):
        raise NotUnderstood("it holds no calendar")
    if len(calendars) != begun:
        raise NotUnderstood("it is cut off")
    return calendars


def _check(event: Component) -> None:
    """Refuses an event of which the libraries would leave out a part, or take it for another time."""
    for name, told in event.errors:
        if name is None or name in _TIMES:
            raise NotUnderstood(
                f"its event {_summary(event)!r} has something wrong in {name or 'a line'} ({told[:200]})"
            )
    if "DTSTART" not in event:
        raise NotUnderstood(f"its event {_summary(event)!r} has no start (DTSTART)")
    for name in _TIMES:
        for value in _listed(event.get(name)):
            its_zone = value.params.get("TZID")
            moments = [item.dt for item in getattr(value, "dts", [value]) if hasattr(item, "dt")]
            if its_zone and any(getattr(moment, "tzinfo", UTC) is None for moment in moments):
                raise NotUnderstood(f"its event {_summary(event)!r} is in the time zone {its_zone}, which is unknown")


def _rules(event: Component) -> list[Rule]:
    _check(event)
    return [_rule(event, rule) for rule in _listed(event.get("RRULE"))]


def _rule(event: Component, rule: Any) -> Rule:
    pace = _STEPS_A_YEAR.get(str(rule.get("FREQ", [""])[0]).upper())
    if pace is None:
        raise NotUnderstood(f"its event {_summary(event)!r} has an RRULE without a known FREQ")
    if _never(rule):
        raise NotUnderstood(f"its event {_summary(event)!r} repeats on a day that no month has")
    times = prod(len(rule[part]) for part in ("BYHOUR", "BYMINUTE", "BYSECOND") if part in rule)
    until = rule.get("UNTIL", [None])[0]
    return Rule(
        since=_rough_instant(event["DTSTART"].dt),
        until=None if until is None else _rough_instant(until),
        count=rule.get("COUNT", [float("inf")])[0],
        steps_a_year=pace * times / max(1, rule.get("INTERVAL", [1])[0]),
    )


def _never(rule: Any) -> bool:
    """30 February: the libraries would look for it up to the year 9999."""
    longest = max(monthrange(_LEAP_YEAR, month)[1] for month in rule.get("BYMONTH", [1]))
    days = rule.get("BYMONTHDAY")
    return bool(days) and all(abs(day) > longest for day in days)


def _rough_instant(moment: date) -> datetime:
    """To a day or so, which will do for reckoning work."""
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


def _occurrence(event: Component, zone: ZoneInfo) -> Occurrence:
    start, end = event["DTSTART"].dt, event["DTEND"].dt
    if isinstance(start, datetime):
        start, end = _instant(start, zone), _instant(end, zone)
    else:  # an end that is not after its start is a common mistake for "this one day"
        start, end = whole_days(start, max(start, end - _DAY), zone)
    cancelled = str(event.get("STATUS", "")).upper() == "CANCELLED"
    return Occurrence(start, start if cancelled else end, _summary(event))


def _instant(moment: date, zone: ZoneInfo) -> datetime:
    """Without a zone of its own it is wall time in the job's."""
    if not isinstance(moment, datetime):
        return instant_of(midnight(moment), zone)
    its_zone = moment.tzinfo or zone
    if isinstance(its_zone, ZoneInfo):
        return instant_of(moment.replace(tzinfo=None), its_zone)
    return moment.astimezone(UTC)  # a zone that the file itself describes


def _summary(event: Component) -> str:
    texts = [" ".join(str(text).split()) for text in _listed(event.get("SUMMARY"))]
    text = next(iter(texts), "") or "An event without a name"
    return text if len(text) <= 100 else f"{text[:99]}…"


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]

"""Wall times and days as stretches of time, over clock changes too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronapp.core.zones import clock_of, datetime_to_wall, instant_to_datetime, resolve

YEARS = range(1900, 3000)

Span = tuple[datetime, datetime]
"""From the first instant to the second, which is no longer part of it."""

_DAY = timedelta(days=1)
_EARLIEST = datetime(YEARS.start, 1, 3, tzinfo=UTC)
_LATEST = datetime(YEARS.stop, 1, 3, tzinfo=UTC)


@lru_cache(maxsize=8192)
def instant_of(naive: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC) of a wall time: after a gap of any length if it is skipped, the first if it is repeated."""
    resolved = resolve(naive, zone)
    if resolved is not None:
        return resolved
    change = clock_of(zone).change(datetime_to_wall(naive))
    assert change is not None  # nothing else is left unresolved
    return instant_to_datetime(change.at)


def midnight(day: date) -> datetime:
    """The wall time at which a day begins."""
    return datetime.combine(day, time())


def whole_days(first: date, last: date, zone: ZoneInfo) -> Span:
    """From the first instant of a day to the last of another."""
    return instant_of(midnight(first), zone), instant_of(midnight(last + _DAY), zone)


def days_around(moment: datetime, zone: ZoneInfo) -> Iterator[date]:
    """The days whose times may touch the moment.

    Two before and one after its own: a span may pass midnight, and where the clock goes back over midnight a day begins
    again. Far outside of the years that blackouts have, the days near their end stand for all others.
    """
    today = min(max(moment, _EARLIEST), _LATEST).astimezone(zone).date()
    return (today + timedelta(days=shift) for shift in range(-2, 2))


def end_of_cover(spans: Iterable[Span], moment: datetime) -> datetime | None:
    """The last end of those spans that the moment is in."""
    return max((end for start, end in spans if start <= moment < end), default=None)

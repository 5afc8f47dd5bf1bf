"""Moments as tests write them, and a clock that stands still until it is turned."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from cronapp.core.zones import clock_of, datetime_to_wall, resolve, wall_to_datetime, zone

Moment = str | date | datetime
"""`"2026-03-29"` (its midnight), `"2026-03-29 02:30"`, either with an offset or `Z`, a date, or a datetime."""


def moment_of(given: Moment, its_zone: ZoneInfo, *, exact: bool = False) -> datetime:
    """The instant (UTC). Without an offset it is wall time in the zone: a repeated one is its first occurrence, with
    `fold=1` the second; a skipped one is right after the gap or, with `exact`, refused.

    Raises ValueError for a text that is no moment, and for a wall time that never was.
    """
    moment = _read(given)
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    change = clock_of(its_zone).change(datetime_to_wall(moment))
    if change is None or not change.skips:
        return moment.replace(tzinfo=its_zone).astimezone(UTC) if moment.fold else _resolved(moment, its_zone)
    if exact:
        gap = f"from {wall_to_datetime(change.starts):%H:%M} to {wall_to_datetime(change.ends):%Y-%m-%d %H:%M}"
        raise ValueError(f"{moment:%Y-%m-%d %H:%M} does not exist in {its_zone.key}: the clock goes {gap}.")
    return _resolved(moment, its_zone)


def _read(given: Moment) -> datetime:
    if isinstance(given, datetime):
        return given
    if isinstance(given, date):
        return datetime(given.year, given.month, given.day)  # noqa: DTZ001  wall time; the caller has the zone
    try:
        return datetime.fromisoformat(given)
    except ValueError:
        raise ValueError(f"{given!r} is no moment. Write it as 2026-03-29 or 2026-03-29 02:30.") from None


def _resolved(moment: datetime, its_zone: ZoneInfo) -> datetime:
    instant = resolve(moment, its_zone)
    if instant is None:
        raise ValueError(f"{moment:%Y-%m-%d %H:%M} never was in {its_zone.key}. Use another day.")
    return instant


class TurnedClock:
    """A clock that stands still until it is turned. Called, it answers the moment as aware UTC.

    Hand it to your own code in place of its clock, and to `play`, which turns it from slot to slot.
    """

    def __init__(self, start: Moment, *, tz: str = "UTC") -> None:
        """Moments without an offset are wall time in `tz`."""
        self._zone = zone(tz)
        self.now = moment_of(start, self._zone)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, by: float | timedelta) -> datetime:
        """Goes on by seconds or a timedelta, or back where they are negative; answers the new moment."""
        self.now += by if isinstance(by, timedelta) else timedelta(seconds=by)
        return self.now

    def to(self, moment: Moment) -> datetime:
        """Goes to a moment, which may be an earlier one; answers it."""
        self.now = moment_of(moment, self._zone)
        return self.now

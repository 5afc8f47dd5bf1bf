"""Time zones: names, offsets, and what a wall time means where the clock changes.

Everything is whole seconds: an *instant* counts them from 1970-01-01T00:00 UTC, a *wall time* counts what the clock on
the wall shows from its own 1970-01-01T00:00. The wall time is the instant plus the offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronapp.core.errors import InvalidInput

DAY = 86_400
LONG_GAP = 3 * 3600
"""A gap of this length or more has no catch-up run: it is a new clock, not a skipped hour (as in Debian's cron)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WALL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  the zero of wall times has no zone
_REMEMBERED_DAYS = 4096


@cache
def zone_names() -> tuple[str, ...]:
    """The names to offer, sorted: `UTC` and the Area/City ones, without aliases as `EST5EDT` or `posix/…`."""
    areas = {"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
    return tuple(sorted({"UTC", *(name for name in available_timezones() if name.split("/")[0] in areas)}))


@cache
def _names_by_lower() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone of this IANA name. Raises `InvalidInput` for `timezone`, with the nearest name there is."""
    if name in available_names():
        return ZoneInfo(name)
    nearest = _suggestion(name)
    hint = f"Did you mean {nearest}?" if nearest else "Use a name as Europe/Berlin, America/New_York or UTC."
    raise InvalidInput.of("timezone", f'There is no time zone "{name[:60]}". {hint}')


@cache
def available_names() -> frozenset[str]:
    """Every name the tz database knows, aliases too."""
    return frozenset(available_timezones())


def _suggestion(name: str) -> str | None:
    names = _names_by_lower()
    wanted = name[:60].strip().lower().replace(" ", "_")
    if wanted in names:
        return names[wanted]
    cities = {full.rsplit("/", 1)[-1].lower(): full for full in zone_names()}
    if wanted in cities:
        return cities[wanted]
    close = get_close_matches(wanted, list(names), n=1, cutoff=0.7)
    if close:
        return names[close[0]]
    city = get_close_matches(wanted.rsplit("/", 1)[-1], list(cities), n=1, cutoff=0.8)
    return cities[city[0]] if city else None


@dataclass(frozen=True, slots=True)
class Change:
    """The clock goes from the offset `before` to the offset `after` at the instant `at`."""

    at: int
    before: int
    after: int

    @property
    def skips(self) -> bool:
        """True when wall times are left out, False when they are repeated."""
        return self.after > self.before

    @property
    def starts(self) -> int:
        """The first wall time that is skipped or repeated."""
        return self.at + min(self.before, self.after)

    @property
    def ends(self) -> int:
        """The first wall time after those that are skipped or repeated."""
        return self.at + max(self.before, self.after)

    @property
    def long_gap(self) -> bool:
        return self.after - self.before >= LONG_GAP


class _SteadyDays(dict[int, int | None]):
    """UTC day → the offset of the zone, or None when the clock changes on that day or on one beside it."""

    def __init__(self, clock: WallClock) -> None:
        super().__init__()
        self._clock = clock

    def __missing__(self, day: int) -> int | None:
        if len(self) >= _REMEMBERED_DAYS:
            self.clear()
        offsets = {self._clock.offset_at(edge * DAY) for edge in range(day - 1, day + 3)}
        self[day] = offsets.pop() if len(offsets) == 1 else None
        return self[day]


class WallClock:
    """One zone's clock, from instants to wall times and back."""

    __slots__ = ("_zone", "steady")

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self.steady = _SteadyDays(self)

    def offset_at(self, instant: int) -> int:
        """The offset from UTC in force at this instant."""
        offset = (_EPOCH + timedelta(seconds=instant)).astimezone(self._zone).utcoffset()
        assert offset is not None
        return _seconds(offset)

    def wall(self, instant: int) -> int:
        """What the clock shows at this instant."""
        offset = self.steady[instant // DAY]
        return instant + (self.offset_at(instant) if offset is None else offset)

    def change(self, wall: int) -> Change | None:
        """The clock change that skips or repeats this wall time, if one does."""
        before, after = self._offsets(wall)
        if before == after:
            return None
        low, high = wall - max(before, after), wall - min(before, after)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.offset_at(middle) == before else (low, middle)
        return Change(high, before, after)

    def instant(self, wall: int) -> int:
        """The instant of a wall time that is neither skipped nor repeated."""
        return wall - self._offsets(wall)[0]

    def _offsets(self, wall: int) -> tuple[int, int]:
        shown = _WALL_EPOCH + timedelta(seconds=wall)
        before, after = self._zone.utcoffset(shown), self._zone.utcoffset(shown.replace(fold=1))
        assert before is not None
        assert after is not None
        return _seconds(before), _seconds(after)


@lru_cache(maxsize=1024)
def clock_of(zone: ZoneInfo) -> WallClock:
    """The clock of a zone; one for each zone, since it remembers offsets."""
    return WallClock(zone)


def resolve(naive: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant (UTC) of a wall time in a zone.

    A time in a gap is the first instant after the gap, a repeated time its first occurrence; None when the gap is three
    hours or more, as the day that Apia left out, and where the calendar ends.
    """
    wall = _seconds(naive - _WALL_EPOCH)
    clock = clock_of(zone)
    change = clock.change(wall)
    if change is not None and change.skips:
        return None if change.long_gap else instant_to_datetime(change.at)
    instant = clock.instant(wall) if change is None else wall - change.before
    try:
        return instant_to_datetime(instant) + timedelta(microseconds=naive.microsecond)
    except OverflowError:  # the first or the last hours that a datetime can hold, seen from the other side of the world
        return None


def instant_to_datetime(instant: int) -> datetime:
    return _EPOCH + timedelta(seconds=instant)


def datetime_to_instant(moment: datetime) -> int:
    """Whole seconds, rounded down. The moment must be aware."""
    return _seconds(moment - _EPOCH)


def wall_to_datetime(wall: int) -> datetime:
    """A wall time as a naive datetime."""
    return _WALL_EPOCH + timedelta(seconds=wall)


def datetime_to_wall(naive: datetime) -> int:
    """Whole seconds, rounded down. The datetime must be naive."""
    return _seconds(naive - _WALL_EPOCH)


def _seconds(span: timedelta) -> int:
    return span.days * DAY + span.seconds

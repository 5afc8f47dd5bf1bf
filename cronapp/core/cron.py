"""Cron expressions: grammar, next and previous slot, and words, all from one parse tree.

The grammar is that of the Open Cron Pattern Specification 1.4: five fields (minute, hour, day of month, month, day of
week), six with seconds first, seven with the year last; `*`, lists, ranges, steps, names, `L`, `LW`, `15W`, `2#3`,
`5L`, `5#L`, `+` before the day of week, `?`, and the nicknames. `H` and `~` are additions: a value spread by job id.

The calendar is that of Debian cron: a fixed time that the clock skips runs right after the gap, one that the clock
repeats runs once; a job whose second, minute or hour starts with `*` runs in real time, through both passes of a
repeated hour and not at all in a skipped one.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from hashlib import blake2b
from zoneinfo import ZoneInfo

from cronapp.core.errors import InvalidInput
from cronapp.core.zones import DAY, WallClock, clock_of, datetime_to_instant, instant_to_datetime

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_FIRST_DAY, _LAST_DAY = date(2, 1, 1).toordinal(), date(9998, 12, 31).toordinal()
"""The search ends there, so that no zone's offset leads out of what a datetime can hold."""
_FIRST_INSTANT, _LAST_INSTANT = (_FIRST_DAY - _EPOCH_DAY) * DAY, (_LAST_DAY - _EPOCH_DAY) * DAY
_LONGEST = 1000
_LAST = -1


@dataclass(frozen=True, slots=True, eq=False)
class _Kind:
    """One of the seven fields: its name and what it accepts."""

    name: str
    low: int
    high: int
    allowed: str
    names: Sequence[str] = ()

    def number(self, name: str) -> int | None:
        """The value of a three-letter name."""
        short = [full[:3].upper() for full in self.names]
        return short.index(name.upper()) + self.low if name.upper() in short else None


_COMMON = "*, lists (1,5), ranges (1-5) and steps (*/5, 1-9/2)"
SECOND = _Kind("Second", 0, 59, f"0 to 59, {_COMMON}")
MINUTE = _Kind("Minute", 0, 59, f"0 to 59, {_COMMON}")
HOUR = _Kind("Hour", 0, 23, f"0 to 23, {_COMMON}")
DAY_OF_MONTH = _Kind("Day of month", 1, 31, f"1 to 31, {_COMMON}, L (last day), LW (last weekday), 15W, ?")
MONTH = _Kind("Month", 1, 12, f"1 to 12, JAN to DEC, {_COMMON}", _MONTHS)
DAY_OF_WEEK = _Kind(
    "Day of week", 0, 7, f"0 to 7 (0 and 7 are Sunday), SUN to SAT, {_COMMON}, 2#3, 5L, 5#L, +, ?", _WEEKDAYS
)
YEAR = _Kind("Year", 1970, 2199, f"1970 to 2199, {_COMMON}")
_FIVE = (MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)
_FIELDS = {5: _FIVE, 6: (SECOND, *_FIVE), 7: (SECOND, *_FIVE, YEAR)}
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_REBOOT = "@reboot"


# -- the parse tree -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """The values from `first` to `last`, every `step`-th of them."""

    first: int
    last: int
    step: int = 1

    @property
    def values(self) -> range:
        return range(self.first, self.last + 1, self.step)


@dataclass(frozen=True, slots=True)
class LastDay:
    """`L`, or with `weekday` `LW`: the last day of the month that is Monday to Friday."""

    weekday: bool = False


@dataclass(frozen=True, slots=True)
class NearestWeekday:
    """`15W`: the day Monday to Friday nearest the 15th, within the month."""

    day: int


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """`2#3`: the third Tuesday of the month; `nth` is -1 for the last one."""

    weekday: int
    nth: int


_Item = Span | LastDay | NearestWeekday | NthWeekday


@dataclass(frozen=True, slots=True)
class _Field:
    kind: _Kind
    items: tuple[_Item, ...]
    star: bool = False  # the text starts with `*` or is `?`
    plus: bool = False

    @property
    def spans(self) -> tuple[Span, ...]:
        return tuple(item for item in self.items if isinstance(item, Span))

    @property
    def values(self) -> tuple[int, ...]:
        numbers = {value for span in self.spans for value in span.values}
        return tuple(sorted({value % 7 for value in numbers} if self.kind is DAY_OF_WEEK else numbers))

    @property
    def full(self) -> bool:
        size = 7 if self.kind is DAY_OF_WEEK else self.kind.high - self.kind.low + 1
        return len(self.values) == size


# -- the parser -----------------------------------------------------------------------------------------------------


def parse(expression: str, *, seed: str = "") -> Cron:
    """Read an expression. `seed`, the job's id, decides the values of `H` and `~`.

    Raises `InvalidInput` for `expression` with a sentence that names the field, what is wrong and what is allowed; also
    for an expression that never fires, as the 30th of February.
    """
    text = expression.strip()
    if text.startswith("@"):
        if text == _REBOOT:
            return Cron(text, _read_fields(_NICKNAMES["@daily"].split(), seed), is_reboot=True)
        return Cron(text, _read_fields(_nickname(text).split(), seed))
    if len(text) > _LONGEST:
        raise _refusal(f"The expression is longer than {_LONGEST} characters.")
    cron = Cron(text, _read_fields(re.split(r"[ \t]+", text) if text else [], seed))
    cron.refuse_if_it_never_fires()
    return cron


def _refusal(sentence: str) -> InvalidInput:
    return InvalidInput.of("expression", sentence)


def _wrong(kind: _Kind, problem: str) -> InvalidInput:
    return _refusal(f"{kind.name}: {problem} Allowed are {kind.allowed}.")


def _nickname(text: str) -> str:
    if text in _NICKNAMES:
        return _NICKNAMES[text]
    known = [*_NICKNAMES, _REBOOT]
    close = get_close_matches(text.lower().split()[0][:20], known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise _refusal(f'"{text[:40]}" is no nickname.{hint} Allowed are {", ".join(known)}, alone and in small letters.')


def _read_fields(texts: Sequence[str], seed: str) -> dict[_Kind, _Field]:
    if len(texts) not in _FIELDS:
        given = f"{len(texts)} {'was' if len(texts) == 1 else 'were'} given"
        raise _refusal(
            "Five fields are expected (minute, hour, day of month, month, day of week), six with the second first, "
            f"or seven with the year last; {given}."
        )
    kinds = _FIELDS[len(texts)]
    fields = {kind: _read_field(kind, text, seed) for kind, text in zip(kinds, texts, strict=True)}
    return {SECOND: _Field(SECOND, (Span(0, 0),)), YEAR: _Field(YEAR, (Span(1970, 2199),), star=True)} | fields


def _read_field(kind: _Kind, text: str, seed: str) -> _Field:
    plus = kind is DAY_OF_WEEK and text.startswith("+")
    body = text[1:] if plus else text
    if body == "?" and kind in (DAY_OF_MONTH, DAY_OF_WEEK) and not plus:
        return _Field(kind, (Span(kind.low, kind.high),), star=True)
    if plus and not body:
        raise _wrong(kind, "+ stands before a value, as +MON.")
    texts = body.split(",")
    items = tuple(_read_item(kind, item, seed) for item in texts)
    if len(items) > 1 and any(isinstance(i, NearestWeekday) or i == LastDay(weekday=True) for i in items):
        raise _wrong(kind, "W stands for one single day and cannot be part of a list; use two schedules.")
    return _Field(kind, items, star=body.startswith("*"), plus=plus)


def _read_item(kind: _Kind, text: str, seed: str) -> _Item:
    if not text:
        raise _wrong(kind, "the list has an empty item; take the extra comma away.")
    body, slash, step_text = text.partition("/")
    spread = _SPREAD.fullmatch(body) if kind is not YEAR else None
    if not slash and not spread and (special := _read_special(kind, text)):
        return special
    step = _read_step(kind, text, step_text) if slash else None
    if body == "*":
        return Span(kind.low, kind.high, step or 1)
    if spread:
        return _spread(kind, spread, step, seed)
    first, dash, last = body.partition("-")
    if dash:
        return _read_range(kind, body, first, last, step or 1)
    if step is not None:
        number = _read_value(kind, first)
        raise _wrong(kind, f'"{text}" has a step but no range; write {number}-{kind.high}/{step} or */{step} instead.')
    value = _read_value(kind, body)
    return Span(value, value)


def _read_range(kind: _Kind, text: str, first_text: str, last_text: str, step: int) -> Span:
    if not first_text or not last_text or "-" in last_text:
        raise _wrong(kind, f'"{text}" is no range; a range is two values with one dash, as {kind.low}-{kind.low + 2}.')
    first, last = _read_value(kind, first_text), _read_value(kind, last_text)
    if kind is DAY_OF_WEEK and last_text.upper() == "SUN" and first > 0:
        last = 7  # SUN is 0 and 7, and only as 7 it can end a week
    if first > last:
        raise _wrong(kind, f'the range "{text}" runs backwards; write {kind.low}-{last},{first}-{kind.high} instead.')
    return Span(first, last, step)


def _read_value(kind: _Kind, text: str) -> int:
    named = kind.number(text)
    if named is not None:
        return named
    if not re.fullmatch("[0-9]+", text):
        raise _wrong(kind, f'"{text[:40]}" is not a value.')
    if len(text) > 5 or not kind.low <= int(text) <= kind.high:
        raise _wrong(kind, f"{text[:40]} is out of range.")
    return int(text)


def _read_step(kind: _Kind, text: str, step: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", step) or int(step) == 0:
        raise _wrong(kind, f'the step of "{text[:40]}" is not a whole number above 0.')
    return int(step)


def _read_special(kind: _Kind, text: str) -> _Item | None:
    """`L`, `LW` and `15W` in the day of month, `2#3`, `5L` and `5#L` in the day of week."""
    if kind is DAY_OF_MONTH:
        if text in ("L", "LW"):
            return LastDay(weekday=text == "LW")
        if nearest := re.fullmatch(r"([0-9]+)W", text):
            return NearestWeekday(_read_value(kind, nearest[1]))
    if kind is DAY_OF_WEEK and (nth := re.fullmatch(r"([0-9A-Za-z]+?)(?:#?(L)|#([^#]*))", text)):
        if nth[1].upper() in ("L", ""):
            raise _wrong(kind, "L needs a day before it, as 5L for the last Friday.")
        weekday = _read_value(kind, nth[1]) % 7
        if nth[2]:
            return NthWeekday(weekday, _LAST)
        if not re.fullmatch("[1-5]", nth[3]):
            raise _wrong(kind, f'"{text}" does not say which one; # is followed by 1 to 5 or L.')
        return NthWeekday(weekday, int(nth[3]))
    return None


_SPREAD = re.compile(r"H(?:\(([^()-]+)-([^()-]+)\))?|([^~()-]*)~([^~()-]*)")


def _spread(kind: _Kind, match: re.Match[str], step: int | None, seed: str) -> Span:
    """`H`, `H(0-29)`, `~`, `0~29`, each with or without a step: a value that the seed picks, the same each time."""
    first_text, last_text = match[1] or match[3], match[2] or match[4]
    # The 28th is in every month, so a spread job never leaves one out.
    whole = {DAY_OF_MONTH: 28, DAY_OF_WEEK: 6}.get(kind, kind.high)
    first = _read_value(kind, first_text) if first_text else kind.low
    last = _read_value(kind, last_text) if last_text else max(whole, first)
    if first > last:
        raise _wrong(kind, f'the range of "{match[0]}" runs backwards.')
    digest = int.from_bytes(blake2b(f"{kind.name}:{seed}".encode(), digest_size=8).digest())
    size = last - first + 1
    if step is None:
        value = first + digest % size
        return Span(value, value)
    return Span(first + digest % min(step, size), last, step)


# -- the matcher ----------------------------------------------------------------------------------------------------


class _Dial:
    """The values of a time field, made for jumping: `after[v]` is the first one >= v, `before[v]` the last one <= v."""

    __slots__ = ("after", "before", "first", "last")

    def __init__(self, values: Sequence[int], size: int) -> None:
        self.first, self.last = values[0], values[-1]
        self.after = [-1] * (size + 1)
        # One more entry, so that before[-1], which is where before[v - 1] leads for v = 0, has none.
        self.before = [-1] * (size + 1)
        for value in reversed(values):
            self.after[: value + 1] = [value] * (value + 1)
        for value in values:
            self.before[value:size] = [value] * (size - value)


class Cron:
    """A parsed expression. Slots are whole seconds, in UTC."""

    def __init__(self, expression: str, fields: dict[_Kind, _Field], *, is_reboot: bool = False) -> None:
        self.expression = expression
        self.is_reboot = is_reboot
        self.fixed = not any(fields[kind].star for kind in (SECOND, MINUTE, HOUR))
        self._fields = fields
        self._second = _Dial(fields[SECOND].values, 60)
        self._minute = _Dial(fields[MINUTE].values, 60)
        self._hour = _Dial(fields[HOUR].values, 24)
        self._first_time = self._hour.first * 3600 + self._minute.first * 60 + self._second.first
        self._last_time = self._hour.last * 3600 + self._minute.last * 60 + self._second.last
        self._month = _Dial(fields[MONTH].values, 13)
        self._years = None if fields[YEAR].full else fields[YEAR].values
        day, weekday = fields[DAY_OF_MONTH], fields[DAY_OF_WEEK]
        self._both_days = day.star or weekday.star or weekday.plus
        self._masks: dict[tuple[int, int], int] = {}
        any_month = fields[MONTH].full and self._years is None
        self._every_day = any_month and day.full and weekday.full
        self._weekdays = frozenset(weekday.values) if self._is_weekly(any_month) else None

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first slot strictly after an aware moment, in UTC; None when there is none."""
        instant = max(datetime_to_instant(moment), _FIRST_INSTANT)
        if self.is_reboot or instant >= _LAST_INSTANT:
            return None
        found = self._next(instant, clock_of(zone))
        return None if found is None else instant_to_datetime(found)

    def previous_before(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The last slot strictly before an aware moment, in UTC; None when there is none."""
        instant = min(datetime_to_instant(moment) + (1 if moment.microsecond else 0), _LAST_INSTANT)
        if self.is_reboot or instant <= _FIRST_INSTANT:
            return None
        found = self._previous(instant, clock_of(zone))
        return None if found is None else instant_to_datetime(found)

    def count(self, after: datetime, until: datetime, zone: ZoneInfo, at_most: int) -> int:
        """How many slots are after `after` and not after `until`; a day is reckoned in one of the `at_most` steps."""
        clock, end = clock_of(zone), min(datetime_to_instant(until), _LAST_INSTANT)
        here = max(datetime_to_instant(after), _FIRST_INSTANT)
        found = 0
        for _ in range(0 if self.is_reboot else at_most):
            slot = self._next(here, clock) if here < end else None
            if slot is None or slot > end:
                break
            offset = clock.steady[slot // DAY]
            if offset is None:
                found, here = found + 1, slot
                continue
            time = (slot + offset) % DAY
            here = min(end, slot - time + DAY - 1)
            found += self._times_until((here + offset) % DAY) - self._times_until(time) + 1
        return found

    def wall_after(self, moment: datetime, zone: ZoneInfo) -> int | None:
        """The wall time that the expression names next, also one that the clock is going to skip."""
        instant = datetime_to_instant(moment)
        if self.is_reboot or not _FIRST_INSTANT <= instant < _LAST_INSTANT:
            return None
        return self._after(clock_of(zone).wall(instant))

    def words(self) -> str:
        """The expression in English, as `At 09:00, Monday to Friday`."""
        return "When the server starts" if self.is_reboot else _Words(self._fields, self._both_days).sentence()

    def warnings(self) -> tuple[str, ...]:
        """What may surprise in this expression, in sentences."""
        return () if self.is_reboot else tuple(_warnings(self._fields, self._both_days))

    def refuse_if_it_never_fires(self) -> None:
        """Raise `InvalidInput` when no month of any allowed year has a matching day."""
        if any(self._month_mask(year, month) for year in self._sample_years() for month in self._fields[MONTH].values):
            return
        raise _refusal(
            "Day of month, Month and Day of week: no date fits them all, so this would never run. "
            "Allowed are days that the month has, as 28 or L in February."
        )

    def _sample_years(self) -> Iterable[int]:
        # 2000 to 2027 has every pair of first weekday and length that a month can have.
        return range(2000, 2028) if self._years is None else self._years

    # Each search below jumps field by field in wall time; only where the clock changes the instant is looked at twice.

    def _next(self, instant: int, clock: WallClock) -> int | None:
        steady = clock.steady
        offset = steady[instant // DAY]
        if offset is not None:
            wall = self._after(instant + offset)
            if wall is None:
                return None
            if steady[(wall - offset) // DAY] == offset:
                return wall - offset
        return self._next_at_change(instant, clock)

    def _next_at_change(self, instant: int, clock: WallClock) -> int | None:
        here = clock.wall(instant)
        change = clock.change(here)
        if change is not None and not change.skips:
            if instant >= change.at and self.fixed:
                here = change.ends - 1  # these times had their run in the first pass
            elif instant < change.at and not self.fixed:
                wall = self._after(here)
                if wall is not None and wall < change.ends:
                    return wall - change.before
                here = change.starts - 1
        while (wall := self._after(here)) is not None:
            change = clock.change(wall)
            if change is None:
                return clock.instant(wall)
            if not change.skips:
                first = wall - change.before
                return first if first > instant else wall - change.after
            if self.fixed and not change.long_gap:
                return change.at
            here = change.ends - 1
        return None

    def _previous(self, instant: int, clock: WallClock) -> int | None:
        steady = clock.steady
        offset = steady[instant // DAY]
        if offset is not None:
            wall = self._before(instant + offset)
            if wall is None:
                return None
            if steady[(wall - offset) // DAY] == offset:
                return wall - offset
        return self._previous_at_change(instant, clock)

    def _previous_at_change(self, instant: int, clock: WallClock) -> int | None:
        here = clock.wall(instant)
        change = clock.change(here)
        if change is not None and not change.skips and instant >= change.at:
            wall = None if self.fixed else self._before(here)
            if wall is not None and wall >= change.starts:
                return wall - change.after
            here = change.ends
        while (wall := self._before(here)) is not None:
            change = clock.change(wall)
            if change is None:
                return clock.instant(wall)
            if not change.skips:
                last = wall - (change.before if self.fixed else change.after)
                return last if last < instant else wall - change.before
            if self.fixed and not change.long_gap and change.at < instant:
                return change.at
            here = change.starts
        return None

    def _after(self, wall: int) -> int | None:
        """The first wall time after this one that the fields name."""
        day, time = divmod(wall + 1, DAY)
        found = self._day_from(day + _EPOCH_DAY)
        if found is None:
            return None
        if found == day + _EPOCH_DAY:
            at = self._time_from(time)
            if at >= 0:
                return day * DAY + at
            found = self._day_from(found + 1)
            if found is None:
                return None
        return (found - _EPOCH_DAY) * DAY + self._first_time

    def _before(self, wall: int) -> int | None:
        """The last wall time before this one that the fields name."""
        day, time = divmod(wall - 1, DAY)
        found = self._day_until(day + _EPOCH_DAY)
        if found is None:
            return None
        if found == day + _EPOCH_DAY:
            at = self._time_until(time)
            if at >= 0:
                return day * DAY + at
            found = self._day_until(found - 1)
            if found is None:
                return None
        return (found - _EPOCH_DAY) * DAY + self._last_time

    def _time_from(self, time: int) -> int:
        """The first time of day >= this one, in seconds, or -1."""
        minutes, second = divmod(time, 60)
        hour, minute = divmod(minutes, 60)
        if self._hour.after[hour] == hour:
            if self._minute.after[minute] == minute:
                at = self._second.after[second]
                if at >= 0:
                    return minutes * 60 + at
            at = self._minute.after[minute + 1]
            if at >= 0:
                return hour * 3600 + at * 60 + self._second.first
        hour = self._hour.after[hour + 1]
        return hour * 3600 + self._minute.first * 60 + self._second.first if hour >= 0 else -1

    def _time_until(self, time: int) -> int:
        """The last time of day <= this one, in seconds, or -1."""
        minutes, second = divmod(time, 60)
        hour, minute = divmod(minutes, 60)
        if self._hour.before[hour] == hour:
            if self._minute.before[minute] == minute:
                at = self._second.before[second]
                if at >= 0:
                    return minutes * 60 + at
            at = self._minute.before[minute - 1]
            if at >= 0:
                return hour * 3600 + at * 60 + self._second.last
        hour = self._hour.before[hour - 1]
        return hour * 3600 + self._minute.last * 60 + self._second.last if hour >= 0 else -1

    def _times_until(self, time: int) -> int:
        """How many times of day are <= this one."""
        hours, minutes, seconds = (self._fields[kind].values for kind in (HOUR, MINUTE, SECOND))
        hour, minute, second = time // 3600, time // 60 % 60, time % 60
        found = bisect_left(hours, hour) * len(minutes) * len(seconds)
        if self._hour.after[hour] == hour:
            found += bisect_left(minutes, minute) * len(seconds)
            if self._minute.after[minute] == minute:
                found += bisect_right(seconds, second)
        return found

    def _day_from(self, day: int) -> int | None:
        """The first matching day >= this one, as a proleptic ordinal."""
        if not _FIRST_DAY <= day <= _LAST_DAY:
            return None
        if self._every_day:
            return day
        if self._weekdays is not None:
            return next(at for at in range(day, day + 7) if at % 7 in self._weekdays)
        at = date.fromordinal(day)
        year, month = at.year, at.month
        mask = self._month_mask(year, month) >> (at.day - 1)
        if mask:
            return day + _lowest_bit(mask)
        while True:
            month = self._month.after[month + 1]
            if month < 0:
                month = self._month.first
                next_year = self._year_from(year + 1)
                if next_year is None:
                    return None
                year = next_year
            if mask := self._month_mask(year, month):
                return date(year, month, 1).toordinal() + _lowest_bit(mask)

    def _day_until(self, day: int) -> int | None:
        """The last matching day <= this one, as a proleptic ordinal."""
        if not _FIRST_DAY <= day <= _LAST_DAY:
            return None
        if self._every_day:
            return day
        if self._weekdays is not None:
            return next(at for at in range(day, day - 7, -1) if at % 7 in self._weekdays)
        at = date.fromordinal(day)
        year, month = at.year, at.month
        mask = self._month_mask(year, month) & ((1 << at.day) - 1)
        while not mask:
            month = self._month.before[month - 1]
            if month < 0:
                month = self._month.last
                previous_year = self._year_until(year - 1)
                if previous_year is None:
                    return None
                year = previous_year
            mask = self._month_mask(year, month)
        return date(year, month, 1).toordinal() + mask.bit_length() - 1

    def _year_from(self, year: int) -> int | None:
        if self._years is None:
            return year if year <= 9998 else None
        place = bisect_left(self._years, year)
        return self._years[place] if place < len(self._years) else None

    def _year_until(self, year: int) -> int | None:
        if self._years is None:
            return year if year >= 2 else None
        place = bisect_right(self._years, year)
        return self._years[place - 1] if place else None

    def _month_mask(self, year: int, month: int) -> int:
        """The matching days of a month as bits, the 1st is bit 0."""
        if self._month.after[month] != month or (self._years is not None and self._year_from(year) != year):
            return 0
        start = date(year, month, 1).toordinal()
        length = _length(year, month)
        shape = (start % 7, length)
        if shape not in self._masks:
            self._masks[shape] = self._days_mask(*shape)
        return self._masks[shape]

    def _days_mask(self, first: int, length: int) -> int:
        """The matching days of a month that starts on the weekday `first` (0 is Sunday) and has `length` days."""
        by_day = _bits(_days_of_month(self._fields[DAY_OF_MONTH], first, length))
        by_weekday = _bits(_days_of_week(self._fields[DAY_OF_WEEK], first, length))
        return by_day & by_weekday if self._both_days else by_day | by_weekday

    def _is_weekly(self, any_month: bool) -> bool:
        """Nothing but the day of the week counts."""
        weekday, day = self._fields[DAY_OF_WEEK], self._fields[DAY_OF_MONTH]
        return any_month and day.full and self._both_days and len(weekday.spans) == len(weekday.items)


def _length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _lowest_bit(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _bits(days: Iterable[int]) -> int:
    mask = 0
    for day in days:
        mask |= 1 << (day - 1)
    return mask


def _days_of_month(field: _Field, first: int, length: int) -> Iterable[int]:
    for item in field.items:
        if isinstance(item, Span):
            yield from (day for day in item.values if day <= length)
        elif isinstance(item, LastDay):
            yield _nearest_weekday(length, first, length) if item.weekday else length
        elif isinstance(item, NearestWeekday) and item.day <= length:
            yield _nearest_weekday(item.day, first, length)


def _nearest_weekday(day: int, first: int, length: int) -> int:
    weekday = (first + day - 1) % 7
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day


def _days_of_week(field: _Field, first: int, length: int) -> Iterable[int]:
    weekdays = set(field.values)
    yield from (day for day in range(1, length + 1) if (first + day - 1) % 7 in weekdays)
    for item in field.items:
        if isinstance(item, NthWeekday):
            days = range(1 + (item.weekday - first) % 7, length + 1, 7)
            if item.nth <= len(days):
                yield days[item.nth if item.nth == _LAST else item.nth - 1]


# -- words ----------------------------------------------------------------------------------------------------------

_MOST_TIMES = 4


class _Words:
    """The parse tree in English."""

    def __init__(self, fields: dict[_Kind, _Field], both_days: bool) -> None:
        self.fields = fields
        self.both_days = both_days
        self.second, self.minute, self.hour = fields[SECOND], fields[MINUTE], fields[HOUR]
        self.day, self.month, self.weekday = fields[DAY_OF_MONTH], fields[MONTH], fields[DAY_OF_WEEK]

    def sentence(self) -> str:
        times = self._clock_times()
        days = self._days()
        start = f"At {_joined(times)}" if times else self._repeating()
        if not days:
            days = (" every day" if times else "") + self._comma_months()
        return start + days + self._years()

    def _clock_times(self) -> list[str]:
        """The times of day, when they are few enough to be listed."""
        if any(field.star for field in (self.second, self.minute, self.hour)):
            return []
        if self.minute.values == (0,) and self.second.values == (0,) and len(self.hour.items) == len(self.hour.values):
            return [_clock(hour, 0) for hour in self.hour.values]
        hours, minutes, seconds = self.hour.values, self.minute.values, self.second.values
        if len(hours) * len(minutes) * len(seconds) > _MOST_TIMES:
            return []
        with_seconds = seconds != (0,)
        return [_clock(h, m, s if with_seconds else None) for h in hours for m in minutes for s in seconds]

    def _repeating(self) -> str:
        if self.second.values != (0,):
            return _capital(self._seconds() + self._minutes_of() + self._hours(of=not self.minute.full))
        if self.minute.values == (0,):
            return _capital(self._whole_hours())
        every = _every(self.minute, "minute")
        if every:
            return _capital(every + self._hours(of=False))
        return f"At {_numbered(self.minute, 'minute')}{self._hours(of=True)}"

    def _seconds(self) -> str:
        return _every(self.second, "second") or f"at {_numbered(self.second, 'second')}"

    def _minutes_of(self) -> str:
        if self.minute.full:
            return "" if _every(self.second, "second") else " of every minute"
        step = _step(self.minute)
        return f" of every {_ordinal(step)} minute" if step else f" of {_numbered(self.minute, 'minute')}"

    def _whole_hours(self) -> str:
        every = _every(self.hour, "hour")
        if every:
            return every
        if len(self.hour.spans) == 1:
            span = self.hour.spans[0]
            pace = "every hour" if span.step == 1 else f"every {span.step} hours"
            return f"{pace} from {_clock(span.first, 0)} to {_clock(self.hour.values[-1], 0)}"
        return f"at {_joined([_clock(hour, 0) for hour in self.hour.values])}"

    def _hours(self, *, of: bool) -> str:
        """Which hours: ` from 09:00 to 17:59` or ` of every hour`; with `of` it also speaks of all of them."""
        if self.hour.full:
            return " of every hour" if of else ""
        if len(self.hour.spans) > 1:
            names = [_clock(hour, 0) for hour in self.hour.values]
            return f" of the hours that start at {_joined(names)}"
        span = self.hour.spans[0]
        limits = f" from {_clock(span.first, 0)} to {_clock(span.last, 59)}"
        if span.step > 1:
            return f" of every {_ordinal(span.step)} hour" + ("" if self.hour.star else limits)
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
        names = self._plain_months()
        if names:
            return f" of {_joined(names)}"
        return f" of the month{self._comma_months()}"

    def _plain_months(self) -> list[str]:
        """The names, when the months are listed one by one."""
        names = self._month_names()
        return [] if any(" to " in name for name in names) else names

    def _comma_months(self) -> str:
        names = self._month_names()
        if not names:
            return ""
        return f", {names[0]}" if len(names) == 1 and " to " in names[0] else f", in {_joined(names)}"

    def _month_names(self) -> list[str]:
        return [] if self.month.full else _names(self.month, ("", *_MONTHS))

    def _month_days(self) -> str:
        return _joined([_month_day(item, self.day.star) for item in self.day.items])

    def _weekdays(self) -> str:
        names = _names(self.weekday, _WEEKDAYS)
        return _joined(names + [_nth_words(item) + " of the month" for item in self._nths()])

    def _nths(self) -> list[NthWeekday]:
        return [item for item in self.weekday.items if isinstance(item, NthWeekday)]

    def _weekday_test(self) -> str:
        names = [name if " to " in name else f"a {name}" for name in _names(self.weekday, _WEEKDAYS)]
        parts = names + [_nth_words(item) + " of the month" for item in self._nths()]
        return parts[0] if len(parts) == 1 else f"one of {_joined(parts)}"

    def _weekdays_alone(self) -> str:
        if self._nths() and not self.weekday.spans:
            return f" on {_joined([_nth_words(item) for item in self._nths()])}{self._of_months()}"
        names = _names(self.weekday, _WEEKDAYS)
        lead = ", " if len(self.weekday.items) == 1 and " to " in names[0] else " on "
        return lead + self._weekdays() + self._comma_months()

    def _years(self) -> str:
        year = self.fields[YEAR]
        if year.full:
            return ""
        parts = []
        for span in year.spans:
            limits = str(span.first) if span.first == span.last else f"{span.first} to {span.last}"
            parts.append(limits if span.step == 1 else f"every {_ordinal(span.step)} year from {limits}")
        return f", {_joined(parts)}" if parts[0].startswith("every") else f", in {_joined(parts)}"


def _every(field: _Field, unit: str) -> str:
    """`every minute`, `every 5 minutes`; empty when the field does not repeat so all the way."""
    if field.full:
        return f"every {unit}"
    step = _step(field)
    return f"every {step} {unit}s" if step else ""


def _step(field: _Field) -> int | None:
    """The n of `*/n`, or of a list or range that means the same."""
    values = field.values
    if len(values) < 2 or values[0] != field.kind.low or len(field.items) > 1:
        return None
    step = values[1] - values[0]
    return step if values == tuple(range(field.kind.low, field.kind.high + 1, step)) else None


def _numbered(field: _Field, unit: str) -> str:
    """`minute 5`, `minutes 0 to 30 and 45`, `every 15th minute from 5 to 59`."""
    spans = field.spans
    if len(spans) == 1 and spans[0].step > 1:
        span = spans[0]
        return f"every {_ordinal(span.step)} {unit} from {span.first} to {span.last}"
    if any(span.step > 1 for span in spans):
        parts = [str(value) for value in field.values]
    else:
        parts = [str(s.first) if s.first == s.last else f"{s.first} to {s.last}" for s in spans]
    return f"{unit}{'s' if len(field.values) > 1 else ''} {_joined(parts)}"


def _names(field: _Field, names: Sequence[str]) -> list[str]:
    """`Monday to Friday`, `March`; a step is written out."""
    if any(span.step > 1 for span in field.spans):
        return [names[value] for value in field.values]
    count = len(_WEEKDAYS) if field.kind is DAY_OF_WEEK else len(names)
    parts = []
    for span in field.spans:
        first, last = names[span.first % count], names[span.last % count]
        joint = " to " if span.last - span.first > 1 else " and "
        parts.append(first if span.first == span.last else f"{first}{joint}{last}")
    return parts


def _month_day(item: _Item, star: bool) -> str:
    if isinstance(item, LastDay):
        return "the last weekday" if item.weekday else "the last day"
    if isinstance(item, NearestWeekday):
        return f"the weekday nearest the {_ordinal(item.day)}"
    assert isinstance(item, Span)
    first, last = f"the {_ordinal(item.first)}", f"the {_ordinal(item.last)}"
    if item.first == item.last:
        return first
    if item.step == 1:
        return f"{first} to {last}"
    every = f"every {_ordinal(item.step)} day"
    return every if star and item.last == DAY_OF_MONTH.high else f"{every} from {first} to {last}"


def _nth_words(item: NthWeekday) -> str:
    nth = "last" if item.nth == _LAST else ["first", "second", "third", "fourth", "fifth"][item.nth - 1]
    return f"the {nth} {_WEEKDAYS[item.weekday]}"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _clock(hour: int, minute: int, second: int | None = None) -> str:
    return f"{hour:02}:{minute:02}" + ("" if second is None else f":{second:02}")


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _warnings(fields: dict[_Kind, _Field], both_days: bool) -> Iterable[str]:
    day, weekday = fields[DAY_OF_MONTH], fields[DAY_OF_WEEK]
    if not both_days:
        yield (
            "The day of month and the day of week are both given: it runs when either fits. "
            "Put + before the day of week to ask for both."
        )
    if both_days and not weekday.plus and not day.full and not weekday.full:
        yield "One of the two day fields starts with *, so a day must fit both of them."
    for kind, whole in ((SECOND, "minute"), (MINUTE, "hour"), (HOUR, "day")):
        field, unit = fields[kind], kind.name.lower()
        step = field.spans[0].step if field.star and len(field.items) == 1 else 1
        rest = kind.high + 1 - field.values[-1]
        if step > 1 and (rest != step or len(field.values) == 1):
            yield (
                f"*/{step} starts anew with each {whole}: the last step before the next {whole} takes "
                f"{rest} {unit}{'' if rest == 1 else 's'} only."
                if len(field.values) > 1
                else f"*/{step} means only {unit} 0: the step is as long as the {whole}, or longer."
            )
    latest = min((item.first for item in day.spans), default=0)
    if latest > 28 and (both_days or weekday.full) and len(day.spans) == len(day.items):
        yield f"Months without a {_ordinal(latest)} have no run. L is the last day of any month."

"""The parse tree of a cron expression: seven fields, and the items that stand in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MONTHS = (
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
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
LAST = -1


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
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
SECOND = Kind("Second", 0, 59, f"0 to 59, {_COMMON}")
MINUTE = Kind("Minute", 0, 59, f"0 to 59, {_COMMON}")
HOUR = Kind("Hour", 0, 23, f"0 to 23, {_COMMON}")
DAY_OF_MONTH = Kind("Day of month", 1, 31, f"1 to 31, {_COMMON}, L (last day), LW (last weekday), 15W, ?")
MONTH = Kind("Month", 1, 12, f"1 to 12, JAN to DEC, {_COMMON}", MONTHS)
DAY_OF_WEEK = Kind(
    "Day of week", 0, 7, f"0 to 7 (0 and 7 are Sunday), SUN to SAT, {_COMMON}, 2#3, 5L, 5#L, +, ?", WEEKDAYS
)
YEAR = Kind("Year", 1970, 2199, f"1970 to 2199, {_COMMON}")
KINDS = (SECOND, MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK, YEAR)


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
    """`2#3`: the third Tuesday of the month; `nth` is `LAST` for the last one."""

    weekday: int
    nth: int


Item = Span | LastDay | NearestWeekday | NthWeekday


@dataclass(frozen=True, slots=True)
class Field:
    kind: Kind
    items: tuple[Item, ...]
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


@dataclass(frozen=True, slots=True)
class Tree:
    """The fields, in the order of `KINDS`."""

    second: Field
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    year: Field

    @property
    def fixed(self) -> bool:
        """Whether it names times of day; if not, it runs in real time."""
        return not (self.second.star or self.minute.star or self.hour.star)

    @property
    def both_days(self) -> bool:
        """Whether a day must fit the day of month and the day of week; if not, either is enough."""
        return self.day.star or self.weekday.star or self.weekday.plus

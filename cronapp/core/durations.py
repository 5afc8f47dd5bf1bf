"""Durations and periods as people write them: `10m`, `1h30m`, `2 weeks`, `1mo`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_UNITS: dict[str, tuple[str, float]] = {
    "ms": ("seconds", 0.001),
    "s": ("seconds", 1),
    "m": ("seconds", 60),
    "h": ("seconds", 3600),
    "d": ("days", 1),
    "w": ("days", 7),
    "mo": ("months", 1),
    "y": ("months", 12),
}
"""Unit → the kind of time it counts, and how much of it."""

_SPELLINGS: dict[str, str] = {
    spelling: unit
    for unit, spellings in {
        "ms": "ms millisecond milliseconds",
        "s": "s sec secs second seconds",
        "m": "m min mins minute minutes",
        "h": "h hr hrs hour hours",
        "d": "d day days",
        "w": "w wk week weeks",
        "mo": "mo month months",
        "y": "y yr year years",
    }.items()
    for spelling in spellings.split()
}
_PART = re.compile(r"\s*(?:and\s+|,\s*)?([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*([a-z]+)\s*", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_SECONDS = {"seconds": 1, "days": 86_400, "months": 2_629_800}
_CENTURY = 100 * 366 * 86_400
_LONGEST_TEXT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """How far apart the slots of an interval are. Exactly one of the three is not zero.

    Seconds are elapsed time; days and months are calendar time, which keeps the wall clock in the job's zone.
    """

    months: int = 0
    days: int = 0
    seconds: float = 0

    def words(self) -> str:
        """`15 minutes`, `1 day`, `2 weeks`, `1 year`."""
        if self.months:
            return _counted(self.months // 12, "year") if self.months % 12 == 0 else _counted(self.months, "month")
        if self.days:
            return _counted(self.days // 7, "week") if self.days % 7 == 0 else _counted(self.days, "day")
        return _elapsed_words(self.seconds)


def parse_duration(value: float | str) -> float:
    """Seconds of `600`, `"600"`, `"10m"`, `"1h30m"`, `"1.5h"`, `"1d"` or `"250ms"`.

    Raises ValueError with a sentence.
    """
    amounts = _amounts(value, example="90, 10m or 1h30m")
    if "months" in amounts:
        raise ValueError("Months and years have no fixed length. Use days or weeks, as 30d.")
    seconds = sum(amount * _SECONDS[kind] for kind, amount in amounts.items())
    if seconds < 0:
        raise ValueError("A duration cannot be negative.")
    if seconds > _CENTURY:
        raise ValueError("A duration can be at most 100 years.")
    return seconds


def parse_every(value: float | str) -> Period:
    """The period of `900`, `"15m"`, `"1h30m"`, `"day"`, `"2 weeks"`, `"1mo"`. Raises ValueError with a sentence.

    A number alone is seconds. `m` is minutes and `mo` months.
    """
    if isinstance(value, str):
        value = re.sub(r"^\s*every\s+", "", value, flags=re.IGNORECASE)
        bare = value.strip().lower()
        value = f"1 {bare}" if bare in _SPELLINGS else value
    amounts = _amounts(value, example="15m, 2h, 1d or 1mo")
    if len(amounts) > 1:
        raise ValueError(
            "Elapsed time (hours and less), days and months cannot be mixed. Use one of them, as 36h or 2d."
        )
    ((kind, amount),) = amounts.items()
    if amount <= 0:
        raise ValueError("The interval must be more than zero.")
    if amount * _SECONDS[kind] > _CENTURY:
        raise ValueError("The interval can be at most 100 years.")
    if kind == "seconds":
        if amount < 1:
            raise ValueError("The interval must be at least one second.")
        seconds = round(amount, 6)
        return Period(seconds=int(seconds) if seconds == int(seconds) else seconds)
    if amount != int(amount):
        raise ValueError("Days, weeks, months and years must be whole numbers. For half a day write 12h.")
    return Period(months=int(amount)) if kind == "months" else Period(days=int(amount))


def duration_words(seconds: float) -> str:
    """The two largest units: `1 h 30 min`, `10 min`, `45 s`, `0.74 s`, `2 d 3 h`."""
    if seconds < 0:
        return f"-{duration_words(-seconds)}"
    if 0 < seconds < 0.01:
        return f"{seconds * 1000:.2g} ms"
    if seconds < 59.95:
        return f"{seconds:.{2 if seconds < 10 else 1}f}".rstrip("0").rstrip(".") + " s"
    return " ".join(f"{count} {unit}" for count, unit in _largest_two(round(seconds)))


def duration_text(seconds: float) -> str:
    """Exact, short, and read back by `parse_duration`: `1h30m`, `30d`, `0.5s`."""
    parts, rest = [], seconds
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        count, rest = divmod(rest, size)
        parts += [f"{int(count)}{unit}"] if count else []
    return "".join([*parts, *([f"{round(rest, 6):g}s"] if rest or not parts else [])])


def _largest_two(seconds: int) -> list[tuple[int, str]]:
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    parts = [(days, "d"), (hour, "h"), (minute, "min"), (second, "s")]
    largest = next(place for place, (count, _) in enumerate(parts) if count)
    return [part for part in parts[largest : largest + 2] if part[0]]


def _amounts(value: float | str, *, example: str) -> dict[str, float]:
    """Kind of time → amount."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"A number of seconds or a text as {example} is expected.")
    if isinstance(value, int | float):
        return {"seconds": _finite(value)}
    text = value.strip().lower()
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"That is too long to be a duration. Write it as {example}.")
    if _NUMBER.fullmatch(text):
        return {"seconds": float(text)}
    if re.match(r"-\s*[0-9.]", text):
        raise ValueError("A duration cannot be negative.")
    return _parts(text, example)


def _parts(text: str, example: str) -> dict[str, float]:
    amounts: dict[str, float] = {}
    place = 0
    while place < len(text) or not amounts:
        part = _PART.match(text, place)
        if part is None:
            raise ValueError(f'"{text}" is not understood. Write it as {example}.')
        number, spelling = part.groups()
        if spelling not in _SPELLINGS:
            raise ValueError(f'The unit "{spelling}" is not known. Use s, m, h, d, w, mo or y, as {example}.')
        kind, size = _UNITS[_SPELLINGS[spelling]]
        amounts[kind] = amounts.get(kind, 0) + float(number) * size
        place = part.end()
    return amounts


def _finite(number: float) -> float:
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError("A finite number of seconds is expected.")
    return number


def _elapsed_words(seconds: float) -> str:
    for size, name in ((3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return _counted(int(seconds // size), name)
    if seconds < 60 or seconds != int(seconds):
        return _counted(seconds, "second")
    return " ".join(
        _counted(count, name)
        for count, name in (
            (int(seconds // 3600), "hour"),
            (int(seconds % 3600 // 60), "minute"),
            (int(seconds % 60), "second"),
        )
        if count
    )


def _counted(count: float, name: str) -> str:
    return f"{count:g} {name}" if count == 1 else f"{count:.10g} {name}s"

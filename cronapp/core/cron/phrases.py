"""The pieces that the words of a cron expression are made of."""

from __future__ import annotations

from collections.abc import Sequence

from cronapp.core.cron.tree import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    LAST,
    WEEKDAYS,
    Field,
    Item,
    LastDay,
    NearestWeekday,
    NthWeekday,
    Span,
)


def every_unit(field: Field, unit: str) -> str:
    """`every minute`, `every 5 minutes`; empty when the field does not repeat so all the way."""
    if field.full:
        return f"every {unit}"
    step = even_step(field)
    return f"every {step} {unit}s" if step else ""


def even_step(field: Field) -> int | None:
    """The n of `*/n`, or of a list or range that means the same."""
    values = field.values
    if len(values) < 2 or values[0] != field.kind.low or len(field.items) > 1:
        return None
    step = values[1] - values[0]
    return step if values == tuple(range(field.kind.low, field.kind.high + 1, step)) else None


def numbered(field: Field, unit: str) -> str:
    """`minute 5`, `minutes 0 to 30 and 45`, `every 15th minute from 5 to 59`."""
    spans = field.spans
    if len(spans) == 1 and spans[0].step > 1:
        span = spans[0]
        return f"every {ordinal(span.step)} {unit} from {span.first} to {span.last}"
    if any(span.step > 1 for span in spans):
        parts = [str(value) for value in field.values]
    else:
        parts = [str(s.first) if s.first == s.last else f"{s.first} to {s.last}" for s in spans]
    return f"{unit}{'s' if len(field.values) > 1 else ''} {joined(parts)}"


def value_names(field: Field, names: Sequence[str]) -> list[str]:
    """`Monday to Friday`, `March`; a step is written out."""
    if any(span.step > 1 for span in field.spans):
        return [names[value] for value in field.values]
    count = len(WEEKDAYS) if field.kind is DAY_OF_WEEK else len(names)
    parts = []
    for span in field.spans:
        first, last = names[span.first % count], names[span.last % count]
        joint = " to " if span.last - span.first > 1 else " and "
        parts.append(first if span.first == span.last else f"{first}{joint}{last}")
    return parts


def month_day(item: Item, star: bool) -> str:
    if isinstance(item, LastDay):
        return "the last weekday" if item.weekday else "the last day"
    if isinstance(item, NearestWeekday):
        return f"the weekday nearest the {ordinal(item.day)}"
    assert isinstance(item, Span)
    first, last = f"the {ordinal(item.first)}", f"the {ordinal(item.last)}"
    if item.first == item.last:
        return first
    if item.step == 1:
        return f"{first} to {last}"
    every = f"every {ordinal(item.step)} day"
    return every if star and item.last == DAY_OF_MONTH.high else f"{every} from {first} to {last}"


def nth_weekday(item: NthWeekday) -> str:
    nth = "last" if item.nth == LAST else ["first", "second", "third", "fourth", "fifth"][item.nth - 1]
    return f"the {nth} {WEEKDAYS[item.weekday]}"


def ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def clock_time(hour: int, minute: int, second: int | None = None) -> str:
    return f"{hour:02}:{minute:02}" + ("" if second is None else f":{second:02}")


def joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]

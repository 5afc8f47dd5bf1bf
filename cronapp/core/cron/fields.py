"""A cron expression field by field, for somebody who types it: what each means, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from cronapp.core.cron.grammar import read_field
from cronapp.core.cron.phrases import joined, month_day, nth_weekday, value_names
from cronapp.core.cron.tree import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    KINDS,
    MONTH,
    MONTHS,
    SECOND,
    WEEKDAYS,
    YEAR,
    Field,
    Kind,
    NthWeekday,
)
from cronapp.core.errors import InvalidInput

MOST_VALUES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldTold:
    """One field: its name, its text, and what that means or why it cannot be used; neither while it is not typed."""

    name: str
    text: str
    meaning: str = ""
    problem: str = ""


def told_fields(expression: str, seed: str = "") -> tuple[FieldTold, ...]:
    """The fields of an expression as far as it is typed: five, six with seconds first, seven with the year last.
    Empty for a nickname as `@daily`, which has none."""
    texts = expression.split()
    if expression.strip().startswith("@"):
        return ()
    kinds = [kind for kind in KINDS if kind not in (SECOND, YEAR)]
    if len(texts) > 5:
        kinds = [SECOND, *kinds]
    if len(texts) > 6:
        kinds = [*kinds, YEAR]
    texts = [*texts, *[""] * len(kinds)][: len(kinds)]
    return tuple(_told(kind, text, seed) for kind, text in zip(kinds, texts, strict=True))


def _told(kind: Kind, text: str, seed: str) -> FieldTold:
    if not text:
        return FieldTold(name=kind.name, text="")
    try:
        field = read_field(kind, text, seed)
    except InvalidInput as error:
        problem = error.errors["expression"].removeprefix(f"{kind.name}: ")
        return FieldTold(name=kind.name, text=text, problem=problem[0].upper() + problem[1:])
    return FieldTold(name=kind.name, text=text, meaning=meaning(field))


def meaning(field: Field) -> str:
    """What a field says, in few words: `every`, `0, 15, 30 and 45`, `Monday to Friday`."""
    kind = field.kind
    if kind is DAY_OF_WEEK:
        nths = [nth_weekday(item) for item in field.items if isinstance(item, NthWeekday)]
        names = [] if field.full else value_names(field, WEEKDAYS) if field.spans else []
        return joined([*names, *nths]) if names or nths else "any day"
    if kind is DAY_OF_MONTH:
        return "any day" if field.full else joined([month_day(item, field.star) for item in field.items])
    if kind is MONTH:
        return "every month" if field.full else joined(value_names(field, ("", *MONTHS)))
    if field.full:
        return f"every {kind.name.lower()}"
    values = [str(value) for value in field.values]
    if len(values) > MOST_VALUES:
        if len(field.spans) == 1 and field.spans[0].step == 1:
            return f"{values[0]} to {values[-1]}"
        return f"{', '.join(values[: MOST_VALUES - 1])} … {values[-1]}"
    return joined(values)

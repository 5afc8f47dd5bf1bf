"""A cron expression some minutes later."""

from __future__ import annotations

import re

from cronapp.core.cron.grammar import NICKNAMES

_NUMBERS = re.compile(r"[0-9]{1,2}(?:,[0-9]{1,2})*")
_STEPS = re.compile(r"(?:\*|0-59)/([0-9]{1,2})")
_ONE = re.compile(r"[0-9]{1,2}")
DAY_END = 24 * 60


def later(expression: str, minutes: int) -> str | None:
    """The expression with each slot so many minutes later, on the same day; None where that cannot be written.

    It can where the minute is a number, a list of numbers, or a step of the whole hour. Over the end of an hour it can
    where the hour is a number too.
    """
    fields = NICKNAMES.get(expression.strip(), expression).split()
    place = 0 if len(fields) == 5 else 1
    if not 5 <= len(fields) <= 7:
        return None
    minute, hour = fields[place], fields[place + 1]
    if steps := _STEPS.fullmatch(minute):
        return _written(fields, place, _stepped(int(steps[1]), minutes), hour)
    if not _NUMBERS.fullmatch(minute):
        return None
    values = [int(text) + minutes for text in minute.split(",")]
    if max(values) < 60:
        return _written(fields, place, ",".join(map(str, values)), hour)
    if min(values) < 60 or not _ONE.fullmatch(hour) or int(hour) * 60 + max(values) >= DAY_END:
        return None
    carried = {value // 60 for value in values}
    if len(carried) > 1:
        return None
    hours = carried.pop()
    return _written(fields, place, ",".join(str(value % 60) for value in values), str(int(hour) + hours))


def _stepped(step: int, minutes: int) -> str | None:
    if not 0 < step <= 30 or 60 % step or minutes >= step:  # an uneven step would change its gaps
        return None
    return f"{minutes}-59/{step}"


def _written(fields: list[str], place: int, minute: str | None, hour: str) -> str | None:
    return None if minute is None else " ".join([*fields[:place], minute, hour, *fields[place + 2 :]])


def is_spread(expression: str) -> bool:
    """Whether the job's id decides over its minute already."""
    fields = expression.split()
    return len(fields) >= 5 and any("H" in text or "~" in text for text in fields[: len(fields) - 3])

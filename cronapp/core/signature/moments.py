"""Moments and durations between the texts of a form and JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cronapp.core.durations import duration_text, parse_duration
from cronapp.core.errors import CronAppError
from cronapp.core.signature.texts import number_or_text
from cronapp.core.zones import zone

OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)$")
_durations: TypeAdapter[timedelta] = TypeAdapter(timedelta)


def moment_parts(text: str) -> tuple[str, str]:
    """A moment's text without its offset, and the offset: `UTC` or `+02:00`; empty where it has none."""
    found = OFFSET.search(text) if "T" in text or " " in text else None
    if not found:
        return text, ""
    return text[: found.start()], "UTC" if found[1] == "Z" else found[1]


def moment_text(local: str, place: str) -> str:
    """A moment of the clocks of a place, as ISO 8601 with its offset. Raises a ValueError for a place unknown."""
    if not place or OFFSET.search(local):
        return local
    if place.upper() in ("UTC", "Z"):
        return f"{local}Z"
    if re.fullmatch(r"[+-]\d\d:?\d\d", place):
        return local + place
    try:
        where = zone(place)
    except (CronAppError, ValueError) as error:
        raise ValueError(str(error)) from None
    try:
        at = datetime.fromisoformat(local)
    except ValueError:
        return local  # the check says what is wrong with it
    return local + offset_text(at.replace(tzinfo=where).utcoffset())


def offset_text(offset: timedelta | None) -> str:
    return datetime(2000, 1, 1, tzinfo=UTC).isoformat()[-6:] if not offset else _signed(offset)


def _signed(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def duration_value(text: str, *, words: bool) -> Any:
    """`10m` as it is where the check takes such words, else as seconds; what is no such text is left to the check."""
    if words:
        return number_or_text(text)
    try:
        return parse_duration(text)
    except (ValueError, OverflowError):
        return number_or_text(text)


def duration_shown(value: Any, *, words: bool) -> str:
    """The reverse: seconds, and what pydantic writes, as `10m`."""
    if words and isinstance(value, str):
        return value
    try:
        seconds = _durations.validate_python(value).total_seconds()
    except ValidationError:
        return str(value)
    if words or seconds <= 0:
        return f"{value}"
    told = duration_text(seconds)
    return told if parse_duration(told) == seconds else f"{value}"

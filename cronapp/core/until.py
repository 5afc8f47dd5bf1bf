"""Until when somebody pauses: a moment, or how long from now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronapp.core.durations import parse_duration
from cronapp.core.spec import FAR, YEARS
from cronapp.core.zones import resolve

HOW = "Write a moment as 2026-12-24T18:00, or for how long, as 2h."
BEHIND = "This moment has passed. Choose one that lies ahead."
TOMORROW = "tomorrow"


def parse_until(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """The moment of `2026-12-24T18:00`, `2h` or `tomorrow` (at the same time of day).

    A moment without an offset is wall time in the zone. Raises ValueError with a sentence.
    """
    text = text.strip()
    try:
        moment = _moment(text, now, zone)
        if moment is not None and moment.year not in YEARS:
            raise ValueError(FAR)
        until = _length(text, now) if moment is None else _instant(moment, zone)
    except OverflowError:  # where the calendar ends
        raise ValueError(FAR) from None
    if until <= now:
        raise ValueError(BEHIND)
    return until


def _moment(text: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    if text == TOMORROW:
        return now.astimezone(zone).replace(tzinfo=None) + timedelta(days=1)
    if not text[:4].isdigit() or "-" not in text:  # to Python `20261224` is a date as well
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"There is no such moment. {HOW}") from None


def _instant(moment: datetime, zone: ZoneInfo) -> datetime:
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    found = resolve(moment, zone)
    if found is None:
        raise ValueError(f"This day does not exist in {zone.key}. Choose another one.")
    return found


def _length(text: str, now: datetime) -> datetime:
    try:
        return now + timedelta(seconds=parse_duration(text))
    except ValueError:
        raise ValueError(f'"{text[:60]}" is not understood. {HOW}') from None

"""Weekdays as people write them: `sat,sun`, `mon-fri`, `fri-mon`."""

from __future__ import annotations

from difflib import get_close_matches

from cronapp.core.cron.tree import WEEKDAYS

NAMES = tuple(name.lower() for name in (*WEEKDAYS[1:], WEEKDAYS[0]))
"""Monday first, as in `date.weekday`."""

HOW = "Use mon, tue, wed, thu, fri, sat and sun, as in mon-fri or sat,sun."


def parse_weekdays(text: str) -> frozenset[int]:
    """The weekdays, 0 is Monday. Raises `ValueError` with a sentence."""
    parts = [part for part in text.lower().replace(" - ", "-").replace(",", " ").split() if part != "and"]
    if not parts:
        raise ValueError(f'"{text}" names no weekday. {HOW}')
    return frozenset(day for part in parts for day in _days_of(part))


def _days_of(part: str) -> list[int]:
    first, dash, last = part.partition("-")
    if dash and not (first and last):
        raise ValueError(f"{part} is no range of weekdays. {HOW}")
    start = _weekday(first)
    if not dash:
        return [start]
    end = _weekday(last)
    if start == end:
        raise ValueError(f"{part} begins and ends on the same day. Write {NAMES[start][:3]} for that one day.")
    return [(start + shift) % 7 for shift in range((end - start) % 7 + 1)]


def _weekday(name: str) -> int:
    """A name, or three of its letters or more."""
    for number, full in enumerate(NAMES):
        if len(name) >= 3 and full.startswith(name):
            return number
    near = sorted(get_close_matches(name, NAMES), key=lambda full: full[0] != name[0])
    hint = f"Did you mean {near[0][:3]}?" if near else HOW
    raise ValueError(f'"{name}" is no weekday. {hint}')

"""How commands show what they found: tables for people, JSON for programs."""

from __future__ import annotations

import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from cronapp.config import wants_colours
from cronapp.core.durations import duration_words
from cronapp.core.plain import plain
from cronapp.wire import Wire

COLOURS = {
    "succeeded": "green",
    "active": "green",
    "running": "blue",
    "queued": "blue",
    "failed": "red",
    "timed_out": "red",
    "lost": "red",
    "needs_attention": "red",
    "missed": "yellow",
    "paused": "yellow",
    "skipped": "yellow",
}
GAP = "  "
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def painted(text: str, colour: str | None = None, *, bold: bool = False) -> str:
    """In colour, where somebody looks at a terminal and did not ask for none."""
    if not wants_colours(sys.stdout):
        return text
    return typer.style(text, fg=colour, bold=bold or None)


def state_of(state: str) -> str:
    """A state in words and in its colour."""
    return painted(state.replace("_", " "), COLOURS.get(state))


def told(moment: datetime | None, none: str = "") -> str:
    """A moment to the minute, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}" if moment else none


def lasted(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration_words(round(seconds, 1 if seconds < 60 else None))


def as_json(value: Wire | Any) -> None:
    """One object, for programs."""
    print(json.dumps(value.told() if isinstance(value, Wire) else value, indent=2, ensure_ascii=False))


def as_list(found: Iterable[Wire]) -> None:
    """What a list command found, for programs: an array of the API's objects."""
    as_json([one.told() for one in found])


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, none: str) -> None:
    """Rows in columns; with heads and cut to the width where somebody looks at a terminal, whole for programs."""
    if not rows:
        print(none)
        return
    people = sys.stdout.isatty()
    listed = [[clean(cell) for cell in row] for row in rows]
    wide = [max(width(row[at]) for row in ([list(heads)] if people else []) + listed) for at in range(len(heads))]
    room = shutil.get_terminal_size().columns if people else 0
    if people:
        print(painted(line(heads, wide, room), bold=True))
    for row in listed:
        print(line(row, wide, room))


def clean(cell: str) -> str:
    """On one line, and nothing in it that a terminal obeys but our own colours."""
    return cell if STYLE.match(cell) else plain(" ".join(cell.split()))


def line(cells: Sequence[str], wide: Sequence[int], room: int) -> str:
    *before, last = cells
    text = "".join(cell + " " * (size - width(cell)) + GAP for cell, size in zip(before, wide, strict=False))
    left = room - width(text)
    if room and width(last) > left > 1 and "\x1b" not in last:
        last = last[: left - 1] + "…"
    return (text + last).rstrip()


def width(text: str) -> int:
    """How many columns of a terminal it takes."""
    bare = STYLE.sub("", text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in bare)


def facts(rows: Iterable[tuple[str, str | None]]) -> None:
    """Names and values, one a line; those without a value are left out."""
    shown = [(name, clean(value)) for name, value in rows if value]
    wide = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{painted(name.ljust(wide), bold=True)}{GAP}{value}")

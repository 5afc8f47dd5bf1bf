"""The schedules of the job form: rows of texts, each of a kind of its own, and the schedules that they say.

The first row's fields are named as in the API (`schedule.expression`), those of the others by a number
(`schedule.2.expression`), which need not be without gaps: rows may be taken away while one types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cronapp.core.durations import duration_text
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json, Schedule, Unclocked
from cronapp.core.simple import WEEK, Simple, schedule_of_simple, simple_of

Texts = Mapping[str, str]
FIELDS = {
    "cron": ("expression", "timezone"),
    "interval": ("every", "timezone"),
    "once": ("at", "timezone"),
    "manual": (),
    "dependency": (),
}
SIMPLE = "simple"
MOST_ROWS = 25
_ROW = re.compile(r"schedule\.([1-9]\d{0,2})\.kind", re.ASCII)
_OF_SIMPLE = {"every": "count", "expression": "time"}
"""Where the fields of a schedule are typed as a simple choice."""


def rows_of(texts: Texts) -> list[int]:
    """The numbers of the form's rows of schedules; the first is always there. Of far too many only some are looked at:
    a job with so many is refused anyway."""
    return [0, *sorted(int(found[1]) for name in texts if (found := _ROW.fullmatch(name)))][:MOST_ROWS]


def row_name(row: int) -> str:
    """What the names of a row's fields begin with."""
    return f"schedule.{row}" if row else "schedule"


def schedule_of_row(texts: Texts, row: int) -> Json:
    """What a row says, as JSON; raises `InvalidInput`, by the form's fields, where a simple choice makes no sense. A
    zone that a further row does not name is that of the first."""
    name = row_name(row)
    kind = texts.get(f"{name}.kind") or "cron"
    if kind == SIMPLE:
        try:
            schedule = schedule_of_simple(simple_of_row(texts, row))
        except InvalidInput as error:
            raise InvalidInput({f"{name}.{part}": text for part, text in error.errors.items()}) from None
    else:
        schedule = {"kind": kind} | {part: texts.get(f"{name}.{part}", "").strip() for part in FIELDS.get(kind, ())}
    if schedule["kind"] in FIELDS and FIELDS[schedule["kind"]]:
        first = texts.get("schedule.timezone", "").strip()
        schedule["timezone"] = texts.get(f"{name}.timezone", "").strip() or first
    return schedule


def simple_of_row(texts: Texts, row: int) -> Simple:
    name, usual = row_name(row), Simple()
    return Simple(
        pace=texts.get(f"{name}.pace") or usual.pace,
        count=texts.get(f"{name}.count", ""),
        unit=texts.get(f"{name}.unit") or usual.unit,
        time=texts.get(f"{name}.time", ""),
        days=tuple(day for day in WEEK if texts.get(f"{name}.days.{day}")),
        day=texts.get(f"{name}.day") or usual.day,
    )


def wrong_rows(texts: Texts) -> dict[str, str]:
    """What makes no sense in the simple choices, by the form's fields."""
    errors: dict[str, str] = {}
    for row in rows_of(texts):
        try:
            schedule_of_row(texts, row)
        except InvalidInput as error:
            errors |= error.errors
    return errors


def said_in(texts: Texts, row: int) -> bool:
    """Whether something is typed in a row that says when."""
    try:
        schedule = schedule_of_row(texts, row)
    except InvalidInput:
        return True
    return any(text for name, text in schedule.items() if name not in ("kind", "timezone"))


def schedules_from_form(texts: Texts, shown: Texts | None = None, kept: Sequence[Json] = ()) -> list[Json]:
    """The schedules of all rows, as JSON. `shown` are the texts that an edit began with and `kept` what they stood for:
    a row that says what one of them said stays as it was stored, since a text says less than a moment with its
    fractions and an interval with its anchor. A simple choice that makes no sense stands as one by hand; `wrong_rows`
    tells of it."""
    before = [] if shown is None else [(told(shown, row), one) for row, one in zip(rows_of(shown), kept, strict=False)]
    schedules = []
    for row in rows_of(texts):
        said = told(texts, row)
        place = next((n for n, (was, _) in enumerate(before) if was == said), None)
        schedules.append(said[1] if place is None else before.pop(place)[1])
    return schedules


def told(texts: Texts, row: int) -> tuple[str, Json]:
    """The kind of a row and what it says."""
    try:
        return texts.get(f"{row_name(row)}.kind", ""), schedule_of_row(texts, row)
    except InvalidInput:
        return "", {"kind": "manual"}


def row_of(schedule: Schedule, row: int, where: ZoneInfo) -> dict[str, Any]:
    """A schedule as the texts of its row, told as a simple choice where it is one."""
    name, simple = row_name(row), simple_of(schedule)
    texts: dict[str, Any] = {"kind": SIMPLE if simple else schedule.kind}
    match schedule.kind:
        case "cron":
            texts |= {"expression": schedule.expression}
        case "interval":
            every = schedule.every
            texts |= {"every": every if isinstance(every, str) else duration_text(every)}
        case "once":
            texts |= {"at": local(schedule.at, where)}
    if not isinstance(schedule, Unclocked):
        texts |= {"timezone": schedule.timezone}
    return {f"{name}.{part}": text for part, text in {**simple_texts(simple or Simple()), **texts}.items()}


def simple_texts(simple: Simple) -> dict[str, str]:
    days = {f"days.{day}": "on" for day in simple.days}
    return {
        "pace": simple.pace,
        "count": simple.count,
        "unit": simple.unit,
        "time": simple.time,
        "day": simple.day,
        **days,
    }


def place_of(field: str, texts: Texts) -> str:
    """The form's field for one of the API's, as `schedule.1.every` of a list, or `schedule.every` of one alone."""
    parts = field.split(".")
    if parts[0] != "schedule" or len(parts) == 1:
        return field
    rows = rows_of(texts)
    listed = parts[1].isdigit()
    place = int(parts[1]) if listed else 0
    row = rows[place] if place < len(rows) else 0
    part = parts[2] if listed and len(parts) > 2 else parts[1] if not listed else "kind"
    if texts.get(f"{row_name(row)}.kind") == SIMPLE:
        part = _OF_SIMPLE.get(part, part)
    return f"{row_name(row)}.{part}"


def local(moment: datetime | None, where: ZoneInfo) -> str:
    """A moment as a date and time field has it."""
    return moment.astimezone(where).strftime("%Y-%m-%dT%H:%M:%S") if moment else ""

"""What the buttons of a form do to what stands in it: rows come, go and move, a field goes back to its default."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cronapp.core.signature.fields import FormField
from cronapp.core.signature.reading import read_json
from cronapp.core.signature.showing import fresh, new_row
from cronapp.core.signature.typed import Typed, steps_of

MOST = 1000  # rows that one list may be given by hand


@dataclass(frozen=True, slots=True)
class Deed:
    """A button that was pressed: `add` `remove` `up` `down` `default` `here` `format`, and on which field."""

    verb: str
    name: str

    @classmethod
    def of(cls, text: str) -> Deed:
        verb, _, name = text.partition(":")
        return cls(verb, name)

    def __str__(self) -> str:
        return f"{self.verb}:{self.name}"

    def after(self, done: Deed) -> Deed:
        """What was meant of the rows before `done` changed them: they may have other numbers since."""
        rows, _, moved = done.name.rpartition(".")
        number, dot, rest = self.name.removeprefix(f"{rows}.").partition(".")
        same = self.name.startswith(f"{rows}.") and number.isdecimal() and moved.isdecimal()
        if done.verb not in ("remove", "up", "down") or not same:
            return self
        here, there = int(number), int(moved)
        if done.verb == "remove":
            now = here - (here > there)
        else:
            to = there + (-1 if done.verb == "up" else 1)
            now = {there: to, to: there}.get(here, here)
        return Deed(self.verb, f"{rows}.{now}{dot}{rest}")


def act(fields: tuple[FormField, ...], typed: Typed, deed: Deed) -> str:
    """Does it to `typed`; answers which row or button the cursor belongs to then."""
    rows, _, step = deed.name.rpartition(".")
    match deed.verb:
        case "add" if (of := field_at(fields, deed.name)) and of.kind in ("rows", "pairs"):
            return _add(of, typed.make(deed.name), deed.name)
        case "remove" if step.isdecimal():
            return _remove(typed.make(rows), rows, int(step))
        case "up" | "down" if step.isdecimal():
            return _move(typed.make(rows), rows, int(step), -1 if deed.verb == "up" else 1)
        case "default" | "here" if of := field_at(fields, deed.name):
            _renew(of, typed, deed)
        case "format":
            _format(typed.make(deed.name))
    return str(deed)


def field_at(fields: tuple[FormField, ...], name: str) -> FormField | None:
    """The field of that name in the form."""
    found: FormField | None = None
    parts = {part.name: part for part in fields}
    for step in steps_of(name):
        if step.isdecimal() and found and found.kind in ("rows", "pairs"):
            parts = (
                {"": found.row, "value": found.row} if found.kind == "pairs" else {p.name: p for p in found.row.parts}
            )
            found = found.row if found.kind == "rows" else found
            continue
        found = parts.get(step)
        if found is None:
            return None
        parts = {part.name: part for part in found.parts}
    return found


def _add(of: FormField, rows: Typed, name: str) -> str:
    listed = [row for _, row in rows.rows]
    if len(listed) < MOST:
        listed.append(new_row(of))
    rows.put_rows(listed)
    rows.make("?").text = "here"
    return f"{name}.{len(listed) - 1}"


def _remove(rows: Typed, name: str, number: int) -> str:
    listed = [row for _, row in rows.rows]
    if number < len(listed):
        del listed[number]
    rows.put_rows(listed)
    return f"remove:{name}.{min(number, len(listed) - 1)}" if listed else f"add:{name}"


def _move(rows: Typed, name: str, number: int, by: int) -> str:
    listed = [row for _, row in rows.rows]
    place = number + by
    if 0 <= place < len(listed) and number < len(listed):
        listed[number], listed[place] = listed[place], listed[number]
        number = place
    number = min(number, len(listed) - 1)
    rows.put_rows(listed)
    ends = {0: "down", len(listed) - 1: "up"}
    return f"{ends.get(number, 'up' if by < 0 else 'down')}:{name}.{number}"


def _renew(of: FormField, typed: Typed, deed: Deed) -> None:
    typed = typed.make(deed.name)
    new = fresh(of)
    typed.text, typed.parts = new.text, new.parts
    if deed.verb == "here":
        typed.make("?").text = "here"


def _format(typed: Typed) -> None:
    try:
        typed.text = json.dumps(read_json(typed.text or ""), ensure_ascii=False, indent=2)
    except ValueError:
        return  # the check says where it is wrong

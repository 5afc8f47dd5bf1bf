"""From JSON values to what stands in a form. `Reading` gives them back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cronapp.core.hidden import MASK, named
from cronapp.core.signature.fields import EMPTY, FormField
from cronapp.core.signature.moments import duration_shown, moment_parts
from cronapp.core.signature.reading import BY_NAME, ON, inside
from cronapp.core.signature.suiting import kind_for, suits
from cronapp.core.signature.texts import json_or, text_of
from cronapp.core.signature.typed import Typed

LINE = 60  # letters of JSON that stand on one line
MOST_BLANK = 20  # rows that a new form begins with, where a list needs some


@dataclass(frozen=True, slots=True)
class Showing:
    """How values are put into a form. What is stored keeps its secrets: the form only says where they are. Values that
    somebody typed as JSON have `carried`, the secrets that stood in the form before and are masked in the JSON."""

    carried: Typed | None = None

    def show(self, of: FormField, value: Any, path: str) -> Typed:
        """What stands in the form for a JSON value; EMPTY: for a field that nothing is said of. `path` is where the
        value stands among the arguments."""
        if value is EMPTY:
            return fresh(of)
        if value is None and of.nullable:
            return _state(of, "none" if "none" in of.states else "default")
        if of.secret and self.carried is not None and value == MASK:
            return self.carried.at(path) if self.carried.at(path).there else Typed(MASK)
        if not of.within:
            return self._of_text(of, value, path)
        if suits(of, value) and not (of.kind == "union" and of.secret and kind_for(of, value).kind == "json"):
            return self._of_parts(of, value, path)
        return _said(Typed(), f"keep:{path}") if of.secret and self.carried is None else _as_json(value)

    def _of_text(self, of: FormField, value: Any, path: str) -> Typed:
        if of.kind == "secret" and (name := named(value)) is not None:
            return _said(Typed(""), f"{BY_NAME}{name}")
        if of.kind == "secret" and self.carried is None:
            return _said(Typed(), f"keep:{path}")
        if of.kind == "switch":
            return _said(Typed("on" if value is True or str(value).lower() in ON else ""), "here")
        if value == "" and "empty" in of.states:
            return _said(Typed(""), "empty")
        if of.kind == "datetime" and isinstance(value, str):
            local, place = moment_parts(value)
            typed = Typed(local)
            typed.make("@zone").text = place
            return typed
        return Typed(text_for(of, value))

    def _of_parts(self, of: FormField, value: Any, path: str) -> Typed:
        typed = _said(Typed(), "here")
        match of.kind:
            case "rows":
                typed.put_rows([self.show(of.row, one, inside(path, n)) for n, one in enumerate(value)])
            case "checks":
                typed.put_rows([Typed(text_of(one)) for one in value])
            case "pairs":
                shown = {key: self.show(of.row, one, inside(path, key)) for key, one in value.items()}
                typed.put_rows([Typed(parts={"key": Typed(key), "value": one}) for key, one in shown.items()])
            case "union":
                chosen = kind_for(of, value)
                typed.make("@").text = chosen.name[1:]
                typed.parts |= {part.name: blank(part) for part in of.parts}
                typed.parts[chosen.name] = self.show(chosen, value, path)
            case _:
                given = value if isinstance(value, dict) else dict(zip((p.name for p in of.parts), value, strict=False))
                typed.parts |= {
                    part.name: self.show(part, given.get(part.name, EMPTY), inside(path, part.name))
                    for part in of.parts
                }
        return typed


def fresh(of: FormField) -> Typed:
    """A field as it stands in a new form: what is optional follows its default."""
    return _state(of, of.states[0]) if of.states[0] in ("default", "none") else blank(of)


def _state(of: FormField, how: str) -> Typed:
    """The field in that state, with what it would begin with if it were given."""
    if of.kind == "switch":
        return _said(Typed("on" if of.default is True else ""), how)
    if of.kind == "choice":
        return Typed("null" if how == "none" and of.has_default else "")
    if not of.within:
        return _said(Typed(""), how)
    known = of.has_default and of.default not in (EMPTY, None) and suits(of, of.default)
    return _said(Showing(Typed())._of_parts(of, of.default, "") if known else blank(of), how)


def blank(of: FormField) -> Typed:
    """The field given, with nothing typed yet."""
    if not of.within:
        only = of.choices[0][0] if of.kind == "choice" and len(of.choices) == 1 and of.required else ""
        return Typed(only)
    typed = _said(Typed(), "here")
    if of.kind in ("group", "tuple"):
        typed.parts |= {part.name: fresh(part) for part in of.parts}
    elif of.kind == "rows":
        typed.put_rows([fresh(of.row) for _ in range(min(of.shortest, MOST_BLANK))])
    elif of.kind == "union":
        typed.make("@").text = "0"
        typed.parts |= {part.name: blank(part) for part in of.parts}
    return typed


def new_row(of: FormField) -> Typed:
    """One more row of rows or pairs."""
    return fresh(of.row) if of.kind == "rows" else Typed(parts={"key": Typed(""), "value": fresh(of.row)})


def text_for(of: FormField, value: Any) -> str:
    """A value as a field that has no parts shows it."""
    match of.kind:
        case "json":
            text = json.dumps(value, ensure_ascii=False)
            return text if len(text) <= LINE else json.dumps(value, ensure_ascii=False, indent=2)
        case "loose" if isinstance(value, str):
            return value if value.strip() and json_or(value, EMPTY) is EMPTY else json.dumps(value, ensure_ascii=False)
        case "duration":
            return duration_shown(value, words=of.form == "words")
        case "choice" if value is None:
            return "null"
    return text_of(value)


def _as_json(value: Any) -> Typed:
    """What the field's own parts cannot show."""
    return _said(Typed(json.dumps(value, ensure_ascii=False, indent=2)), "json")


def _said(typed: Typed, how: str) -> Typed:
    typed.make("?").text = how
    return typed

"""Whether a field can show a JSON value and give it back."""

from __future__ import annotations

import re
from typing import Any

from cronapp.core.hidden import named
from cronapp.core.signature.fields import FormField

SHAPES = {"date": r"\d{4}-\d\d-\d\d", "time": r"\d\d:\d\d\S*", "datetime": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*"}


def suits(of: FormField, value: Any) -> bool:
    """Whether the value is of the field's kind; what is within it may still be wrong."""
    if value is None:
        return of.nullable or of.kind in ("json", "loose")
    match of.kind:
        case "rows":
            return isinstance(value, list) and all(one is not None or suits(of.row, one) for one in value)
        case "checks":
            return isinstance(value, list) and all(_is_one_of(of, one) for one in value)
        case "pairs":
            return isinstance(value, dict) and all(one is not None or suits(of.row, one) for one in value.values())
        case "tuple":
            return isinstance(value, list) and len(value) == len(of.parts) and None not in value
        case "group" if isinstance(value, list):
            return of.form == "named" and len(value) <= len(of.parts)
        case "group":
            return isinstance(value, dict) and set(value) <= {part.name for part in of.parts}
        case "union":
            return any(suits(part, value) for part in of.parts)
    return _text_suits(of, value)


def _text_suits(of: FormField, value: Any) -> bool:
    match of.kind:
        case "number":
            return _is_number(of, value)
        case "switch":
            return isinstance(value, bool)
        case "choice":
            return _is_one_of(of, value)
        case "json" | "loose":
            return True
        case "secret" if not isinstance(value, str):
            return named(value) is not None
        case "duration":
            return isinstance(value, str | int | float) and not isinstance(value, bool)
    return isinstance(value, str) and bool(re.fullmatch(SHAPES.get(of.kind, r"[\s\S]*"), value))


def _is_number(of: FormField, value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, {"whole": int, "decimal": str | int | float}.get(of.form, int | float))


def _is_one_of(of: FormField, value: Any) -> bool:
    return any(value == known and type(value) is type(known) for known in of.answers)


def kind_for(of: FormField, value: Any) -> FormField:
    """Which kind of a union shows a value best. JSON, the last of them, shows any."""
    return next(part for part in of.parts if suits(part, value) and _complete(part, value))


def _complete(of: FormField, value: Any) -> bool:
    """Whether a group of this kind is meant: nothing is missing, and what tells the kinds apart is right."""
    if of.kind != "group" or not isinstance(value, dict):
        return True
    told = [part for part in of.parts if part.kind == "choice" and part.name in value]
    needed = all(part.name in value for part in of.parts if part.required)
    return needed and all(suits(part, value[part.name]) for part in told)

"""Arguments as a form shows them, and the form's texts back as JSON values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cronapp.core.models import Json
from cronapp.core.signature.parameter import EMPTY, Parameter
from cronapp.core.signature.texts import json_or, number_or_text, strict_json, text_of

ON = frozenset({"on", "true", "yes", "1"})
TYPE_NAMES = {
    "text": "text",
    "textarea": "text",
    "number": "number",
    "switch": "yes or no",
    "choice": "one of a list",
    "date": "date",
    "time": "time",
    "datetime": "date and time",
    "duration": "duration",
    "json": "JSON",
    "secret": "secret",
}
PLACEHOLDERS = {
    "date": "2026-01-31",
    "time": "09:30",
    "datetime": "2026-01-31T09:30",
    "duration": "10m or 1h30m",
    "json": '{"key": "value"}',
}


@dataclass(frozen=True, slots=True)
class FormField:
    """One argument, as a form shows it. All texts are plain; `default` and the choices' values are form texts."""

    name: str
    label: str
    kind: str  # text textarea number switch choice date time datetime duration json secret
    required: bool
    default: str
    has_default: bool
    help: str
    choices: tuple[tuple[str, str], ...]  # value, label
    minimum: float | None
    maximum: float | None
    step: float | str | None  # "any" for a number with decimals
    placeholder: str
    nullable: bool
    type_name: str


def form_field(parameter: Parameter) -> FormField:
    kind, shape = parameter.kind, parameter.shape
    whole = kind == "number" and shape.get("type") == "integer"
    low, high = _bounds(shape, 1 if whole else 0)
    return FormField(
        name=parameter.name,
        label=parameter.label,
        kind=kind,
        required=not parameter.has_default and not parameter.nullable and kind != "switch",
        default="" if parameter.default_json is EMPTY else to_text(parameter, parameter.default_json),
        has_default=parameter.has_default,
        help=parameter.help,
        choices=tuple((text, label) for text, (_, label) in parameter.choices.items()),
        minimum=low,
        maximum=high,
        step=(shape.get("multipleOf", 1 if whole else "any") if kind == "number" else None),
        placeholder=_placeholder(parameter),
        nullable=parameter.nullable,
        type_name="whole number" if whole else "text or JSON" if parameter.loose else TYPE_NAMES[kind],
    )


def extra_field(extra: Parameter) -> FormField:
    """The field of `**kwargs`: one JSON object for all of them."""
    return FormField(
        name=extra.name,
        label=extra.label,
        kind="json",
        required=False,
        default="",
        has_default=True,
        help=extra.help or "Further arguments, as a JSON object.",
        choices=(),
        minimum=None,
        maximum=None,
        step=None,
        placeholder=PLACEHOLDERS["json"],
        nullable=False,
        type_name="JSON",
    )


def _placeholder(parameter: Parameter) -> str:
    if examples := parameter.schema.get("examples", parameter.shape.get("examples")):
        return to_text(parameter, examples[0])
    return '["a", "b"]' if parameter.shape.get("type") == "array" else PLACEHOLDERS.get(parameter.kind, "")


def _bounds(shape: Json, step: int) -> tuple[float | None, float | None]:
    low, high = shape.get("minimum"), shape.get("maximum")
    if low is None and "exclusiveMinimum" in shape:
        low = shape["exclusiveMinimum"] + step
    if high is None and "exclusiveMaximum" in shape:
        high = shape["exclusiveMaximum"] - step
    return low, high


def shows_default(parameter: Parameter, text: str) -> bool:
    """Whether a form's text is the one that it shows for the default."""
    return parameter.has_default and text.replace("\r\n", "\n") == form_field(parameter).default


def to_text(parameter: Parameter, value: Any) -> str:
    """A JSON value as the form shows it. `from_text` gives it back."""
    if parameter.kind == "switch":
        return "on" if value is True or str(value).lower() in ON else ""
    if value is None:
        return "null" if parameter.loose or (parameter.has_default and parameter.default is not None) else ""
    if parameter.kind == "json":
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 60 else json.dumps(value, ensure_ascii=False, indent=2)
    if parameter.loose and isinstance(value, str):
        return value if value and json_or(value, EMPTY) is EMPTY else json.dumps(value, ensure_ascii=False)
    return '""' if value == "" else text_of(value)


def from_text(parameter: Parameter, text: str) -> Any:
    """A form's text as the JSON value to be stored; EMPTY: left out. A ValueError's message is for the user."""
    text = text.replace("\r\n", "\n")
    if parameter.kind == "switch":
        return text.strip().lower() in ON
    if not text.strip() and (parameter.has_default or parameter.nullable or not text):
        return _nothing(parameter)
    if text.strip() == "null" and parameter.nullable and parameter.default is not None:
        return None
    return _read(parameter, text)


def _read(parameter: Parameter, text: str) -> Any:
    if parameter.loose:
        return json_or(text, text)
    match parameter.kind:
        case "text" | "textarea":
            return "" if text == '""' else text
        case "secret":
            return text
        case "choice":
            return parameter.choices.get(text, (text, ""))[0]
        case "json":
            return _read_json(parameter, text)
        case "duration":
            return number_or_text(text.strip())
        case "number":
            return text.strip() if parameter.bare is Decimal else number_or_text(text.strip())
    return text.strip()


def _nothing(parameter: Parameter) -> Any:
    if parameter.has_default:
        return EMPTY
    if parameter.nullable:
        return None
    hint = ' For an empty text write "" (two quotation marks).' if parameter.kind in ("text", "textarea") else ""
    raise ValueError(f"This argument is required.{hint}")


def _read_json(parameter: Parameter, text: str) -> Any:
    try:
        return strict_json(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(
            f"This is not JSON ({where}): {error.msg}. Write it like {_placeholder(parameter)}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"This is not JSON that can be stored: {error}.") from error

"""Fields and arguments as they are typed on a command line: text, read as what is meant."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from cronapp.core.spec.shapes import JobInput

Json = dict[str, Any]
TEXTS = {"id", "task", "queue", "group", "condition", "description", "expression", "timezone", "every", "at", "anchor"}
TEXTS |= {"starts_at", "ends_at"}
LISTS = {"tags", "labels", "blackouts", "jobs", "on"}
UNSET = {"", "null", "none"}

ARG = Annotated[
    list[str] | None,
    typer.Option("--arg", metavar="NAME=VALUE", help="One argument of the task; may stand there several times."),
]
ARGS = Annotated[str | None, typer.Option("--args", metavar="JSON", help="All arguments as one JSON object.")]
SET = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="A field as the API calls it, as timeout=10m or retry.max_attempts=4; may stand there several times.",
    ),
]


def arguments(one_by_one: Iterable[str], whole: str | None, schema: Json) -> Json:
    """The arguments that were given; `schema` is the JSON Schema of what the task takes."""
    args = read_object(whole) if whole else {}
    for text in one_by_one:
        name, value = split(text, "--arg")
        args[name] = value_of(value, schema.get("properties", {}).get(name, {}))
    return args


def read_object(text: str) -> Json:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"This is no JSON: {error}.", param_hint="--args") from None
    if not isinstance(value, dict):
        raise typer.BadParameter('A JSON object is expected, as {"day": "2026-01-31"}.', param_hint="--args")
    return value


def value_of(text: str, schema: Json) -> Any:
    """What the text stands for: itself where the parameter takes text, else what it is as JSON."""
    takes = types_of(schema)
    value = as_json(text)
    if "string" in takes and (value is None or isinstance(value, str) or kind(value) not in takes):
        return None if value is None and "null" in takes and text == "null" else text
    return value


def types_of(schema: Json) -> set[str]:
    """The JSON types that it allows; none: any."""
    each = [schema, *schema.get("anyOf", []), *schema.get("oneOf", [])]
    return {one["type"] for one in each if isinstance(one.get("type"), str)} | {
        "string" for one in each if any(isinstance(choice, str) for choice in one.get("enum", []))
    }


def kind(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case list():
            return "array"
        case dict():
            return "object"
    return "null"


def as_json(text: str) -> Any:
    """The text as JSON, or itself where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def fields(each: Iterable[str]) -> Json:
    """Fields of a job, those of groups by their dotted names."""
    found: Json = {}
    for text in each:
        name, value = split(text, "--set")
        first, _, rest = name.partition(".")
        if first not in JobInput.model_fields:
            known = ", ".join(JobInput.model_fields)
            raise typer.BadParameter(f"There is no field {first}. There are {known}.", param_hint="--set")
        if rest:
            group = found.setdefault(first, {})
            if not isinstance(group, dict):
                raise typer.BadParameter(f"{first} is given as a whole already.", param_hint="--set")
            group[rest] = field_value(rest, value)
        else:
            found[first] = field_value(first, value)
    return found


def field_value(name: str, text: str) -> Any:
    if name in LISTS and not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if name in TEXTS:
        return None if text in UNSET and name not in ("description", "task", "queue") else text
    return as_json(text)


def split(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"Write NAME=VALUE, not {text!r}.", param_hint=option)
    return name.strip(), value

"""Pydantic's errors in our words: for each wrong field one sentence that says what is wrong and what to do."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

UNKNOWN: Any = object()
"""Stands for "the checked value is not at hand"."""

EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "string": "text",
    "bytes": "text",
    "date": "a date such as 2026-01-31",
    "datetime": "a date and time such as 2026-01-31T09:30",
    "time": "a time such as 09:30",
    "time_delta": "a duration such as 90, 10m or 1h30m",
    "list": "a list such as [1, 2]",
    "tuple": "a list such as [1, 2]",
    "set": "a list such as [1, 2]",
    "frozen_set": "a list such as [1, 2]",
    "dict": 'an object such as {"key": "value"}',
    "model": "an object with named fields",
    "model_attributes": "an object with named fields",
    "dataclass": "an object with named fields",
    "path": "a path",
    "uuid": "a UUID such as 0b5e7a1c-53a4-4c2e-9d0b-8a4f3d1c2b6e",
    "url": "an address such as https://example.org/",
    "none": "nothing (null)",
    "timezone_aware": "a moment with its time zone, such as 2026-01-31T09:30Z",
    "timezone_naive": "a moment without a time zone, such as 2026-01-31T09:30",
}
"""What a value should have been, by the first part of pydantic's error type (`int_parsing`, `date_type`, …)."""

BOUNDS = {
    "greater_than": "It must be more than {gt}",
    "greater_than_equal": "It must be at least {ge}",
    "less_than": "It must be less than {lt}",
    "less_than_equal": "It must be at most {le}",
    "multiple_of": "It must be a multiple of {multiple_of}",
    "string_too_short": "At least {min_length} characters are needed",
    "string_too_long": "At most {max_length} characters are allowed",
    "too_short": "At least {min_length} items are needed, {actual_length} were given",
    "too_long": "At most {max_length} items are allowed, {actual_length} were given",
    "string_pattern_mismatch": "It must match the pattern {pattern}",
    "finite_number": "A number with an end is needed; NaN and infinity are not",
    "json_invalid": "This is not JSON: {error}",
    "date_past": "The date must be in the past",
    "date_future": "The date must be in the future",
    "datetime_past": "The moment must be in the past",
    "datetime_future": "The moment must be in the future",
}

_SUFFIX = re.compile(
    r"_(parsing|type|parsing_size|from_float|from_date_parsing|from_datetime_parsing|from_datetime_inexact"
    r"|exact_type|required|sub_type|unicode|instance|not_finite|object_invalid|scheme)$"
)
_BRANCH = re.compile(r"[\[(]|^(int|float|decimal|bool|str|bytes|date|datetime|time|timedelta|none|uuid|url|path|any)$")
_KINDS = frozenset({"cron", "interval", "once", "manual", "dependency"})


def explain(
    error: ValidationError, prefix: str = "", *, value: Any = UNKNOWN, fields: Iterable[str] = (), secret: bool = False
) -> dict[str, str]:
    """Each wrong field of a pydantic error, in the API's dotted names under `prefix`, with one sentence.

    `value` is what was checked: with it the branches of unions, which pydantic puts into an error's place, are told
    from real keys without a guess. `fields` are the names there are, for "did you mean". With `secret` no sentence
    repeats what was given.
    """
    found: dict[str, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        place = ".".join([prefix, *_place(detail, value)] if prefix else _place(detail, value))
        found.setdefault(place, []).append(detail)
    names = tuple(fields)
    return {
        place: _sentence(details, names, secret)
        for place, details in found.items()
        if not _is_other_branch(place, details, found)
    }


def suggestion(name: str, names: Iterable[str]) -> str:
    """` Did you mean "x"?` when one of the names is close, else nothing."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f' Did you mean "{close[0]}"?' if close else ""


def shown(value: Any) -> str:
    """What was given, short enough for a sentence."""
    match value:
        case None:
            return "nothing"
        case str():
            return repr(value if len(value) <= 60 else value[:59] + "…")
        case int() if value.bit_length() > 200:
            return "a very long number"
        case bool() | int() | float():
            return json.dumps(value)
        case Mapping():
            return "an object"
        case list() | tuple() | set() | frozenset():
            return "a list"
    return f"a {type(value).__name__}"


def _place(detail: ErrorDetails, value: Any) -> list[str]:
    """The error's place without the names of union branches and discriminators."""
    steps = detail["loc"]
    known = value is not UNKNOWN
    place: list[str] = []
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if known and isinstance(value, Mapping | list | tuple):
            if _is_key(step, value, last):
                place.append(str(step))
                value = _inside(value, step)
            elif last and detail["type"] == "missing":
                place.append(str(step))
        elif (last and detail["type"] == "missing") or not (known or _is_branch(step, last)):
            place.append(str(step))
    return place


def _is_other_branch(place: str, details: Sequence[ErrorDetails], found: Iterable[str]) -> bool:
    """Whether this only says that the value is not of another branch's type, while its own branch says more."""
    # Only a union can find a value to be of a wrong type and also look into it.
    mismatch = all(detail["type"].endswith(("_type", "_tag_not_found")) for detail in details)
    return mismatch and any(other.startswith(f"{place}.") if place else bool(other) for other in found)


def _is_key(step: int | str, value: Mapping[Any, Any] | Sequence[Any], last: bool) -> bool:
    if isinstance(value, Mapping):
        return step in value and (last or value.get("kind") != step)
    return isinstance(step, int) and step < len(value)


def _inside(value: Any, step: int | str) -> Any:
    return value[step]


def _is_branch(step: int | str, last: bool) -> bool:
    return isinstance(step, str) and bool(_BRANCH.search(step) or (step in _KINDS and not last))


def _sentence(details: Sequence[ErrorDetails], names: Sequence[str], secret: bool) -> str:
    wanted = [_expected(detail["type"]) for detail in details]
    if all(wanted):
        either = " or ".join(dict.fromkeys(word for word in wanted if word))
        got = "" if secret else f", got {shown(details[0]['input'])}"
        return f"{either[0].upper()}{either[1:]} is expected{got}."
    return " Or: ".join(dict.fromkeys(_one(detail, names, secret) for detail in details))


def _expected(kind: str) -> str | None:
    return None if kind in BOUNDS else EXPECTED.get(_SUFFIX.sub("", kind))


def _one(detail: ErrorDetails, names: Sequence[str], secret: bool) -> str:
    kind, context, given = detail["type"], detail.get("ctx", {}), detail["input"]
    got = "" if secret else f", got {shown(given)}"
    if kind == "missing":
        return "This is required."
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"There is no such field.{suggestion(str(detail['loc'][-1]), names)}"
    if kind in ("enum", "literal_error"):
        return f"One of {context['expected']} is expected{got}.{_close_choice(given, str(context['expected']))}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _discriminator(context, given)
    if kind in BOUNDS:
        value = got if kind not in ("too_short", "too_long", "finite_number", "json_invalid") else ""
        return BOUNDS[kind].format(**context) + value + "."
    if word := _expected(kind):
        return f"{word[0].upper()}{word[1:]} is expected{got}."
    if kind in ("value_error", "assertion_error"):
        return _as_sentence(str(context.get("error", detail["msg"])) or detail["msg"])
    return _as_sentence(detail["msg"])


def _discriminator(context: Mapping[str, Any], given: Any) -> str:
    name = str(context["discriminator"]).strip("'")
    if "expected_tags" not in context:
        return f'The field "{name}" is required: it says which kind this is.'
    close = _close_choice(str(context["tag"]), str(context["expected_tags"]))
    return f'The field "{name}" must be one of {context["expected_tags"]}, got {shown(context["tag"])}.{close}'


def _close_choice(given: Any, expected: str) -> str:
    return suggestion(given, re.findall(r"'([^']+)'", expected)) if isinstance(given, str) else ""


def _as_sentence(text: str) -> str:
    text = text.strip() or "This cannot be used"
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")

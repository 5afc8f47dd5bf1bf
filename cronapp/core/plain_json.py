"""JSON from outside, read without what programs differ in and without what could do harm later."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from cronapp.core.errors import BadRequest
from cronapp.core.models import Json

DEEPEST = 100  # levels; what is deeper could exhaust the stack of whatever walks through it later


class TwiceTheSame(ValueError):
    """A name stands twice in one object. Programs differ in which of the two they take: what is meant nobody knows."""


def read_object(raw: bytes) -> Json:
    """The JSON object that was sent; raises `BadRequest`."""
    try:
        data = json.loads(raw, parse_constant=no_number, parse_float=finite, object_pairs_hook=unambiguous)
        json.dumps(data, ensure_ascii=False).encode()  # no half of a surrogate pair, which no database takes
    except TwiceTheSame:
        raise BadRequest("A name stands twice in one object of the body. Send each once.") from None
    except (ValueError, RecursionError):
        raise BadRequest("The body must be JSON.") from None
    if not isinstance(data, dict):
        raise BadRequest("The body must be a JSON object, as {…}.")
    if (texts := texts_in(data)) is None:
        raise BadRequest(f"The body is nested more than {DEEPEST} levels deep. Make it flatter.")
    if any("\0" in text for text in texts):
        raise BadRequest("A text of the body holds the character NUL, which not every database takes. Leave it out.")
    return data


def no_number(word: str) -> None:
    """NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(f"{word} is not JSON")


def finite(text: str) -> float:
    """A number; one that is too large would be Infinity."""
    value = float(text)
    if not isfinite(value):
        no_number(text)
    return value


def unambiguous(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise TwiceTheSame
    return found


def texts_in(data: Json) -> list[str] | None:
    """All texts in it, the names too; None where lists and objects lie too deep within each other. Goes level by level,
    so it needs no stack for that."""
    texts: list[str] = []
    level: list[Any] = [data]
    for _ in range(DEEPEST + 1):
        texts += [one for one in level if isinstance(one, str)]
        inner = [one for one in level if isinstance(one, dict | list)]
        if not inner:
            return texts
        texts += [name for one in inner if isinstance(one, dict) for name in one]
        level = [value for one in inner for value in (one.values() if isinstance(one, dict) else one)]
    return None

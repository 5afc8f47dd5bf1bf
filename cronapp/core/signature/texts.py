"""JSON values and names as texts for people, and back."""

from __future__ import annotations

import json
import math
import re
from typing import Any


def label_of(name: str) -> str:
    words = name.replace("_", " ").strip()
    words = words.lower() if words.isupper() else words
    return words[:1].upper() + words[1:]


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def number_or_text(text: str) -> Any:
    """A number if the text is one, else the text, for the check to refuse with its own words."""
    try:
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else _finite(text)
    except ValueError:
        return text


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number that JSON can hold")
    return number


def strict_json(text: str) -> Any:
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def json_or(text: str, otherwise: Any) -> Any:
    try:
        return strict_json(text)
    except (ValueError, RecursionError):
        return otherwise

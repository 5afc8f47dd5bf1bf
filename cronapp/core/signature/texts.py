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


def one_of_many(label: str) -> str:
    """What one of them is called: `Shops` → `Shop`, `Replicas per region` stays."""
    for many, one in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if label.endswith(many) and len(label) > len(many) + 1:
            return label.removesuffix(many) + one
    return label[:-1] if len(label) > 3 and label.endswith("s") and not label.endswith(("ss", "us", "is")) else label


def short_json(value: Any, length: int = 60) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= length else text[: length - 1] + "…"


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

"""Arguments as one JSON text: what a form says, written down, and read into the form again."""

from __future__ import annotations

import json
from typing import Any

from cronapp.core.models import Json
from cronapp.core.signature.reading import read_json
from cronapp.core.signature.typed import Typed

CARRIED = "*"
"""The part of a form below which secrets stand while the form is shown as JSON, by their place in the JSON."""


def raw_of(args: Json, secrets: dict[str, Typed]) -> Typed:
    """The form as one JSON text. Its secrets are masked there, and carried along beside it."""
    typed = Typed(json.dumps(args, ensure_ascii=False, indent=2))
    typed.make("?").text = "json"
    for path, secret in secrets.items():
        carried = typed.make(f"{CARRIED}.{path}")
        carried.text, carried.parts = secret.text, secret.parts
    return typed


def read_raw(typed: Typed) -> Json:
    """The JSON object that was typed. Raises a ValueError that says where it is none."""
    value: Any = read_json(typed.text or "{}") if (typed.text or "").strip() else {}
    if not isinstance(value, dict):
        raise ValueError('A JSON object is expected, with a name for each argument: {"name": "value"}.')
    return value

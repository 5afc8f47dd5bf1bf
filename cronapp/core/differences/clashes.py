"""An edit of a job against what somebody else changed since it was begun."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from cronapp.core.models import JobSpec, Json
from cronapp.core.spec import spec_to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """What somebody else changed while an edit was typed. `mine`: what was typed; `both`: it was changed here too."""

    field: str
    theirs: Any
    mine: Any
    both: bool


def fields_of(spec: JobSpec, args: Json | None = None) -> Json:
    """A job field by field, each argument for itself. `args` are the arguments as they may be shown."""
    data = spec_to_json(spec)
    data.pop("id")
    own = data.pop("args")
    return {**data, **{f"args.{name}": value for name, value in (own if args is None else args).items()}}


def marks(fields: Mapping[str, Any]) -> dict[str, str]:
    """A short digest of each field, that a form carries along: it tells later which fields were changed meanwhile."""
    return {name: _mark(value) for name, value in fields.items()}


def clashes(base: Mapping[str, str], theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> tuple[Clash, ...]:
    """The fields that somebody else changed since `base`, and that do not say the same here already."""
    found = []
    for name in dict.fromkeys([*theirs, *mine]):
        there, here = theirs.get(name), mine.get(name)
        if there != here and base.get(name, _mark(None)) != _mark(there):
            both = base.get(name, _mark(None)) != _mark(here)
            found.append(Clash(field=name, theirs=there, mine=here, both=both))
    return tuple(found)


def _mark(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return blake2b(text.encode(), digest_size=5).hexdigest()

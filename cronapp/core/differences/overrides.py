"""A job from code that somebody changed: what differs from what the code declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cronapp.core.models import JobSpec
from cronapp.core.spec import spec_to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One field, by its name in the API, with its value in the job and in the code."""

    field: str
    here: Any
    code: Any


def overrides(here: JobSpec, code: JobSpec) -> tuple[Override, ...]:
    """Every field that differs, in the order of the spec."""
    job, declared = spec_to_json(here), spec_to_json(code)
    return tuple(
        Override(field=name, here=value, code=declared[name]) for name, value in job.items() if value != declared[name]
    )

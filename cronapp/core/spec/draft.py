"""A job that is being typed: what can be read of it already, and what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cronapp.core.errors import InvalidInput
from cronapp.core.models import JobSpec
from cronapp.core.spec.parsing import AT_REST, parse_spec
from cronapp.core.spec.stored import spec_to_json

TRIES = 4  # what is wrong is told in two steps at the most: its shape, then the rules between fields


@dataclass(frozen=True, slots=True)
class Draft:
    """`wrong` holds the errors by field. In place of a field that is wrong stands the one before the edit, or its
    default."""

    spec: JobSpec
    wrong: dict[str, str]

    def has(self, field: str) -> bool:
        """Whether this field of the job, as `schedule`, is right."""
        return all(name.split(".")[0] != field for name in self.wrong)


def parse_draft(data: Mapping[str, Any], *, now: datetime, timezone: str = "UTC", old: JobSpec | None = None) -> Draft:
    """As much of a job as can be read."""
    given = dict(data)
    wrong: dict[str, str] = {}
    instead: Mapping[str, Any] = spec_to_json(old) if old else AT_REST
    for _ in range(TRIES):
        try:
            return Draft(parse_spec(given, now=now, timezone=timezone, old=old), wrong)
        except InvalidInput as error:
            wrong = {**error.errors, **wrong}
            fields = {name.split(".")[0] for name in error.errors}
            for field in fields | ({"schedule"} if "after" in fields else set()):  # one kind of it needs the other
                given.pop(field, None)
                if field in instead:
                    given[field] = instead[field]
    return Draft(old or parse_spec(AT_REST, now=now, timezone=timezone), wrong)

"""The own addresses of the jobs of a file, against those of a server, which shows only their masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cronapp.config import named_value
from cronapp.core.models import Json
from cronapp.core.references import AS_IMPORTED, REFERENCE, addresses, filled_in
from cronapp.core.spec import MASKED
from cronapp.wire import Job

WouldBe = Callable[[str, Json], Job]
"""What the server would make of the job of that id. Raises `ApiError`."""


def addressed(given: Json, job: Job | None, names: Mapping[str, str]) -> Json:
    """The job of the file with what the environment has. Of what that has not, the job keeps its own: the address that
    an export names so (`names` are those, by the fields), else the one in the same place. Raises `InvalidInput`."""
    told = job.told() if job else {}
    masks = addresses(told)
    named = {name: masks[field] for field, name in names.items()}

    def instead(field: str, text: str) -> Any:
        own = REFERENCE.fullmatch(text)
        if own and own[1] in named:
            return named[own[1]]
        return masks.get(field) or whole_ping(told, field)

    return filled_in(given, named_value, instead, AS_IMPORTED)


def whole_ping(told: Json, field: str) -> Json | None:
    """The addresses that are called, where one stands for all of them."""
    rules = told.get("notify", ())
    found = {f"notify.{n}.ping": rule.get("ping") for n, rule in enumerate(rules)}
    return found.get(field) or None


def written_out(data: Json) -> bool:
    """Whether an address is there that is no mask: only the server knows if it is another one."""
    return any(not MASKED.fullmatch(one) for one in addresses(data).values())

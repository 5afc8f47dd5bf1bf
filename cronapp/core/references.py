"""Addresses that are not in a file of jobs: `${NAME}` stands for one, or for a part of it, and the environment of who
brings the file in has the rest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.spec import MASKED

Look = Callable[[str], str | None]
"""What the environment has under a name."""
Change = Callable[[str, str], Any]
"""What takes the place of an address, of which it gets the field, as `notify.0.urls.1`, and the text."""
REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
UNREAD = "Write a variable as ${NAME}, of letters, digits and underscores."
AS_IMPORTED = "Set ${name} to this address as you import: no file has it, and the job has none here yet."
AS_STARTED = "Set ${name} to this address where the server runs, and start it again: no file has it."


def plain(name: str) -> str:
    """As names in an environment are written: `OPS_MAIL` for ops-mail."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def reference_to(name: str) -> str:
    """What stands in a file for the address of a channel: `${CHANNEL_OPS_MAIL}` for that of ops-mail."""
    return f"${{CHANNEL_{plain(name)}}}"


def referred(text: str) -> list[str]:
    """The names of the environment that it refers to."""
    return REFERENCE.findall(text)


def filled(text: str, look: Look) -> str | None:
    """The text with what `look` finds for each name; None: one of them is not there."""
    found = {name: look(name) for name in referred(text)}
    return REFERENCE.sub(lambda one: found[one[1]] or "", text) if all(found.values()) else None


def unset(text: str, look: Look) -> str:
    """The first name of those to which it refers that is not there; nothing if all are."""
    return next((name for name in referred(text) if not look(name)), "")


# -- the addresses of a job ----------------------------------------------------------------------------------------


def with_addresses(job: Json, change: Change) -> Json:
    """The job as JSON with its own addresses changed. What cannot be read stays as it is: the check tells of it."""
    rules = job.get("notify")
    if not isinstance(rules, list):
        return job
    return {**job, "notify": [_rule(rule, f"notify.{n}", change) for n, rule in enumerate(rules)]}


def _rule(rule: Any, field: str, change: Change) -> Any:
    if not isinstance(rule, dict):
        return rule
    found = {name: _each(rule[name], f"{field}.{name}", change) for name in ("urls", "ping") if name in rule}
    return {**rule, **found}


def _each(value: Any, field: str, change: Change) -> Any:
    match value:
        case str():
            return change(field, value)
        case list():
            return [_each(one, f"{field}.{n}", change) for n, one in enumerate(value)]
        case dict():
            return {name: _each(one, f"{field}.{name}", change) for name, one in value.items()}
    return value


def addresses(job: Json) -> dict[str, str]:
    """Its own addresses by their fields."""
    found: dict[str, str] = {}
    with_addresses(job, found.setdefault)
    return found


# -- out, and back -------------------------------------------------------------------------------------------------


def references(jobs: Iterable[Json]) -> dict[str, dict[str, str]]:
    """The names that stand for the masked addresses of these jobs, by the job's id and the field: `JOB_ORDERS_URL_1`,
    `JOB_ORDERS_PING_START`. None of them stands for two: ids that are written alike count on."""
    counts: Counter[str] = Counter()
    found: dict[str, dict[str, str]] = {}
    for job in jobs:
        names = found[job["id"]] = {}
        for field in (field for field, address in addresses(job).items() if MASKED.fullmatch(address)):
            place = "URL" if ".urls." in field else f"PING_{plain(field.rpartition('.')[2])}"
            name = f"JOB_{plain(job['id'])}_{place}"
            counts[name] += 1
            names[field] = name if counts[name] == 1 and place != "URL" else f"{name}_{counts[name]}"
    return found


def referring(jobs: Iterable[Json]) -> list[Json]:
    """The jobs with references for their masked addresses, as a file has them."""
    listed = list(jobs)
    names = references(listed)
    return [with_addresses(job, partial(_reference, names[job["id"]])) for job in listed]


def _reference(names: Mapping[str, str], field: str, address: str) -> str:
    return f"${{{names[field]}}}" if field in names else address


def filled_in(job: Json, look: Look, instead: Change = lambda field, text: None, words: str = AS_STARTED) -> Json:
    """The job of a file with what the environment has. `instead` tells what stands in the place of an address of which
    that has not all; None: nothing. Raises `InvalidInput`, where it is nothing with `words`."""
    wrong: dict[str, str] = {}

    def change(field: str, text: str) -> Any:
        if "${" in REFERENCE.sub("", text):
            wrong[field] = UNREAD
        if (whole := filled(text, look)) is not None:
            return whole
        if (present := instead(field, text)) is None:
            wrong[field] = words.format(name=unset(text, look))
        return present

    new = with_addresses(job, change)
    if wrong:
        raise InvalidInput(wrong)
    return new

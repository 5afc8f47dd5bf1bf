"""Jobs, and who is told of them, as a YAML file: read with the line of each mistake, and written as people write it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from cronapp.core.errors import InvalidInput
from cronapp.core.models import JobSpec, Json
from cronapp.core.spec import sparse
from cronapp.core.validation import suggestion

NEEDED = {"jobs": ("id", "task"), "limits": ("kind", "name"), "channels": ("name",), "alerts": ()}
"""The lists of such a file, and what each of their entries must say."""
BOOLEAN = "tag:yaml.org,2002:bool"
RESOLVED = {
    BOOLEAN: (re.compile(r"true|false"), "tf"),
    "tag:yaml.org,2002:null": (re.compile(r"null|~|"), ["n", "~", ""]),
    "tag:yaml.org,2002:int": (re.compile(r"[-+]?(?:0|[1-9][0-9]*)"), "-+0123456789"),
    "tag:yaml.org,2002:float": (
        re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?"),
        "-+.0123456789",
    ),
}
"""What is no text without quotes, as JSON has it. In YAML 1.1 `on`, `22:00` and moments would be none either."""


@dataclass(frozen=True, slots=True)
class Book:
    """What such a file holds; None: it has no such list. `lines` tells where each job begins, by its id; `places` where
    the entries of the other lists do."""

    jobs: tuple[Json, ...] = ()
    limits: tuple[Json, ...] = ()
    channels: tuple[Json, ...] | None = None
    alerts: tuple[Json, ...] | None = None
    lines: Mapping[str, int] | None = None
    places: Mapping[str, Sequence[int]] = field(default_factory=dict)


NEEDS = {
    "jobs": "A job needs `id` and `task`, both texts.",
    "limits": "A limit needs `kind` and `name`, both texts.",
    "channels": "A channel needs a `name`, a text.",
    "alerts": "A rule is an object, with `on` and `channels`.",
}


class Reader(yaml.SafeLoader):  # type: ignore[misc]  # the library has no types
    """As JSON would read it, with the line of what stands there twice."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # as the library has it

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = key.value
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name!r} stands there twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


for tag, (pattern, starts) in RESOLVED.items():
    Reader.add_implicit_resolver(tag, re.compile(rf"^(?:{pattern.pattern})$"), list(starts))


def read_book(text: str, name: str = "the file") -> Book:
    """Raises `InvalidInput` for `name` with the line, where it is no such file. What the jobs say is not looked at."""
    node, told = loaded(text, name)
    if told is None:
        return Book()
    if isinstance(told, list):
        told, node = {"jobs": told}, None
    if not isinstance(told, dict):
        raise InvalidInput.of(name, "Write `jobs:`, and below it a list of jobs.")
    if unknown := [str(key) for key in told if key not in NEEDED]:
        hint = suggestion(unknown[0], tuple(NEEDED))
        known = "only jobs, limits, channels and alerts"
        raise InvalidInput.of(name, f"There is no {unknown[0]!r} in such a file, {known}.{hint}")
    places = places_of(node)
    found = {what: entries(told[what], what, name, places.get(what, ())) for what in NEEDED if what in told}
    jobs = found.get("jobs", ())
    lines = numbered(jobs, places.get("jobs", ()), name)
    unique(found.get("channels", ()), name)
    return Book(jobs, found.get("limits", ()), found.get("channels"), found.get("alerts"), lines, places)


def loaded(text: str, name: str) -> tuple[Any, Any]:
    """The YAML as nodes, which know their lines, and as values. Raises `InvalidInput`."""
    try:
        return yaml.compose(text, Loader=Reader), yaml.load(text, Loader=Reader)  # nosec B506  # a safe loader
    except yaml.MarkedYAMLError as error:
        where = f"Line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise InvalidInput.of(name, f"{where}{error.problem or 'This is no YAML'}. Mend it there.") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidInput.of(name, f"This is no YAML: {error}.") from None


def read_entry(text: str, name: str) -> Json:
    """One job alone. Raises `InvalidInput` for `name`."""
    _, told = loaded(text, name)
    if not isinstance(told, dict) or not all(isinstance(key, str) for key in told):
        raise InvalidInput.of(name, "Write the fields of one job, each on a line of its own, as `timeout: 10m`.")
    return told


def places_of(node: Any) -> dict[str, list[int]]:
    """The lines at which the entries of each list begin."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    lists = {key.value: value.value for key, value in pairs if isinstance(value, yaml.SequenceNode)}
    return {what: [one.start_mark.line + 1 for one in each] for what, each in lists.items()}


def entries(told: Any, what: str, name: str, lines: Sequence[int]) -> tuple[Json, ...]:
    if told is None:
        return ()
    if not isinstance(told, list):
        raise InvalidInput.of(name, f"Write the {what} as a list, each beginning with a dash.")
    for number, one in enumerate(told):
        line = f"Line {lines[number]}: " if number < len(lines) else ""
        if not isinstance(one, dict) or not all(isinstance(one.get(field), str) for field in NEEDED[what]):
            raise InvalidInput.of(name, f"{line}{NEEDS[what]}")
    return tuple(told)


def numbered(jobs: Sequence[Json], lines: Sequence[int], name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, job in enumerate(jobs):
        if job["id"] in found:
            raise InvalidInput.of(name, f"Two jobs have the id {job['id']}. Give one of them another id.")
        found[job["id"]] = lines[number] if number < len(lines) else 0
    return found


def unique(channels: Iterable[Json], name: str) -> None:
    names = [one["name"] for one in channels]
    if twice := [one for one in names if names.count(one) > 1]:
        raise InvalidInput.of(name, f"Two channels have the name {twice[0]}. Give one of them another name.")


def entry(spec: JobSpec, paused: Json | None = None) -> Json:
    """A job as it stands in a file: what is at its default is left out."""
    told: Json = json.loads(json.dumps(sparse(spec)))  # plain values only, and no two of them the same object
    schedule = told["schedule"]
    told["schedule"] = [kind_first(one) for one in schedule] if isinstance(schedule, list) else kind_first(schedule)
    return {**told, "paused": paused} if paused is not None else told


def kind_first(schedule: Json) -> Json:
    """As people write it."""
    return {"kind": schedule["kind"], **schedule}


def book_text(
    jobs: Iterable[Json], limits: Iterable[Json] = (), channels: Iterable[Json] = (), alerts: Iterable[Json] = ()
) -> str:
    """The file with these. Of lists other than that of the jobs an empty one is left out."""
    others = {"limits": list(limits), "channels": list(channels), "alerts": list(alerts)}
    return entry_text({"jobs": list(jobs), **{what: each for what, each in others.items() if each}})


def entry_text(told: Json) -> str:
    """As YAML, as people write it."""
    return str(yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100))

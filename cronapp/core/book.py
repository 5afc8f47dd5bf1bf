"""Jobs as a YAML file: read with the line of each mistake, and written as people write it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from cronapp.core.errors import InvalidInput
from cronapp.core.models import JobSpec, Json
from cronapp.core.spec import sparse
from cronapp.core.validation import suggestion

FIELDS = ("jobs", "limits")
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
    """What such a file holds. `lines` tells where each job begins, by its id."""

    jobs: tuple[Json, ...] = ()
    limits: tuple[Json, ...] = ()
    lines: Mapping[str, int] | None = None


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
    try:
        node = yaml.compose(text, Loader=Reader)
        told = yaml.load(text, Loader=Reader)  # nosec B506  # a safe loader
    except yaml.MarkedYAMLError as error:
        where = f"Line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise InvalidInput.of(name, f"{where}{error.problem or 'This is no YAML'}. Mend it there.") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidInput.of(name, f"This is no YAML: {error}.") from None
    if told is None:
        return Book()
    if isinstance(told, list):
        told, node = {"jobs": told}, None
    if not isinstance(told, dict):
        raise InvalidInput.of(name, "Write `jobs:`, and below it a list of jobs.")
    if unknown := [str(key) for key in told if key not in FIELDS]:
        hint = suggestion(unknown[0], FIELDS)
        raise InvalidInput.of(name, f"There is no {unknown[0]!r} in such a file, only jobs and limits.{hint}")
    lines = lines_of(node)
    jobs = entries(told.get("jobs"), "job", name, lines)
    return Book(tuple(jobs), tuple(entries(told.get("limits"), "limit", name, [])), numbered(jobs, lines, name))


def lines_of(node: Any) -> list[int]:
    """The lines at which the jobs begin."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value == "jobs" and isinstance(value, yaml.SequenceNode):
            return [one.start_mark.line + 1 for one in value.value]
    return []


def entries(told: Any, what: str, name: str, lines: Sequence[int]) -> list[Json]:
    if told is None:
        return []
    if not isinstance(told, list):
        raise InvalidInput.of(name, f"Write the {what}s as a list, each beginning with a dash.")
    for number, one in enumerate(told):
        line = f"Line {lines[number]}: " if number < len(lines) else ""
        needed = ("id", "task") if what == "job" else ("kind", "name")
        if not isinstance(one, dict) or not all(isinstance(one.get(field), str) for field in needed):
            raise InvalidInput.of(name, f"{line}A {what} needs `{needed[0]}` and `{needed[1]}`, both texts.")
    return told


def numbered(jobs: Sequence[Json], lines: Sequence[int], name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, job in enumerate(jobs):
        if job["id"] in found:
            raise InvalidInput.of(name, f"Two jobs have the id {job['id']}. Give one of them another id.")
        found[job["id"]] = lines[number] if number < len(lines) else 0
    return found


def entry(spec: JobSpec, paused: Json | None = None) -> Json:
    """A job as it stands in a file: what is at its default is left out."""
    told: Json = json.loads(json.dumps(sparse(spec)))  # plain values only, and no two of them the same object
    schedule = told["schedule"]
    told["schedule"] = [kind_first(one) for one in schedule] if isinstance(schedule, list) else kind_first(schedule)
    return {**told, "paused": paused} if paused is not None else told


def kind_first(schedule: Json) -> Json:
    """As people write it."""
    return {"kind": schedule["kind"], **schedule}


def book_text(jobs: Iterable[Json], limits: Iterable[Json] = ()) -> str:
    """The file with these jobs."""
    told = {"jobs": list(jobs), **({"limits": limited} if (limited := list(limits)) else {})}
    return str(yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100))

"""Annotations: resolved, made ready for pydantic, and looked into."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import timedelta
from enum import Enum
from types import SimpleNamespace, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from pydantic import BeforeValidator

from cronapp.core.durations import parse_duration


def hints_of(function: Callable[..., Any]) -> tuple[dict[str, Any], list[str]]:
    """Every annotation that can be resolved, and a sentence for each that cannot."""
    plain = inspect.unwrap(function)
    hints: dict[str, Any] = {}
    problems: list[str] = []
    for name, annotation in getattr(plain, "__annotations__", {}).items():
        if name == "return":
            continue
        holder = SimpleNamespace(__annotations__={name: annotation})
        try:
            hints |= get_type_hints(holder, globalns=getattr(plain, "__globals__", {}), include_extras=True)
        except Exception as error:  # an annotation is an expression, and may raise whatever it likes
            problems.append(f'The annotation of "{name}", {annotation!r}, cannot be resolved: {error}.')
    return hints, problems


def prepared(annotation: Any) -> Any:
    """The annotation with our own reading of durations, and of Enum members whose values JSON cannot hold."""
    if annotation is timedelta:
        return Annotated[timedelta, BeforeValidator(_duration, json_schema_input_type=float | str)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _prepared_enum(annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[prepared(inner[0]), *inner[1:]]
    if origin in (Union, UnionType):
        return Union[tuple(prepared(part) for part in inner)]  # noqa: UP007
    if origin in (list, set, frozenset, tuple, dict):
        return origin[tuple(prepared(part) for part in inner)]
    return annotation


def _prepared_enum(kind: type[Enum]) -> Any:
    names = tuple(m.name for m in kind if member_value(m) != m.value)
    if not names:
        return kind
    accepted: Any = Literal[tuple(member_value(m) for m in kind)]
    by_name = BeforeValidator(lambda v: kind[v] if v in names else v, json_schema_input_type=accepted)
    return cast(Any, Annotated)[kind, by_name]


def member_value(member: Enum) -> Any:
    return member.value if isinstance(member.value, str | int | float) else member.name


def _duration(value: Any) -> Any:
    """`10m` and the like; what else pydantic knows (ISO 8601, seconds) is left to it."""
    if isinstance(value, str):
        try:
            return timedelta(seconds=parse_duration(value))
        except (ValueError, OverflowError):
            return value
    return value


def notes_of(annotation: Any) -> Iterator[Any]:
    """What stands beside a type in `Annotated`, also within an `Optional`."""
    if get_origin(annotation) is Annotated:
        yield from get_args(annotation)[1:]
    if get_origin(annotation) in (Annotated, Union, UnionType):
        for part in get_args(annotation)[: 1 if get_origin(annotation) is Annotated else None]:
            yield from notes_of(part)

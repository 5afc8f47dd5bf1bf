"""A task's signature as JSON, kept with each job that fits it, and as lines to be read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cronapp.core.models import Json
from cronapp.core.registry import Task
from cronapp.core.signature.fields import EMPTY
from cronapp.core.signature.parameter import Parameter

LONGEST = 200  # letters of a default that is kept
CHOICES = 6  # that a type names
EXTRA = "**"  # before the name of what takes all further arguments


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a signature, old against new: `-` it is gone, `+` it is new, ` ` it stays."""

    mark: str
    text: str


def snapshot(task: Task) -> Json:
    """What a job's arguments fit: the task's name, a hash of its source, and its parameters."""
    extra = task.signature.extra
    parameters = [parameter_json(one) for one in task.signature.parameters]
    if extra:
        parameters.append({**parameter_json(extra), "name": EXTRA + extra.name, "required": False})
    return {"task": task.name, "source": task.digest, "parameters": parameters}


def parameter_json(parameter: Parameter) -> Json:
    told: Json = {
        "name": parameter.name,
        "type": type_words(parameter),
        "annotation": annotation_text(parameter.annotation),
        "required": not parameter.has_default,
    }
    default = parameter.default_json
    if default is not EMPTY and len(json.dumps(default, ensure_ascii=False)) <= LONGEST:
        told["default"] = default
    if parameter.secret:
        told["secret"] = True
    if parameter.spread:
        told["spread"] = True
    return told


def type_words(parameter: Parameter) -> str:
    """What is expected, for people: `whole number`, `one of short, long`."""
    field = parameter.field
    if field.kind == "choice" and len(field.choices) <= CHOICES and True not in field.answers:
        return "one of " + ", ".join(text for text, _ in field.choices)
    return "JSON" if field.within else field.type_name


def annotation_text(annotation: Any) -> str:
    """An annotation as it is written; empty when there is none."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return ""
    if annotation in (None, NoneType):
        return "None"
    if origin is Annotated:
        return annotation_text(inner[0])
    if origin in (Union, UnionType):
        return " | ".join(annotation_text(one) or "Any" for one in inner)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, inner))}]"
    if origin and inner:
        listed = ", ".join("..." if one is ... else annotation_text(one) or "Any" for one in inner)
        return f"{getattr(origin, '__name__', origin)}[{listed}]"
    return str(getattr(annotation, "__name__", annotation))


def signature_lines(before: Json | None, after: Json | None) -> tuple[Line, ...]:
    """Two snapshots, old against new, a parameter a line."""
    old, new = (list(texts_of(one)) if one else [] for one in (before, after))
    lines: list[Line] = []
    for kind, first, last, begin, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += [Line(" ", text) for text in old[first:last]]
        else:
            lines += [Line("-", text) for text in old[first:last]] + [Line("+", text) for text in new[begin:end]]
    return tuple(lines)


def texts_of(told: Json) -> Iterator[str]:
    yield f"{told['task']}("
    for parameter in told["parameters"]:
        yield f"    {parameter_text(parameter)},"
    yield ")"


def parameter_text(told: Json) -> str:
    annotation = f": {told['annotation']}" if told["annotation"] else ""
    if told.get("spread"):
        return f"*{told['name']}{annotation}"
    if told["required"] or told["name"].startswith(EXTRA):
        return f"{told['name']}{annotation}"
    default = repr(told["default"]) if "default" in told else "…"
    return f"{told['name']}{annotation} = {default}" if annotation else f"{told['name']}={default}"


def by_name(parameters: Sequence[Json]) -> Mapping[str, Json]:
    return {one["name"]: one for one in parameters}

"""The JSON Schemas of all models that are taken or told; pydantic makes them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from cronapp import wire
from cronapp.web.described.part import Call
from cronapp.web.described.replies import Events
from cronapp.wire.examples import EXAMPLES

Json = dict[str, Any]
REF = "#/components/schemas/{model}"
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


class Schemas(GenerateJsonSchema):
    """Without titles, which only repeat the names of fields, and with the bounds as JSON Schema calls them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Json:
        """Null as a default only says that something may be left out."""
        return (
            self.generate_inner(schema["schema"])
            if schema.get("default", 0) is None
            else super().default_schema(schema)
        )

    def normalize_name(self, name: str) -> str:
        """`Items[Job]` is called as the class is."""
        return super().normalize_name(re.sub(r"(\w+)\[(\w+)\]", r"\2\1", name))

    def generate_inner(self, schema: Any) -> Json:
        told = {BOUNDS.get(name, name): value for name, value in super().generate_inner(schema).items()}
        if "exclusiveMinimum" in told:
            told.pop("minimum", None)
        return told


def ref(model: type[BaseModel]) -> str:
    return REF.format(model=model.__name__)


def words(model: type[BaseModel]) -> str:
    return " ".join((inspect.getdoc(model) or "").split())


def schemas(calls: Iterable[Call]) -> Json:
    """Of all models that are taken or told."""
    models: dict[type[BaseModel], None] = dict.fromkeys((wire.Problem, wire.FieldProblem))
    for call in calls:
        models |= dict.fromkeys(filter(None, (call.about.get("takes"),)))
        for kind in alternatives(call.replies):
            told = wire.EVENTS.values() if kind is Events else (kind, *get_args(kind))
            models |= dict.fromkeys(one for one in told if is_model(one))
    _, described = models_json_schema(
        [(model, "validation") for model in models], ref_template=REF, schema_generator=Schemas
    )
    defs: Json = described["$defs"]
    for model, value in EXAMPLES.items():
        if model.__name__ in defs:
            defs[model.__name__]["examples"] = [value]
    return defs


def is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def alternatives(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)

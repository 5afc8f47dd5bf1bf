"""The JSON Schema from which forms are made: pydantic's, with what only a form has to know."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema as core

from cronapp.core.models import Json
from cronapp.core.signature.annotations import member_value
from cronapp.core.signature.texts import label_of

BOUNDS = ("multiple_of", "le", "ge", "lt", "gt")


def form_schema(adapter: TypeAdapter[Any]) -> Json:
    """The schema of what the adapter takes. Beside JSON Schema's own words it has

    - `x-labels`: what the values of an `enum` are called,
    - `x-words`: a duration that may be given as `10m`,
    - `x-aware`: a moment that needs its time zone,
    - `x-named`: an object that may also be given as a list of its values.
    """
    return adapter.json_schema(schema_generator=FormSchema)


class FormSchema(GenerateJsonSchema):
    """Titles stand only where the user gave one, and of decimals, durations and enumerations more is told."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - pydantic's own name

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def function_before_schema(self, schema: core.BeforeValidatorFunctionSchema) -> Json:
        kind = schema["schema"]["type"]
        if kind not in ("timedelta", "enum"):
            return super().function_before_schema(schema)
        return self.generate_inner(schema["schema"]) | ({"x-words": True} if kind == "timedelta" else {})

    def default_schema(self, schema: core.WithDefaultSchema) -> Json:
        """A factory is not called, since it may do anything; but what an empty list is, one knows."""
        made = super().default_schema(schema)
        factory: Any = schema.get("default_factory")
        empty: Any = {} if factory is dict else []
        return made | {"default": empty} if factory in (list, dict, set, frozenset, tuple) else made

    def timedelta_schema(self, schema: core.TimedeltaSchema) -> Json:
        return {"type": "string", "format": "duration"}

    def decimal_schema(self, schema: core.DecimalSchema) -> Json:
        given: Any = schema
        bounds: Any = {key: float(given[key]) for key in BOUNDS if given.get(key) is not None}
        return self.float_schema(core.float_schema(**bounds)) | {"format": "decimal"}

    def datetime_schema(self, schema: core.DatetimeSchema) -> Json:
        return super().datetime_schema(schema) | ({"x-aware": True} if schema.get("tz_constraint") == "aware" else {})

    def enum_schema(self, schema: core.EnumSchema) -> Json:
        members = schema["members"]
        values, labels = [member_value(one) for one in members], [label_of(one.name) for one in members]
        return super().enum_schema(schema) | {"enum": values, "x-labels": labels}

    def named_tuple_schema(self, schema: Any) -> Json:
        """Its values have names, so it is shown by them."""
        fields = {one["name"]: one["schema"] for one in schema["fields"]}
        return {
            "type": "object",
            "properties": {name: self.generate_inner(inner) for name, inner in fields.items()},
            "required": [name for name, inner in fields.items() if inner["type"] != "default"],
            "x-named": True,
        }

"""One parameter of a function: its type, as pydantic and as JSON Schema see it, and its default."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Any, Optional

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from cronapp.core.durations import duration_text
from cronapp.core.models import Json
from cronapp.core.signature.annotations import bare_type, member_value, notes_of, prepared
from cronapp.core.signature.texts import label_of, text_of

EMPTY: Any = inspect.Parameter.empty
FORMATS = {"date": "date", "time": "time", "date-time": "datetime", "password": "secret"}


@dataclass(frozen=True)
class Parameter:
    """One parameter: its type, its default, and the kind of form field that fits it."""

    name: str
    annotation: Any
    default: Any
    positional: bool  # positional-only, so a call may not name it
    adapter: TypeAdapter[Any]
    help: str = ""
    title: str = ""

    @property
    def has_default(self) -> bool:
        return self.default is not EMPTY

    @property
    def label(self) -> str:
        return self.title or label_of(self.name)

    @cached_property
    def schema(self) -> Json:
        """Its JSON Schema, complete in itself."""
        return self.adapter.json_schema()

    @cached_property
    def secret(self) -> bool:
        """Whether a secret is in it, at any depth."""
        return '"format": "password"' in json.dumps(self.schema)

    @cached_property
    def shape(self) -> Json:
        """The schema without the branch for null and without a reference at its top."""
        rest = [branch for branch in self._branches() if branch.get("type") != "null"]
        return rest[0] if len(rest) == 1 else {**self.schema, "anyOf": rest} if rest else self.schema

    @cached_property
    def nullable(self) -> bool:
        return any(branch.get("type") == "null" or None in branch.get("enum", ()) for branch in self._branches())

    @cached_property
    def bare(self) -> Any:
        """The annotation without `Annotated`, `Optional` and names given to it."""
        return bare_type(self.annotation)

    @cached_property
    def choices(self) -> dict[str, tuple[Any, str]]:
        """Form text → JSON value and label, for an Enum, a Literal, or a yes/no that may also be left open."""
        if isinstance(self.bare, type) and issubclass(self.bare, Enum):
            return {text_of(member_value(m)): (member_value(m), label_of(m.name)) for m in self.bare}
        if self.shape.get("type") == "boolean" and self.nullable:
            return {"true": (True, "Yes"), "false": (False, "No")}
        values = self.shape.get("enum", [self.shape["const"]] if "const" in self.shape else [])
        return {text_of(value): (value, text_of(value)) for value in values if value is not None}

    @cached_property
    def loose(self) -> bool:
        """Whether a text may mean JSON or itself: no annotation, or a union that takes texts among others."""
        if self.choices or "type" in self.shape or self.bare in (timedelta, Decimal):
            return False
        branches = self.shape.get("anyOf", ())
        return not branches or any(branch.get("type") not in ("array", "object") for branch in branches)

    @cached_property
    def kind(self) -> str:
        if self.bare is timedelta:
            return "duration"
        if self.choices:
            return "choice"
        if self.loose:
            return "text"
        kind = self.shape.get("type")
        if kind in ("integer", "number") or self.bare is Decimal:
            return "number"
        if kind == "boolean":
            return "switch"
        if kind != "string":
            return "json"
        return FORMATS.get(self.shape.get("format", ""), "textarea" if self._is_long() else "text")

    @property
    def default_json(self) -> Any:
        """The default as JSON would give it; EMPTY when there is none, or none that JSON can hold or may show."""
        if isinstance(self.default, timedelta):
            seconds = self.default.total_seconds()
            # A negative one has no such text, and 0 is its own.
            return duration_text(seconds) if seconds > 0 else f"{seconds:g}"
        if isinstance(self.default, Enum):
            return member_value(self.default)
        if not self.has_default or self.secret:
            return EMPTY
        try:
            value = to_jsonable_python(self.default)
            json.dumps(value, allow_nan=False)
        except ValueError:
            return EMPTY
        return value

    def property_schema(self, schema: Json) -> Json:
        """What stands for this parameter among the `properties` of an object's schema."""
        described = {**schema, "title": self.label}
        if self.help:
            described["description"] = self.help
        if self.default_json is not EMPTY:
            described["default"] = self.default_json
        return described

    def _branches(self) -> list[Json]:
        definitions = self.schema.get("$defs", {})
        parts = self.schema.get("anyOf", [self.schema])
        return [{**definitions[p["$ref"].rpartition("/")[2]], **p} if "$ref" in p else p for p in parts]

    def _is_long(self) -> bool:
        return "\n" in str(self.default) or self.shape.get("maxLength", 0) > 200


def parameter_of(raw: inspect.Parameter, hint: Any, doc: str, problems: list[str]) -> Parameter:
    """The parameter of this annotation and description; what is wrong with the annotation is added to `problems`."""
    try:
        if raw.default is None and hint is not Any:
            hint = Optional[hint]  # noqa: UP045 - `|` does not go with every annotation
        adapter: TypeAdapter[Any] = TypeAdapter(prepared(hint))
        adapter.json_schema()
    except Exception as error:  # a class of the user's may refuse in any way
        reason = str(error).partition("\n")[0]
        problems.append(f'"{raw.name}" has a type that JSON cannot give ({reason}); it takes any JSON value instead.')
        hint, adapter = Any, TypeAdapter(Any)
    notes = list(notes_of(hint))
    help_ = next((text for note in notes if (text := getattr(note, "description", None))), doc)
    title = next((text for note in notes if (text := getattr(note, "title", None))), "")
    positional = raw.kind is raw.POSITIONAL_ONLY
    return Parameter(raw.name, hint, raw.default, positional, adapter, str(help_), str(title))

"""One parameter of a function: its type, as pydantic and as JSON Schema see it, and its default."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from functools import cached_property
from typing import Any, Optional

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from cronapp.core.durations import duration_text
from cronapp.core.models import Json
from cronapp.core.signature.annotations import member_value, notes_of, prepared
from cronapp.core.signature.fields import EMPTY, FormField
from cronapp.core.signature.schema import form_schema
from cronapp.core.signature.texts import label_of, one_of_many
from cronapp.core.signature.walk import Walk, rows_named


@dataclass(frozen=True)
class Parameter:
    """One parameter: its type, its default, and the form's field that fits it."""

    name: str
    annotation: Any
    default: Any
    positional: bool  # positional-only, so a call may not name it
    adapter: TypeAdapter[Any]
    help: str = ""
    title: str = ""
    spread: bool = False  # *args: a list of further values

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
    def field(self) -> FormField:
        """Its field in a form."""
        schema = form_schema(self.adapter)
        walk = Walk(schema.get("$defs", {}))
        given = {"default": self.default_json, "has_default": self.has_default}
        made = walk.field(schema, self.name, self.label, **({} if self.spread else given))
        return rows_named(replace(made, help=self.help or made.help, form="spread" if self.spread else made.form))

    @cached_property
    def more(self) -> FormField:
        """The field of `**kwargs`: a name and a value for each of them."""
        row = self.field.called("value", one_of_many(self.label))
        help_ = self.help or "Further arguments, each with its name."
        return FormField(name=self.name, label=self.label, kind="pairs", form="spread", help=help_, parts=(row,))

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


def parameter_of(raw: inspect.Parameter, hint: Any, doc: str, problems: list[str]) -> Parameter:
    """The parameter of this annotation and description; what is wrong with the annotation is added to `problems`."""
    spread = raw.kind is raw.VAR_POSITIONAL
    try:
        if raw.default is None and hint is not Any:
            hint = Optional[hint]  # noqa: UP045 - `|` does not go with every annotation
        adapter: TypeAdapter[Any] = TypeAdapter(prepared(list[hint] if spread else hint))
        adapter.json_schema()
        form_schema(adapter)
    except Exception as error:  # a class of the user's may refuse in any way
        reason = str(error).partition("\n")[0]
        problems.append(f'"{raw.name}" has a type that JSON cannot give ({reason}); it takes any JSON value instead.')
        hint, adapter = Any, TypeAdapter(list[Any] if spread else Any)
    notes = list(notes_of(hint))
    help_ = next((text for note in notes if (text := getattr(note, "description", None))), doc)
    title = next((text for note in notes if (text := getattr(note, "title", None))), "")
    positional = raw.kind is raw.POSITIONAL_ONLY
    default = [] if spread else raw.default
    return Parameter(raw.name, hint, default, positional, adapter, str(help_), str(title), spread)

"""From a JSON Schema to the fields of a form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cronapp.core.models import Json
from cronapp.core.signature.docstrings import parameter_help
from cronapp.core.signature.fields import EMPTY, PLACEHOLDERS, FormField
from cronapp.core.signature.moments import duration_shown
from cronapp.core.signature.plain import choice_field, number_field, text_field
from cronapp.core.signature.texts import label_of, one_of_many, text_of

DEEPEST = 4  # groups within groups; below that there is JSON
MOST_KINDS = 6  # of a union
NAME = re.compile(r"\w[\w-]*")  # of a member, which has to fit into a field's name
JSON = FormField(name="", label="JSON", kind="json", placeholder=PLACEHOLDERS["json"])


@dataclass(frozen=True, slots=True)
class Walk:
    """The definitions that references mean, and those that one is within."""

    definitions: Mapping[str, Json]
    within: tuple[str, ...] = ()

    def field(
        self, given: Json, name: str, label: str = "", *, default: Any = EMPTY, has_default: bool = False
    ) -> FormField:
        """The field of a schema. What refers to itself, and what is too deep, is JSON."""
        schema, walk = self._resolved(given)
        branches = [walk._resolved(one) for one in schema.get("anyOf") or schema.get("oneOf") or [schema]]
        rest = [(one, place) for one, place in branches if one.get("type") != "null"]
        nullable = len(rest) < len(branches) or any(None in one.get("enum", ()) for one, _ in rest)
        made = rest[0][1]._one(rest[0][0]) if len(rest) == 1 else self._union(rest) if rest else JSON
        if made.kind == "switch" and nullable:
            made = replace(made, kind="choice", choices=(("true", "Yes"), ("false", "No")), answers=(True, False))
        if "default" in schema and not has_default:
            default, has_default = schema["default"], True
        if made.kind == "text" and "\n" in str(default):
            made = replace(made, kind="textarea")
        if made.kind == "duration" and default not in (EMPTY, None):
            default = duration_shown(default, words=made.form == "words")
        examples = schema.get("examples") or (rest[0][0].get("examples") if rest else None)
        return replace(
            made,
            name=name,
            label=label or schema.get("title") or label_of(name),
            help=schema.get("description", made.help).partition("\n\n")[0],
            nullable=nullable,
            has_default=has_default,
            default=EMPTY if made.secret else default,
            placeholder=text_of(examples[0]) if examples else made.placeholder,
        )

    def _resolved(self, schema: Json) -> tuple[Json, Walk]:
        """The schema with what its reference means instead of it."""
        walk = self
        while "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            if name in walk.within or len(walk.within) >= DEEPEST:
                return {"type": "object", **rest}, walk
            walk = Walk(self.definitions, (*walk.within, name))
            meant = {key: value for key, value in self.definitions[name].items() if key != "title"}
            schema = {**meant, **rest}
        return schema, walk

    def _one(self, schema: Json) -> FormField:
        """The field of what is no union, without a name."""
        if answers := [one for one in schema.get("enum", [schema.get("const")]) if one is not None]:
            return choice_field(schema, answers)
        match schema.get("type"):
            case "integer" | "number":
                return number_field(schema)
            case "boolean":
                return FormField(name="", label="", kind="switch")
            case "string":
                return text_field(schema)
            case "array":
                return self._list(schema)
            case "object":
                return self._object(schema)
        return FormField(name="", label="", kind="loose")

    def _list(self, schema: Json) -> FormField:
        if "prefixItems" in schema:
            items = schema["prefixItems"]
            if schema.get("maxItems") != len(items) or schema.get("minItems") != len(items):
                return replace(JSON, placeholder='["a", "b"]')
            named = [self.field(one, str(n), one.get("title") or f"Value {n + 1}") for n, one in enumerate(items)]
            return FormField(name="", label="", kind="tuple", parts=tuple(named))
        row = self.field(schema.get("items", {}), "", "Value")
        made = FormField(
            name="",
            label="",
            kind="checks" if row.kind == "choice" and row.answers and not row.nullable else "rows",
            parts=(row,),
            shortest=schema.get("minItems", 0),
            longest=schema.get("maxItems"),
            unique=schema.get("uniqueItems", False),
        )
        return replace(made, choices=row.choices, answers=row.answers) if made.kind == "checks" else made

    def _object(self, schema: Json) -> FormField:
        members, more = schema.get("properties", {}), schema.get("additionalProperties")
        if members and not isinstance(more, dict) and all(NAME.fullmatch(name) for name in members):
            told = parameter_help(schema.get("description", ""))
            needed = schema.get("required", ())
            parts = [self._member(one, name, name in needed, told.get(name, "")) for name, one in members.items()]
            form = "named" if schema.get("x-named") else ""
            return FormField(name="", label="", kind="group", parts=tuple(parts), form=form)
        if not members and isinstance(more, dict) and more:
            row = self.field(more, "value", "Value")
            least, most = schema.get("minProperties", 0), schema.get("maxProperties")
            return FormField(name="", label="", kind="pairs", parts=(row,), shortest=least, longest=most)
        return JSON

    def _member(self, schema: Json, name: str, needed: bool, told: str) -> FormField:
        made = self.field(schema, name, has_default=not needed and "default" not in schema)
        return replace(made, help=made.help or told)

    def _union(self, branches: list[tuple[Json, Walk]]) -> FormField:
        kinds = {one.get("type") for one, _ in branches}
        if kinds <= {"integer", "number"} and not any("enum" in one or "const" in one for one, _ in branches):
            return number_field({"type": "number"})
        if {} in [one for one, _ in branches]:
            return FormField(name="", label="", kind="loose")
        if len(branches) > MOST_KINDS:
            return JSON
        parts = [self._kind_of_union(one, walk, f"@{n}") for n, (one, walk) in enumerate(branches)]
        return FormField(name="", label="", kind="union", parts=(*parts, replace(JSON, name=f"@{len(parts)}")))

    def _kind_of_union(self, schema: Json, walk: Walk, name: str) -> FormField:
        known = walk.within[-1] if len(walk.within) > len(self.within) else ""
        title = self.definitions[known].get("title", "") if known else schema.get("title", "")
        made = walk.field(schema, name, title or "x")
        words = made.words if made.kind not in ("group", "choice") else made.type_name
        return replace(made, label=title or words[:1].upper() + words[1:])


def rows_named(made: FormField) -> FormField:
    """The field, with each row called after it: the rows of `Shops` are `Shop 1`, `Shop 2`."""
    parts = made.parts
    if made.kind in ("rows", "pairs"):
        parts = (made.row.called(made.row.name, one_of_many(made.label)),)
    return replace(made, parts=tuple(rows_named(part) for part in parts))

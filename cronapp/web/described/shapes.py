"""Schemas as people read them: fields with their types in words, and how a value looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from cronapp.core.signature.bounds import bounds_words

Json = dict[str, Any]
DEEPEST = 3  # levels of fields that are told where they are taken
KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
LOOKS = {"string": "…", "integer": 1, "number": 1.5, "boolean": False}
AT = "2026-02-02T02:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field, by its dotted name. `shape` is the object that it holds, where that is told elsewhere."""

    name: str
    type: str
    shape: str
    bounds: str
    default: Any
    required: bool
    words: str


@dataclass(frozen=True, slots=True)
class Shapes:
    """The description's schemas, by their names."""

    schemas: Json

    def fields(self, schema: Json, *, whole: bool, before: str = "", depth: int = 1) -> Iterator[Field]:
        """The fields of an object, those of its example first; with `whole` those within it too."""
        known = self.found(schema)
        told = {name: one for name, one in known.get("properties", {}).items() if not one.get("readOnly")}
        first = [name for name in known.get("examples", [{}])[0] if name in told]
        for name in dict.fromkeys((*first, *told)):
            one = told[name]
            dotted, inner = f"{before}{name}", self.objects(one)
            yield self.field(dotted, one, required=name in known.get("required", ()), whole=whole)
            if whole and depth < DEEPEST:
                each = [list(self.fields(shape, whole=True, before=f"{dotted}.", depth=depth + 1)) for shape in inner]
                yield from merged(each) if len(each) > 1 else each[0] if each else ()

    def field(self, name: str, schema: Json, *, required: bool, whole: bool) -> Field:
        inner = self.objects(schema)
        return Field(
            name=name,
            type=" or ".join(dict.fromkeys(self.types(schema))),
            shape=name_of(inner[0]) if len(inner) == 1 and not whole else "",
            bounds="" if inner else bounds_words({**modest(schema), "$defs": self.schemas}),
            default=schema.get("default"),
            required=required,
            words=schema.get("description") or "",
        )

    def types(self, schema: Json) -> Iterator[str]:
        """As `text`, `a list of whole numbers`, `an object`."""
        known = self.found(schema)
        if branches := known.get("anyOf") or known.get("oneOf"):
            for branch in branches:
                yield from self.types(branch)
        elif known.get("const") == "":  # the same as nothing
            return
        elif "enum" in known or "const" in known:
            yield "word"
        elif known.get("type") == "array":
            inner = " or ".join(dict.fromkeys(self.types(known.get("items", {})))) or "anything"
            yield f"list of {plural(inner)}"
        elif known.get("type") == "object":
            yield "object"
        elif known.get("format") == "date-time":
            yield "moment"
        else:
            yield KINDS.get(known.get("type", ""), "anything")

    def objects(self, schema: Json) -> list[Json]:
        """The objects with named fields that it may be, or be a list of."""
        known = self.found(schema)
        if "properties" in known:
            return [known if known is schema else schema]
        inner = [*known.get("anyOf", ()), *known.get("oneOf", ()), *filter(None, (known.get("items"),))]
        found = [one for branch in inner for one in self.objects(branch)]
        return list({name_of(one): one for one in found}.values())

    def found(self, schema: Json) -> Json:
        return self.schemas[name_of(schema)] if "$ref" in schema else schema

    def example(self, schema: Json) -> Any:
        """How a value looks."""
        known = self.found(schema)
        if "examples" in known:
            return known["examples"][0]
        if "enum" in known or "const" in known:
            return known.get("const", known.get("enum", [None])[0])
        if branches := known.get("anyOf") or known.get("oneOf"):
            return self.example(branches[0])
        if "properties" in known:
            return {
                name: self.example(one)
                for name, one in known["properties"].items()
                if name in known.get("required", ())
            }
        if known.get("type") == "array":
            return [self.example(known["items"])]
        if known.get("type") == "object":
            return {}
        return AT if known.get("format") == "date-time" else LOOKS.get(known.get("type", ""))


def merged(kinds: list[list[Field]]) -> Iterator[Field]:
    """The fields of objects of several kinds, each once. The first field of each says which kind it is."""
    words = [fields[0].bounds.removeprefix("only ") for fields in kinds]
    yield replace(kinds[0][0], bounds=f"one of {', '.join(words)}")
    of: dict[str, list[str]] = {}
    known: dict[str, Field] = {}
    for word, fields in zip(words, kinds, strict=True):
        for field in fields[1:]:
            known.setdefault(field.name, field)
            of.setdefault(field.name, []).append(f"`{word}`")
    for name, field in known.items():
        yield replace(field, words=f"Of {listed(of[name])}. {field.words}".strip())


def listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def modest(schema: Json) -> Json:
    """Without bounds that only say what a row's number can be, and without nothing as a value."""
    told = {name: value for name, value in schema.items() if not (isinstance(value, int) and value > 2**53)}
    if "anyOf" in told:
        told["anyOf"] = [one for one in told["anyOf"] if one.get("const") != ""]
    if "enum" in told:
        told["enum"] = list(filter(None, told["enum"]))
    return told


def name_of(schema: Json) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def plural(words: str) -> str:
    return words if words in ("text", "anything") or " or " in words else f"{words}s"

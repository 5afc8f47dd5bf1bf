"""The description as a page: its calls by their parts, as people read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cronapp.web.described.replies import EVENTS, JSON
from cronapp.web.described.shapes import Field, Shapes, name_of

Json = dict[str, Any]
NAMED = {
    "job_id": "nightly-report",
    "run_id": "812",
    "kind": "queue",
    "group": "5f0c81d2a9b3",
    "users": "ada",
    "tasks": "nightly_report",
    "secrets": "SHOP_PASSWORD",
    "limits": "mail",
}
"""What stands in the addresses of the examples: by its name, or by the part of the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: str
    words: str
    kinds: tuple[str, ...]  # of content, besides JSON
    shape: str  # what it holds
    headers: tuple[str, ...]
    example: str
    events: tuple[tuple[str, str], ...]  # of a stream: their kinds, and what each holds


@dataclass(frozen=True, slots=True, kw_only=True)
class CallShown:
    id: str
    method: str
    path: str
    summary: str
    words: str
    params: tuple[Field, ...]
    headers: tuple[Field, ...]
    body: tuple[Field, ...]
    body_words: str
    body_needed: bool
    answers: tuple[Answer, ...]
    refusals: tuple[Answer, ...]
    curl: str


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    calls: tuple[CallShown, ...]

    @property
    def id(self) -> str:
        return f"part-{self.name.lower()}"


@dataclass(frozen=True, slots=True)
class Shape:
    """An object that several answers hold."""

    name: str
    words: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    described: Json

    @property
    def shapes(self) -> Shapes:
        return Shapes(self.described["components"]["schemas"])

    def sections(self) -> list[Section]:
        calls = [
            (call["tags"][0], self.call(method.upper(), path, call))
            for path, methods in self.described["paths"].items()
            for method, call in methods.items()
        ]
        names = [one["name"] for one in self.described["tags"]]
        return [Section(name, tuple(call for tag, call in calls if tag == name)) for name in names]

    def call(self, method: str, path: str, call: Json) -> CallShown:
        body = call.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})
        answers = list(self.answers(call))
        return CallShown(
            id=call["operationId"],
            method=method,
            path=path,
            summary=call["summary"],
            words=call["description"],
            params=tuple(self.params(call, "path", "query")),
            headers=tuple(self.params(call, "header")),
            body=tuple(self.shapes.fields(body, whole=True)) if body else (),
            body_words=self.shapes.found(body).get("description", ""),
            body_needed=call.get("requestBody", {}).get("required", False),
            answers=tuple(one for one in answers if one.status < "300"),
            refusals=tuple(one for one in answers if one.status >= "300"),
            curl=self.curl(method, path, call, body),
        )

    def params(self, call: Json, *places: str) -> Iterator[Field]:
        for one in call["parameters"]:
            if one["in"] in places:
                schema = {**one["schema"], "description": one["description"]}
                yield self.shapes.field(one["name"], schema, required=one.get("required", False), whole=False)

    def answers(self, call: Json) -> Iterator[Answer]:
        for status, given in call["responses"].items():
            answer = self.described["components"]["responses"][name_of(given)] if "$ref" in given else given
            content = answer.get("content", {})
            schema: Json = content.get(JSON, {}).get("schema", {}) or next(
                (one["x-lines"] for one in content.values() if "x-lines" in one), {}
            )
            stream: Json = content.get(EVENTS, {})
            yield Answer(
                status=status,
                words=answer["description"],
                kinds=tuple(kind for kind in content if kind != JSON),
                shape=name_of(schema),
                headers=tuple(answer.get("headers", ())),
                example=pretty(self.shapes.example(schema)) if schema and status < "300" else stream.get("example", ""),
                events=tuple((name, name_of(one)) for name, one in stream.get("x-events", {}).items()),
            )

    def curl(self, method: str, path: str, call: Json, body: Json) -> str:
        known = {**NAMED, "name": next((NAMED[one] for one in NAMED if f"/{one}/" in path), "")}
        address = re.sub(r"{(\w+)}", lambda found: known.get(found[1], "3"), path)
        streams = any(EVENTS in one.get("content", {}) for one in call["responses"].values())
        address += "?topics=jobs,run:812" if streams else ""
        how = {"GET": "-N " if streams else "", "POST": "" if body else "-X POST "}.get(method, f"-X {method} ")
        token = "" if call.get("security") == [] else '-H "Authorization: Bearer $CRONAPP_TOKEN" '
        sent = f" \\\n  -d '{json.dumps(self.shapes.example(body), ensure_ascii=False)}'" if body else ""
        return f'curl {how}{token}"$CRONAPP_URL{address}"{sent}'

    def answered(self, sections: Iterable[Section]) -> list[Shape]:
        """All objects that these answers hold, and those within them, by their names."""
        answers = [one for section in sections for call in section.calls for one in call.answers]
        left = [name for one in answers for name in (one.shape, *(shape for _, shape in one.events)) if name]
        found: dict[str, Shape] = {}
        while left:
            name = left.pop()
            schema = self.described["components"]["schemas"][name]
            if name in found or "properties" not in schema:
                continue
            fields = tuple(self.shapes.fields(schema, whole=False))
            found[name] = Shape(name, schema.get("description", ""), fields)
            for one in schema["properties"].values():
                left += [name_of(inner) for inner in self.shapes.objects(one) if "$ref" in inner]
        return [found[name] for name in sorted(found)]


def pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)

"""The description of the API, as OpenAPI 3.1 has it. The schemas are pydantic's."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter
from werkzeug.routing import Rule

from cronapp import __version__, wire
from cronapp.web.described.part import Call, Param
from cronapp.web.described.refusals import HEADERS, Refusal, refusals
from cronapp.web.described.replies import JSON, Done, Events, Lines, Text
from cronapp.web.described.schemas import Schemas, alternatives, ref, schemas, words
from cronapp.web.permissions import NEEDS, OPEN, Need

Json = dict[str, Any]
PROBLEM = "application/problem+json"
ROLES = {"look": "viewer", "run": "operator", "edit": "editor", "admin": "admin"}
WORDS = {
    "job_id": "The job's id.",
    "run_id": "The run's number.",
    "note_id": "The note's number.",
    "token_id": "The token's number.",
    "backfill_id": "The backfill's number.",
    "rule_id": "The rule's id; `default` is the one for all jobs.",
    "delivery_id": "The delivery's number.",
    "kind": "`group` or `queue`.",
    "group": "The group's id.",
    "name": "Its name.",
}
"""What stands in an address."""
SAID = {
    "Location": "The address of what there is now.",
    "ETag": "The version, for `If-Match`.",
    "WWW-Authenticate": "`Bearer`.",
    "Retry-After": "After how many seconds it is worth trying again.",
}
STREAMED = "Server-sent events, as they come: `event` says which kind, `data` is one line of JSON, `id` the place."
EVENT = """\
event: line
data: {"seq":1,"at":"2026-02-02T02:00:00.123Z","stream":"stdout","level":null,"text":"Task executed","run":812}
id: 1770000001262000.812-1
"""
ABOUT = """\
Python functions on a schedule. `Authorization: Bearer TOKEN`; JSON in and out.

Lists answer `{"items": […], "next": CURSOR or null}` and take `limit` (50, at most 500) and `cursor`. Times are RFC
3339 in UTC. Durations are seconds; `"10m"` and `"1h30m"` are understood too. Errors are problem details (RFC 9457);
with 422, `errors` has a sentence for each wrong field. A method that an address does not take is answered 405."""


def describe(rules: Iterable[Rule], calls: Mapping[str, Call], tags: Mapping[str, str]) -> Json:
    """`calls` and the `tags` by which they are listed go by the endpoints of the routes."""
    paths: dict[str, Json] = {}
    problems: Json = {}
    order = list(calls)
    for rule in sorted(rules, key=lambda rule: order.index(rule.endpoint)):
        call = calls[rule.endpoint]
        answers = {status: shared(answer, problems) for status, answer in sorted(responses(call, rule).items())}
        told = {"tags": [tags[rule.endpoint]], **operation(call, rule), "responses": answers}
        paths.setdefault(address(rule), {})[call.method.lower()] = told
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cron-App", "version": __version__, "description": ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(tags.values())],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas(calls.values()),
            "responses": problems,
        },
    }


def address(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def in_address(rule: Rule) -> list[str]:
    return re.findall(r"<(?:\w+:)?(\w+)>", rule.rule)


def operation(call: Call, rule: Rule) -> Json:
    need = NEEDS.get(rule.endpoint)
    summary, _, more = (inspect.getdoc(call.handler) or "").partition("\n\n")
    told: Json = {
        "operationId": rule.endpoint.removeprefix("api.").replace(".", "_"),
        "summary": " ".join(summary.split()),
        "description": " ".join(f"{more}\n{needs(need, rule.endpoint)}".split()),
        "parameters": [*placed(rule), *(parameter(one) for one in call.about.get("params", ()))],
    }
    if need:
        told["x-right"] = need.right.value
    if rule.endpoint in OPEN:
        told["security"] = []
    if taken := call.about.get("takes"):
        told["requestBody"] = {
            "required": call.about.get("needed", True),
            "content": {JSON: {"schema": {"$ref": ref(taken)}}},
        }
    return told


def needs(need: Need | None, endpoint: str) -> str:
    """Who may call it."""
    if need is None:
        return "For everybody, also without a token." if endpoint in OPEN else "For every role."
    role = ROLES[need.right]
    limits = ", without limits by tag" if need.everywhere else ""
    return f"For the role {role}{limits}." if role == "admin" else f"From the role {role} on{limits}."


def placed(rule: Rule) -> Iterator[Json]:
    """What stands in the address, in its order."""
    for name in in_address(rule):
        number = f"<int:{name}>" in rule.rule
        schema: Json = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1} if number else {"type": "string"}
        if name == "kind":
            schema |= {"enum": ["group", "queue"]}
        elif not number:
            schema |= {"minLength": 1}
        yield {"name": name, "in": "path", "required": True, "description": WORDS[name], "schema": schema}


def parameter(one: Param) -> Json:
    schema = TypeAdapter(one.kind).json_schema(schema_generator=Schemas)
    if one.many:
        schema = {"type": "array", "items": schema}
    needed = {"required": True} if one.needed else {}
    return {"name": one.name, "in": one.place, **needed, "description": one.words, "schema": schema}


# -- answers ----------------------------------------------------------------------------------------------------------


def responses(call: Call, rule: Rule) -> dict[str, Json]:
    told: dict[str, Json] = {}
    for kind in alternatives(call.replies):
        status, answer = response(kind)
        if status in told:
            told[status]["content"] |= answer["content"]
        told.setdefault(status, answer)
    for refusal in refusals(call, in_address(rule), known=rule.endpoint not in OPEN):
        refused(told, refusal)
    return told


def response(kind: Any) -> tuple[str, Json]:
    """One kind of answer, by its annotation: its status, and the rest."""
    reply, (model, *_) = (get_origin(kind) or kind), (get_args(kind) or (None,))
    if reply is Done:
        return "204", {"description": "Done."}
    if reply in (Lines, Text):
        content: Json = {"schema": {"type": "string"}}
        if model:
            content["x-lines"] = {"$ref": ref(model)}
        return "200", {"description": "Bit by bit.", "content": {reply.kind: content}}
    if reply is Events:
        events = {name: {"$ref": ref(told)} for name, told in wire.EVENTS.items()}
        content = {"schema": {"type": "string"}, "x-events": events, "example": EVENT}
        return "200", {"description": STREAMED, "content": {reply.kind: content}}
    status, headers = (str(reply.status), [*reply.headers]) if model else ("200", [])
    model = model or reply
    if issubclass(model, wire.Job):
        headers.append("ETag")
    told: Json = {"description": words(model), "content": {JSON: {"schema": {"$ref": ref(model)}}}}
    return status, told | ({"headers": {name: header(name) for name in headers}} if headers else {})


def header(name: str) -> Json:
    return {"description": SAID[name], "required": True, "schema": {"type": "string"}}


def refused(told: dict[str, Json], refusal: Refusal) -> None:
    """Adds an error to the answers; one of the same status is told along with it."""
    status = str(refusal.status)
    model = wire.FieldProblem if refusal.status == 422 else wire.Problem
    answer = told.setdefault(status, {"description": "", "content": {}})
    content = answer["content"].setdefault(PROBLEM, {"schema": {"$ref": ref(model)}, "examples": {}})
    content["examples"][refusal.title] = {"value": example(refusal)}
    answer["description"] = " ".join(filter(None, dict.fromkeys((answer["description"], refusal.detail))))
    if refusal.status in HEADERS:
        answer["headers"] = {HEADERS[refusal.status]: header(HEADERS[refusal.status])}


def shared(answer: Json, problems: Json) -> Json:
    """An answer, or where to find it, if it is an error that others have too."""
    content = answer.get("content", {})
    if content.keys() != {PROBLEM}:
        return answer
    name = "Or".join(title.title().replace(" ", "") for title in content[PROBLEM]["examples"])
    problems[name] = answer
    return {"$ref": f"#/components/responses/{name}"}


def example(refusal: Refusal) -> Json:
    told = {"type": "about:blank", "title": refusal.title, "status": refusal.status, "detail": refusal.detail}
    if refusal.title != "Invalid input":
        return told
    return {**told, "detail": "Some fields need another look.", "errors": {"limit": "Write a whole number."}}

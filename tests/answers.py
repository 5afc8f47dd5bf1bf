"""Holds answers of the API to its description: what is not described fails whichever test meets it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema_rs import Validator, validator_for
from quart import Response
from quart.testing import QuartClient
from support import TOKEN
from werkzeug.exceptions import HTTPException

from cronapp.app import App

Json = dict[str, Any]
PROBLEM, LINES, EVENTS = "application/problem+json", "application/x-ndjson", "text/event-stream"
HEADERS = ("Location", "ETag", "Retry-After", "WWW-Authenticate")
"""Headers that mean something to a program, and so are described wherever they come."""

_described: Json = {}
"""The same for all apps, so it is asked for once."""


async def description(app: App) -> Json:
    """As `/openapi.json` tells it."""
    if not _described:
        client: QuartClient = app.site.test_client(use_cookies=False)
        reply = await client.get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})
        assert reply.status_code == 200
        _described.update(await reply.get_json())
    return _described


async def hold_to_description(app: App, method: str, path: str, reply: Response) -> None:
    """Fails where the answer is not described: its status, its kind, its headers or its body."""
    await description(app)
    named, status = f"{method} {path}: {reply.status_code}", str(reply.status_code)
    answers = described_of(app, method, path.partition("?")[0])
    assert status in answers, f"{named} is not described"
    answer = resolved(answers[status])
    assert {name for name in HEADERS if name in reply.headers} == {*answer.get("headers", {})}, named
    await hold_body(answer, reply, named)


def described_of(app: App, method: str, path: str) -> Json:
    """The answers that are described, by their status."""
    try:
        rule, _ = app.site.url_map.bind("127.0.0.1").match(path, method, return_rule=True)
    except HTTPException as error:  # there is no such address, or it does not take this method
        problem = {"content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        return {str(error.code): problem, "401": problem, "403": problem}
    answers: Json = _described["paths"][template(rule.rule)][method.lower()]["responses"]
    return answers


async def hold_body(answer: Json, reply: Response, named: str) -> None:
    body = await reply.get_data(as_text=False)
    if "content" not in answer:
        assert not body, named
        return
    assert reply.mimetype in answer["content"], f"{named} as {reply.mimetype} is not described"
    content = answer["content"][reply.mimetype]
    if reply.mimetype == LINES:
        for line in body.splitlines():
            fits(content["x-lines"]["$ref"], json.loads(line), named)
    elif reply.mimetype == EVENTS:  # one that ends by itself
        for block in body.decode().split("\n\n"):
            hold_event(block, named)
    elif reply.mimetype.endswith("json"):
        fits(content["schema"]["$ref"], json.loads(body, parse_constant=refuse_constant), named)


def hold_event(block: str, named: str = "an event") -> None:
    """Fails where a message of the event stream is not described; one without data only brings a place."""
    told = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
    if "data" in told:
        content = _described["paths"]["/api/v1/events"]["get"]["responses"]["200"]["content"][EVENTS]
        ref = content["x-events"][told["event"]]["$ref"]
        fits(ref, json.loads(told["data"], parse_constant=refuse_constant), f"{named}, {told['event']}")


def refuse_constant(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")


def fits(ref: str, value: Any, named: str) -> None:
    wrong = [
        f"{'.'.join(map(str, error.instance_path))}: {error.message}" for error in validator(ref).iter_errors(value)
    ]
    assert not wrong, f"{named} does not fit {ref}: {wrong}"


@cache
def validator(ref: str) -> Validator:
    """Of one of the description's schemas. A field that is not described does not fit it."""
    return validator_for({"$ref": ref, "components": {"schemas": closed(_described["components"]["schemas"])}})


def closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: closed(one) for name, one in schema.items()}
    return {"additionalProperties": False, **told} if isinstance(schema.get("properties"), dict) else told


def resolved(answer: Json) -> Json:
    """An answer, also where it is described elsewhere."""
    ref = answer.get("$ref", "")
    return _described["components"]["responses"][ref.rpartition("/")[2]] if ref else answer


def template(rule: str) -> str:
    """A route as the description has it."""
    return rule.replace("<int:", "{").replace("<", "{").replace(">", "}")

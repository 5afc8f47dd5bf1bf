"""The description of the API, for programs as JSON and for people as a page."""

from __future__ import annotations

import json
from functools import cache

from quart import Blueprint, Response, current_app, request

from cronapp.core.models import Json
from cronapp.web import health
from cronapp.web.api import PARTS
from cronapp.web.described.description import describe
from cronapp.web.described.part import Call
from cronapp.web.described.reader import Reader, Section, Shape
from cronapp.web.described.replies import JSON
from cronapp.web.shell import show

pages = Blueprint("openapi", __name__)


@cache
def description() -> Json:
    """Made once, of the routes as they are."""
    known: dict[str, tuple[Call, str]] = {}
    for prefix, part in [("api.", module.api) for module in PARTS] + [("", health.api)]:
        for name, call in part.calls.items():
            known[f"{prefix}{part.blueprint.name}.{name}"] = call, part.title
    rules = [rule for rule in current_app.url_map.iter_rules() if rule.endpoint in known]
    calls = {endpoint: call for endpoint, (call, _) in known.items()}
    return describe(rules, calls, {endpoint: title for endpoint, (_, title) in known.items()})


@cache
def as_json() -> bytes:
    return json.dumps(description(), ensure_ascii=False).encode()


@cache
def as_read() -> tuple[list[Section], list[Shape]]:
    reader = Reader(description())
    sections = reader.sections()
    return sections, reader.answered(sections)


@pages.get("/openapi.json")
async def document() -> Response:
    """OpenAPI 3.1."""
    return Response(as_json(), content_type=JSON)


@pages.get("/docs")
async def page() -> str:
    """The same for people. It loads nothing from elsewhere."""
    sections, shapes = as_read()
    address = request.host_url.rstrip("/")
    return await show("docs", nav="settings", sections=sections, shapes=shapes, address=address)

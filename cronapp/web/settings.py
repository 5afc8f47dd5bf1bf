"""The settings: each part has an address of its own."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, Response, redirect, request
from quart.typing import ResponseReturnValue

from cronapp.web.audit_files import as_csv, as_json_lines
from cronapp.web.log import download
from cronapp.web.permissions import may
from cronapp.web.shell import show
from cronapp.web.site import parts
from cronapp.web.views.settings import audit_context, audit_filter, general_context, views_context

pages = Blueprint("settings", __name__)


@pages.get("/settings")
async def general() -> ResponseReturnValue:
    """How the server is set, for an admin; everybody else comes to what is their own."""
    if not may.admin_everywhere:
        return redirect("/settings/account")
    return await part("general", general_context(parts()))


@pages.get("/settings/audit")
async def audit() -> str:
    return await part("audit", await audit_context(parts(), request.args.to_dict()))


@pages.get("/settings/audit.csv")
async def audit_csv() -> Response:
    """All that fits the filters of the page."""
    content = as_csv(parts().audit, audit_filter(request.args.to_dict()))
    return download(content, "text/csv; charset=utf-8", "audit.csv")


@pages.get("/settings/audit.jsonl")
async def audit_lines() -> Response:
    """The same, one JSON object a line."""
    content = as_json_lines(parts().audit, audit_filter(request.args.to_dict()))
    return download(content, "application/x-ndjson", "audit.jsonl")


@pages.get("/settings/views")
async def views() -> str:
    return await part("views", await views_context(parts()))


@pages.get("/settings/browser")
async def browser() -> str:
    return await part("browser", {})


async def part(name: str, context: dict[str, Any]) -> str:
    return await show("settings", nav="settings", topic=f"settings:{name}", part=name, **context)

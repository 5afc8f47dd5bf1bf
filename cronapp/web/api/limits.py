"""/limits: how many of a group or a queue run side by side, and how fast a queue starts."""

from __future__ import annotations

from quart import Blueprint
from quart.typing import ResponseReturnValue

from cronapp.core.limits import Limit
from cronapp.core.models import Json
from cronapp.service.limits import LimitRow
from cronapp.web.api.asked import body
from cronapp.web.api.told import items
from cronapp.web.site import parts

api = Blueprint("limits", __name__)


@api.get("/limits")
async def index() -> Json:
    """Each group and queue that has a limit, that a job names, or that has runs now."""
    return items([row_json(row) for row in await parts().limits.all()])


@api.put("/limits/<kind>/<name>")
async def put(kind: str, name: str) -> Json:
    return limit_json(await parts().limits.set(kind, name, await body()))


@api.delete("/limits/<kind>/<name>")
async def clear(kind: str, name: str) -> ResponseReturnValue:
    await parts().limits.clear(kind, name)
    return "", 204


def limit_json(limit: Limit) -> Json:
    return {
        "kind": limit.kind,
        "name": limit.name,
        "max_running": limit.max_running,
        "rate": str(limit.rate) if limit.rate else None,
    }


def row_json(row: LimitRow) -> Json:
    return {**limit_json(row.limit), "max_running": row.at_once, "running": row.running, "waiting": row.waiting}

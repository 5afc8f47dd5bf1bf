"""/limits: how many of a group or a queue run side by side, and how fast a queue starts."""

from __future__ import annotations

from cronapp import wire
from cronapp.core.errors import NotFound
from cronapp.core.limits import Limit
from cronapp.service.limits import LimitRow
from cronapp.web.api.asked import body
from cronapp.web.api.told import items
from cronapp.web.described.part import Part
from cronapp.web.described.replies import Done
from cronapp.web.site import parts

api = Part("limits", __name__, "Limits")


@api.get("/limits")
async def index() -> wire.Items[wire.Limit]:
    """Each group and queue that has a limit, that a job names, or that has runs now."""
    return items(wire.Limit, [row_told(row) for row in await parts().limits.all()])


@api.put("/limits/<kind>/<name>", takes=wire.LimitAsked, refuses=(NotFound,))
async def put(kind: str, name: str) -> wire.LimitHead:
    """Give a group or a queue a limit, in place of the one it had. A rate is for queues."""
    limit = await parts().limits.set(kind, name, await body())
    return wire.LimitHead(kind=limit.kind, name=limit.name, max_running=limit.max_running, rate=rate_told(limit))


@api.delete("/limits/<kind>/<name>", refuses=(NotFound,))
async def clear(kind: str, name: str) -> Done:
    """Take a limit away: a group is back at one at a time, a queue has none."""
    await parts().limits.clear(kind, name)
    return Done()


def rate_told(limit: Limit) -> str | None:
    return str(limit.rate) if limit.rate else None


def row_told(row: LimitRow) -> wire.Limit:
    return wire.Limit(
        kind=row.limit.kind,
        name=row.limit.name,
        max_running=row.at_once,
        rate=rate_told(row.limit),
        running=row.running,
        waiting=row.waiting,
    )

"""Emptying a process that shares the database, from the system page of any server."""

from __future__ import annotations

from typing import Any

from quart import Blueprint
from quart.typing import ResponseReturnValue

from cronapp.core.models import NodeKind
from cronapp.core.routing import Line, nobody
from cronapp.web.render import fragment, partial, toast
from cronapp.web.shell import answered, ask, done
from cronapp.web.site import parts
from cronapp.web.views.system import nodes_context

pages = Blueprint("nodes", __name__)


@pages.get("/system/nodes/<name>/drain")
async def ask_drain(name: str) -> ResponseReturnValue:
    load, fleet = await parts().fleet.get(name), await parts().fleet.look()
    others = [one.node for one in fleet.loads if one.node.name != name and one.node.draining is None]
    queues = ("default",) if load.node.queues is None else load.node.queues
    context: dict[str, Any] = {
        "load": load,
        "alone": [queue for queue in queues if not others or nobody(others, Line(queue))]
        if load.node.concurrency
        else [],
        "labels": [label for label in load.node.labels if not any(label in one.labels for one in others)],
        "last": load.node.kind is NodeKind.SERVER and not any(one.kind is NodeKind.SERVER for one in others),
    }
    return await ask("_ask_drain", nav="system", title=f"Empty {name}", **context)


@pages.post("/system/nodes/<name>/drain")
async def drain(name: str) -> ResponseReturnValue:
    await parts().fleet.drain(name)
    return await shown(f"{name} is given no more runs.")


@pages.post("/system/nodes/<name>/resume")
async def resume(name: str) -> ResponseReturnValue:
    await parts().fleet.resume(name)
    return await shown(f"{name} is given runs again.")


async def shown(text: str) -> ResponseReturnValue:
    nodes = partial("#nodes", fragment("_nodes", **await nodes_context(parts())))
    return done("/system", answered(), nodes, toast(text))

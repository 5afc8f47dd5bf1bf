"""/workers: the processes that share the database, and emptying one of them."""

from __future__ import annotations

from cronapp import wire
from cronapp.core.errors import Conflict, NodeNotFound
from cronapp.core.models import NodeLoad
from cronapp.web.api.told import items
from cronapp.web.described.part import Part
from cronapp.web.site import parts

api = Part("workers", __name__, "Server")


@api.get("/workers")
async def index() -> wire.Items[wire.Worker]:
    """The processes on this database: this server, others, and workers."""
    return items(wire.Worker, [worker_told(load) for load in (await parts().fleet.look()).loads])


@api.post("/workers/<name>/drain", refuses=(NodeNotFound,))
async def drain(name: str) -> wire.Worker:
    """Empty one: it is given no more runs and takes no new slot; what it runs goes on. Gone when its process ends."""
    return worker_told(await parts().fleet.drain(name))


@api.post("/workers/<name>/resume", refuses=(NodeNotFound, Conflict))
async def resume(name: str) -> wire.Worker:
    """Let one that somebody emptied work again."""
    return worker_told(await parts().fleet.resume(name))


def worker_told(load: NodeLoad) -> wire.Worker:
    node = load.node
    return wire.Worker(
        id=node.name,
        kind=node.kind.value,
        host=node.host,
        version=node.version,
        queues=None if node.queues is None else list(node.queues),
        labels=list(node.labels),
        started_at=node.started_at,
        heartbeat=node.heartbeat,
        clock_off=round(node.clock_off, 3),
        concurrency=node.concurrency,
        running=load.busy,
        draining=node.draining is not None,
        drained_by=node.drained_by,
        lacks=list(node.lacks),
    )

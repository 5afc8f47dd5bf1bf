"""/workers: the processes that share the database, and emptying one of them."""

from __future__ import annotations

from cronapp import wire
from cronapp.core.errors import Conflict, NodeNotFound
from cronapp.core.models import NodeLoad
from cronapp.core.routing import Unserved
from cronapp.web.described.part import Part
from cronapp.web.site import parts

api = Part("workers", __name__, "Server")


@api.get("/workers")
async def index() -> wire.WorkerItems:
    """The processes on this database: this server, others, and workers; and what waits for one that is not there."""
    fleet = await parts().fleet.look()
    return wire.WorkerItems(
        items=[worker_told(load) for load in fleet.loads],
        next=None,
        unserved=[unserved_told(one) for one in fleet.unserved],
    )


@api.post("/workers/<name>/drain", refuses=(NodeNotFound,))
async def drain(name: str) -> wire.Worker:
    """Empty one: it is given no more runs and takes no new slot; what it runs goes on. Gone when its process ends."""
    return worker_told(await parts().fleet.drain(name))


@api.post("/workers/<name>/resume", refuses=(NodeNotFound, Conflict))
async def resume(name: str) -> wire.Worker:
    """Let one that somebody emptied work again."""
    return worker_told(await parts().fleet.resume(name))


def unserved_told(one: Unserved) -> wire.Unserved:
    return wire.Unserved(
        queue=one.line.queue, labels=list(one.line.asks), task=one.task or None, count=one.count, why=one.why
    )


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

"""/stats and /workers: how much there is, how it goes, and who does it."""

from __future__ import annotations

from cronapp import wire
from cronapp.core.models import NodeLoad
from cronapp.service.promises import Kept
from cronapp.service.pulse import Figures, Totals
from cronapp.web.api.told import items, kept_told
from cronapp.web.described.part import Part
from cronapp.web.site import parts

api = Part("stats", __name__, "Server")


@api.get("/stats")
async def stats() -> wire.Stats:
    """How many jobs there are and how runs go, as the overview tells it."""
    house = parts()
    places = await house.fleet.places(house.settings.concurrency)
    figures, counts = await house.pulse.figures(), await house.jobs.counts()
    return stats_told(figures, counts, await house.pulse.kept(), places)


@api.get("/workers")
async def workers() -> wire.Items[wire.Worker]:
    """Who executes runs: this server, and others on the same database."""
    found = await parts().fleet.look()
    return items(wire.Worker, [worker_told(load) for load in found.loads if load.node.concurrency])


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
        lacks=list(node.lacks),
    )


def stats_told(figures: Figures, counts: dict[str, int], kept: Kept, concurrency: int) -> wire.Stats:
    return wire.Stats(
        jobs=wire.JobCounts(
            all=counts["all"],
            active=counts["active"],
            paused=counts["paused"],
            finished=counts["finished"],
            needs_attention=counts["needs_attention"],
            running=counts["running"],
            failing=counts["failing"],
        ),
        running=figures.running,
        queued=figures.queued,
        concurrency=concurrency,
        day=day_told(figures.today),
        day_before=day_told(figures.before),
        start_delay=wire.StartDelay(p95=figures.p95, of=figures.delays),
        kept=kept_told(kept),
    )


def day_told(totals: Totals) -> wire.Day:
    return wire.Day(runs=totals.runs, succeeded=totals.succeeded, failed=totals.failed, share=totals.share)

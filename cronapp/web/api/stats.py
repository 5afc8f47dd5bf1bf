"""/stats: how much there is, and how it goes."""

from __future__ import annotations

from cronapp import wire
from cronapp.service.promises import Kept
from cronapp.service.pulse import Figures, Totals
from cronapp.web.api.told import kept_told
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

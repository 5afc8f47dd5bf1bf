"""The answer to who asks for the figures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as PLAIN
from prometheus_client.exposition import generate_latest as as_plain
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as as_openmetrics

from cronapp.core.errors import StoreUnavailable
from cronapp.metrics.gauges import Gauges, Here
from cronapp.metrics.meter import ServerMeter
from cronapp.service.standing import Standing

PATIENCE = 5.0  # seconds that the database has for its part: Prometheus itself waits ten

disable_created_metrics()  # type: ignore[no-untyped-call] # a series more for each, when this server first saw it


class MetricsPage:
    def __init__(self, most_jobs: int) -> None:
        """`most_jobs`: how many jobs are told one by one."""
        self._registry = CollectorRegistry()
        self._gauges = Gauges()
        self._one_at_a_time = asyncio.Lock()
        self.meter = ServerMeter(self._registry, most_jobs)
        self._registry.register(self._gauges)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    async def told(
        self, here: Here, standing: Callable[[], Awaitable[Standing | None]], *, openmetrics: bool = False
    ) -> tuple[bytes, str]:
        """All figures as text, and of what type it is. What the database knows is left out while it is away, and where
        `standing` only asks whether it is."""
        async with self._one_at_a_time:
            self._gauges.here = here
            self._gauges.database, found = await unless_away(standing)
            self._gauges.standing = found
            if found is not None:
                self.meter.tally.know((one.job, one.task) for one in found.each)
            if openmetrics:
                return await asyncio.to_thread(as_openmetrics, self._registry), OPENMETRICS
            return await asyncio.to_thread(as_plain, self._registry), PLAIN


async def unless_away(standing: Callable[[], Awaitable[Standing | None]]) -> tuple[bool, Standing | None]:
    """Whether the database answers, and what."""
    try:
        async with asyncio.timeout(PATIENCE):
            return True, await standing()
    except (StoreUnavailable, TimeoutError):
        return False, None

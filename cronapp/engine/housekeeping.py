"""Deletes history that is older or longer than the settings keep."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from cronapp.core.errors import StoreUnavailable
from cronapp.service.runs import Runs

Note = Callable[[int], None]
"""Told how many runs were deleted, each time it is looked."""

log = logging.getLogger(__name__)
EVERY = 600.0  # seconds


async def prune_on(
    runs: Runs,
    others: Sequence[Callable[[], Awaitable[int]]] = (),
    *,
    keep_days: float,
    keep_runs: int,
    note: Note = lambda gone: None,
) -> None:
    """Prunes runs and what the others delete, now and every ten minutes, until cancelled."""
    while True:
        try:
            gone = await runs.prune(keep_days=keep_days, keep_runs=keep_runs)
            if gone:
                log.info("%d old runs deleted", gone)
            for prune in others:
                await prune()
            note(gone)
        except StoreUnavailable as error:
            log.warning("old runs are not deleted: %s", error)
        await asyncio.sleep(EVERY)

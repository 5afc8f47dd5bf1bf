"""Deletes history that is older or longer than the settings keep."""

from __future__ import annotations

import asyncio
import logging

from cronapp.core.errors import StoreUnavailable
from cronapp.service.runs import Runs

log = logging.getLogger(__name__)
EVERY = 600.0  # seconds


async def prune_on(runs: Runs, *, keep_days: float, keep_runs: int) -> None:
    """Prunes now and every ten minutes, until cancelled."""
    while True:
        try:
            gone = await runs.prune(keep_days=keep_days, keep_runs=keep_runs)
            if gone:
                log.info("%d old runs deleted", gone)
        except StoreUnavailable as error:
            log.warning("old runs are not deleted: %s", error)
        await asyncio.sleep(EVERY)

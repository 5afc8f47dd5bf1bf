"""A sign of life each minute, as long as this server serves slots."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from cronapp.core.errors import StoreUnavailable
from cronapp.service.presence import EVERY, Presence

log = logging.getLogger(__name__)


async def stay_on(presence: Presence, serving: Callable[[], bool]) -> None:
    """Until cancelled. Not while it does not serve: what passes then is served by nobody."""
    while True:
        await asyncio.sleep(EVERY)
        if serving():
            await noted(presence.stay())


async def noted(sign: Awaitable[None]) -> None:
    """Writes something down if the database is there; nothing else depends on it."""
    try:
        await sign
    except StoreUnavailable as error:
        log.info("nothing is written down: %s", error)

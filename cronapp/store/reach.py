"""Whether the database can be worked with at this moment, for those who ask again and again."""

from __future__ import annotations

import asyncio

from cronapp.core.errors import StoreUnavailable
from cronapp.store.migrating import is_fit
from cronapp.store.store import Store

PATIENCE = 2.0  # seconds


class Reach:
    """Where nothing answers one question waits, however often it is asked: else they would take all connections."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asking: asyncio.Task[bool] | None = None

    async def __call__(self) -> bool:
        """Whether the database answers, and is of a version with which this program may work."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="cronapp-reach")
        await asyncio.wait({self._asking}, timeout=PATIENCE)
        return self._asking.done() and self._asking.result()

    async def _ask(self) -> bool:
        try:
            return await self._store.read(is_fit)
        except StoreUnavailable:
            return False

    def stop(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

"""Looks into runs that other processes execute: asked for and told by events, and brought by the database."""

from __future__ import annotations

from cronapp.core.events import LookAsked, LookTold
from cronapp.core.models import Inside, RunState
from cronapp.store import looks, runs
from cronapp.store.store import Store, Tx


class Looks:
    def __init__(self, store: Store) -> None:
        self.store = store

    async def ask(self, run_id: int, here: str) -> bool:
        """Asks whoever executes a run for a look; False: nobody else than this process does."""

        def change(tx: Tx) -> bool:
            run = runs.get(tx.conn, run_id)
            if run is None or run.state is not RunState.RUNNING or run.node in (None, here):
                return False
            tx.emit(LookAsked(run_id))
            return True

        return await self.store.write(change)

    async def tell(self, inside: Inside) -> None:
        def change(tx: Tx) -> None:
            looks.put(tx, inside)
            tx.emit(LookTold(inside.run))

        await self.store.write(change)

    async def told(self, run_id: int) -> Inside | None:
        return await self.store.read(looks.get, run_id)

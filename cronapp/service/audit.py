"""Who did what: told, written down, and forgotten when the settings no longer keep it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from cronapp.core.audit import AuditRow
from cronapp.core.clock import Clock
from cronapp.store import audit
from cronapp.store.audit import AuditFilter
from cronapp.store.store import Store, Tx

PIECE = 1000  # rows read at once for a file


class Audit:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def page(
        self, wanted: AuditFilter, *, before: int | None = None, limit: int = 50
    ) -> tuple[list[AuditRow], int | None]:
        """One page of deeds, the newest first, and the number to go on before, if there are more."""
        listed = await self.store.read(audit.page, wanted, before=before, limit=limit + 1)
        return listed[:limit], listed[limit - 1].id if len(listed) > limit else None

    async def pieces(self, wanted: AuditFilter) -> AsyncIterator[list[AuditRow]]:
        """All deeds that fit, the newest first, some at a time: so many fit into no memory."""
        before: int | None = None
        while True:
            rows, before = await self.page(wanted, before=before, limit=PIECE)
            yield rows
            if before is None:
                return

    async def note(self, action: str, target: str | None = None) -> None:
        """Writes down what changes nothing in the database."""

        def change(tx: Tx) -> None:
            audit.note(tx, self.clock(), action, target)

        await self.store.write(change)

    async def prune(self, *, days: float, batch: int = 500) -> int:
        """Deletes what is older than so many days, in small transactions. Answers how many."""
        edge, total = self.clock() - timedelta(days=days), 0
        while (gone := await self.store.write(audit.prune, edge, batch)) > 0:
            total += gone
        return total

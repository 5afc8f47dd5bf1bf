"""Who changed what, over all jobs."""

from __future__ import annotations

from cronapp.core.history import JobChange
from cronapp.store import audit
from cronapp.store.audit import AuditFilter
from cronapp.store.store import Store


class Audit:
    def __init__(self, store: Store) -> None:
        self.store = store

    async def page(
        self, wanted: AuditFilter, *, before: int | None = None, limit: int = 50
    ) -> tuple[list[JobChange], int | None]:
        """One page of changes, the newest first, and the number to go on before, if there are more."""
        listed = await self.store.read(audit.page, wanted, before=before, limit=limit + 1)
        return listed[:limit], listed[limit - 1].id if len(listed) > limit else None

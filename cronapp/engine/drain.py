"""Empties this server before a restart: it takes no new slot and starts no run, and what runs goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from cronapp.core.clock import Clock
from cronapp.core.events import DrainChanged, Event
from cronapp.engine.dispatch.carriage import Dispatch
from cronapp.engine.membership import Membership
from cronapp.engine.presence import noted
from cronapp.engine.scheduler import Scheduler
from cronapp.service.audit import Audit
from cronapp.service.presence import Presence

log = logging.getLogger(__name__)


class Drain:
    def __init__(
        self,
        scheduler: Scheduler,
        dispatch: Dispatch,
        membership: Membership,
        presence: Presence,
        audit: Audit,
        tell: Callable[[list[Event]], None],
        clock: Clock,
    ) -> None:
        """`tell` publishes events."""
        self._scheduler = scheduler
        self._dispatch = dispatch
        self._membership = membership
        self._presence = presence
        self._audit = audit
        self._tell = tell
        self._clock = clock
        self.since: datetime | None = None  # None: it does all its work

    async def begin(self, by: str) -> None:
        """From now on slots are left to the misfire rule of the next start, and waiting runs wait."""
        if self.since is None:
            self._turn(self._clock())
            self._membership.hold(self.since, by)
            await noted(self._presence.stay())
            await noted(self._audit.note("drain.begun"))
            log.info("draining, as %s asked for: no new slot is taken, no run is started", by)

    async def end(self, by: str) -> None:
        """Goes to work again. Slots that passed meanwhile are late, and go by the misfire rule."""
        if self.since is not None:
            await noted(self._presence.arrive())
            self._turn(None)
            self._membership.hold(None, None)
            await noted(self._audit.note("drain.ended"))
            log.info("no longer draining, as %s asked for", by)

    def follow(self, since: datetime | None) -> None:
        """Somebody emptied this process on another one, or lets it go to work again."""
        self._turn(since)
        log.info("draining, as was asked for on another server" if since else "no longer draining")
        if self._scheduler.running:
            sign = self._presence.stay() if since else self._presence.arrive()
            self._noting = asyncio.create_task(noted(sign), name="cronapp-presence-noted")

    def _turn(self, since: datetime | None) -> None:
        self.since = since
        self._scheduler.hold(since is not None)
        self._dispatch.hold(since is not None)
        self._tell([DrainChanged()])

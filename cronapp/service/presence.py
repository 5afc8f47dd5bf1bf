"""Notes that somebody serves slots, so that a missed one can say from when to when nobody did."""

from __future__ import annotations

from datetime import datetime, timedelta

from cronapp.core.clock import Clock
from cronapp.core.presence import Outage
from cronapp.store import presence
from cronapp.store.store import Conn, Store, Tx

EVERY = 60.0  # seconds between two signs of life
SILENCE = timedelta(seconds=3 * EVERY)  # after so much of it nobody was there


class Presence:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def arrive(self) -> None:
        """Slots are served again: since the last sign of life nobody did."""
        await self._note(timedelta())

    async def stay(self) -> None:
        """A sign of life. After a long silence, as of a machine that slept, nobody was there in between."""
        await self._note(SILENCE)

    async def _note(self, silence: timedelta) -> None:
        now = self.clock()

        def change(tx: Tx) -> None:
            presence.note(tx, now, now - silence)

        await self.store.write(change)


def last_outage(conn: Conn, now: datetime) -> Outage | None:
    """The last time that nobody served slots, if that is known."""
    return presence.last_outage(conn, now, now - SILENCE)

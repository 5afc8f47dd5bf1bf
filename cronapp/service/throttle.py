"""Attempts to sign in: counted by name and by address, for all servers on the database together."""

from __future__ import annotations

from cronapp.core.attempts import Counter
from cronapp.core.clock import Clock
from cronapp.core.errors import TooManyAttempts
from cronapp.store import attempts
from cronapp.store.store import Store


class Throttle:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def admit(self, *counters: Counter) -> None:
        """Counts an attempt, before it is made. Raises `TooManyAttempts` while it has to wait."""
        wait = await self.store.write(attempts.admit, counters, self.clock())
        if wait > 0:
            raise TooManyAttempts(wait)

    async def forget(self, *counters: Counter) -> None:
        """Somebody signed in: nothing is held against them any more."""
        await self.store.write(attempts.forget, counters)

    async def take_back(self, *counters: Counter) -> None:
        """The attempt did not fail, or was not made."""
        await self.store.write(attempts.take_back, counters)

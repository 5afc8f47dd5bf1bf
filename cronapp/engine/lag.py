"""How late the event loop comes to its work."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

EVERY = 0.25  # seconds between two looks
STEP = 20  # looks that are told together, so five seconds
KEPT = 120  # of these, so the last ten minutes


class LoopLag:
    def __init__(self, note: Callable[[float], None] = lambda _: None) -> None:
        """`note` is told each delay, in seconds."""
        self._note = note
        self._late: deque[float] = deque(maxlen=2 * STEP)
        self._worst: deque[float] = deque(maxlen=KEPT)
        self._looking: asyncio.Task[None] | None = None

    @property
    def worst(self) -> float:
        """The longest delay of the last ten seconds, in seconds."""
        return max(self._late, default=0.0)

    @property
    def history(self) -> tuple[float, ...]:
        """The longest delay of each five seconds within the last ten minutes, the oldest first."""
        return tuple(self._worst)

    def start(self) -> None:
        self._looking = asyncio.create_task(self._look(), name="cronapp-lag")

    async def stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        clock = asyncio.get_running_loop().time
        looks: list[float] = []
        while True:
            due = clock() + EVERY
            await asyncio.sleep(EVERY)
            looks.append(max(clock() - due, 0.0))
            self._late.append(looks[-1])
            self._note(looks[-1])
            if len(looks) == STEP:
                self._worst.append(max(looks))
                looks.clear()

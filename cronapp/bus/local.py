"""Events within one process, delivered on the event loop in the order of their commits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cronapp.core.events import Event

log = logging.getLogger(__name__)
Heed = Callable[[Event], None]


@dataclass(frozen=True, slots=True, eq=False)
class Subscriber:
    heed: Heed
    from_others: Heed  # what other processes tell


class LocalBus:
    """Subscribers are plain functions that only note what they have to look at; the work is theirs, later."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def subscribe(self, heed: Heed, from_others: Heed | None = None) -> Callable[[], None]:
        """Every later event goes to `heed`; those of other processes to `from_others`, if that is given. Call the
        answer to end it."""
        subscriber = Subscriber(heed, from_others or heed)
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def publish(self, events: list[Event]) -> None:
        """Tells what happened in this process."""
        self._tell(events, [one.heed for one in self._subscribers])

    def in_transaction(self, events: Sequence[Event]) -> list[str]:
        """What the transaction itself has to tell other processes. There are none here."""
        return []

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def _tell(self, events: Iterable[Event], heeding: Sequence[Heed]) -> None:
        for event in events:
            for heed in heeding:
                try:
                    heed(event)
                except Exception:
                    log.exception("a subscriber failed over %s", event)

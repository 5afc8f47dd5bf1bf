"""Events within one process, delivered on the event loop in the order of their commits."""

from __future__ import annotations

import logging
from collections.abc import Callable

from cronapp.core.events import Event

log = logging.getLogger(__name__)
Subscriber = Callable[[Event], None]


class LocalBus:
    """Subscribers are plain functions that only note what they have to look at; the work is theirs, later."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Every later event goes to `subscriber`; call the answer to end that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def publish(self, events: list[Event]) -> None:
        for event in events:
            for subscriber in list(self._subscribers):
                try:
                    subscriber(event)
                except Exception:
                    log.exception("a subscriber failed over %s", event)

"""How many calls of the API and how many streams are taken of whom; each process counts for itself."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any, cast

from quart import current_app, g

from cronapp.config import Settings
from cronapp.core.access import Principal
from cronapp.core.addresses import place_of
from cronapp.core.buckets import Buckets
from cronapp.core.errors import TooManyCalls, TooManyStreams


class Calls:
    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.most_streams = settings.streams
        self._calls = Buckets(settings.api_rate, settings.api_burst)
        self._refused = Buckets(settings.api_refusals / 60, settings.api_refusals)
        self._streams: defaultdict[Hashable, set[asyncio.Task[Any]]] = defaultdict(set)

    def admit(self, who: Principal, token: int | None) -> None:
        """Counts a call of who is known; raises `TooManyCalls`."""
        if wait := self._calls.take((who.name, token, place_of(who.address)), self.clock()):
            raise TooManyCalls(wait)

    def admit_guess(self, address: str) -> None:
        """Raises `TooManyCalls` where so many were refused that nothing is tried out any more."""
        if wait := self._refused.wait(place_of(address), self.clock()):
            raise TooManyCalls(wait)

    def count_refused(self, address: str) -> None:
        """Counts a call of a stranger; raises `TooManyCalls`."""
        if wait := self._refused.take(place_of(address), self.clock()):
            raise TooManyCalls(wait)

    def admit_stream(self, who: Principal, token: int | None) -> None:
        """Counts a stream for as long as the task that answers goes on; raises `TooManyStreams`."""
        key, task = (who.name, token), asyncio.current_task()
        if len(self._streams.get(key, ())) >= self.most_streams:
            raise TooManyStreams
        if task is not None:
            self._streams[key].add(task)
            task.add_done_callback(lambda ended: self._leave(key, ended))

    def _leave(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        self._streams[key].discard(task)
        if not self._streams[key]:
            del self._streams[key]


def calls() -> Calls:
    """What is counted on this site."""
    return cast(Calls, cast(Any, current_app).calls)


def token_id() -> int | None:
    """The number of the token that asks; None: somebody else does."""
    return g.token.id if g.token else None

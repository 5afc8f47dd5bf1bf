"""What the event stream tells of jobs, runs and lines, made once for all who are told the same."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from cronapp.core.events import Event, JobChanged, Resync, RunChanged

KEPT = 1000  # things of which it is kept
PIECES = 32  # pieces of logs that are kept
Key = tuple[str, Hashable]
Id = TypeVar("Id", int, str)
T = TypeVar("T")


class Shelf:
    """Holds readings, each of many things at once, until one of these changes. They are told apart by who reads: what
    somebody sees is shared only with those who see the same."""

    def __init__(self) -> None:
        self._read: OrderedDict[Key, dict[Hashable, asyncio.Task[Mapping[Any, Any]]]] = OrderedDict()
        self._pieces: OrderedDict[Hashable, asyncio.Task[Any]] = OrderedDict()

    def heed(self, event: Event) -> None:
        match event:
            case JobChanged(job=job):
                self._read.pop(("job", job), None)
            case RunChanged(run=run, job=job):
                self._read.pop(("job", job), None)
                self._read.pop(("run", run), None)
            case Resync():
                self._read.clear()

    async def take(
        self,
        kind: str,
        ids: Sequence[Id],
        who: Hashable,
        read: Callable[[Sequence[Id]], Awaitable[Mapping[Id, T]]],
    ) -> dict[Id, T | None]:
        """What there is of each; None: it is not there. What nobody read since it changed is read, all of it at
        once."""
        missing = [one for one in ids if who not in self._read.get((kind, one), ())]
        if missing:
            reading = asyncio.ensure_future(_awaited(read(missing)))
            for one in missing:
                self._read.setdefault((kind, one), {})[who] = reading
            reading.add_done_callback(lambda done: self._forget(kind, missing, who, done))
        found: dict[Id, T | None] = {}
        readings = [(one, self._read[kind, one][who]) for one in ids]
        while len(self._read) > KEPT:
            self._read.popitem(last=False)
        for one, reading in readings:
            found[one] = (await asyncio.shield(reading)).get(one)
        return found

    def _forget(self, kind: str, ids: Sequence[Any], who: Hashable, done: asyncio.Task[Mapping[Any, Any]]) -> None:
        """A reading that failed is no good for the next one who asks."""
        if done.cancelled() or done.exception() is not None:
            for one in ids:
                held = self._read.get((kind, one), {})
                if held.get(who) is done:
                    del held[who]

    async def piece(self, run: int, after: int, read: Callable[[], Awaitable[Sequence[T]]], full: int) -> Sequence[T]:
        """Lines of a log. They never change, so a piece that ends where the log did is kept for the others who wait for
        it; one of `full` length is not, as of a log that somebody reads from its beginning."""
        key = (run, after)
        if key not in self._pieces:
            self._pieces[key] = asyncio.ensure_future(_awaited(read()))
            while len(self._pieces) > PIECES:
                self._pieces.popitem(last=False)
        reading = self._pieces[key]
        try:
            lines: Sequence[T] = await asyncio.shield(reading)
        except BaseException:
            self._drop(key, reading)
            raise
        if not 0 < len(lines) < full:
            self._drop(key, reading)
        return lines

    def _drop(self, key: Hashable, reading: asyncio.Task[Any]) -> None:
        if self._pieces.get(key) is reading:
            del self._pieces[key]


async def _awaited(read: Awaitable[T]) -> T:
    return await read

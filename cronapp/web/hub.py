"""Brings events to the pages that are open. The hub only marks what changed; each connection takes the newest of it
at its own pace. So a slow browser costs nothing, and nothing queues without bound."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from markupsafe import Markup

from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import (
    DrainChanged,
    Event,
    JobChanged,
    LimitsChanged,
    LogAppended,
    NodesChanged,
    PeopleChanged,
    Resync,
    RunChanged,
    SchedulerChanged,
    SessionsChanged,
    TasksLoaded,
    TokensChanged,
    ViewsChanged,
)
from cronapp.web.permissions import looking
from cronapp.web.shelf import Shelf

KEPT = 500  # fragments kept for other connections
EVERYWHERE = (SchedulerChanged, TasksLoaded, LimitsChanged, Resync)
"""What tells of a job tells of these."""
Key = tuple[str, Hashable]
"""What a fragment shows: ("job", "nightly-report"), ("run", 42), ("jobs", ""), ("runs", "")."""


def touched(event: Event) -> tuple[Key, ...]:
    """Whose fragments an event makes old."""
    match event:
        case JobChanged(job=job):
            return ("job", job), ("jobs", ""), ("runs", "")
        case DrainChanged():
            return (("scheduler", ""),)
        case RunChanged(run=run, job=job):
            return ("run", run), ("job", job), ("jobs", ""), ("runs", "")
        case LogAppended(run=run):
            return (("log", run),)
        case TasksLoaded():
            return (("tasks", ""),)
        case NodesChanged():
            return ("nodes", ""), ("runs", "")
        case ViewsChanged(page=page):
            return (("views", page),)
        case _:
            return ()


def unsettles(event: Event) -> bool:
    """Whether after an event somebody may be signed out, or may see and do something else than before."""
    match event:
        case SessionsChanged(seen=seen):
            return not seen
        case PeopleChanged() | TokensChanged() | Resync():
            return True
        case _:
            return False


class View(Protocol):
    """What one open page shows."""

    def heed(self, event: Event) -> Iterable[str]:
        """Which of its parts an event makes old."""

    def parts(self) -> Iterable[str]:
        """All its parts, for the first message after connecting."""

    async def show(self, part: str) -> Markup:
        """A part as it is now, addressed to its place on the page."""

    @property
    def place(self) -> str:
        """Where a reader who reconnects goes on."""

    def pause(self, part: str) -> float:
        """The least number of seconds between two messages about a part."""

    @property
    def ageing(self) -> Iterable[str]:
        """The parts that grow old by themselves, without an event."""


class Listener(Protocol):
    """Who is told of events as they come."""

    def heed(self, event: Event) -> None: ...


class Connection:
    """One open page's stream: what of it is old, and when each part was sent last."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.old: dict[str, None] = dict.fromkeys(view.parts())
        self.sent: dict[str, float] = {}
        self.wake = asyncio.Event()

    def heed(self, event: Event) -> None:
        for part in self.view.parts() if isinstance(event, Resync) else self.view.heed(event):
            self.old[part] = None
            self.wake.set()

    async def next(self) -> Markup:
        """Waits until something is due, and answers it; rendered only now, so it is the newest."""
        clock = asyncio.get_running_loop().time
        while True:
            waits = {part: self.sent.get(part, 0.0) + self.view.pause(part) - clock() for part in self.old}
            due = [part for part, wait in waits.items() if wait <= 0]
            if due:
                break
            self.wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(waits.values(), default=None)):
                    await self.wake.wait()
        html = []
        for part in due:
            del self.old[part]
            self.sent[part] = clock()
            try:
                html.append(await self.view.show(part))
            except StoreUnavailable:  # what is there already must not be lost, and this part is due again in a moment
                self.old[part] = None
        self.old.update(dict.fromkeys(part for part in self.view.ageing if part in due))
        return Markup("").join(html)


class Hub:
    def __init__(self) -> None:
        self._connections: set[Listener] = set()
        self._rendered: OrderedDict[Key, dict[Hashable, asyncio.Task[Markup]]] = OrderedDict()
        self._doubts: set[asyncio.Event] = set()
        self.shelf = Shelf()
        self.closing = asyncio.Event()

    def heed(self, event: Event) -> None:
        if unsettles(event):
            for doubt in self._doubts:
                doubt.set()
        for key in touched(event):
            self._rendered.pop(key, None)
        if isinstance(event, EVERYWHERE):
            self._rendered.clear()
        self.shelf.heed(event)
        for connection in self._connections:
            connection.heed(event)

    def join(self, view: View) -> Connection:
        connection = Connection(view)
        self.listen(connection)
        return connection

    def listen(self, listener: Listener) -> None:
        """Has somebody told of each event, until they leave."""
        self._connections.add(listener)

    def leave(self, listener: Listener) -> None:
        self._connections.discard(listener)

    @contextmanager
    def doubts(self) -> Iterator[asyncio.Event]:
        """Set whenever a stream should ask anew whether who reads it may go on; who asks clears it."""
        doubt = asyncio.Event()
        self._doubts.add(doubt)
        try:
            yield doubt
        finally:
            self._doubts.discard(doubt)

    def close(self) -> None:
        """Ends all streams: they would hold up the shutdown."""
        self.closing.set()

    def __len__(self) -> int:
        """How many streams are open."""
        return len(self._connections)

    async def once(self, key: Key, what: Hashable, render: Callable[[], Awaitable[Markup]]) -> Markup:
        """Renders `what` of `key` once for all connections of who sees the same, until an event makes it old."""
        what = (looking.get(), what)
        shared = self._rendered.setdefault(key, {})
        self._rendered.move_to_end(key)
        if what not in shared:
            shared[what] = asyncio.ensure_future(_awaited(render))
            shared[what].add_done_callback(_seen)
            while len(self._rendered) > KEPT:
                self._rendered.popitem(last=False)
        rendering = shared[what]
        try:
            return await asyncio.shield(rendering)
        except Exception:
            if shared.get(what) is rendering:  # the next one who asks tries again
                del shared[what]
            raise


def _seen(rendering: asyncio.Task[Markup]) -> None:
    """Who waits for it is told of its error. If all have left meanwhile, as when the server stops, nobody need be."""
    if not rendering.cancelled():
        rendering.exception()


async def _awaited(render: Callable[[], Awaitable[Markup]]) -> Markup:
    return await render()

"""The hub marks what is old, each connection takes the newest at its own pace, and a rendering is made once."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from markupsafe import Markup

from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import CancelRequested, Event, JobChanged, LogAppended, RunChanged
from cronapp.web import hub as hub_module
from cronapp.web.hub import Connection, Hub


@dataclass
class Board:
    """A view with a part for each job; `truth` is what a part shows."""

    first: tuple[str, ...] = ()
    pauses: dict[str, float] = field(default_factory=dict)
    ageing: tuple[str, ...] = ()
    truth: dict[str, str] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    shown: list[tuple[str, float]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    place: str = ""

    def heed(self, event: Event) -> Iterable[str]:
        return (event.job,) if isinstance(event, JobChanged) else ()

    def parts(self) -> Iterable[str]:
        return self.first

    def pause(self, part: str) -> float:
        return self.pauses.get(part, 0.0)

    async def show(self, part: str) -> Markup:
        self.shown.append((part, asyncio.get_running_loop().time()))
        told = self.truth.get(part, part)
        if self.gate:
            await self.gate.wait()
        if part in self.away:
            raise StoreUnavailable
        return Markup(f"[{told}]")


async def taken(connection: Connection, limit: float = 10.0) -> str:
    async with asyncio.timeout(limit):
        return str(await connection.next())


async def is_idle(connection: Connection) -> bool:
    """Whether nothing is due, now that all that could go on has gone on."""
    waiting = asyncio.ensure_future(connection.next())
    for _ in range(20):
        await asyncio.sleep(0)
    waiting.cancel()
    return not waiting.done()


async def test_the_first_message_has_all_parts_and_then_only_what_changed() -> None:
    hub = Hub()
    connection = hub.join(Board(first=("a", "b")))
    assert await taken(connection) == "[a][b]"
    assert await is_idle(connection)
    hub.heed(JobChanged("b"))
    assert await taken(connection) == "[b]"
    for event in (RunChanged(1, "a"), LogAppended(1, 5), CancelRequested(1, "why")):
        hub.heed(event)
    assert await is_idle(connection)


async def test_a_reader_is_woken_by_a_change() -> None:
    hub = Hub()
    connection = hub.join(Board())
    waiting = asyncio.ensure_future(connection.next())
    await asyncio.sleep(0)
    hub.heed(JobChanged("a"))
    assert await asyncio.wait_for(waiting, 10) == "[a]"


async def test_many_changes_between_two_messages_are_one_and_the_newest() -> None:
    hub, board = Hub(), Board()
    connection = hub.join(board)
    for n in range(10_000):
        board.truth["a"] = f"a{n}"
        hub.heed(JobChanged("a"))
    assert len(connection.old) == 1
    assert await taken(connection) == "[a9999]"
    assert len(board.shown) == 1
    assert await is_idle(connection)


async def test_a_part_is_sent_at_most_four_times_a_second() -> None:
    hub, board = Hub(), Board(pauses={"a": 0.25})
    connection = hub.join(board)
    for n in range(5):
        board.truth["a"] = f"a{n}"
        hub.heed(JobChanged("a"))
        assert await taken(connection) == f"[a{n}]"
    moments = [at for _, at in board.shown]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert min(gaps) >= 0.249


async def test_a_part_that_must_wait_does_not_hold_up_another() -> None:
    hub = Hub()
    connection = hub.join(Board(first=("slow",), pauses={"slow": 3600}))
    connection.sent["slow"] = asyncio.get_running_loop().time()
    waiting = asyncio.ensure_future(connection.next())
    for _ in range(5):
        await asyncio.sleep(0)
    hub.heed(JobChanged("fast"))
    assert await asyncio.wait_for(waiting, 10) == "[fast]"
    assert list(connection.old) == ["slow"]


async def test_a_change_while_a_part_is_rendered_makes_it_old_again() -> None:
    hub, board = Hub(), Board(gate=asyncio.Event(), truth={"a": "before"})
    assert board.gate
    connection = hub.join(board)
    hub.heed(JobChanged("a"))
    waiting = asyncio.ensure_future(connection.next())
    for _ in range(5):
        await asyncio.sleep(0)
    board.truth["a"] = "after"
    hub.heed(JobChanged("a"))
    board.gate.set()
    assert await asyncio.wait_for(waiting, 10) == "[before]"
    assert await taken(connection) == "[after]"
    assert await is_idle(connection)


async def test_what_ages_is_due_again_without_an_event() -> None:
    connection = Hub().join(Board(first=("a",), ageing=("a",), pauses={"a": 0.01}))
    for _ in range(3):
        assert await taken(connection) == "[a]"


async def test_what_cannot_be_read_is_tried_again_and_the_rest_is_not_lost() -> None:
    hub, board = Hub(), Board(first=("a", "b", "c"), pauses={"b": 0.05}, away={"b"})
    connection = hub.join(board)
    assert await taken(connection) == "[a][c]"
    assert await taken(connection) == ""
    board.away.clear()
    assert await taken(connection) == "[b]"
    assert await is_idle(connection)


async def test_the_hub_tells_all_and_forgets_who_left() -> None:
    hub = Hub()
    connections = [hub.join(Board()) for _ in range(3)]
    assert len(hub) == 3
    hub.heed(JobChanged("a"))
    assert [list(connection.old) for connection in connections] == [["a"]] * 3
    hub.leave(connections[0])
    hub.leave(connections[0])
    assert len(hub) == 2
    hub.heed(JobChanged("b"))
    assert [list(connection.old) for connection in connections] == [["a"], ["a", "b"], ["a", "b"]]


# -- rendered once --------------------------------------------------------------------------------------------------


class Renderer:
    def __init__(self) -> None:
        self.count = 0
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None

    async def __call__(self) -> Markup:
        self.count += 1
        number = self.count
        if self.gate:
            await self.gate.wait()
        if self.error:
            raise self.error
        return Markup(f"<{number}>")


async def test_a_rendering_is_shared_until_an_event_makes_it_old() -> None:
    hub, render = Hub(), Renderer()
    key = ("run", 7)
    assert set(await asyncio.gather(*(hub.once(key, "head", render) for _ in range(100)))) == {"<1>"}
    hub.heed(RunChanged(8, "other"))
    hub.heed(LogAppended(7, 1))
    assert await hub.once(key, "head", render) == "<1>"
    hub.heed(RunChanged(7, "nightly"))
    assert set(await asyncio.gather(*(hub.once(key, "head", render) for _ in range(100)))) == {"<2>"}
    assert await hub.once(key, "other part", render) == "<3>"


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        (JobChanged("a"), {("job", "a"), ("jobs", ""), ("runs", "")}),
        (RunChanged(7, "a"), {("run", 7), ("job", "a"), ("jobs", ""), ("runs", "")}),
        (LogAppended(7, 1), {("log", 7)}),
        (CancelRequested(7, "why"), set()),
    ],
)
async def test_an_event_makes_old_what_shows_it(event: Event, keys: set[tuple[str, object]]) -> None:
    hub = Hub()
    all_keys = [("job", "a"), ("job", "b"), ("jobs", ""), ("run", 7), ("run", 8), ("runs", ""), ("log", 7), ("log", 8)]
    renderers = {key: Renderer() for key in all_keys}
    for key, render in renderers.items():
        await hub.once(key, "x", render)
    hub.heed(event)
    for key, render in renderers.items():
        await hub.once(key, "x", render)
    assert {key for key, render in renderers.items() if render.count == 2} == keys


async def test_an_old_rendering_that_goes_on_is_not_given_to_who_asks_after_the_change() -> None:
    hub, render = Hub(), Renderer()
    render.gate = asyncio.Event()
    before = asyncio.ensure_future(hub.once(("run", 7), "head", render))
    await asyncio.sleep(0)
    hub.heed(RunChanged(7, "nightly"))
    after = asyncio.ensure_future(hub.once(("run", 7), "head", render))
    await asyncio.sleep(0)
    render.gate.set()
    assert (await before, await after) == ("<1>", "<2>")


async def test_one_who_leaves_does_not_stop_the_rendering_of_the_others() -> None:
    hub, render = Hub(), Renderer()
    render.gate = asyncio.Event()
    leaver, stayer = (asyncio.ensure_future(hub.once(("run", 7), "head", render)) for _ in range(2))
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.sleep(0)
    render.gate.set()
    assert await stayer == "<1>"


async def test_a_rendering_that_fails_after_all_have_left_is_nobodys_fault(caplog: pytest.LogCaptureFixture) -> None:
    hub, render = Hub(), Renderer()
    render.gate, render.error = asyncio.Event(), RuntimeError("the store is closed")
    leaver = asyncio.ensure_future(hub.once(("run", 7), "head", render))
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.wait([leaver])
    hub.heed(RunChanged(7, "nightly"))
    render.gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_rendering_that_fails_is_tried_again_by_the_next_who_asks() -> None:
    hub, render = Hub(), Renderer()
    render.error = StoreUnavailable()
    told = await asyncio.gather(*(hub.once(("run", 7), "x", render) for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in told] == [StoreUnavailable] * 3
    render.error = None
    assert await hub.once(("run", 7), "x", render) == "<2>"


async def test_only_so_many_renderings_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "KEPT", 10)
    hub = Hub()
    for n in range(100):
        await hub.once(("run", n), "x", Renderer())
    assert len(hub._rendered) == 10
    newest, oldest = Renderer(), Renderer()
    await hub.once(("run", 99), "x", newest)
    await hub.once(("run", 0), "x", oldest)
    assert (newest.count, oldest.count) == (0, 1)

"""Waiting runs are claimed while there is room, each once, and handed to the runner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from support import TurnedClock, until

from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import CancelRequested, LogAppended, RunChanged
from cronapp.core.models import Outcome, RunState
from cronapp.engine.dispatch import local
from cronapp.engine.dispatch.local import LocalDispatch
from cronapp.service.runs import Claimed


class Hands:
    """In the place of the runner: takes what it gets, and ends it when told to."""

    node = "here:1"

    def __init__(self, house: Any) -> None:
        self.house = house
        self.got: list[Claimed] = []
        self._ends: dict[int, asyncio.Future[None]] = {}

    @property
    def busy(self) -> int:
        return sum(not end.done() for end in self._ends.values())

    def start(self, claimed: Claimed) -> asyncio.Future[None]:
        self.got.append(claimed)
        end = self._ends[claimed.run.id] = asyncio.get_running_loop().create_future()
        return end

    async def end(self, run_id: int, state: RunState = RunState.SUCCEEDED) -> None:
        """As the runner does it: the end is stored first."""
        claimed = next(claimed for claimed in self.got if claimed.run.id == run_id)
        assert await self.house.runs.finish(claimed.run, Outcome(state=state), 1.0)
        self._ends[run_id].set_result(None)

    @property
    def ids(self) -> list[int]:
        return [claimed.run.id for claimed in self.got]


Make = Callable[..., LocalDispatch]


@pytest.fixture
def hands(house: Any) -> Hands:
    return Hands(house)


@pytest.fixture
async def make(house: Any, hands: Hands) -> AsyncIterator[Make]:
    """`make(concurrency)` is a dispatch that goes."""
    made: list[LocalDispatch] = []

    def start(concurrency: int = 10) -> LocalDispatch:
        dispatch = LocalDispatch(house.runs, hands, house.clock, concurrency)  # type: ignore[arg-type]
        made.append(dispatch)
        house.bus.subscribe(dispatch.heed)
        dispatch.start()
        return dispatch

    yield start
    for dispatch in made:
        await dispatch.stop()


async def queued(house: Any, count: int, job_id: str = "a", **fields: Any) -> list[int]:
    await house.make(job_id, max_running=fields.pop("max_running", 1000), **fields)
    return [(await house.runs.run_now(job_id)).id for _ in range(count)]


async def is_idle(dispatch: LocalDispatch, house: Any) -> bool:
    """Whether it looked again, and claimed nothing."""
    looks = []
    claim = house.runs.claim

    async def counted(*args: Any) -> list[Claimed]:
        claimed: list[Claimed] = await claim(*args)
        looks.append(len(claimed))
        return claimed

    house.runs.claim = counted
    dispatch.heed(RunChanged(0, ""))
    await until(lambda: not dispatch._wake.is_set())
    await house.runs.counts()
    house.runs.claim = claim
    return not any(looks)


async def test_what_waits_already_is_taken_at_the_start(house: Any, hands: Hands, make: Make) -> None:
    ids = await queued(house, 3)
    assert make().running
    await until(lambda: hands.ids == ids)
    assert {(await house.runs.get(run_id)).state for run_id in ids} == {"running"}
    assert {claimed.run.node for claimed in hands.got} == {"here:1"}
    assert {claimed.spec.id for claimed in hands.got} == {"a"}


async def test_a_run_that_is_opened_is_taken_at_once(house: Any, hands: Hands, make: Make) -> None:
    make()
    ids = await queued(house, 1)
    await until(lambda: hands.ids == ids)


async def test_no_more_run_at_once_than_there_is_room_for(house: Any, hands: Hands, make: Make) -> None:
    ids = await queued(house, 10)
    dispatch = make(3)
    await until(lambda: len(hands.got) == 3)
    for n in range(10):
        assert await is_idle(dispatch, house)
        assert hands.ids == ids[: min(n + 3, 10)], "the oldest first"
        await hands.end(ids[n])
        await until(lambda n=n: len(hands.got) == min(n + 4, 10))
    assert hands.busy == 0
    assert len(set(hands.ids)) == 10


async def test_more_than_one_batch_is_taken_if_there_is_room(
    house: Any, hands: Hands, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "BATCH", 4)
    ids = await queued(house, 11)
    make(100)
    await until(lambda: hands.ids == ids)


async def test_a_job_has_no_more_running_than_it_may_and_does_not_hold_up_others(
    house: Any, hands: Hands, make: Make
) -> None:
    a = await queued(house, 4, "a", max_running=2, overlap="queue_all")
    b = await queued(house, 2, "b", max_running=1, overlap="queue_all")
    dispatch = make()
    await until(lambda: sorted(hands.ids) == sorted([*a[:2], b[0]]))
    assert await is_idle(dispatch, house)
    await hands.end(a[1])
    await until(lambda: hands.ids[-1] == a[2])
    await hands.end(b[0], RunState.FAILED)
    await until(lambda: hands.ids[-1] == b[1])
    assert await is_idle(dispatch, house)


async def test_the_more_urgent_goes_first(house: Any, hands: Hands, make: Make) -> None:
    low = await queued(house, 2, "low", priority=-1)
    high = await queued(house, 2, "high", priority=5)
    make(1)
    for expected in (*high, *low):
        await until(lambda expected=expected: hands.ids[-1:] == [expected])
        await hands.end(expected)


async def test_a_retry_waits_for_its_time(turned_house: Any, turned: TurnedClock) -> None:
    hands = Hands(turned_house)
    dispatch = LocalDispatch(turned_house.runs, hands, turned, 10)  # type: ignore[arg-type]
    turned_house.bus.subscribe(dispatch.heed)
    retry = {"max_attempts": 2, "delay": 60, "backoff": "fixed"}
    (first,) = await queued(turned_house, 1, retry=retry)
    dispatch.start()
    await until(lambda: hands.ids == [first])
    await hands.end(first, RunState.FAILED)
    second = (await turned_house.runs_of("a"))[-1]
    assert (second.attempt, second.not_before) == (2, turned() + timedelta(seconds=60))
    assert await is_idle(dispatch, turned_house)
    turned.turn(59)
    assert await is_idle(dispatch, turned_house)
    turned.turn(1)
    dispatch.heed(RunChanged(0, ""))
    await until(lambda: hands.ids == [first, second.id])
    await dispatch.stop()


async def test_a_retry_starts_by_itself_when_its_time_comes(
    house: Any, hands: Hands, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "LOOK_EVERY", 3600)
    (first,) = await queued(house, 1, retry={"max_attempts": 2, "delay": 0.2, "backoff": "fixed"})
    make()
    await until(lambda: hands.ids == [first])
    await hands.end(first, RunState.FAILED)
    await until(lambda: len(hands.got) == 2)
    assert hands.got[1].run.not_before
    assert hands.got[1].run.started_at >= hands.got[1].run.not_before


async def test_it_looks_by_itself_now_and_then(
    house: Any, hands: Hands, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "LOOK_EVERY", 0.05)
    dispatch = make()
    monkeypatch.setattr(dispatch, "heed", lambda event: None)
    house.bus._subscribers.clear()
    ids = await queued(house, 1)
    await until(lambda: hands.ids == ids)


async def test_log_lines_wake_nobody(house: Any, make: Make) -> None:
    dispatch = make()
    await until(lambda: not dispatch._wake.is_set())
    dispatch.heed(LogAppended(1, 1))
    dispatch.heed(CancelRequested(1, "why"))
    assert not dispatch._wake.is_set()


async def test_waiting_runs_are_kept_while_the_database_is_away(
    house: Any, hands: Hands, make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(local, "LOOK_EVERY", 0.02)
    failures = []

    async def away(*args: Any) -> list[Claimed]:
        failures.append(args)
        raise ValueError("unforeseen") if len(failures) == 1 else StoreUnavailable("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(house.runs, "claim", away)
        dispatch = make()
        ids = await queued(house, 2)
        await until(lambda: len(failures) >= 3)
        assert dispatch.running
        assert hands.got == []
    await until(lambda: hands.ids == ids)
    assert "The disk is full. Waiting runs are kept." in caplog.text
    assert "taking runs failed; trying again" in caplog.text


async def test_what_is_claimed_while_it_stops_is_handed_on(
    house: Any, hands: Hands, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await queued(house, 3)
    claimed_it, go = asyncio.Event(), asyncio.Event()
    claim = house.runs.claim

    async def slow(*args: Any) -> list[Claimed]:
        claimed: list[Claimed] = await claim(*args)
        claimed_it.set()
        await go.wait()
        return claimed

    monkeypatch.setattr(house.runs, "claim", slow)
    dispatch = make()
    await asyncio.wait_for(claimed_it.wait(), 10)
    stopping = asyncio.ensure_future(dispatch.stop())
    for _ in range(10):
        await asyncio.sleep(0)
    go.set()
    await stopping
    assert hands.ids == ids, "they are running in the database, so somebody must run them"


async def test_after_the_stop_nothing_is_claimed(house: Any, hands: Hands, make: Make) -> None:
    dispatch = make()
    await dispatch.stop()
    await dispatch.stop()
    assert not dispatch.running
    (run_id,) = await queued(house, 1)
    dispatch.heed(RunChanged(run_id, "a"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert (await house.runs.get(run_id)).state == "queued"

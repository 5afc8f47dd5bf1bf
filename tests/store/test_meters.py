"""What is measured of the store: runs that moved, once it is committed, and what the database took."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from recipes import FAILED, NOW, put_job
from sqlalchemy.exc import OperationalError

from cronapp.core.errors import StoreUnavailable
from cronapp.core.meters import Asked, Ended, Move, Started
from cronapp.core.models import Cause, RunState, RunTrigger
from cronapp.store import runs
from cronapp.store.open import open_store
from cronapp.store.store import Store, Tx


class Recorder:
    """A meter that keeps all that it is told."""

    def __init__(self) -> None:
        self.moves: list[Move] = []
        self.asked: list[tuple[Asked, bool]] = []
        self.seconds = 0.0

    def count(self, moves: Sequence[Move]) -> None:
        self.moves += moves

    def took(self, what: Asked, seconds: float, *, good: bool) -> None:
        self.asked.append((what, good))
        self.seconds += seconds

    def taken(self) -> list[Move]:
        moves, self.moves = self.moves, []
        return moves


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def measured(database_url: str, recorder: Recorder) -> AsyncIterator[Store]:
    store = await open_store(database_url, lambda events: None, recorder)
    yield store
    await store.close()


async def test_a_run_is_counted_when_it_begins_and_when_it_ends(measured: Store, recorder: Recorder) -> None:
    job = await put_job(measured, "hourly", queue="mail")
    opened = {"slot": NOW, "trigger": RunTrigger.SCHEDULE, "now": NOW}
    run_id = await measured.write(runs.open_run, job, **opened, not_before=NOW + timedelta(seconds=5))
    by_hand = await measured.write(runs.open_run, job, slot=None, trigger=RunTrigger.MANUAL, now=NOW)
    assert recorder.taken() == []
    later = NOW + timedelta(seconds=8)
    for _ in range(2):  # the job runs one at a time
        (run,) = await measured.write(runs.claim, node="a", now=later, limit=5)
        ended = [runs.End(run, FAILED, 1.5)]
        assert await measured.write(runs.finish, ended, later)
        assert not await measured.write(runs.finish, ended, later)
    failed = Ended("hourly", "hello", RunState.FAILED, 1.5)
    assert recorder.taken() == [Started("mail", 3.0), failed, Started("mail", None), failed]
    assert (run_id, by_hand) == (1, 2)


async def test_slots_without_a_run_are_counted_one_by_one(measured: Store, recorder: Recorder) -> None:
    job = await put_job(measured)
    gap = {"trigger": RunTrigger.SCHEDULE, "state": RunState.MISSED, "reason": "Nobody.", "cause": Cause.DOWN}
    await measured.write(runs.open_run, job, slot=NOW, now=NOW, missed=3, missed_since=NOW, **gap)
    longer = {"state": RunState.MISSED, "reason": "Nobody.", "slot": NOW + timedelta(hours=2), "missed": 2, "now": NOW}
    assert await measured.write(runs.lengthen_gap, job, **longer)
    assert not await measured.write(runs.lengthen_gap, job, **{**longer, "reason": "Another."})
    down = ("hourly", "hello", RunState.MISSED, None)
    assert recorder.taken() == [Ended(*down, 3, Cause.DOWN), Ended(*down, 2, Cause.DOWN)]


async def test_what_is_undone_was_not_counted_and_what_was_refused_is_not_the_databases_fault(
    measured: Store, recorder: Recorder
) -> None:
    job = await put_job(measured)
    run_id = await measured.write(runs.open_run, job, slot=None, trigger=RunTrigger.MANUAL, now=NOW)
    assert run_id is not None

    def change(tx: Tx) -> None:
        assert runs.end_queued(tx, run_id, state=RunState.CANCELLED, reason="By hand.", now=NOW)
        raise LookupError

    with pytest.raises(LookupError):
        await measured.write(change)
    assert recorder.taken() == []
    assert await measured.read(lambda conn: conn.closed) is False
    assert recorder.asked[-2:] == [("write", True), ("read", True)]
    assert recorder.seconds > 0


async def test_a_trial_is_no_run_of_a_job(measured: Store, recorder: Recorder) -> None:
    trial = {"job": "typed", "task": "hello", "args": {}, "queue": "default", "labels": (), "timeout": None}
    await measured.write(runs.open_trial, **trial, trigger=RunTrigger.MANUAL, now=NOW)
    (run,) = await measured.write(runs.claim, node="a", now=NOW, limit=1)
    assert await measured.write(runs.finish, [runs.End(run, FAILED, 1.0)], NOW)
    assert recorder.taken() == [Started("default", None)]


async def test_a_database_that_is_away_is_told(measured: Store, recorder: Recorder) -> None:
    def away(_: object) -> None:
        raise OperationalError("SELECT 1", None, Exception("gone"))

    with pytest.raises(StoreUnavailable):
        await measured.read(away)
    with pytest.raises(StoreUnavailable):
        await measured.write(away)
    assert recorder.asked[-2:] == [("read", False), ("write", False)]

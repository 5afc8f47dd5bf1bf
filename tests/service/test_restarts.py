"""What a restart would meet."""

from __future__ import annotations

import pytest
from recipes import BY_HAND, HOURLY, SUCCEEDED, a_job, at
from support import TurnedClock

from cronapp.service.jobs import Jobs
from cronapp.service.restarts import Restarts
from cronapp.service.runs import Runs
from cronapp.store.store import Store


@pytest.fixture
def restarts(store: Store, clock: TurnedClock) -> Restarts:
    return Restarts(store, clock)


async def test_it_is_safe_while_nothing_runs_waits_or_is_due(
    jobs: Jobs, runs: Runs, restarts: Restarts, clock: TurnedClock
) -> None:
    await jobs.create(a_job(schedule=HOURLY), origin="api")
    found = await restarts.look(5)
    assert (found.safe, found.gap, found.words()) == (True, clock.now, "Nothing runs, and nothing is due within 5 min.")
    clock.now = at("12:57")
    found = await restarts.look(5)
    assert (found.safe, [job.id for job in found.due], found.gap) == (False, ["hourly"], at("13:00:01"))
    assert found.words() == "1 job due within 5 min. The next gap begins at 2026-03-02 13:00:01 UTC."


async def test_a_run_is_thought_to_take_as_long_as_usual(
    jobs: Jobs, runs: Runs, restarts: Restarts, clock: TurnedClock
) -> None:
    await jobs.create(a_job("long", schedule=BY_HAND, max_running=2), origin="api")
    await runs.run_now("long")
    (claimed,) = await runs.claim("node-1", 1)
    await runs.finish(claimed.run, SUCCEEDED, 120.0)
    run = await runs.run_now("long")
    assert (await restarts.look(5)).waiting == 1
    await runs.claim("node-1", 1)
    found = await restarts.look(5)
    assert [(one.run.id, one.ends_about) for one in found.running] == [(run.id, at("12:02"))]
    assert found.gap == at("12:02")
    clock.now = at("12:03")  # it takes longer than ever: nobody knows when it ends
    (one,) = (await restarts.look(5)).running
    assert one.ends_about is None

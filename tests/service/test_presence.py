"""Signs of life, so that it is known afterwards when nobody served slots."""

from __future__ import annotations

import pytest
from recipes import EACH_MINUTE, HOURLY, a_job, at, carry
from support import TurnedClock

from cronapp.service.jobs import Jobs
from cronapp.service.presence import Presence
from cronapp.service.runs import Runs
from cronapp.store.store import Store

RULE = "and the misfire rule did not ask to catch up."


@pytest.fixture
def presence(store: Store, clock: TurnedClock) -> Presence:
    return Presence(store, clock)


async def reasons(jobs: Jobs, runs: Runs) -> list[tuple[int, str]]:
    """How many slots each gap has and why, the oldest first."""
    listed, _ = await runs.of_job(await jobs.get("hourly"))
    return [(run.missed, run.reason or "") for run in listed[::-1] if run.state == "missed"]


async def settle(jobs: Jobs, runs: Runs) -> None:
    await runs.settle_due([(await jobs.get("hourly")).key])


async def test_slots_missed_while_no_server_ran_say_from_when_to_when(
    jobs: Jobs, runs: Runs, presence: Presence, clock: TurnedClock
) -> None:
    await jobs.create(a_job(schedule=HOURLY, misfire={"policy": "skip"}), origin="api")
    await presence.arrive()
    clock.now = at("12:30:20")
    await presence.stay()  # and is stopped
    clock.now = at("15:10")
    await presence.arrive()
    clock.turn(1)
    await settle(jobs, runs)
    clock.now = at("16:00")
    await presence.stay()
    await settle(jobs, runs)
    await carry(runs)
    clock.now = at("17:59:59")
    await presence.arrive()
    await settle(jobs, runs)
    first = f"The scheduler was not running from 2026-03-02 12:30:20 UTC to 2026-03-02 15:10:00 UTC, {RULE}"
    second = f"The scheduler was not running from 2026-03-02 16:00:00 UTC to 2026-03-02 17:59:59 UTC, {RULE}"
    assert await reasons(jobs, runs) == [(3, first), (1, second)]


async def test_a_machine_that_slept_says_so_whoever_looks_first(
    jobs: Jobs, runs: Runs, presence: Presence, clock: TurnedClock
) -> None:
    await jobs.create(a_job(schedule=EACH_MINUTE, misfire={"policy": "skip"}), origin="api")
    await presence.arrive()
    clock.now = at("13:00:30")
    await settle(jobs, runs)  # the timers wake before the next sign of life
    await presence.stay()
    clock.now = at("13:00:40")
    await settle(jobs, runs)
    words = "from 2026-03-02 12:00:00 UTC to 2026-03-02 13:00:30 UTC"
    assert await reasons(jobs, runs) == [(60, f"The scheduler was not running {words}, {RULE}")]


async def test_a_slot_that_a_running_server_missed_claims_no_outage(
    jobs: Jobs, runs: Runs, presence: Presence, clock: TurnedClock
) -> None:
    await jobs.create(a_job(schedule=EACH_MINUTE, misfire={"policy": "skip"}), origin="api")
    for _ in range(3):
        await presence.stay()
        clock.turn(50)
    await settle(jobs, runs)
    assert await reasons(jobs, runs) == [(2, f"The scheduler was not running, {RULE}")]

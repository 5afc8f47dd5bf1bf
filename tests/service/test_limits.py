"""Limits that jobs share: groups, queues and their rates, and what an order of claims makes of them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from recipes import BY_HAND, SUCCEEDED, a_job, at
from support import TurnedClock

from cronapp.core.errors import InvalidInput, NotFound
from cronapp.core.limits import Rate, parse_rate
from cronapp.core.models import Run
from cronapp.service.blackouts import Blackouts
from cronapp.service.jobs import Jobs
from cronapp.service.limits import Limits
from cronapp.service.runs import Runs
from cronapp.service.tasks import Tasks
from cronapp.store.open import open_store
from cronapp.store.store import Store


@pytest.fixture
def limits(store: Store, clock: TurnedClock) -> Limits:
    return Limits(store, clock)


async def waiting(jobs: Jobs, runs: Runs, job_id: str, count: int = 1, **fields: object) -> None:
    """A job with so many waiting runs."""
    await jobs.create(a_job(job_id, schedule=BY_HAND, **{"max_running": 100, **fields}), origin="api")
    for _ in range(count):
        await runs.run_now(job_id)


async def claim(runs: Runs, limit: int = 100) -> list[Run]:
    return [claimed.run for claimed in await runs.claim("node-1", limit)]


async def end(runs: Runs, *ended: Run) -> None:
    for run in ended:
        assert await runs.finish(run, SUCCEEDED, 1.0)


async def test_a_group_runs_one_at_a_time_until_it_is_given_more(jobs: Jobs, runs: Runs, limits: Limits) -> None:
    await waiting(jobs, runs, "a", 2, group="db")
    await waiting(jobs, runs, "b", 2, group="db")
    await waiting(jobs, runs, "free", 2)
    first = await claim(runs)
    assert Counter(run.job for run in first) == {"a": 1, "free": 2}
    assert await claim(runs) == []
    await limits.set("group", "db", {"max_running": 3})
    assert Counter(run.job for run in await claim(runs)) == {"a": 1, "b": 1}
    await limits.clear("group", "db")
    await end(runs, *first[:1])
    assert await claim(runs) == []  # two run, and one may


async def test_a_queue_has_no_limit_until_it_is_given_one(jobs: Jobs, runs: Runs, limits: Limits) -> None:
    await waiting(jobs, runs, "a", 5, queue="mail")
    await limits.set("queue", "mail", {"max_running": 2})
    assert len(await claim(runs)) == 2
    await limits.clear("queue", "mail")
    assert len(await claim(runs)) == 3


async def test_no_window_of_a_rate_has_more_starts_than_it_allows(
    jobs: Jobs, runs: Runs, limits: Limits, clock: TurnedClock
) -> None:
    await limits.set("queue", "mail", {"rate": "3/m"})
    await waiting(jobs, runs, "a", 20, queue="mail")
    started = []
    for _ in range(12):
        started += [clock.now] * len(await claim(runs))
        clock.turn(10)
    assert len(started) == 6  # at 0 and at 60 seconds: a start leaves the window when a minute is over
    for n, moment in enumerate(started[3:]):
        assert (moment - started[n]).total_seconds() >= 60


async def test_who_carries_runs_is_told_when_the_rate_lets_the_next_one_start(
    jobs: Jobs, runs: Runs, limits: Limits, clock: TurnedClock
) -> None:
    await limits.set("queue", "mail", {"rate": "2/m"})
    await waiting(jobs, runs, "a", 3, queue="mail")
    await claim(runs, 1)
    clock.turn(10)
    await claim(runs, 1)
    assert await runs.next_start(clock.now) == at("12:01")
    clock.now = at("12:01")
    assert len(await claim(runs)) == 1
    assert await runs.next_start(clock.now) is None  # nothing waits any more


async def test_the_more_urgent_goes_first_and_one_that_is_full_holds_up_nobody(jobs: Jobs, runs: Runs) -> None:
    await waiting(jobs, runs, "full", 300, max_running=1, priority=9)
    await waiting(jobs, runs, "low", 1, priority=-1)
    await waiting(jobs, runs, "high", 1, priority=5)
    assert [run.job for run in await claim(runs, 3)] == ["full", "high", "low"]


@pytest.mark.parametrize("seed", range(3))
async def test_no_order_of_claims_and_ends_goes_beyond_a_limit(
    jobs: Jobs, runs: Runs, limits: Limits, clock: TurnedClock, seed: int
) -> None:
    drawn = random.Random(seed)
    await limits.set("group", "g1", {"max_running": 2})
    await limits.set("queue", "q1", {"max_running": 4, "rate": "6 per 10s"})
    of: dict[str, tuple[str | None, str, int]] = {}
    for n in range(6):
        group, queue, most = drawn.choice([None, "g1", "g2"]), drawn.choice(["default", "q1"]), drawn.randint(1, 3)
        of[f"job-{n}"] = group, queue, most
        await waiting(jobs, runs, f"job-{n}", 8, group=group, queue=queue, max_running=most)
    running: list[Run] = []
    starts: list[float] = []
    done = 0
    for _ in range(400):
        now = (clock.turn(drawn.random() * 2) - at("12:00")).total_seconds()
        claimed = await claim(runs, drawn.randint(1, 10))
        running += claimed
        starts += [now for run in claimed if of[run.job][1] == "q1"]
        assert sum(now - 10 < start for start in starts) <= 6
        assert all(count <= of[job][2] for job, count in Counter(run.job for run in running).items())
        groups = Counter(of[run.job][0] for run in running)
        assert (groups["g1"] <= 2, groups["g2"] <= 1) == (True, True)
        assert sum(of[run.job][1] == "q1" for run in running) <= 4
        for run in drawn.sample(running, drawn.randint(0, len(running))):
            await end(runs, run)
            running.remove(run)
            done += 1
        if done == 48:
            break
    assert done == 48  # and nothing waits for ever


async def test_two_nodes_that_claim_at_once_stay_within_a_limit(
    postgres_url: str, tasks: Tasks, blackouts: Blackouts, clock: TurnedClock
) -> None:
    stores = [await open_store(postgres_url, lambda _events: None) for _ in range(2)]
    nodes = [Runs(store, tasks, blackouts, clock) for store in stores]
    jobs = Jobs(stores[0], tasks, blackouts, clock, "UTC")
    await Limits(stores[0], clock).set("group", "db", {"max_running": 3})
    for n in range(4):
        await waiting(jobs, nodes[0], f"job-{n}", 5, group="db")
    for _ in range(6):
        claims = await asyncio.gather(*(nodes[n % 2].claim(f"node-{n % 2}", 1) for n in range(12)))
        running = [claimed.run for claim in claims for claimed in claim]
        assert len(running) == 3
        await end(nodes[0], *running)
    for store in stores:
        await store.close()


async def test_a_run_whose_job_was_removed_still_has_its_place_in_the_queue(
    jobs: Jobs, runs: Runs, limits: Limits
) -> None:
    await limits.set("queue", "mail", {"max_running": 1})
    await waiting(jobs, runs, "gone", 1, queue="mail")
    (running,) = await claim(runs)
    await jobs.remove("gone")
    await waiting(jobs, runs, "next", 1, queue="mail")
    assert await claim(runs) == []
    await end(runs, running)
    assert [run.job for run in await claim(runs)] == ["next"]


async def test_a_wrong_limit_is_refused_with_its_field(limits: Limits) -> None:
    for kind, given, field in [
        ("group", {"max_running": 0}, "max_running"),
        ("group", {"max_running": True}, "max_running"),
        ("group", {"rate": "1/m"}, "rate"),
        ("queue", {"rate": "often"}, "rate"),
        ("queue", {"rate": "0/m"}, "rate"),
        ("queue", {"speed": 1}, "speed"),
    ]:
        with pytest.raises(InvalidInput) as refused:
            await limits.set(kind, "mail", given)
        assert list(refused.value.errors) == [field]
    with pytest.raises(NotFound):
        await limits.set("node", "mail", {})
    with pytest.raises(NotFound):
        await limits.clear("queue", "mail")


async def test_the_list_has_what_is_limited_named_or_busy(jobs: Jobs, runs: Runs, limits: Limits) -> None:
    await asyncio.gather(*(limits.set("queue", "idle", {"rate": "10/m"}) for _ in range(3)))  # on several servers
    await waiting(jobs, runs, "a", 3, group="db", queue="mail")
    await claim(runs)
    rows = {(row.limit.kind, row.limit.name): row for row in await limits.all()}
    assert set(rows) == {("queue", "idle"), ("queue", "mail"), ("group", "db")}
    db = rows["group", "db"]
    assert (db.at_once, db.running, db.waiting, db.is_set) == (1, 1, 2, False)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("10/m", Rate(10, 60)), ("100 per h", Rate(100, 3600)), ("5 per 30s", Rate(5, 30)), ("1/d", Rate(1, 86400))],
)
def test_a_rate_reads_as_it_is_written(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate
    assert parse_rate(str(rate)) == rate

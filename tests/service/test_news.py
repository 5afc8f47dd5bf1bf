"""What changed since a moment is found in the rows, by whoever comes again, also after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from recipes import BY_HAND, FAILED, SUCCEEDED, a_job, carry
from support import TurnedClock

from cronapp.core.models import Run
from cronapp.service import news as news_module
from cronapp.service.blackouts import Blackouts
from cronapp.service.jobs import Jobs
from cronapp.service.news import News
from cronapp.service.runs import Runs
from cronapp.service.tasks import Tasks
from cronapp.store.store import Store


@pytest.fixture
def news(store: Store, jobs: Jobs) -> News:
    return News(store, jobs)


async def changed(news: News, since: datetime | None) -> list[str]:
    return [row.job.id async for rows in news.jobs_since(since) for row in rows]


async def told(found: AsyncIterator[list[Run]]) -> list[int]:
    return [run.id async for some in found for run in some]


async def test_a_job_counts_as_changed_whatever_changed_of_it(
    news: News, jobs: Jobs, runs: Runs, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news_module, "PIECE", 2)
    for name in ("idle", "edited", "paused", "ran", "runs", "waits", "ran-before"):
        await jobs.create(a_job(name, schedule=BY_HAND), origin="api")
    await jobs.create(
        a_job("once", schedule={"kind": "once", "at": "2026-03-02T12:00:30Z", "timezone": "UTC"}), origin="api"
    )
    await runs.run_now("ran-before")
    await carry(runs)
    clock.turn(10)
    since = clock()
    assert await changed(news, since) == []
    clock.turn(10)
    await jobs.edit("edited", a_job("edited", tags=["x"]))
    await jobs.pause("paused")
    await runs.run_now("ran")
    ended = await carry(runs, FAILED)
    await runs.run_now("runs")
    await runs.claim("node-1", 1)
    await runs.run_now("waits")
    clock.turn(20)
    await runs.settle_due([(await jobs.get("once")).key])
    assert await changed(news, since) == ["edited", "paused", "ran", "runs", "waits", "once"]
    assert await changed(news, clock()) == ["runs", "waits", "once"], "what goes on may change without a moment"
    assert len(await changed(news, None)) == 8
    rows = await news.jobs(["ran", "gone"])
    assert [(one, row.job.failures, row.last_run and row.last_run.id) for one, row in rows.items()] == [
        ("ran", 1, ended.id)
    ]


async def test_runs_are_found_by_what_happened_to_them(
    news: News, jobs: Jobs, runs: Runs, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news_module, "PIECE", 2)
    a, b = [await jobs.create(a_job(name, schedule=BY_HAND, max_running=9), origin="api") for name in ("a", "b")]
    before = (await runs.run_now("a")).id
    await carry(runs)
    old = (await runs.run_now("b")).id
    clock.turn(10)
    since = clock()
    mine = [(await runs.run_now("a")).id for _ in range(5)]
    claimed = {one.run.id: one.run for one in await runs.claim("node-1", 9)}
    waiting = (await runs.run_now("a")).id
    clock.turn(1)
    await runs.finish(claimed[mine[3]], SUCCEEDED, 1.0)
    clock.turn(1)
    for n in (0, 1, 2):  # at one moment
        await runs.finish(claimed[mine[n]], SUCCEEDED, 1.0)
    assert await told(news.ended_runs(since, None)) == [mine[3], *mine[:3]]
    assert await told(news.ended_runs(clock(), None)) == mine[:3]
    assert await told(news.ended_runs(since - timedelta(days=1), {a.key})) == [before, mine[3], *mine[:3]]
    assert await told(news.ended_runs(since, {b.key})) == []
    assert await told(news.open_runs(since, None)) == [old, mine[4], waiting], (
        "of those that run nobody knows since when"
    )
    assert await told(news.open_runs(clock(), {a.key})) == [mine[4]]
    assert await told(news.open_runs(None, {a.key})) == [mine[4], waiting]
    assert await told(news.open_runs(None, set())) == []
    assert {one: run.state.value for one, run in (await news.runs([before, 999])).items()} == {before: "succeeded"}


async def test_who_sees_some_jobs_is_told_of_those_only_also_when_they_go(
    news: News, store: Store, jobs: Jobs, tasks: Tasks, blackouts: Blackouts, clock: TurnedClock
) -> None:
    mine = store.scoped(frozenset({"mine"}))
    own = News(mine, Jobs(mine, tasks, blackouts, clock, "UTC"))
    for name, tags in {
        "kept": ["mine"],
        "gone": ["mine"],
        "given": ["mine"],
        "taken": [],
        "theirs": ["x"],
        "again": ["mine"],
    }.items():
        await jobs.create(a_job(name, schedule=BY_HAND, tags=tags), origin="api")
    clock.turn(10)
    since = clock()
    assert await own.departed(since) == []
    await jobs.edit("given", a_job("given", schedule=BY_HAND, tags=["x"]))
    await jobs.edit("given", a_job("given", schedule=BY_HAND, tags=["y"]))
    await jobs.edit("taken", a_job("taken", schedule=BY_HAND, tags=["mine"]))
    await jobs.edit("theirs", a_job("theirs", schedule=BY_HAND, tags=["y"]))
    for name in ("gone", "theirs", "again"):
        await jobs.remove(name)
    await jobs.create(a_job("again", schedule=BY_HAND, tags=["mine"]), origin="api")
    await jobs.create(a_job("short", schedule=BY_HAND, tags=["mine"]), origin="api")
    await jobs.remove("short")
    assert sorted(await own.departed(since)) == ["given", "gone", "short"]
    assert await own.departed(since, ["given", "theirs"]) == ["given"]
    assert sorted(await news.departed(since)) == ["gone", "short", "theirs"]
    assert await changed(own, since) == ["taken", "again"]
    clock.turn(10)
    assert await own.departed(clock()) == await news.departed(clock()) == []

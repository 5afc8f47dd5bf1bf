"""What the timeline reads: runs one by one, or counted by cells of time, and usual durations."""

from __future__ import annotations

from datetime import timedelta

from recipes import at, put_job
from sqlalchemy import insert

from cronapp.core.models import Job, RunState
from cronapp.core.timeline import Bar, Cell
from cronapp.store import timeline
from cronapp.store.store import Store, Tx
from cronapp.store.tables import runs as table


async def put(store: Store, job: Job, state: str, start: str, seconds: float = 60, **fields: object) -> int:
    """A run that started at a time of the second of March, or a record of that slot."""
    begun = at(start)
    executed = state not in ("skipped", "missed", "queued")
    ended = state not in ("running", "queued")
    values = {
        "job_key": job.key,
        "job": job.id,
        "task": job.task,
        "args": {},
        "slot": begun,
        "state": state,
        "trigger": "schedule",
        "attempt": 1,
        "queue": "default",
        "priority": 0,
        "queued_at": begun,
        "started_at": begun if executed else None,
        "finished_at": begun + timedelta(seconds=seconds) if ended else None,
        "duration": seconds if executed and ended else None,
        "last_seq": 0,
        "missed": 1,
    } | fields

    def change(tx: Tx) -> int:
        return int(tx.conn.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())

    return await store.write(change)


async def test_the_runs_that_reach_into_a_stretch_are_found(store: Store) -> None:
    job, other = await put_job(store), await put_job(store, "other")
    await put(store, job, "succeeded", "08:00")
    long = await put(store, job, "failed", "08:30", 3600)
    inside = await put(store, job, "succeeded", "09:30")
    skipped = await put(store, job, "skipped", "09:45", 0)
    missed = await put(store, job, "missed", "09:50", 7200, missed=3, missed_since=at("09:40"))
    reaching = await put(store, job, "succeeded", "09:59", 3600)
    await put(store, job, "succeeded", "10:00")
    await put(store, job, "running", "09:55")
    await put(store, other, "succeeded", "09:30")
    found = await store.read(timeline.bars, job.key, at("09:00"), at("10:00"), 10)
    assert {bar.run for bar in found} == {long, inside, skipped, missed, reaching}
    by_run = {bar.run: bar for bar in found}
    assert by_run[long] == Bar(long, RunState.FAILED, 1, at("08:30"), at("09:30"))
    assert by_run[missed] == Bar(missed, RunState.MISSED, 1, at("09:40"), at("09:50"), 3)
    assert len(await store.read(timeline.bars, job.key, at("09:00"), at("10:00"), 2)) == 2


async def test_what_goes_on_and_waits_is_found_and_counted(store: Store) -> None:
    job = await put_job(store)
    await put(store, job, "succeeded", "08:00")
    running = [await put(store, job, "running", f"09:0{n}") for n in range(4)]
    waiting = await put(store, job, "queued", "09:10")
    bars, count = await store.read(timeline.open_bars, job.key, at("10:00"), 3)
    assert [bar.run for bar in bars] == running[1:]
    assert count == 5
    assert all(bar.end is None for bar in bars)
    bars, count = await store.read(timeline.open_bars, job.key, at("10:00"), 9)
    assert {bar.run for bar in bars} == {*running, waiting}
    assert await store.read(timeline.open_bars, job.key, at("09:00"), 3) == ([], 0)


async def test_many_runs_are_counted_by_cells_with_the_worst_of_each(store: Store) -> None:
    job = await put_job(store)
    for minute in range(0, 60, 10):
        await put(store, job, "succeeded", f"09:{minute:02}")
    await put(store, job, "failed", "09:05")
    await put(store, job, "missed", "09:15", 0)
    await put(store, job, "skipped", "09:35", 0)
    await put(store, job, "succeeded", "08:59", 300)  # began before the first cell
    found = await store.read(timeline.cells, job.key, at("09:00"), at("10:00"), timedelta(minutes=30))
    assert found == [
        Cell(at("09:00"), at("09:30"), 5, RunState.FAILED, 2),
        Cell(at("09:30"), at("10:00"), 4, RunState.SKIPPED, 0),
    ]

"""What the overview, the tasks and the system page ask the database."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

from recipes import BY_HAND, NOW, at, put_job
from sqlalchemy import event, insert, update

from cronapp.core.ledger import Verdict
from cronapp.core.models import NO_JOB, Cause, Job, JobState, RunState
from cronapp.service.promises import of_fate
from cronapp.store import holdings, overview, usage
from cronapp.store.open import open_store
from cronapp.store.store import Conn, Store
from cronapp.store.tables import jobs as job_table
from cronapp.store.tables import runs

DAY = timedelta(days=1)


async def put(store: Store, job: Job, state: str, start: str, **fields: object) -> int:
    """A run of a slot of the second of March that started a little later, or a record without a run."""
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
        "started_at": begun + timedelta(seconds=0.5) if executed else None,
        "finished_at": begun + timedelta(seconds=30) if ended else None,
        "duration": 29.5 if executed and ended else None,
        "last_seq": 0,
        "missed": 1,
    } | fields
    return await store.write(
        lambda tx: int(tx.conn.execute(insert(runs).values(**values).returning(runs.c.id)).scalar_one())
    )


async def set_job(store: Store, job: Job, **values: object) -> None:
    await store.write(lambda tx: tx.conn.execute(update(job_table).where(job_table.c.key == job.key).values(**values)))


async def test_what_ended_is_counted_by_hour_and_state_without_tests(store: Store) -> None:
    job = await put_job(store)
    for state, start in [
        *(("succeeded", "08:00"), ("succeeded", "08:58"), ("failed", "08:30"), ("succeeded", "08:59:40")),
        *(("skipped", "09:30"), ("running", "09:40"), ("lost", "11:00"), ("succeeded", "07:00")),
    ]:
        await put(store, job, state, start)
    await put(store, job, "failed", "08:30", job_key=NO_JOB, slot=None)
    await put(store, job, "failed", "10:30", job_key=NO_JOB, slot=None)
    told = await store.read(overview.ended_by_hour, at("08:00"), at("11:00"))
    assert told == {
        at("08:00"): Counter({RunState.SUCCEEDED: 2, RunState.FAILED: 1}),
        at("09:00"): Counter({RunState.SUCCEEDED: 1, RunState.SKIPPED: 1}),
    }


async def test_hours_are_looked_up_by_their_moments_however_long_the_history_is(tmp_path: Path) -> None:
    def plans(conn: Conn) -> list[str]:
        asked: list[tuple[str, tuple[object, ...]]] = []
        event.listen(conn, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        overview.ended_by_hour(conn, NOW - DAY, NOW)
        overview.slots_ended(conn, NOW - DAY, NOW)
        told = asked[-3:]
        return [str(conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", values).all()) for one, values in told]

    store = await open_store(f"sqlite:///{tmp_path}/cronapp.db", lambda _: None)
    counted, trials, slots = await store.read(plans)
    assert "COVERING INDEX ix_runs_finished (finished_at>?" in counted
    assert "job_key=?" in trials
    assert "ix_runs_finished (finished_at>?" in slots
    await store.close()


async def test_what_became_of_slots_is_counted_by_the_hours_in_which_it_was_settled(store: Store) -> None:
    job = await put_job(store)
    await put(store, job, "succeeded", "08:10")
    await put(store, job, "failed", "08:20")
    await put(store, job, "failed", "08:20", attempt=2, started_at=at("08:25"))
    await put(store, job, "succeeded", "08:30", started_at=at("08:31"))
    await put(store, job, "succeeded", "08:40", not_before=at("08:40:20"), started_at=at("08:40:21"))
    await put(store, job, "missed", "07:00", missed=3, cause=Cause.DOWN, finished_at=at("08:50"))
    await put(store, job, "skipped", "08:45", cause=Cause.PAUSE)
    await put(store, job, "succeeded", "08:50", backfill=4)
    await put(store, job, "succeeded", "08:55", slot=None)
    told = await store.read(overview.slots_ended, at("08:00"), at("09:00"))
    assert list(told) == [at("08:00")]
    counts: Counter[tuple[str, Verdict]] = Counter()
    for one in told[at("08:00")]:
        counts[f"{one.hour:%H}", of_fate(one.fate)] += one.slots
    assert counts == {
        ("08", Verdict.RAN): 3,
        ("08", Verdict.LATE): 1,
        ("07", Verdict.MISSED): 3,
        ("08", Verdict.PAUSED): 1,
    }
    assert max(one.worst_late for one in told[at("08:00")]) == 60


async def test_delays_are_those_of_the_newest_runs_of_schedules(store: Store) -> None:
    job = await put_job(store)
    await put(store, job, "succeeded", "07:00", started_at=at("07:09"))
    await put(store, job, "succeeded", "08:00")
    await put(store, job, "running", "08:10", not_before=at("08:10:05"), started_at=at("08:10:06"))
    await put(store, job, "succeeded", "08:20", trigger="manual", slot=None)
    await put(store, job, "failed", "08:10", attempt=2, trigger="retry")
    await put(store, job, "skipped", "08:30")
    assert sorted(await store.read(overview.delays, 5)) == [0.5, 1.0]
    assert len(await store.read(overview.delays, 6)) == 3


async def test_jobs_that_fail_are_found_the_worst_first(store: Store) -> None:
    fine, twice, often, paused = [await put_job(store, name) for name in ("fine", "twice", "often", "paused")]
    await set_job(store, twice, failures=2)
    await set_job(store, often, failures=7, state=JobState.FINISHED)
    await set_job(store, paused, failures=9, state=JobState.PAUSED, paused_by="Cron-App", paused_at=NOW)
    found, count = await store.read(overview.failing, 5)
    assert ([job.id for job in found], count) == (["often", "twice"], 2)
    found, count = await store.read(overview.failing, 1)
    assert ([job.id for job in found], count) == (["often"], 2), "all are counted, not only those that are listed"
    found, _ = await store.read(overview.paused_by, "Cron-App", 5)
    assert [job.id for job in found] == ["paused"]
    assert await store.read(overview.paused_by, "admin", 5) == ([], 0)
    await set_job(store, fine, state=JobState.NEEDS_ATTENTION)
    assert [job.id for job in (await store.read(overview.misfits, 5))[0]] == ["fine"]


async def test_a_row_of_failures_begins_after_the_last_success(store: Store) -> None:
    job, never = await put_job(store, "job"), await put_job(store, "never")
    for state, start in [("failed", "07:00"), ("succeeded", "08:00"), ("skipped", "08:30"), ("failed", "09:00")]:
        await put(store, job, state, start)
    await put(store, job, "timed_out", "10:00")
    await put(store, never, "lost", "06:00")
    assert await store.read(overview.first_failure, job.key) == at("09:00:30")
    assert await store.read(overview.first_failure, never.key) == at("06:00:30")
    await put(store, job, "succeeded", "11:00")
    assert await store.read(overview.first_failure, job.key) is None


async def test_slots_without_a_run_and_runs_that_wait_are_found(store: Store) -> None:
    due, ahead = await put_job(store, "due"), await put_job(store, "ahead")
    await set_job(store, due, next_slot=at("11:00"))
    found, count = await store.read(overview.overdue, NOW, 5)
    assert ([job.id for job in found], count) == (["due"], 1)
    old = await put(store, ahead, "queued", "11:00")
    await put(store, ahead, "queued", "11:01", not_before=at("13:00"))
    await put(store, ahead, "queued", "11:59:30")
    await put(store, ahead, "running", "11:02")
    await put(store, ahead, "queued", "11:03", job_key=NO_JOB, slot=None)
    waiting, count = await store.read(overview.waiting, at("11:59"), 5)
    assert ([run.id for run in waiting], count) == ([old], 1)


async def test_what_is_made_of_tasks_is_told_by_their_jobs(store: Store) -> None:
    first = await put_job(store, "a", task="hello")
    for name in ("b", "c", "d"):
        await put_job(store, name, task="hello")
    other = await put_job(store, "other", task="wait", schedule=BY_HAND)
    await set_job(store, first, failures=2)
    await put(store, first, "failed", "08:00")
    last = await put(store, first, "succeeded", "09:00")
    only = await put(store, other, "running", "09:30")
    told = await store.read(usage.uses, 2)
    assert set(told) == {"hello", "wait"}
    assert (told["hello"].count, [job.id for job in told["hello"].jobs]) == (4, ["a", "b"])
    assert told["hello"].jobs[0].failures == 2
    assert told["hello"].last
    assert told["wait"].last
    assert (told["hello"].last.id, told["wait"].last.id) == (last, only)
    assert [job.id for job in await store.read(usage.jobs_of_task, "hello", 3)] == ["a", "b", "c"]
    assert [run.id for run in await store.read(usage.runs_of_task, [first.key, other.key], 2)] == [only, last]


async def test_what_the_database_holds_is_told_from_its_edges(store: Store) -> None:
    empty = await store.read(holdings.holdings)
    assert (empty.jobs, empty.runs, empty.oldest) == (0, 0, None)
    job = await put_job(store)
    for start in ("08:00", "09:00", "10:00"):
        await put(store, job, "succeeded", start)
    told = await store.read(holdings.holdings)
    assert (told.jobs, told.runs, told.oldest) == (1, 3, at("08:00:30"))

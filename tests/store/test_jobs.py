"""Jobs in the store: one of each id, changed only from the version one knows, found and listed by keys."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recipes import BY_HAND, EACH_MINUTE, NOW, a_spec, at, put_job
from sqlalchemy import select

from cronapp.core.models import Job, JobState, RunState, RunTrigger
from cronapp.store import jobs, listing, runs
from cronapp.store.jobs import JobFilter
from cronapp.store.store import Store
from cronapp.store.tables import job_tags


async def get(store: Store, job_id: str) -> Job:
    job = await store.read(jobs.get, job_id)
    assert job is not None
    return job


async def found(store: Store, **fields: str) -> list[str]:
    tags = tuple(fields.pop("tag", "").split())
    return [job.id for job, _ in await store.read(listing.page, JobFilter(**fields, tags=tags))]


async def run_in(store: Store, job: Job, *states: RunState) -> None:
    for state in states:
        await store.write(runs.open_run, job, slot=None, trigger=RunTrigger.MANUAL, now=NOW, state=state)


async def test_a_new_job_counts_its_slots_from_now(store: Store) -> None:
    job = await put_job(store, tags=["b", "a"], args={"name": "Kiel"})
    assert job == Job(
        key=job.key,
        spec=a_spec(tags=["b", "a"], args={"name": "Kiel"}),
        state=JobState.ACTIVE,
        reason=None,
        origin="api",
        version=1,
        created_at=NOW,
        updated_at=NOW,
        last_slot=NOW,
        next_slot=at("13:00"),
        slots_used=0,
        code=None,
    )
    assert await get(store, "hourly") == job


async def test_an_id_is_given_once(store: Store) -> None:
    await put_job(store, "one")
    second = await store.write(
        jobs.create,
        a_spec("one", task="wait"),
        state=JobState.ACTIVE,
        reason=None,
        origin="api",
        now=NOW,
        next_slot=None,
    )
    assert second is None
    assert (await get(store, "one")).task == "hello"


async def test_a_change_made_from_an_old_version_changes_nothing(store: Store) -> None:
    job = await put_job(store, tags=["a"])
    changed = replace(job, spec=a_spec(tags=["b"], timeout=5))
    assert await store.write(jobs.replace, job, changed)
    assert not await store.write(jobs.replace, job, replace(job, spec=a_spec(tags=["c"])))
    now = await get(store, job.id)
    assert (now.spec.tags, now.spec.timeout, now.version) == (("b",), 5, 2)
    assert await found(store, tag="b") == ["hourly"]
    assert await found(store, tag="a") == []
    assert await found(store, tag="c") == []


async def test_slots_are_settled_by_who_comes_first(store: Store) -> None:
    job = await put_job(store)

    async def advance(known: Job) -> bool:
        return await store.write(jobs.advance, known, at("13:00"), at("14:00"))

    assert await advance(job)
    assert not await advance(job)
    moved = await get(store, job.id)
    assert (moved.last_slot, moved.next_slot, moved.version) == (at("13:00"), at("14:00"), 1)


async def test_slots_of_a_paused_or_changed_job_are_not_settled(store: Store) -> None:
    job = await put_job(store)
    await store.write(jobs.replace, job, replace(job, state=JobState.PAUSED, next_slot=None))
    assert not await store.write(jobs.advance, job, at("13:00"), at("14:00"))
    paused = await get(store, job.id)
    assert not await store.write(jobs.advance, paused, at("13:00"), at("14:00"))


async def test_a_removed_job_takes_its_tags_along_and_leaves_its_runs(store: Store) -> None:
    job = await put_job(store, tags=["a"])
    await run_in(store, job, RunState.SUCCEEDED)
    assert await store.write(jobs.remove, job.key)
    assert not await store.write(jobs.remove, job.key)
    assert await store.read(jobs.get, job.id) is None
    assert await store.read(lambda conn: conn.execute(select(job_tags)).all()) == []
    assert await store.read(runs.count_of_job, job.key) == 1


@pytest.mark.parametrize(
    ("q", "ids"),
    [
        ("", ["clean-up", "Nightly-Report"]),
        ("night", ["Nightly-Report"]),
        ("REPORT", ["Nightly-Report"]),
        ("hello", ["clean-up"]),
        ("Fail", ["Nightly-Report"]),
        ("-", ["clean-up", "Nightly-Report"]),
        ("_", []),  # it stands for itself, not for any letter
        ("%", []),
        ("nothing", []),
    ],
)
async def test_a_search_looks_into_ids_and_tasks(store: Store, q: str, ids: list[str]) -> None:
    await put_job(store, "Nightly-Report", task="FailNow")
    await put_job(store, "clean-up", task="hello")
    assert sorted(await found(store, q=q), key=str.lower) == ids


async def test_jobs_are_found_by_task_tag_and_state(store: Store) -> None:
    one = await put_job(store, "one", tags=["finance", "north"])
    two = await put_job(store, "two", tags=["finance"], task="wait")
    await store.write(jobs.replace, two, replace(two, state=JobState.PAUSED, reason="Later."))
    assert await found(store, tag="finance") == ["one", "two"]
    assert await found(store, tag="north") == ["one"]
    assert await found(store, tag="fin") == []
    assert await found(store, task="wait") == ["two"]
    assert await found(store, state="paused") == ["two"]
    assert await found(store, state="active", tag="finance") == ["one"]
    assert await found(store, state="running") == []
    await run_in(store, one, RunState.RUNNING)
    assert await found(store, state="running") == ["one"]


async def test_a_job_fails_when_its_newest_run_that_was_carried_out_went_wrong(store: Store) -> None:
    listed = {
        "failed": (RunState.SUCCEEDED, RunState.FAILED),
        "lost": (RunState.LOST, RunState.SKIPPED, RunState.CANCELLED),
        "timed-out": (RunState.TIMED_OUT, RunState.RUNNING),
        "good-again": (RunState.FAILED, RunState.SUCCEEDED),
        "never-ran": (RunState.SKIPPED, RunState.MISSED),
    }
    for job_id, states in listed.items():
        await run_in(store, await put_job(store, job_id), *states)
    assert await found(store, state="failing") == ["failed", "lost", "timed-out"]
    assert await store.read(jobs.counts) == {
        "all": 5,
        "active": 5,
        "paused": 0,
        "finished": 0,
        "needs_attention": 0,
        "running": 1,
        "failing": 3,
    }


async def test_what_is_due_next_is_listed_first(store: Store) -> None:
    await put_job(store, "hourly")
    await put_job(store, "minutely", schedule=EACH_MINUTE)
    await put_job(store, "by-hand", schedule=BY_HAND)
    assert [job.id for job in await store.read(jobs.upcoming, 10)] == ["minutely", "hourly"]
    assert [job.id for job in await store.read(jobs.upcoming, 1)] == ["minutely"]


async def test_jobs_are_counted_by_task(store: Store) -> None:
    for job_id, task in [("a", "hello"), ("b", "hello"), ("c", "wait")]:
        await put_job(store, job_id, task=task)
    assert await store.read(jobs.counts_by_task) == {"hello": 2, "wait": 1}
    assert await store.read(jobs.total) == 3
    assert [job.id for job in await store.read(jobs.all_jobs)] == ["a", "b", "c"]

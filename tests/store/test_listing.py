"""The jobs list in the store: each order goes from page to page without losing or repeating a job, groups, filters."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from recipes import BY_HAND, NOW, put_job
from sqlalchemy import update

from cronapp.core.models import Job, JobState, RunState, RunTrigger
from cronapp.store import listing, runs
from cronapp.store.jobs import JobFilter
from cronapp.store.listing import SORTS, Chosen, Group, Place, Rank, Sort, place_of
from cronapp.store.store import Store, Tx
from cronapp.store.tables import jobs as table
from cronapp.store.tables import runs as runs_table


async def run(store: Store, job: Job, state: RunState, seconds: float | None = None) -> None:
    def change(tx: Tx) -> None:
        made = runs.open_run(tx, job, slot=None, trigger=RunTrigger.MANUAL, now=NOW, state=state)
        tx.conn.execute(update(runs_table).where(runs_table.c.id == made).values(duration=seconds))

    await store.write(change)


async def put_in(store: Store, job: Job, state: JobState) -> None:
    await store.write(lambda tx: tx.conn.execute(update(table).where(table.c.key == job.key).values(state=state)))


async def due(store: Store, job: Job, minutes: int | None) -> None:
    moment = None if minutes is None else NOW + timedelta(minutes=minutes)
    await store.write(lambda tx: tx.conn.execute(update(table).where(table.c.key == job.key).values(next_slot=moment)))


@pytest.fixture
async def mixed(store: Store) -> Store:
    """Twelve jobs: some share their next slot and their duration, some have neither."""
    made = [await put_job(store, f"job-{n:02}", tags=["a"] if n % 2 else []) for n in range(12)]
    for n, job in enumerate(made):
        await due(store, job, None if n % 4 == 3 else n // 3)
        if n % 3:
            await run(store, job, RunState.FAILED if n % 4 == 1 else RunState.SUCCEEDED, float(n % 2) + 0.1)
        if n == 5:
            await run(store, job, RunState.SKIPPED)
    await put_in(store, made[2], JobState.PAUSED)
    await put_in(store, made[6], JobState.NEEDS_ATTENTION)
    await put_in(store, made[8], JobState.FINISHED)
    await run(store, made[10], RunState.RUNNING)
    return store


async def walk(store: Store, sort: Sort, limit: int) -> list[Place]:
    places: list[Place] = []
    after = None
    while page := await store.read(listing.page, JobFilter(), sort=sort, after=after, limit=limit):
        places += [place for _, place in page]
        after = place_of(places[-1].id if sort.by == "id" else str(places[-1]), sort)
    return places


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("by", SORTS)
async def test_pages_have_each_job_once_in_order_with_ties_and_nothings_last(mixed: Store, by: str, down: bool) -> None:
    whole = await walk(mixed, Sort(by, down), 100)
    for limit in (1, 2, 5):
        assert await walk(mixed, Sort(by, down), limit) == whole
    assert sorted(place.id for place in whole) == [f"job-{n:02}" for n in range(12)]
    if by == "id":
        assert whole == sorted(whole, key=lambda place: place.id, reverse=down)
        return
    for one, two in pairwise(whole):
        if two.value is None:
            assert one.value is not None or one.id < two.id
            continue
        assert one.value is not None, "a job without a value came before one with one"
        assert one.value > two.value if down and one.value != two.value else one.value <= two.value
        if one.value == two.value:
            assert one.id < two.id
    assert (None in [place.value for place in whole]) == (by in ("next", "last", "duration"))


async def test_what_needs_eyes_comes_first(mixed: Store) -> None:
    ranks = {place.id: place.value for place in await walk(mixed, Sort("state"), 5)}
    assert ranks["job-06"] == Rank.NEEDS_ATTENTION
    assert ranks["job-01"] == ranks["job-05"] == Rank.FAILING  # a skipped run since does not mend it
    assert ranks["job-10"] == Rank.RUNNING
    assert ranks["job-02"] == Rank.PAUSED
    assert ranks["job-08"] == Rank.FINISHED
    assert ranks["job-00"] == Rank.ACTIVE


@pytest.mark.parametrize("text", ["~", "x~job-01", "1", "NaN", "1e400~a", "9" * 40 + "~a"])
@pytest.mark.parametrize("by", SORTS)
async def test_a_place_that_somebody_made_up_fails_nothing(mixed: Store, text: str, by: str) -> None:
    await mixed.read(listing.page, JobFilter(), sort=Sort(by), after=place_of(text, Sort(by)))


async def test_groups_tell_their_number_and_what_is_worst_in_them(store: Store) -> None:
    both = await put_job(store, "both", tags=["b", "a"])
    one = await put_job(store, "one", tags=["b"])
    await put_job(store, "none", tags=[])
    await put_job(store, "Other", task="fail", tags=["c"], schedule=BY_HAND)
    await run(store, both, RunState.SUCCEEDED)
    await run(store, one, RunState.FAILED)
    a, b = Group("a", 1, Rank.ACTIVE, 0), Group("b", 2, Rank.FAILING, 1)
    c, rest = Group("c", 1, Rank.ACTIVE, 0), Group(None, 1, Rank.ACTIVE, 0)
    assert await store.read(listing.groups, JobFilter()) == [a, b, c, rest]
    assert await store.read(listing.groups, JobFilter(), limit=2) == [a, b]
    assert await store.read(listing.groups, JobFilter(), after="b") == [c, rest]
    assert await store.read(listing.groups, JobFilter(task="fail")) == [c]


async def test_jobs_are_found_by_all_of_their_tags_by_queue_label_group_and_origin(store: Store) -> None:
    await put_job(store, "both", tags=["x", "y"], queue="slow", group="shared", labels=["zone=eu", "gpu"])
    await put_job(store, "one", tags=["x"], labels=["gpu"])
    await put_job(store, "none")

    async def ids(**fields: object) -> list[str]:
        filters = JobFilter(**fields)  # type: ignore[arg-type]
        found = [one.id for one in await store.read(listing.chosen, filters)]
        assert await store.read(listing.count, filters) == len(found)
        return found

    assert await ids(tags=("x",)) == ["both", "one"]
    assert await ids(tags=("x", "y")) == ["both"]
    assert await ids(untagged=True) == ["none"]
    assert await ids(queue="slow") == ["both"]
    assert await ids(label="gpu") == ["both", "one"]
    assert await ids(label="zone=eu") == ["both"]
    for none in ("gp", "%", '"', 'zone=eu","gpu'):
        assert await ids(label=none) == []
    assert await ids(group="shared") == ["both"]
    assert await ids(origin="api") == ["both", "none", "one"]
    assert await ids(origin="code") == []
    offers = await store.read(listing.offers)
    assert offers == {
        "task": [("hello", 3)],
        "tag": [("x", 2), ("y", 1)],
        "queue": [("default", 2), ("slow", 1)],
        "label": [("gpu", 2), ("zone=eu", 1)],
        "group": [("shared", 1)],
        "origin": [("api", 3)],
    }


async def test_many_are_chosen_by_their_ids(store: Store) -> None:
    for n in range(4):
        await put_job(store, f"job-{n}", tags=["t"] if n == 2 else [])
    wanted = ["job-2", "gone", "job-0", *(f"nobody-{n}" for n in range(1200))]
    active = JobState.ACTIVE
    assert await store.read(listing.chosen_ids, wanted) == [
        Chosen("job-0", active, ()),
        Chosen("job-2", active, ("t",)),
    ]

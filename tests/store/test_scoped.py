"""A store of which somebody sees only the jobs with some tags: what they find is what they would find if there were
nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from recipes import NOW, put_job

from cronapp.core.models import RunState, RunTrigger
from cronapp.store import jobs, listing, runs, search
from cronapp.store.jobs import JobFilter
from cronapp.store.listing import SORTS, Sort
from cronapp.store.runs import RunFilter
from cronapp.store.store import Conn, Store, Tx

TAGS = {"one": ["a"], "two": ["a", "b"], "three": ["b"], "four": []}


@pytest.fixture
async def mixed(store: Store) -> Store:
    """Four jobs, each with a run that waits."""
    for name, tags in TAGS.items():
        job = await put_job(store, name, tags=tags)

        def change(tx: Tx, job: Any = job) -> None:
            runs.open_run(tx, job, slot=None, trigger=RunTrigger.MANUAL, now=NOW, state=RunState.QUEUED)

        await store.write(change)
    return store


def listed(sort: Sort) -> Callable[[Conn], set[str]]:
    return lambda conn: {job.id for job, _ in listing.page(conn, JobFilter(), sort=sort)}


@pytest.mark.parametrize(("tags", "own"), [({"a"}, {"one", "two"}), ({"b"}, {"two", "three"}), ({"'; --"}, set())])
async def test_only_the_jobs_with_these_tags_are_there(mixed: Store, tags: set[str], own: set[str]) -> None:
    limited = mixed.scoped(frozenset(tags))
    for sort in SORTS:
        assert await limited.read(listed(Sort(sort))) == own, sort
    assert await limited.read(jobs.total) == len(own)
    assert {job.id for job in await limited.read(search.fitting, "hello", 10)} == own
    assert {run.job for run in await limited.read(runs.page, RunFilter(), limit=10)} == own
    assert sum((await limited.read(runs.counts_by_state)).values()) == len(own)
    groups = await limited.read(listing.groups, JobFilter())
    assert [(group.tag, group.count) for group in groups] == [
        (tag, len(has)) for tag in "ab" if (has := [name for name in own if tag in TAGS[name]])
    ]


async def test_the_whole_store_stays_whole(mixed: Store) -> None:
    mixed.scoped(frozenset({"a"}))
    assert mixed.tags is None
    assert await mixed.read(listed(Sort())) == set(TAGS)


async def test_changes_are_made_to_the_whole_store(mixed: Store) -> None:
    limited = mixed.scoped(frozenset({"a"}))
    assert await limited.write(lambda tx: jobs.total(tx.conn)) == len(TAGS)

"""Jobs found by what somebody types, on both databases in the same order."""

from __future__ import annotations

import random

import pytest
from recipes import put_job

from cronapp.core.ranking import rank
from cronapp.store import search
from cronapp.store.store import Store


async def found(store: Store, typed: str, limit: int = 8) -> list[str]:
    return [job.id for job in await store.read(search.fitting, typed, limit)]


async def test_an_id_comes_before_a_task_and_a_task_before_a_tag(store: Store) -> None:
    await put_job(store, "zz-index", task="other")
    await put_job(store, "idx", task="index")
    await put_job(store, "tagged", task="other", tags=["index"])
    await put_job(store, "indexes", task="other")
    await put_job(store, "a-i-n-d-e-x", task="other")
    await put_job(store, "nothing", task="other")
    assert await found(store, "index") == ["indexes", "zz-index", "idx", "tagged", "a-i-n-d-e-x"]
    assert await found(store, "INDEX", 2) == ["indexes", "zz-index"]


@pytest.mark.parametrize("typed", ["%", "_", "\\", "a%b", "a_b", "'", '"', "a\\"])
async def test_what_means_more_in_a_pattern_stands_for_itself(store: Store, typed: str) -> None:
    await put_job(store, "axb")
    await put_job(store, "plain")
    assert await found(store, typed) == []
    await put_job(store, "a_b")
    assert await found(store, "a_b") == ["a_b"]


async def test_the_database_ranks_as_the_core_does(store: Store) -> None:
    draw = random.Random(7)
    ids = {"".join(draw.choice("abA-._") for _ in range(draw.randint(1, 7))) + str(n % 3) for n in range(60)}
    for job_id in ids:
        await put_job(store, job_id, task="zzz")
    for typed in ("a", "ab", "a-b", "ba0", "-a", "b.", "A1"):
        fitting = {job_id: place for job_id in ids if (place := rank(typed, job_id)) is not None}
        listed = await found(store, typed, 100)
        assert set(listed) == set(fitting)
        ranked = [(fitting[job_id], len(job_id)) for job_id in listed]
        assert ranked == sorted(ranked)

"""Runs in the store: opened once, claimed once, ended by their owner, listed by keys, pruned in batches."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from recipes import FAILED, NOW, SUCCEEDED, a_node, at, log_lines, put_job

from cronapp.core.failures import group_of
from cronapp.core.models import (
    Job,
    Outcome,
    Progress,
    Run,
    RunError,
    RunState,
    RunTrigger,
)
from cronapp.core.traces import Frame, Problem
from cronapp.store import jobs, logs, runs
from cronapp.store.nodes import join
from cronapp.store.open import open_store
from cronapp.store.runs import RunFilter
from cronapp.store.store import Store, Tx


async def put_run(
    store: Store,
    job: Job,
    *,
    state: RunState = RunState.QUEUED,
    slot: str | None = None,
    minutes: float = 0,
    trigger: RunTrigger = RunTrigger.SCHEDULE,
) -> int:
    """A run that was queued (and ended, if it did) `minutes` after noon."""
    run_id = await store.write(
        runs.open_run,
        job,
        slot=at(slot) if slot else None,
        trigger=trigger,
        now=NOW + timedelta(minutes=minutes),
        state=state,
    )
    assert run_id is not None
    return run_id


async def get(store: Store, run_id: int) -> Run:
    run = await store.read(runs.get, run_id)
    assert run is not None
    return run


async def claim(store: Store, limit: int = 10, node: str = "node-1", minutes: float = 0) -> list[int]:
    claimed = await store.write(runs.claim, node=node, now=NOW + timedelta(minutes=minutes), limit=limit)
    return [run.id for run in claimed]


async def finish(store: Store, run_id: int, outcome: Outcome = SUCCEEDED, node: str = "node-1") -> bool:
    run = replace(await get(store, run_id), node=node)
    return run_id in await store.write(runs.finish, [runs.End(run, outcome, 1.5)], NOW)


# -- opened ---------------------------------------------------------------------------------------------------------


async def test_a_slot_is_opened_once(store: Store) -> None:
    job = await put_job(store)
    opened = await asyncio.gather(
        *(store.write(runs.open_run, job, slot=at("13:00"), trigger=RunTrigger.SCHEDULE, now=NOW) for _ in range(5))
    )
    assert sorted(run_id is None for run_id in opened) == [False, True, True, True, True]
    assert len(await store.read(runs.page, RunFilter())) == 1


async def test_runs_without_a_slot_meet_no_other(store: Store) -> None:
    job = await put_job(store)
    assert await put_run(store, job) != await put_run(store, job)


async def test_a_run_begins_with_what_its_job_says(store: Store) -> None:
    job = await put_job(store, args={"name": "Kiel"}, queue="slow", priority=7)
    run = await get(store, await put_run(store, job, slot="13:00"))
    assert run == Run(
        id=run.id,
        job="hourly",
        job_key=job.key,
        task="hello",
        args={"name": "Kiel"},
        slot=at("13:00"),
        state=RunState.QUEUED,
        trigger=RunTrigger.SCHEDULE,
        attempt=1,
        first_attempt=run.id,
        reason=None,
        queued_at=NOW,
        not_before=None,
        started_at=None,
        finished_at=None,
        duration=None,
        node=None,
        progress=None,
        result=None,
        error=None,
        last_seq=0,
        missed=1,
    )


async def test_a_record_of_no_run_has_ended_at_once(store: Store) -> None:
    job = await put_job(store)
    run = await get(store, await put_run(store, job, state=RunState.SKIPPED, slot="13:00", minutes=60))
    assert (run.state, run.finished_at, run.started_at) == (RunState.SKIPPED, at("13:00"), None)


async def test_the_next_attempt_follows_on_the_newest_and_is_tied_to_the_first(store: Store) -> None:
    job = await put_job(store, queue="slow", priority=7)
    first = await get(store, await put_run(store, job, slot="13:00", state=RunState.FAILED))

    async def again(run: Run) -> int | None:
        return await store.write(runs.open_retry, run, trigger=RunTrigger.RETRY, now=NOW, not_before=at("13:10"))

    second_id = await again(first)
    assert second_id is not None
    second = await get(store, second_id)
    assert (second.attempt, second.first_attempt, second.slot) == (2, first.id, at("13:00"))
    assert (second.trigger, second.not_before, second.state) == (RunTrigger.RETRY, at("13:10"), RunState.QUEUED)
    third_id = await again(first)
    assert third_id is not None
    assert [run.id for run in await store.read(runs.attempts, first.id)] == [first.id, second_id, third_id]
    assert [run.attempt for run in await store.read(runs.attempts, first.id)] == [1, 2, 3]


# -- claimed --------------------------------------------------------------------------------------------------------


async def test_the_most_urgent_is_claimed_first_then_the_oldest(store: Store) -> None:
    low, high = await put_job(store, "low", priority=-1), await put_job(store, "high", priority=5)
    plain = [await put_job(store, f"plain-{n}") for n in range(2)]
    expected_last = await put_run(store, low)
    first_plain, second_plain = [await put_run(store, job) for job in plain]
    urgent = await put_run(store, high)
    assert [await claim(store, 1) for _ in range(5)] == [[urgent], [first_plain], [second_plain], [expected_last], []]


async def test_a_claimed_run_is_running_on_its_node(store: Store) -> None:
    run_id = await put_run(store, await put_job(store))
    assert await claim(store, node="node-7", minutes=1) == [run_id]
    run = await get(store, run_id)
    assert (run.state, run.node, run.started_at) == (RunState.RUNNING, "node-7", at("12:01"))


async def test_no_more_are_claimed_than_asked_for(store: Store) -> None:
    waiting = [await put_run(store, await put_job(store, f"job-{n}")) for n in range(5)]
    assert await claim(store, 3) == waiting[:3]
    assert await claim(store, 3) == waiting[3:]


async def test_a_job_runs_no_more_at_once_than_it_may(store: Store) -> None:
    one, two = await put_job(store, "one"), await put_job(store, "two", max_running=2)
    first, second, _third = [await put_run(store, one) for _ in range(3)]
    waiting = [await put_run(store, two) for _ in range(3)]
    assert await claim(store) == [first, *waiting[:2]]
    assert await claim(store) == []
    assert await finish(store, first)
    assert await claim(store) == [second]


async def test_many_waiting_runs_of_one_job_do_not_keep_others_from_being_claimed(store: Store) -> None:
    crowded, other = await put_job(store, "crowded"), await put_job(store, "other")
    first, *_waiting = [await put_run(store, crowded) for _ in range(20)]
    last = await put_run(store, other)
    assert await claim(store, 5) == [first, last]


async def test_queues_take_turns_whatever_waits_in_each_of_them(store: Store) -> None:
    crowded = await put_job(store, "crowded", queue="crowded", overlap="allow")
    other = await put_job(store, "other", queue="other", overlap="allow")
    first, second, third, *_waiting = [await put_run(store, crowded) for _ in range(30)]
    late = [await put_run(store, other) for _ in range(2)]
    assert await claim(store, 2) == [first, late[0]]
    assert await claim(store, 3) == [second, late[1], third]


async def test_a_process_claims_only_what_it_serves(store: Store) -> None:
    await store.write(join, a_node("gpu", queues=("train", "default"), labels=("gpu", "big")))
    mail, tpu = await put_job(store, "mail", queue="mail"), await put_job(store, "tpu", labels=["tpu"])
    plain, gpu = await put_job(store, "plain"), await put_job(store, "gpu", queue="train", labels=["gpu"])
    elsewhere = [await put_run(store, job) for job in (mail, tpu)]
    mine = [await put_run(store, job) for job in (plain, gpu)]
    assert await claim(store, node="gpu") == mine
    assert await claim(store, node="nobody-knows-what-it-serves") == elsewhere


async def test_a_retry_is_not_claimed_before_its_time(store: Store) -> None:
    job = await put_job(store)
    failed = await get(store, await put_run(store, job, state=RunState.FAILED, slot="12:00"))
    retry = await store.write(
        runs.open_retry, failed, trigger=RunTrigger.RETRY, now=NOW, not_before=NOW + timedelta(minutes=10)
    )
    assert await store.read(runs.next_start, NOW) == at("12:10")
    assert await claim(store, minutes=9.99) == []
    assert await claim(store, minutes=10) == [retry]
    assert await store.read(runs.next_start, NOW) is None


@pytest.fixture
async def nodes(database_url: str) -> AsyncIterator[list[Store]]:
    """Two servers on one database; SQLite allows one, so there two claimers share it."""
    first = await open_store(database_url, lambda _events: None)
    second = first if database_url.startswith("sqlite") else await open_store(database_url, lambda _events: None)
    yield [first, second]
    await first.close()
    if second is not first:
        await second.close()


async def test_claimers_at_the_same_time_never_take_the_same_run_nor_too_many_of_a_job(nodes: list[Store]) -> None:
    listed = [await put_job(nodes[0], f"job-{n}", max_running=1 + n % 3) for n in range(6)]
    may_run = {job.id: job.spec.max_running for job in listed}
    waiting = {await put_run(nodes[0], job) for _ in range(25) for job in listed}
    taken: Counter[int] = Counter()
    for _ in range(200):
        claims = [claim(nodes[n % 2], 4, node=f"node-{n}") for n in range(6)]
        claimed = [run_id for ids in await asyncio.gather(*claims) for run_id in ids]
        taken.update(claimed)
        running = await nodes[0].read(runs.running)
        assert all(count <= may_run[job] for job, count in Counter(run.job for run in running).items())
        ended = [finish(nodes[n % 2], run.id, node=str(run.node)) for n, run in enumerate(running)]
        assert all(await asyncio.gather(*ended))
        if sum(taken.values()) >= len(waiting):
            break
    assert taken == Counter(dict.fromkeys(waiting, 1))


# -- ended ----------------------------------------------------------------------------------------------------------


async def test_a_failure_is_kept_with_its_frames_its_place_and_its_group(store: Store) -> None:
    frame = Frame(file="tasks.py", path="/srv/tasks.py", line=4, function="fetch", own=True, first=3, source=("a", "b"))
    problems = (
        Problem(type="ValueError", message="no ü", frames=(frame,)),
        Problem(type="E", message="", link="cause"),
    )
    error = RunError("ValueError", "no ü", "Traceback …", problems=problems)
    job = await put_job(store, max_running=3, overlap="allow")
    ended = []
    for outcome in (Outcome(state=RunState.FAILED, error=error), SUCCEEDED):
        run_id = await put_run(store, job)
        await claim(store)
        run = replace(await get(store, run_id), task="fetch")
        assert await store.write(runs.finish, [runs.End(run, outcome, 1.0)], NOW)
        ended.append(await get(store, run_id))
    bad, good = ended
    assert bad.error is not None
    assert bad.error.problems == problems
    assert bad.error_frame == "tasks.py:4 in fetch"
    assert bad.error_group == group_of(RunState.FAILED, error, "fetch")
    assert (good.error, good.error_frame, good.error_group) == (None, None, None)
    listed = await store.read(runs.page, RunFilter(state="failed"))
    assert listed[0].error == replace(error, problems=()), "a list does not read the frames"
    assert listed[0].error_frame == bad.error_frame
    lost = await put_run(store, job)
    await claim(store)
    assert await store.write(runs.lose, await get(store, lost), reason="gone", now=NOW)
    assert (await get(store, lost)).error_group == "lost"


async def test_a_run_ends_with_its_outcome(store: Store) -> None:
    run_id = await put_run(store, await put_job(store))
    await claim(store)
    error = RunError("ValueError", "no figures", "Traceback …")
    outcome = Outcome(state=RunState.FAILED, reason="It failed.", result={"sent": [1, None, "ä"]}, error=error)
    assert await finish(store, run_id, outcome)
    run = await get(store, run_id)
    assert (run.state, run.reason, run.result, run.error) == (
        RunState.FAILED,
        "It failed.",
        {"sent": [1, None, "ä"]},
        error,
    )
    assert (run.finished_at, run.duration) == (NOW, 1.5)


async def test_only_its_owner_ends_a_run_and_only_once(store: Store) -> None:
    run_id = await put_run(store, await put_job(store))
    assert not await finish(store, run_id)  # it waits
    await claim(store, node="node-1")
    assert not await finish(store, run_id, FAILED, node="node-2")
    assert (await get(store, run_id)).state is RunState.RUNNING
    assert await finish(store, run_id, SUCCEEDED, node="node-1")
    assert not await finish(store, run_id, FAILED, node="node-1")
    assert (await get(store, run_id)).state is RunState.SUCCEEDED


async def test_a_lost_run_is_not_ended_by_who_held_it(store: Store) -> None:
    run_id = await put_run(store, await put_job(store))
    await claim(store)
    running = await get(store, run_id)
    assert await store.write(runs.lose, running, reason="It died.", now=NOW)
    assert not await finish(store, run_id)
    assert not await store.write(runs.lose, running, reason="It died again.", now=NOW)
    assert ((await get(store, run_id)).state, (await get(store, run_id)).reason) == (RunState.LOST, "It died.")


async def test_only_a_waiting_run_is_ended_before_it_ran(store: Store) -> None:
    run_id = await put_run(store, await put_job(store))

    async def cancel() -> bool:
        return await store.write(runs.end_queued, run_id, state=RunState.CANCELLED, reason="By hand.", now=NOW)

    assert await cancel()
    assert not await cancel()
    assert await claim(store) == []
    other = await put_run(store, await put_job(store, "other"))
    await claim(store)
    assert not await store.write(runs.end_queued, other, state=RunState.CANCELLED, reason="Late.", now=NOW)


async def test_progress_is_kept_while_a_run_goes_on(store: Store) -> None:
    run_id = await put_run(store, await put_job(store))
    await claim(store)
    await store.write(runs.set_progress, run_id, Progress(done=3, total=10, text="Kiel"))
    assert (await get(store, run_id)).progress == Progress(done=3, total=10, text="Kiel")
    await finish(store, run_id)
    await store.write(runs.set_progress, run_id, Progress(done=4))
    assert (await get(store, run_id)).progress == Progress(done=3, total=10, text="Kiel")


# -- listed ---------------------------------------------------------------------------------------------------------


async def test_pages_of_runs_follow_on_each_other_while_new_ones_come(store: Store) -> None:
    job = await put_job(store)
    there = [await put_run(store, job) for _ in range(7)]
    seen: list[int] = []
    before: int | None = None
    while page := await store.read(runs.page, RunFilter(), before=before, limit=3):
        seen += [run.id for run in page]
        before = page[-1].id
        await put_run(store, job)
    assert seen == there[::-1]


async def test_runs_are_found_by_job_state_and_moment(store: Store) -> None:
    one, two = await put_job(store, "one"), await put_job(store, "two")
    first = await put_run(store, one, minutes=0, state=RunState.FAILED)
    second = await put_run(store, two, minutes=10)
    third = await put_run(store, one, minutes=20)

    async def found(**fields: object) -> list[int]:
        return [run.id for run in await store.read(runs.page, replace(RunFilter(), **fields))]

    assert await found(job="one") == [third, first]
    assert await found(state="queued") == [third, second]
    assert await found(job="one", state="failed") == [first]
    assert await found(since=at("12:10")) == [third, second]
    assert await found(until=at("12:10")) == [first]
    assert await found(since=at("12:01"), until=at("12:20")) == [second]
    assert await found(job="on") == []


async def test_a_strip_has_the_newest_runs_of_each_job_oldest_first(store: Store) -> None:
    one, two, none = [await put_job(store, name) for name in ("one", "two", "none")]
    ids = [await put_run(store, one) for _ in range(5)]
    other = await put_run(store, two, state=RunState.FAILED)
    strips = await store.read(runs.recent, [one.key, two.key, none.key], 3)
    assert [brief.id for brief in strips[one.key]] == ids[2:]
    assert [(brief.id, brief.state) for brief in strips[two.key]] == [(other, RunState.FAILED)]
    assert strips[none.key] == ()


async def test_a_strip_tells_what_went_wrong(store: Store) -> None:
    job = await put_job(store, max_running=5)
    ids = [await put_run(store, job) for _ in range(3)]
    await claim(store)
    for run_id, outcome in zip(
        ids, [FAILED, Outcome(state=RunState.CANCELLED, reason="By hand."), SUCCEEDED], strict=True
    ):
        await finish(store, run_id, outcome)
    strip = (await store.read(runs.recent, [job.key]))[job.key]
    assert [brief.problem for brief in strip] == ["ValueError: no figures", "By hand.", None]
    assert [brief.duration for brief in strip] == [1.5, 1.5, 1.5]


async def test_the_usual_duration_is_that_of_the_newest_twenty_that_succeeded(store: Store) -> None:
    job, other, none = [await put_job(store, name, max_running=200) for name in ("one", "two", "three")]

    def ended(tx: Tx, whose: Job, seconds: float, outcome: Outcome) -> None:
        run_id = runs.open_run(tx, whose, slot=None, trigger=RunTrigger.MANUAL, now=NOW)
        assert run_id is not None
        claimed = runs.claim(tx, node="node-1", now=NOW, limit=1)
        assert runs.finish(tx, [runs.End(one, outcome, seconds) for one in claimed], NOW) == {run_id: 0}

    def history(tx: Tx) -> None:
        for seconds in (1000, *range(20)):
            ended(tx, job, seconds, SUCCEEDED)
            ended(tx, job, 5000, FAILED)
        ended(tx, other, 7, SUCCEEDED)

    await store.write(history)
    found = await store.read(runs.usual, [job.key, other.key, none.key])
    assert {key: (told.median, told.count) for key, told in found.items()} == {job.key: (9.5, 20), other.key: (7, 1)}


async def test_open_runs_are_counted(store: Store) -> None:
    one, two = await put_job(store, "one"), await put_job(store, "two")
    for job in (one, one, two):
        await put_run(store, job)
    await put_run(store, one, state=RunState.FAILED)
    await claim(store, 1)
    assert await store.read(runs.counts_by_state) == {"queued": 2, "running": 1}
    assert await store.read(runs.counts_by_state, "two") == {"queued": 1}
    assert await store.read(runs.count_of_job, one.key) == 3


# -- pruned ---------------------------------------------------------------------------------------------------------


async def test_old_runs_are_pruned_in_batches_with_their_logs(store: Store) -> None:
    job = await put_job(store)
    old = [await put_run(store, job, state=RunState.SUCCEEDED, minutes=n) for n in range(5)]
    kept = await put_run(store, job, state=RunState.SUCCEEDED, minutes=10)
    waits = await put_run(store, job, minutes=0)
    for run_id in (old[0], kept):
        await store.write(logs.append, {run_id: log_lines("one", "two")})

    async def prune() -> int:
        return await store.write(runs.prune_older, at("12:10"), 2)

    assert [await prune() for _ in range(4)] == [2, 2, 1, 0]
    assert [run.id for run in await store.read(runs.page, RunFilter())] == [waits, kept]
    assert await store.read(logs.lines_after, old[0]) == []
    assert len(await store.read(logs.lines_after, kept)) == 2


async def test_runs_beyond_the_newest_are_pruned_and_open_ones_stay(store: Store) -> None:
    job, other = await put_job(store), await put_job(store, "other")
    waits = await put_run(store, job)
    ended = [await put_run(store, job, state=RunState.SUCCEEDED) for _ in range(6)]
    untouched = await put_run(store, other, state=RunState.SUCCEEDED)

    async def prune() -> int:
        return await store.write(runs.prune_beyond, job.key, 2, 3)

    assert [await prune() for _ in range(3)] == [3, 1, 0]
    assert [run.id for run in await store.read(runs.page, RunFilter())] == [untouched, *ended[:3:-1], waits]


async def test_removed_jobs_still_have_runs_to_prune(store: Store) -> None:
    job, other = await put_job(store), await put_job(store, "other")
    await put_run(store, job, state=RunState.SUCCEEDED)
    await put_run(store, other, state=RunState.SUCCEEDED)
    assert await store.write(jobs.remove, job.key)
    assert set(await store.read(runs.job_keys)) == {job.key, other.key}


# -- undone ---------------------------------------------------------------------------------------------------------


async def test_a_claim_that_is_rolled_back_leaves_the_run_waiting(store: Store) -> None:
    run_id = await put_run(store, await put_job(store))

    def claim_and_fail(tx: Tx) -> None:
        assert [run.id for run in runs.claim(tx, node="node-1", now=NOW, limit=1)] == [run_id]
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.write(claim_and_fail)
    assert await claim(store, node="node-2") == [run_id]


# -- of one job -----------------------------------------------------------------------------------------------------


async def test_the_newest_attempts_of_a_job_are_told_without_what_is_large(store: Store) -> None:
    job, other = await put_job(store), await put_job(store, id="other")
    first = await put_run(store, job, slot="13:00", state=RunState.FAILED)
    again = await store.write(
        runs.open_retry, await get(store, first), trigger=RunTrigger.RETRY, now=NOW, not_before=None
    )
    await put_run(store, other)
    ended = await put_run(store, job)
    told = await store.read(runs.past, job.key, 10)
    assert [(one.id, one.first_attempt, one.attempt) for one in told] == [
        (ended, ended, 1),
        (again, first, 2),
        (first, first, 1),
    ]
    assert (told[2].state, told[2].slot) == (RunState.FAILED, at("13:00"))
    assert [one.id for one in await store.read(runs.past, job.key, 1)] == [ended]


async def test_the_log_to_follow_is_that_of_the_newest_running_run_else_of_the_newest_that_started(
    store: Store,
) -> None:
    job = await put_job(store, overlap="allow", max_running=2)
    assert await store.read(runs.followed, job.key) is None
    await put_run(store, job, slot="13:00", state=RunState.SKIPPED)
    assert await store.read(runs.followed, job.key) is None

    async def followed() -> int:
        run = await store.read(runs.followed, job.key)
        assert run
        return run.id

    one, two, waiting = [await put_run(store, job) for _ in range(3)]
    assert await claim(store, 2) == [one, two]
    assert await followed() == two
    assert await finish(store, two)
    assert await followed() == one, "it goes on, the newer one has ended"
    assert await finish(store, one)
    assert await followed() == two
    assert await claim(store) == [waiting]
    assert await followed() == waiting


async def test_a_jobs_runs_are_narrowed_to_a_state(store: Store) -> None:
    job = await put_job(store)
    states = [RunState.SKIPPED, RunState.MISSED, RunState.SKIPPED]
    ids = [await put_run(store, job, state=state) for state in states]
    skipped = await store.read(runs.of_job, job.key, state="skipped")
    assert [run.id for run in skipped] == [ids[2], ids[0]]
    assert [run.id for run in await store.read(runs.of_job, job.key, state="skipped", before=ids[2])] == [ids[0]]

"""Groups of errors: counted over a time, with the jobs they hit, and how they stand."""

from __future__ import annotations

import pytest
from recipes import SUCCEEDED, a_job, carry
from support import TurnedClock

from cronapp.core.error_groups import Standing
from cronapp.core.errors import ErrorGroupNotFound
from cronapp.core.models import Outcome, Run, RunError, RunState
from cronapp.core.ranges import Range
from cronapp.core.traces import Frame, Problem
from cronapp.service.failures import Failures
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.store.store import Store

WEEK, DAY = Range("7d"), 86400


@pytest.fixture
def failures(store: Store, clock: TurnedClock) -> Failures:
    return Failures(store, clock)


def failing(kind: str, message: str = "no figures", function: str = "fetch") -> Outcome:
    frame = Frame(file="shop/tasks.py", path="/shop/tasks.py", line=42, function=function, own=True)
    problem = Problem(type=kind, message=message, frames=(frame,))
    return Outcome(state=RunState.FAILED, error=RunError(kind, message, "Traceback", problems=(problem,)))


async def run(jobs: Jobs, runs: Runs, job_id: str, outcome: Outcome) -> Run:
    if job_id not in await jobs.ids(100):
        await jobs.create(a_job(job_id, schedule={"kind": "manual"}), origin="api")
    await runs.run_now(job_id)
    return await carry(runs, outcome)


async def test_failures_are_grouped_counted_and_told_by_the_newest(
    failures: Failures, jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    first = await run(jobs, runs, "one", failing("ValueError", "old words"))
    clock.turn(3 * DAY)
    await run(jobs, runs, "two", failing("ValueError", "in between"))
    other = await run(jobs, runs, "two", failing("KeyError"))
    last = await run(jobs, runs, "one", failing("ValueError", "new words"))
    found = await failures.groups(failures.asked(WEEK, bars=7))
    assert [group.title for group in found.groups] == ["ValueError", "KeyError"]
    assert (found.count, found.failures, found.next) == (2, 4, None)
    group = found.groups[0]
    assert (group.id, group.newest.id, group.message) == (last.error_group, last.id, "new words")
    assert (group.count, group.bars) == (3, (0, 0, 0, 1, 0, 0, 2))
    assert (group.first_seen, group.last_seen) == (first.finished_at, last.finished_at)
    assert [(hit.job, hit.count, hit.last) for hit in group.hits] == [("one", 2, last.id), ("two", 1, last.id - 2)]
    assert group.newest.error_frame == "shop/tasks.py:42 in fetch"
    day = await failures.groups(failures.asked(Range("24h")))
    assert {group.title: group.count for group in day.groups} == {"ValueError": 2, "KeyError": 1}
    assert day.groups[0].first_seen == first.finished_at
    of_two = await failures.groups(failures.asked(WEEK, job="two"))
    assert [(group.title, group.count) for group in of_two.groups] == [("KeyError", 1), ("ValueError", 1)]
    assert [group.title for group in (await failures.groups(failures.asked(WEEK, q="FETCH"))).groups] != []
    assert [group.id for group in (await failures.groups(failures.asked(WEEK, q="keyerr"))).groups] == [
        other.error_group
    ]


async def test_a_group_is_new_goes_on_has_recovered_or_has_no_job_left(
    failures: Failures, jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    async def standing() -> Standing:
        return (await failures.groups(failures.asked(WEEK))).groups[0].standing

    await run(jobs, runs, "one", failing("ValueError"))
    await run(jobs, runs, "two", failing("ValueError"))
    assert await standing() is Standing.NEW
    clock.turn(2 * DAY)
    assert await standing() is Standing.FAILING
    await run(jobs, runs, "one", SUCCEEDED)
    assert await standing() is Standing.FAILING  # two has not
    await run(jobs, runs, "two", SUCCEEDED)
    assert await standing() is Standing.RECOVERED
    await run(jobs, runs, "two", failing("ValueError"))
    assert await standing() is Standing.FAILING
    await jobs.remove("one")
    await jobs.remove("two")
    assert await standing() is Standing.GONE


async def test_pages_of_groups_follow_on_each_other(failures: Failures, jobs: Jobs, runs: Runs) -> None:
    for n in range(5):
        await run(jobs, runs, "one", failing(f"Error{n}"))
    seen, before = [], None
    while True:
        page = await failures.groups(failures.asked(WEEK), before=before, limit=2)
        seen += [group.title for group in page.groups]
        if page.next is None:
            break
        before = page.next
    assert seen == [f"Error{n}" for n in (4, 3, 2, 1, 0)]


async def test_a_group_is_told_with_the_frames_of_its_newest_run_also_when_nothing_failed_lately(
    failures: Failures, jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    last = await run(jobs, runs, "one", failing("ValueError"))
    clock.turn(10 * DAY)
    assert (await failures.groups(failures.asked(WEEK))).groups == []
    assert last.error_group
    found = await failures.detail(last.error_group, failures.asked(WEEK))
    assert (found.group.count, found.group.standing) == (0, Standing.FAILING)
    assert [hit.job for hit in found.group.hits] == ["one"]
    assert found.newest.error
    assert found.newest.error.problems[0].frames[0].function == "fetch"
    assert (found.versions, found.looked_at) == (1, 1)
    with pytest.raises(ErrorGroupNotFound):
        await failures.detail("none", failures.asked(WEEK))


async def test_time_outs_and_lost_runs_are_groups_of_their_own(failures: Failures, jobs: Jobs, runs: Runs) -> None:
    await run(jobs, runs, "one", Outcome(state=RunState.TIMED_OUT, reason="It ran longer than 2 s."))
    (group,) = (await failures.groups(failures.asked(WEEK))).groups
    assert (group.id, group.title, group.message) == ("timed_out", "Timed out", "It ran longer than 2 s.")

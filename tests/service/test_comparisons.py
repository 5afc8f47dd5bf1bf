"""What changed since a job last worked: its code, its arguments, where it ran, and its log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from recipes import BY_HAND, FAILED, SUCCEEDED, a_job, carry, log_lines
from support import TASKS, TurnedClock

from cronapp.core.comparison import Change
from cronapp.core.errors import NothingToCompare
from cronapp.core.models import LogLine, LogStream, Outcome, Run, RunState
from cronapp.service.comparisons import MOST, Comparisons
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs, Written
from cronapp.service.tasks import Tasks
from cronapp.store import code
from cronapp.store.store import Store

TIMED_OUT = Outcome(state=RunState.TIMED_OUT, reason="It took too long.")


@pytest.fixture
async def comparisons(store: Store, tasks: Tasks, jobs: Jobs) -> Comparisons:
    await jobs.create(a_job("job", schedule=BY_HAND, args={"name": "Kiel"}), origin="api")
    return Comparisons(store, tasks)


async def run(runs: Runs, outcome: Outcome, *texts: str, node: str = "web-1:7", seconds: float = 1.0, **args) -> Run:
    """Runs the job once; it prints these texts."""
    await runs.run_now("job", args)
    (claimed,) = await runs.claim(node, 1)
    last = Written(claimed.run, log_lines(*texts), None) if texts else None
    assert await runs.finish(claimed.run, outcome, seconds, last)
    return await runs.get(claimed.run.id)


def rewrite(tasks: Tasks, old: str, new: str) -> None:
    Path(tasks.sources[0]).write_text(TASKS.replace(old, new))
    tasks.reload()


async def test_where_nothing_changed_that_is_said(comparisons: Comparisons, runs: Runs) -> None:
    good = await run(runs, SUCCEEDED, "hello")
    bad = await run(runs, FAILED, "hello", node="web-1:99")
    told = await comparisons.of(bad.id)
    assert told.before.id == good.id
    assert (told.function, told.environment) == ("same", "same")
    assert told.nothing, "another process on the same machine is no change"
    assert told.log is None
    assert told.log_beyond is None


async def test_a_changed_function_is_told_line_by_line(comparisons: Comparisons, runs: Runs, tasks: Tasks) -> None:
    await run(runs, SUCCEEDED)
    rewrite(tasks, 'print(f"hello {name}")', 'print(f"good day {name}")')
    told = await comparisons.of((await run(runs, FAILED)).id)
    assert told.function == "changed"
    assert not told.nothing
    changed = [(line.mark, line.text.strip()) for line in told.diff if line.mark in "+-"]
    assert changed == [("-", 'print(f"hello {name}")'), ("+", 'print(f"good day {name}")')]
    assert told.files == (), "the function's own file is told of by its difference"


async def test_a_change_elsewhere_in_the_files_is_told(comparisons: Comparisons, runs: Runs, tasks: Tasks) -> None:
    await run(runs, SUCCEEDED)
    rewrite(tasks, '"no figures"', '"nothing"')
    told = await comparisons.of((await run(runs, FAILED)).id)
    assert told.function == "same"
    assert [one.name for one in told.files] == ["tasks.py"]
    assert not told.nothing


async def test_packages_arguments_and_machine_are_compared(comparisons: Comparisons, runs: Runs, tasks: Tasks) -> None:
    await run(runs, SUCCEEDED, seconds=12)
    packages = {**tasks.environment.packages, "httpx": "9.9"}
    tasks.environment = replace(tasks.environment, packages=packages)
    tasks._codes.clear()
    told = await comparisons.of((await run(runs, TIMED_OUT, name="Bonn", node="web-2:7", seconds=40)).id)
    assert [(one.name, one.now) for one in told.packages] == [("httpx", "9.9")]
    assert told.args == (Change("name", "Kiel", "Bonn"),)
    assert told.host == Change("Host", "web-1", "web-2")
    assert (told.before.duration, told.run.duration) == (12, 40)


async def test_it_is_held_against_the_last_that_succeeded_before_it(comparisons: Comparisons, runs: Runs) -> None:
    await run(runs, SUCCEEDED)
    second = await run(runs, SUCCEEDED)
    await run(runs, FAILED)
    bad = await run(runs, FAILED)
    await run(runs, SUCCEEDED)
    assert (await comparisons.of(bad.id)).before.id == second.id


async def test_without_one_that_worked_there_is_nothing_to_compare(comparisons: Comparisons, runs: Runs) -> None:
    first = await run(runs, FAILED)
    good = await run(runs, SUCCEEDED)
    for one in (first, good):
        with pytest.raises(NothingToCompare):
            await comparisons.of(one.id)


def told(lines: tuple[LogLine, ...]) -> list[str]:
    return [line.text for line in lines]


async def test_the_logs_are_shown_from_the_first_line_that_differs(comparisons: Comparisons, runs: Runs) -> None:
    same = [f"step {n} in {n}.5 s" for n in range(600)]
    await run(runs, SUCCEEDED, *same, "12 rows", "stored", "bye", "really")
    other = [text.replace(".5 s", ".25 s") for text in same]
    log = (await comparisons.of((await run(runs, FAILED, *other, "0 rows")).id)).log
    assert log is not None
    assert told(log.common) == other[-3:]
    assert told(log.before) == ["12 rows", "stored", "bye"]
    assert told(log.now) == ["0 rows"]
    assert log.now[0].seq == 601


async def test_a_log_that_ends_early_is_told_so(comparisons: Comparisons, runs: Runs) -> None:
    await run(runs, SUCCEEDED, "a", "b", "c")
    log = (await comparisons.of((await run(runs, FAILED, "a", "b")).id)).log
    assert log is not None
    assert (told(log.common), told(log.before), told(log.now)) == (["a", "b"], ["c"], [])


async def test_our_own_remarks_are_no_difference(comparisons: Comparisons, runs: Runs) -> None:
    await run(runs, SUCCEEDED, "a", "b")
    await runs.run_now("job")
    (claimed,) = await runs.claim("web-1:7", 1)
    lines = [*log_lines("a remark", stream=LogStream.SYSTEM), *log_lines("a", "b", first=2)]
    await runs.finish(claimed.run, FAILED, 1.0, Written(claimed.run, lines, None))
    assert (await comparisons.of(claimed.run.id)).log is None


async def test_long_logs_are_compared_up_to_a_limit(comparisons: Comparisons, runs: Runs) -> None:
    texts = [f"line {n}" for n in range(MOST + 10)]
    await run(runs, SUCCEEDED, *texts)
    compared = await comparisons.of((await run(runs, FAILED, *texts, "another")).id)
    assert (compared.log, compared.log_beyond) == (None, MOST)


async def test_a_source_is_kept_once_and_pruned_when_no_run_can_have_it(
    comparisons: Comparisons, runs: Runs, tasks: Tasks, store: Store, clock: TurnedClock
) -> None:
    first = await run(runs, SUCCEEDED)
    again = await run(runs, SUCCEEDED)
    assert first.source == again.source
    rewrite(tasks, '"hello {name}"', '"bye {name}"')
    clock.turn(timedelta(days=20).total_seconds())
    last = await run(runs, FAILED)
    await runs.prune(keep_days=10, keep_runs=1000)
    assert await store.read(code.source, first.source) is None
    assert await store.read(code.environment, first.environment) is None
    assert "bye" in (await store.read(code.source, last.source) or "")
    clock.turn(timedelta(days=10.5).total_seconds())
    await run(runs, FAILED)  # it is in use again
    clock.turn(timedelta(days=10.5).total_seconds())
    await runs.prune(keep_days=10, keep_runs=1000)
    assert await store.read(code.source, last.source) is not None


async def test_an_old_run_of_which_nothing_was_noted_compares_as_unknown(
    comparisons: Comparisons, runs: Runs, tasks: Tasks
) -> None:
    good = await run(runs, SUCCEEDED)
    tasks.registry.tasks.pop("hello")  # nothing to note of a task that is gone
    await runs.retry(good.id)
    bad = await carry(runs, FAILED, node="web-1:7")
    told = await comparisons.of(bad.id)
    assert (told.function, told.environment) == ("unknown", "unknown")
    assert not told.nothing

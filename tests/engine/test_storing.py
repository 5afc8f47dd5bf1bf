"""What a run leaves gets into the books, or is told to be missing; and a stop ends, whatever the database does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from support import until

from cronapp.core.errors import StoreUnavailable
from cronapp.core.models import Outcome, Run, RunState
from cronapp.engine import runner as runner_module
from cronapp.engine.runner import Runner
from cronapp.service.runs import Finished


@pytest.fixture
async def runner(house: Any, capturing: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runner]:
    monkeypatch.setattr(runner_module, "TRY_AGAIN", 0.01)
    monkeypatch.setattr(runner_module, "WRITE_EVERY", 0.01)
    runner = Runner(house.runs, house.tasks, house.clock, node="here:1", log_limit=1_000_000, grace=5)
    house.bus.subscribe(runner.heed)
    runner.begin()
    yield runner
    await runner.stop("The test is over.")
    await runner.end()


async def started(house: Any, runner: Runner, task: str, job: dict[str, Any] | None = None, **args: Any) -> Run:
    """A run that has begun."""
    job_id = f"job-{len(house.made)}"
    house.made.append(job_id)
    await house.make(job_id, task, args=args, **(job or {}))
    opened: Run = await house.runs.run_now(job_id)
    for claimed in await house.runs.claim(runner.node, 100):
        runner.start(claimed)
    return opened


async def has_ended(house: Any, run: Run) -> Run:
    return await until(lambda: house.ended(run), 30)  # type: ignore[no-any-return]


class Fails:
    """Stands in for a method that fails so many times, or always."""

    def __init__(self, method: Any, error: Exception, times: int | None = None, *, lines: str = "") -> None:
        self.method = method
        self.error = error
        self.times = times
        self.lines = lines  # fails only where this is printed
        self.failures = 0

    async def __call__(self, *args: Any) -> Any:
        if self.lines in repr(args) and (self.times is None or self.failures < self.times):
            self.failures += 1
            raise self.error
        return await self.method(*args)


# -- an end that the database refuses -------------------------------------------------------------------------------


async def test_an_error_that_passes_costs_an_end_nothing(
    house: Any, runner: Runner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(house.runs, "finish_all", Fails(house.runs.finish_all, ValueError("beyond me"), 2))
    run = await has_ended(house, await started(house, runner, "hello", name="Kiel"))
    assert (run.state, run.result) == ("succeeded", {"greeted": "Kiel"})
    assert await house.texts(run) == ["hello Kiel"]
    assert caplog.text.count("beyond me") == 2


@pytest.mark.parametrize(("task", "state"), [("hello", "succeeded"), ("fail", "failed")])
async def test_an_end_that_the_database_refuses_is_stored_in_plain_words(
    house: Any, runner: Runner, monkeypatch: pytest.MonkeyPatch, task: str, state: str
) -> None:
    finish = house.runs.finish_all

    async def picky(finished: Sequence[Finished]) -> list[bool]:
        if any(one.outcome.result or one.outcome.error or one.last for one in finished):
            raise ValueError("this result is beyond me")
        ended: list[bool] = await finish(finished)
        return ended

    monkeypatch.setattr(house.runs, "finish_all", picky)
    run = await has_ended(house, await started(house, runner, task))
    assert (run.state, run.result, run.error) == ("failed", None, None)
    assert run.reason.startswith(f"It ended as {state}, but the database refused")
    await until(lambda: runner.busy == 0)


async def test_a_run_that_was_cancelled_stays_so_when_the_database_refuses_its_last_lines(
    house: Any, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.runs, "finish_all", Fails(house.runs.finish_all, ValueError(), 3))
    run = await started(house, runner, "wait", seconds=60)
    await until(lambda: runner.live)
    await house.runs.cancel(run.id)
    done = await has_ended(house, run)
    assert done.state == "cancelled"
    assert "refused" in done.reason


async def test_a_fault_of_ours_ends_the_run_that_met_it(
    house: Any, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Outcome:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(runner, "_outcome", broken)
    run = await has_ended(house, await started(house, runner, "hello"))
    assert (run.state, run.error.type, run.error.message) == ("failed", "ZeroDivisionError", "a fault")


# -- lines that the database refuses --------------------------------------------------------------------------------


async def test_lines_that_the_database_refuses_hold_up_no_other_run_and_none_that_come_later(
    house: Any, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Fails(house.runs.write, ValueError("a line is beyond me"), lines="step 0'")
    monkeypatch.setattr(house.runs, "write", write)
    bad = await started(house, runner, "steps", count=10_000, delay=0.01)
    good = await started(house, runner, "wait", seconds=60)

    async def goes_on() -> bool:
        return bool(await house.texts(good)) and len(await house.texts(bad)) > 20

    await until(goes_on)
    assert write.failures >= 3
    texts = await house.texts(bad)
    assert "step 0" not in texts
    assert sum("could not be stored; the server's log says why" in text for text in texts) == 1
    for run in (bad, good):
        await house.runs.cancel(run.id)
        assert (await has_ended(house, run)).state == "cancelled"


async def test_progress_that_could_not_be_written_is_written_when_the_database_is_back(
    house: Any, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Fails(house.runs.write, StoreUnavailable())
    with monkeypatch.context() as patch:
        patch.setattr(house.runs, "write", write)
        run = await started(house, runner, "steps", count=1, delay=5)
        await until(lambda: write.failures >= 3)

    async def reported() -> bool:
        progress = (await house.runs.get(run.id)).progress
        return progress is not None and progress.done == 1

    await until(reported)
    runner._grace = 0.1  # the thread sleeps on
    await runner.stop("Enough.")


# -- a run that is no longer ours -----------------------------------------------------------------------------------


async def test_what_a_run_prints_that_is_no_longer_ours_is_neither_written_nor_kept(
    house: Any, runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    run = await started(house, runner, "steps", count=10_000, delay=0.01)

    async def prints() -> bool:
        return len(await house.texts(run)) > 2

    await until(prints)
    (live,) = runner._live.values()
    await house.runs.lose_running("Somebody else thought so.")
    before = await house.runs.get(run.id)
    texts = await house.texts(run)
    await until(lambda: live.lines.closed)
    assert f"run #{run.id} is no longer ours: it is stopped, and what it prints is not kept" in caplog.text
    assert live.unwritten == []
    await until(lambda: not runner.unended)  # it is stopped: perhaps it is executed elsewhere by now
    assert not live.lines.take(flush=True)
    assert await house.runs.get(run.id) == before
    assert await house.texts(run) == texts


# -- a stop while the database is away ------------------------------------------------------------------------------


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "STORING", 0.2)


@pytest.mark.usefixtures("hurried")
async def test_a_stop_ends_while_the_database_is_away_and_names_what_it_could_not_store(
    house: Any, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = Fails(house.runs.finish_all, StoreUnavailable())
    with monkeypatch.context() as patch:
        patch.setattr(house.runs, "finish_all", finish)
        over = await started(house, runner, "hello")
        await until(lambda: finish.failures >= 2)
        assert runner.live == []
        assert [run.id for run in runner.unended] == [over.id]
        held = await started(house, runner, "wait", seconds=60)
        await until(lambda: runner.live)
        left = await asyncio.wait_for(runner.stop("The server was stopped."), 10)
    assert {run.id for run in left} == {over.id, held.id}
    assert (runner.busy, runner.unended) == (0, [])
    lost = await house.runs.lose_running("The server that executed this run ended without a word.")
    assert {run.id for run in lost} == {over.id, held.id}


@pytest.mark.usefixtures("hurried")
async def test_a_stop_ends_while_the_database_does_not_answer_at_all(
    house: Any, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(*_: Any) -> bool:
        await asyncio.Event().wait()
        return True

    with monkeypatch.context() as patch:
        patch.setattr(house.runs, "finish_all", hangs)
        run = await started(house, runner, "hello")
        await until(lambda: runner.unended and not runner.live)
        left = await asyncio.wait_for(runner.stop("The server was stopped."), 10)
    assert [one.id for one in left] == [run.id]
    assert runner.busy == 0


async def test_a_stop_waits_for_ends_that_are_being_stored(
    house: Any, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = Fails(house.runs.finish_all, StoreUnavailable(), 5)
    monkeypatch.setattr(house.runs, "finish_all", finish)
    run = await started(house, runner, "hello")
    await until(lambda: finish.failures >= 2)
    assert await runner.stop("The server was stopped.") == []
    assert (await house.runs.get(run.id)).state is RunState.SUCCEEDED

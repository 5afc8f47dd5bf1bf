"""The watchdog sees what blocks the loop."""

from __future__ import annotations

import asyncio
import queue
import time
from datetime import UTC, datetime

import pytest

from cronapp.core.registry import load
from cronapp.engine import watchdog
from cronapp.engine.executors import Attempt, StopRequest, execute
from cronapp.engine.runlog import RunLog
from cronapp.engine.watchdog import LoopWatchdog

TASKS = """
import time

async def blocks(seconds: float):
    time.sleep(seconds)

async def blocks_in_a_subtask(seconds: float):
    import asyncio
    await asyncio.gather(blocks(seconds), asyncio.sleep(0))

async def waits(seconds: float):
    import asyncio
    await asyncio.sleep(seconds)
"""


@pytest.fixture
def blocked():
    return queue.Queue()


@pytest.fixture
async def dog(blocked):
    dog = LoopWatchdog(blocked.put, limit=0.1)
    dog.start()
    yield dog
    dog.stop()


async def run(tmp_path, name, seconds):
    path = tmp_path / "tasks.py"
    path.write_text(TASKS)
    task = load([str(path)]).get(name)
    log = RunLog(10**6, lambda: datetime.now(UTC))
    attempt = Attempt(
        id=7, job="slow", attempt=1, slot=None, task=task, args={"seconds": seconds}, log=log, on_progress=print
    )
    return await execute(attempt, StopRequest())


async def next_report(blocked):
    return await asyncio.to_thread(blocked.get, timeout=10)


async def last_report(blocked):
    """The one that says that it is over."""
    while not (report := await next_report(blocked)).over:
        pass
    return report


@pytest.mark.parametrize("name", ["blocks", "blocks_in_a_subtask"])
async def test_a_run_that_blocks_the_loop_is_named_with_its_place_in_the_code(dog, blocked, tmp_path, name):
    await run(tmp_path, name, 0.5)
    report = await next_report(blocked)
    assert (report.run, report.job, report.task, report.over) == (7, "slow", name, False)
    assert "time.sleep(seconds)" in report.stack
    report = await last_report(blocked)
    assert (report.run, report.job, report.task, report.over) == (7, "slow", name, True)
    assert 0.2 < report.seconds < 5
    assert report.stack.strip().splitlines()[-1].strip() == "time.sleep(seconds)"
    assert "cronapp/" not in report.stack


async def test_a_block_that_is_no_runs_is_told_without_one(dog, blocked):
    time.sleep(0.4)  # noqa: ASYNC251 - this is the block
    report = await next_report(blocked)
    assert (report.run, report.job, report.task) == (None, None, None)
    assert "time.sleep(0.4)" in report.stack


async def test_a_block_is_told_while_it_lasts_so_that_its_run_can_still_be_told(dog, blocked, tmp_path):
    running = asyncio.ensure_future(run(tmp_path, "blocks", 2.0))
    noticed = asyncio.get_running_loop().run_in_executor(None, lambda: (blocked.get(timeout=10), running.done()))
    report, was_over = await noticed
    assert (report.run, report.over, was_over) == (7, False, False)
    await running
    assert (await last_report(blocked)).over


async def test_a_long_block_is_told_while_it_lasts(dog, blocked, tmp_path, monkeypatch):
    monkeypatch.setattr(watchdog, "REPORT_EVERY", 0.2)
    await run(tmp_path, "blocks", 1.0)
    reports = [await next_report(blocked)]
    while not reports[-1].over:
        reports.append(await next_report(blocked))
    assert len(reports) >= 3
    assert reports[-1].seconds > reports[0].seconds


async def test_a_loop_that_works_is_left_in_peace(dog, blocked, tmp_path):
    await run(tmp_path, "waits", 0.5)
    assert blocked.empty()


async def test_a_report_that_fails_does_not_end_the_watch(tmp_path, blocked, caplog):
    def broken(report):
        blocked.put(report)
        raise RuntimeError("no")

    dog = LoopWatchdog(broken, limit=0.05)
    dog.start()
    for _ in range(2):
        await run(tmp_path, "blocks", 0.3)
        await last_report(blocked)
    dog.stop()
    assert "The report of a blocked event loop failed." in caplog.text


async def test_it_stops_at_once_and_can_start_again(blocked):
    dog = LoopWatchdog(blocked.put, limit=30)
    dog.start()
    dog.start()
    started = time.monotonic()
    dog.stop()
    dog.stop()
    assert time.monotonic() - started < 5
    dog.start()
    dog.stop()

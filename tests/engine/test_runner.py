"""One run's life: started, its lines written as they come, stopped when asked, its end stored, whatever happens."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from support import until

from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import Event, LogAppended, RunChanged
from cronapp.core.models import Outcome, Run, RunState
from cronapp.engine import runner as runner_module
from cronapp.engine.runner import Runner

MORE = """

def many(name: str, lines: int = 100):
    for n in range(lines):
        print(f"{name} {n}")

async def many_on_loop(name: str, lines: int = 100):
    for n in range(lines):
        print(f"{name} {n}")
        if n % 7 == 0:
            await asyncio.sleep(0.001)
    logging.getLogger("mine").warning("%s logged", name)

@task(run_in="process")
def many_in_process(name: str, lines: int = 100):
    for n in range(lines):
        print(f"{name} {n}")

def odd_words():
    print("half \\ud800 and \\0")
    raise ValueError("half \\ud800 and \\0")

def odd_result():
    return {"half \\ud800": "\\0", "nan": float("nan")}

def odd_progress():
    progress(float("nan"), float("inf"), "half \\ud800 \\0")
    progress(1, 2, "half \\ud800 \\0")

def no_text():
    sys.stdout.buffer.write(b"caf\\xe9\\n")
    print("café")

def no_newline():
    print("without an end", end="")

@task(run_in="process")
def stubborn():
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
    time.sleep(60)
"""

Start = Callable[..., Any]


@pytest.fixture
async def runner(house: Any, capturing: None) -> AsyncIterator[Runner]:
    path = house.tasks.sources[0]
    with open(path, "a") as tasks:  # noqa: ASYNC230 - a few lines
        tasks.write(MORE)
    house.tasks.reload()
    runner = Runner(house.runs, house.tasks, house.clock, node="here:1", log_limit=1_000_000, grace=20)
    house.bus.subscribe(runner.heed)
    runner.begin()
    yield runner
    runner.stop_all("The test is over.")
    await runner.drained()
    await runner.end()


@pytest.fixture
def start(house: Any, runner: Runner) -> Start:
    """`await start(task, **args)` is a run that has begun."""

    async def begin(task: str, *, job: dict[str, Any] | None = None, **args: Any) -> Run:
        job_id = f"job-{len(house.made)}"
        house.made.append(job_id)
        await house.make(job_id, task, args=args, **(job or {}))
        opened = await house.runs.run_now(job_id)
        for claimed in await house.runs.claim(runner.node, 1000):
            runner.start(claimed)
        return opened  # type: ignore[no-any-return]

    return begin


async def ended(house: Any, run: Run, limit: float = 30) -> Run:
    return await until(lambda: house.ended(run), limit)  # type: ignore[no-any-return]


# -- the ways to run ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["many", "many_on_loop", "many_in_process"])
async def test_a_run_succeeds_with_its_lines_in_each_way(house: Any, start: Start, task: str) -> None:
    run = await ended(house, await start(task, name="Kiel", lines=250))
    assert (run.state, run.error, run.reason) == ("succeeded", None, None)
    assert run.duration is not None
    assert run.started_at <= run.finished_at
    texts = await house.texts(run)
    assert texts[:250] == [f"Kiel {n}" for n in range(250)]
    assert texts[250:] == (["Kiel logged"] if task == "many_on_loop" else [])
    assert run.last_seq == len(texts)


async def test_fifty_runs_at_once_keep_each_its_own_lines(house: Any, start: Start) -> None:
    ways = ["many"] * 20 + ["many_on_loop"] * 20 + ["many_in_process"] * 10
    runs = [(f"name-{n}", await start(way, name=f"name-{n}", lines=200)) for n, way in enumerate(ways)]
    for name, run in runs:
        done = await ended(house, run, 60)
        assert done.state == "succeeded"
        lines = await house.runs.lines(run.id, 0, 1000)
        assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
        texts = [line.text for line in lines]
        assert texts[:200] == [f"{name} {n}" for n in range(200)]
        assert texts[200:] in ([], [f"{name} logged"])


async def test_a_result_and_a_failure_are_stored(house: Any, start: Start) -> None:
    good = await ended(house, await start("hello", name="Kiel"))
    assert good.result == {"greeted": "Kiel"}
    bad = await ended(house, await start("fail", message="no figures"))
    assert bad.state == "failed"
    assert (bad.error.type, bad.error.message) == ("ValueError", "no figures")
    assert "raise ValueError(message)" in bad.error.traceback


@pytest.mark.parametrize("task", ["odd_words", "odd_result", "odd_progress", "no_newline"])
async def test_a_run_ends_whatever_characters_it_gives(house: Any, start: Start, runner: Runner, task: str) -> None:
    run = await ended(house, await start(task))
    assert run.state == ("failed" if task == "odd_words" else "succeeded")
    assert runner.busy == 0
    if task == "no_newline":
        assert await house.texts(run) == ["without an end"]
    after = await ended(house, await start("hello"))
    assert after.state == "succeeded"
    assert await house.texts(after) == ["hello world"]


async def test_a_task_that_is_gone_fails_its_run(house: Any, start: Start) -> None:
    await house.make("gone", "hello")
    opened = await house.runs.run_now("gone")
    house.tasks.registry.tasks.pop("hello")
    await start("many", name="x")
    run = await ended(house, opened)
    assert (run.state, run.error.type) == ("failed", "TaskNotFound")


# -- live -----------------------------------------------------------------------------------------------------------


async def test_lines_and_progress_are_there_while_the_run_goes_on(house: Any, start: Start, runner: Runner) -> None:
    told: list[Event] = []
    house.bus.subscribe(told.append)
    run = await start("steps", count=1000, delay=0.01)

    async def some() -> Run | None:
        now: Run = await house.runs.get(run.id)
        return now if now.progress and now.last_seq >= 5 else None

    now = await until(some)
    assert now.state == "running"
    assert (now.progress.total, now.progress.text[:4]) == (1000, "step")
    assert (await house.texts(run))[:5] == [f"step {n}" for n in range(5)]
    assert [live.id for live in runner.live] == [run.id]
    appended = [event.last_seq for event in told if isinstance(event, LogAppended)]
    assert appended == sorted(set(appended))
    assert RunChanged(run.id, run.job) in told
    await house.runs.cancel(run.id)
    await ended(house, run)
    assert runner.live == []


async def test_a_remark_of_ours_stands_in_the_log(house: Any, start: Start, runner: Runner) -> None:
    run = await start("wait", seconds=60)
    await until(lambda: runner.live)
    await asyncio.to_thread(runner.remark, run.id, "Something\nis odd.")
    runner.remark(9999, "nobody's")
    await house.runs.cancel(run.id)
    await ended(house, run)
    lines = await house.runs.lines(run.id)
    assert [line.text for line in lines if line.stream == "system"][:2] == ["Something", "is odd."]


# -- stopped --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["wait", "hold", "work"])
async def test_a_run_that_is_cancelled_stops_in_each_way(house: Any, start: Start, task: str) -> None:
    run = await start(task, seconds=60)

    async def prints() -> bool:
        return bool(await house.texts(run))

    await until(prints)
    assert (await house.runs.cancel(run.id)).state == "running"
    done = await ended(house, run)
    assert (done.state, done.reason) == ("cancelled", "Cancelled by hand.")


@pytest.mark.parametrize("task", ["wait", "hold", "work"])
async def test_a_run_that_takes_too_long_is_stopped_in_each_way(house: Any, start: Start, task: str) -> None:
    run = await ended(house, await start(task, job={"timeout": 0.5}, seconds=60))
    assert run.state == "timed_out"
    assert run.reason
    assert run.duration >= 0.5


async def test_a_child_that_does_not_listen_is_killed(house: Any, start: Start, runner: Runner) -> None:
    runner._grace = 0.3
    run = await start("stubborn")

    async def is_deaf() -> bool:
        return await house.texts(run) == ["deaf"]

    await until(is_deaf)
    await house.runs.cancel(run.id)
    assert (await ended(house, run)).state == "cancelled"


async def test_all_are_stopped_as_lost_so_that_their_retry_rule_counts(
    house: Any, start: Start, runner: Runner
) -> None:
    retry = {"max_attempts": 2, "delay": 3600}
    runs = [await start(task, job={"retry": retry}, seconds=60) for task in ("wait", "hold", "work")]
    await until(lambda: len(runner.live) == 3)
    runner.stop_all("The server was stopped.")
    await asyncio.wait_for(runner.drained(), 30)
    for run in runs:
        now = await house.runs.get(run.id)
        assert (now.state, now.reason) == ("lost", "The server was stopped.")
        assert [one.state for one in await house.runs.attempts(now)] == ["lost", "queued"]


async def test_a_run_that_was_started_is_seen_at_once(house: Any, runner: Runner) -> None:
    await house.make("a", "wait", args={"seconds": 60})
    run = await house.runs.run_now("a")
    (claimed,) = await house.runs.claim(runner.node, 10)
    runner.start(claimed)
    assert runner.busy == 1
    assert [live.id for live in runner.live] == [run.id], "who stops right now must not miss it"
    runner.stop_all("The server was stopped.")
    await asyncio.wait_for(runner.drained(), 30)
    assert (await house.runs.get(run.id)).state == "lost"


# -- the database is away -------------------------------------------------------------------------------------------


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "TRY_AGAIN", 0.02)
    monkeypatch.setattr(runner_module, "WRITE_EVERY", 0.02)


@pytest.mark.usefixtures("soon")
async def test_the_end_of_a_run_waits_for_the_database(
    house: Any, start: Start, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = []

    async def away(*args: Any) -> bool:
        failures.append(args)
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(house.runs, "finish_all", away)
        run = await start("hello", name="Kiel", times=3)
        await until(lambda: len(failures) >= 3)
        assert runner.busy == 1
        assert (await house.runs.get(run.id)).state == "running"
    done = await ended(house, run)
    assert done.state == "succeeded"
    assert await house.texts(run) == ["hello Kiel"] * 3


@pytest.mark.usefixtures("soon")
async def test_lines_wait_for_the_database_and_none_is_lost_or_doubled(
    house: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = []

    async def away(written: Any) -> None:
        failures.append(written)
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(house.runs, "write", away)
        run = await start("steps", count=200, delay=0.005)
        short = await start("hello", name="Kiel")
        await until(lambda: len(failures) >= 3)
        assert (await ended(house, short)).state == "succeeded"
        assert await house.texts(short) == ["hello Kiel"]
    await ended(house, run)
    assert await house.texts(run) == [f"step {n}" for n in range(200)]
    assert (await house.runs.get(run.id)).progress.done == 200


@pytest.mark.usefixtures("soon")
async def test_one_error_while_lines_are_written_does_not_end_the_writing(
    house: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = []

    async def broken(written: Any) -> None:
        failures.append(written)
        raise RuntimeError("unheard of")

    with monkeypatch.context() as patch:
        patch.setattr(house.runs, "write", broken)
        run = await start("steps", count=10_000, delay=0.005)
        await until(lambda: failures)

    async def written() -> bool:
        return len(await house.texts(run)) > 3

    await until(written)
    await house.runs.cancel(run.id)
    await ended(house, run)


async def test_a_run_that_is_no_longer_ours_changes_nothing_at_its_end(
    house: Any, start: Start, runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    run = await start("wait", job={"retry": {"max_attempts": 3}}, seconds=60)

    async def has_printed() -> bool:
        return await house.texts(run) == ["waiting"]

    await until(has_printed)
    await house.runs.lose_running("Somebody else thought so.")
    before = await house.runs.get(run.id)
    attempts = await house.runs.attempts(before)
    runner.stop_all("The server was stopped.")
    await asyncio.wait_for(runner.drained(), 30)
    after = await house.runs.get(run.id)
    assert after == before
    assert (after.state, after.reason) == ("lost", "Somebody else thought so.")
    assert await house.runs.attempts(after) == attempts
    assert "no longer ours" in caplog.text


async def test_another_nodes_end_is_refused_by_the_fence(house: Any, start: Start, runner: Runner) -> None:
    run = await start("wait", seconds=60)
    await until(lambda: runner.live)
    mine = runner.live[0]
    theirs = Run(**{name: getattr(mine, name) for name in Run.__dataclass_fields__} | {"node": "there:2"})
    assert await house.runs.finish(theirs, Outcome(state=RunState.SUCCEEDED), 1.0) is False
    assert (await house.runs.get(run.id)).state == "running"


async def test_a_log_has_its_limit(house: Any, start: Start, runner: Runner) -> None:
    runner._log_limit = 2000
    run = await ended(house, await start("many", name="Kiel", lines=1000))
    texts = await house.texts(run)
    assert 20 < len(texts) < 200
    assert texts[0] == "Kiel 0"
    assert texts[-1] == "Kiel 999"
    assert any(text.endswith("left out: the log limit of 2 kB was reached …") for text in texts)
    assert [line.seq for line in await house.runs.lines(run.id)] == list(range(1, len(texts) + 1))


async def test_bytes_that_are_no_text_come_back_from_the_store(house: Any, start: Start) -> None:
    run = await ended(house, await start("no_text"))
    lines = await house.runs.lines(run.id)
    assert [(line.text, line.raw) for line in lines] == [("caf\ufffd", b"caf\xe9"), ("café", None)]


@pytest.mark.parametrize(("task", "way"), [("wait", "loop"), ("hold", "thread"), ("work", "process")])
async def test_one_can_look_into_a_run_while_it_goes_on(
    house: Any, start: Start, runner: Runner, task: str, way: str
) -> None:
    run = await start(task, seconds=60)

    async def seen() -> Any:
        inside = await runner.look(run.id)
        return inside if inside and inside.last_line_at and f"in {task}" in inside.stack else None

    inside = await until(seen)
    assert (inside.run, inside.run_in) == (run.id, way)
    assert inside.last_line_at <= inside.at
    assert bool(inside.memory) == (way == "process")
    await house.runs.cancel(run.id)
    await ended(house, run)
    assert await runner.look(run.id) is None


async def test_nothing_of_a_run_is_left_behind(house: Any, start: Start, runner: Runner) -> None:
    before = {pid for pid in os.listdir("/proc") if pid.isdigit()}
    for task in ("hello", "work", "fail"):
        await ended(house, await start(task))
    await asyncio.wait_for(runner.drained(), 10)
    assert (runner.busy, runner.live, runner._lives) == (0, [], set())
    mine = str(os.getpid())

    def children() -> list[str]:
        found = []
        for pid in os.listdir("/proc"):
            if pid.isdigit() and pid not in before:
                try:
                    with open(f"/proc/{pid}/stat") as stat:
                        parent = stat.read().rpartition(")")[2].split()[1]
                except OSError:
                    continue
                if parent == mine:
                    found.append(pid)
        return found

    await until(lambda: not children())


# -- a condition ----------------------------------------------------------------------------------------------------

CONDITIONS = """

def yes(): return True

def no(slot: datetime):
    print("asked at", slot)
    return False

async def no_on_loop(slot: datetime): return False

@task(run_in="process")
def no_in_process(): return False

def unclear(): pass

def broken(): raise LookupError("no calendar")
"""


@pytest.fixture
async def ask(house: Any, runner: Runner) -> Start:
    """`await ask(condition)` is the ended run of a slot over which that condition decided."""
    with open(house.tasks.sources[0], "a") as tasks:  # noqa: ASYNC230 - a few lines
        tasks.write("from datetime import datetime\n" + CONDITIONS)
    house.tasks.reload()

    async def decide(condition: str, **fields: Any) -> Run:
        schedule = {"kind": "cron", "expression": "@reboot", "timezone": "Europe/Berlin"}
        key = await house.make("asked", "hello", schedule=schedule, condition=condition, **fields)
        await house.runs.open_at_start()
        (claimed,) = await house.runs.claim(runner.node, 10)
        assert claimed.run.job_key == key
        runner.start(claimed)
        return await ended(house, claimed.run)

    return decide


async def test_a_condition_that_says_yes_lets_the_run_start(house: Any, ask: Start) -> None:
    run = await ask("yes")
    assert (run.state, run.result) == ("succeeded", {"greeted": "world"})
    assert await house.texts(run) == ["The condition yes said yes.", "hello world"]


@pytest.mark.parametrize("condition", ["no", "no_on_loop", "no_in_process"])
async def test_a_condition_that_says_no_skips_the_slot(house: Any, ask: Start, condition: str) -> None:
    run = await ask(condition)
    assert (run.state, run.reason) == ("skipped", f"The condition {condition} said no.")
    if condition == "no":  # its output is the run's, and the slot is in the job's zone
        (text,) = await house.texts(run)
        assert text.startswith("asked at ")
        assert text.endswith(("+01:00", "+02:00"))


@pytest.mark.parametrize(("condition", "error"), [("unclear", "UnclearCondition"), ("broken", "LookupError")])
async def test_a_condition_that_does_not_decide_fails_the_run(
    house: Any, ask: Start, condition: str, error: str
) -> None:
    run = await ask(condition, retry={"max_attempts": 2, "delay": 0})
    assert (run.state, run.error.type) == ("failed", error)
    assert [one.state for one in await house.runs.attempts(run)] == ["failed", "queued"]


async def test_a_retry_asks_again_so_that_nothing_starts_without_a_yes(house: Any, runner: Runner, ask: Start) -> None:
    first = await ask("broken", retry={"max_attempts": 2, "delay": 0})
    (again,) = await house.runs.claim(runner.node, 10)
    runner.start(again)
    second = await ended(house, again.run)
    assert [(one.attempt, one.state, one.error.type) for one in (first, second)] == [
        (1, "failed", "LookupError"),
        (2, "failed", "LookupError"),
    ]
    by_hand = await house.runs.retry(first.id)
    (claimed,) = await house.runs.claim(runner.node, 10)
    runner.start(claimed)
    assert (await ended(house, by_hand)).state == "succeeded"


async def test_a_run_by_hand_does_not_ask_the_condition(house: Any, start: Start, ask: Start) -> None:
    run = await ended(house, await start("hello", job={"condition": "no"}))
    assert run.state == "succeeded"

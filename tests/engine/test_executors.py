"""One attempt, carried out on the loop, in a thread and in a process: its output, its end, and how it is stopped."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from cronapp.core.models import LogStream, Progress, RunState
from cronapp.core.registry import load
from cronapp.engine import capture, executors
from cronapp.engine.executors import Attempt, ChildLimits, StopRequest, execute, leaked_threads
from cronapp.engine.outcomes import cut_in_the_middle, jsonable, run_error
from cronapp.engine.runlog import RunLog

TASKS = """
import asyncio, ctypes, dataclasses, datetime, logging, os, signal, subprocess, sys, threading, time, warnings
from concurrent.futures import ThreadPoolExecutor
from cronapp import current_run, progress, task


class NoFigures(Exception):
    pass


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Speechless:
    def __repr__(self):
        raise SystemExit


class Wordy:
    def __repr__(self):
        return "Wordy " * 5000


@dataclasses.dataclass
class Report:
    day: datetime.date
    shops: set


def hello_thread(name: str, n: int = 1):
    for i in range(n):
        print(name, i)
        if i % 5 == 0:
            logging.info("%s logged", name)
    return {"name": name}


async def hello_loop(name: str, n: int = 1):
    for i in range(n):
        print(name, i)
        await asyncio.sleep(0)
        if i % 5 == 0:
            logging.info("%s logged", name)
    return {"name": name}


@task(run_in="process")
def hello_process(name: str, n: int = 1):
    return hello_thread(name, n)


@task(run_in="process")
async def hello_async_process(name: str, n: int = 1):
    return await hello_loop(name, n)


def body_fails(how: str):
    if how == "figures":
        raise NoFigures("no figures")
    if how == "chain":
        try:
            {}["key"]
        except KeyError as problem:
            raise ValueError("no such shop") from problem
    if how == "group":
        raise ExceptionGroup("both", [ValueError("one"), NoFigures("two")])
    if how == "unprintable":
        raise Unprintable
    if how == "exit":
        sys.exit(0)
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "base":
        raise BaseException("of all")
    if how == "recursion":
        return body_fails("recursion")
    if how == "memory":
        raise MemoryError
    if how == "long":
        raise ValueError("x" * 1_000_000)
    if how == "cancelled":
        raise asyncio.CancelledError
    if how == "leave":
        try:
            os._exit(3)
        except Exception:
            return


def fails_thread(how: str):
    body_fails(how)


async def fails_loop(how: str):
    body_fails(how)


@task(run_in="process")
def fails_process(how: str):
    body_fails(how)


async def exits_in_a_subtask(way: str):
    async def shop():
        await asyncio.sleep(0)
        sys.exit(1)

    if way == "gather":
        await asyncio.gather(shop(), asyncio.sleep(0))
    if way == "group":
        async with asyncio.TaskGroup() as group:
            group.create_task(shop())
    forgotten = asyncio.create_task(shop())
    await asyncio.wait({forgotten})
    print(type(forgotten.exception()).__name__)


def forks():
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


async def leaves_in_a_subtask():
    async def shop():
        await asyncio.sleep(0)
        os._exit(1)

    await asyncio.gather(shop(), asyncio.to_thread(time.sleep, 0))


async def cancels_a_subtask():
    task = asyncio.create_task(asyncio.sleep(60))
    task.cancel()
    await asyncio.wait({task})
    print(task.cancelled(), task.get_coro().cr_code.co_name)


def body_result(kind: str):
    return {
        "none": None,
        "dataclass": Report(datetime.date(2026, 1, 31), {"Kiel"}),
        "nan": float("nan"),
        "object": object(),
        "big": "x" * 2_000_000,
        "many": [Wordy] * 5_000_000,
        "speechless": Speechless(),
        "wordy": Wordy(),
    }[kind]


def result_thread(kind: str):
    return body_result(kind)


async def result_loop(kind: str):
    return body_result(kind)


@task(run_in="process")
def result_process(kind: str):
    return body_result(kind)


def progress_thread():
    run = current_run()
    for i in range(1000):
        progress(i + 1, 1000, run.job)
    return [run.id, run.attempt, run.task, run.slot]


async def progress_loop():
    return progress_thread()


@task(run_in="process")
def progress_process():
    return progress_thread()


def waits_thread():
    print("waiting")
    while True:
        current_run().check()
        time.sleep(0.01)


async def waits_loop():
    print("waiting")
    try:
        await asyncio.sleep(60)
    finally:
        print("cleaned up")


@task(run_in="process")
def waits_process():
    try:
        print("waiting")
        time.sleep(60)
    finally:
        print("cleaned up")


@task(run_in="process")
async def waits_async_process():
    await waits_loop()


def prints_thread():
    while True:
        print("waiting")
        time.sleep(0.01)


async def stubborn_loop(seconds: float = 1.5):
    print("waiting")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            print("ignored")


def stubborn_thread(seconds: float = 1.5):
    print("waiting")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.02)


@task(run_in="process")
def stubborn_process():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("waiting")
    while True:
        time.sleep(1)


@task(run_in="process")
def parent_of(path: str, escape: bool = False, forever: bool = True):
    child = subprocess.Popen(["sleep", "600"], start_new_session=escape)
    with open(path, "w") as file:
        file.write(str(child.pid))
    print("waiting")
    while forever:
        time.sleep(1)


@task(run_in="process")
def crashes(how: str):
    print("before", how)
    sys.stdout.flush()
    if how == "segfault":
        ctypes.string_at(0)
    if how == "exit":
        os._exit(0)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


@task(run_in="process")
def raw():
    os.write(1, b"bin\\xff\\x00\\xc3")
    os.write(1, b"\\xa4ry\\n")
    os.write(2, b"error\\n")
    subprocess.run(["echo", "from a program"])
    sys.stdout.buffer.write(b"bytes\\n")
    warnings.warn("old figures")


@task(run_in="process")
def floods():
    for i in range(50_000):
        print("x" * 100)
    os.write(1, b"y" * 1000)
    subprocess.run("yes | head -c 20000000", shell=True)


@task(run_in="process")
def threads_process():
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: [print(n, i) for i in range(100)], range(4)))


@task(run_in="process")
def leaves_a_thread():
    threading.Thread(target=time.sleep, args=(600,)).start()
    return "done"


@task(run_in="process")
def world():
    return [sys.path, os.environ.get("PYTHONPATH"), os.getcwd(), sys.stdin.read()]


@task(run_in="process")
def hungry():
    kept = []
    for n in range(400):
        kept.append(bytearray(10_000_000))
    return len(kept)


@task(run_in="process")
def limits():
    import resource
    return [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_NPROC)]


@task(run_in="process")
def megabytes(size: int):
    line = b"z" * 99 + b"\\n"
    chunk = line * 655
    for _ in range(size * 1_000_000 // len(chunk)):
        os.write(1, chunk)
    os.write(1, b"the end\\n")


def inner_wait():
    print("waiting")
    time.sleep(60)


async def inner_await():
    await asyncio.sleep(60)


async def seen_loop():
    async def other():
        await inner_await()
    asyncio.create_task(other(), name="the other one")
    print("waiting")
    await inner_await()


def seen_thread():
    while not current_run().cancelled:
        print("waiting")
        time.sleep(0.05)


@task(run_in="process")
def seen_process():
    child = subprocess.Popen([sys.executable, "-c", "x = bytearray(100_000_000); print(1, flush=True); input()"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    threading.Thread(target=lambda: time.sleep(60), daemon=True).start()
    inner_wait()


@task(run_in="process")
async def seen_async_process():
    await seen_loop()


@task(run_in="process")
def becomes_another():
    os.execv("/bin/sh", ["sh", "-c", "echo waiting; exec sleep 60"])


def late_thread():
    threading.Thread(target=lambda: (time.sleep(0.2), print("late")), daemon=True).start()
"""
WAYS = ["loop", "thread", "process"]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    path = tmp_path_factory.mktemp("tasks") / "shop.py"
    path.write_text(TASKS)
    registry = load([str(path)])
    assert not registry.errors
    return registry


@pytest.fixture(autouse=True)
def _as_before():
    yield
    capture.uninstall()


class Execution:
    """One attempt under way, and all that came of it."""

    def __init__(self, tasks, task_name, /, number=1, timeout=None, grace=10, limit=10**7, limits=None, **args):
        capture.install()  # here and not in a fixture: pytest sets the streams anew when the test begins
        self.progress: list[Progress] = []
        self.log = RunLog(limit, lambda: datetime.now(UTC))
        self.lines = []
        self.stop = StopRequest()
        self.attempt = Attempt(
            id=number,
            job="a-job",
            attempt=2,
            slot=datetime(2026, 3, 1, tzinfo=UTC),
            task=tasks.get(task_name),
            args=args,
            log=self.log,
            on_progress=self.progress.append,
            timeout=timeout,
            grace=grace,
            limits=limits or ChildLimits(),
        )
        self.call = None
        self.task = asyncio.ensure_future(execute(self.attempt, self.stop, self.begun))

    def begun(self, call):
        self.call = call

    async def end(self):
        outcome = await asyncio.wait_for(self.task, 30)
        self.take(flush=True)
        return outcome

    def take(self, flush=False):
        self.lines += self.log.take(flush)

    async def until_it_prints(self, text="waiting"):
        async with asyncio.timeout(20):
            while text not in self.texts:
                await asyncio.sleep(0.01)
                self.take()

    @property
    def texts(self):
        return [line.text for line in self.lines]

    def cancel(self):
        self.stop.request(RunState.CANCELLED, "Cancelled by Ada.")


@pytest.fixture
def start(tasks):
    def start(task_name, /, **options):
        return Execution(tasks, task_name, **options)

    return start


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the kernel sets no event
            await asyncio.sleep(0.01)
    return True


async def gone(pid):
    return await until(lambda: not alive(pid))


# -- arguments, output, results -------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [*WAYS, "async_process"])
async def test_a_task_runs_prints_logs_and_returns(start, way):
    run = start(f"hello_{way}", name="Kiel", n=2)
    outcome = await run.end()
    assert (outcome.state, outcome.result, outcome.error) == (RunState.SUCCEEDED, {"name": "Kiel"}, None)
    assert [(line.stream, line.level, line.text) for line in run.lines] == [
        (LogStream.STDOUT, None, "Kiel 0"),
        (LogStream.LOG, "INFO", "Kiel logged"),
        (LogStream.STDOUT, None, "Kiel 1"),
    ]
    assert [line.seq for line in run.lines] == [1, 2, 3]


@pytest.mark.parametrize("way", WAYS)
async def test_arguments_that_no_longer_fit_fail_the_run_with_the_difference(start, way):
    outcome = await start(f"hello_{way}", n="many").end()
    assert outcome.state is RunState.FAILED
    assert outcome.error.type == "InvalidArguments"
    assert "args.name" in outcome.reason
    assert "args.n" in outcome.reason


async def test_fifty_runs_at_once_keep_their_lines_apart(start):
    runs = [start(f"hello_{WAYS[n % 3]}", number=n, name=f"run{n}", n=50) for n in range(50)]
    outcomes = await asyncio.gather(*(run.end() for run in runs))
    assert [outcome.result for outcome in outcomes] == [{"name": f"run{n}"} for n in range(50)]
    for n, run in enumerate(runs):
        assert [t for t in run.texts if "logged" not in t] == [f"run{n} {i}" for i in range(50)]
        assert run.texts.count(f"run{n} logged") == 10
        assert len(run.texts) == 60


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("none", None),
        ("dataclass", {"day": "2026-01-31", "shops": ["Kiel"]}),
        ("nan", None),
    ],
)
async def test_a_result_is_kept_as_json_can_hold_it(start, way, kind, result):
    run = start(f"result_{way}", kind=kind)
    outcome = await run.end()
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, result)
    assert run.texts == []


CANNOT = "JSON cannot hold this {}, so the result is its repr."


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("kind", "result", "remark"),
    [
        ("object", r"<object object at 0x\w+>", CANNOT.format("object")),
        (
            "big",
            r"'x{9998}…",
            "As JSON the result takes 2 MB, and the limit is 1 MB: only the beginning of its repr is kept.",
        ),
        ("many", r"\[<class '\w+.*…", CANNOT.format("list")),
        ("speechless", "<Speechless, whose repr raises SystemExit>", CANNOT.format("Speechless")),
        ("wordy", "(Wordy )+Wor…", CANNOT.format("Wordy")),
    ],
)
async def test_what_json_cannot_hold_is_kept_by_its_repr_up_to_a_limit(start, way, kind, result, remark):
    run = start(f"result_{way}", kind=kind)
    outcome = await run.end()
    assert outcome.state is RunState.SUCCEEDED
    assert re.fullmatch(result, outcome.result)
    assert len(outcome.result) <= 10_000
    assert run.texts == [remark]


@pytest.mark.parametrize("way", WAYS)
async def test_progress_comes_on_the_loop_and_the_run_knows_itself(start, way):
    run = start(f"progress_{way}", number=812)
    outcome = await run.end()
    assert outcome.result == [812, 2, f"progress_{way}", "2026-03-01T00:00:00Z"]
    assert run.progress[-1] == Progress(done=1000, total=1000, text="a-job")
    assert len(run.progress) < 1000


# -- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
async def test_an_exception_fails_the_run_with_the_users_frames_only(start, way):
    outcome = await start(f"fails_{way}", how="figures").end()
    assert outcome.state is RunState.FAILED
    assert (outcome.error.type, outcome.error.message) == ("NoFigures", "no figures")
    assert "in body_fails" in outcome.error.traceback
    assert "cronapp" not in outcome.error.traceback
    assert outcome.error.traceback.endswith("\nNoFigures: no figures\n")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("chain", "ValueError", "no such shop"),
        ("group", "ExceptionGroup", "both (2 sub-exceptions)"),
        ("unprintable", "Unprintable", "(this exception cannot be turned into text)"),
        ("exit", "SystemExit", "0"),
        ("interrupt", "KeyboardInterrupt", ""),
        ("base", "BaseException", "of all"),
        ("recursion", "RecursionError", "maximum recursion depth exceeded"),
        ("memory", "MemoryError", ""),
        ("cancelled", "asyncio.exceptions.CancelledError", ""),
    ],
)
async def test_whatever_a_task_raises_the_run_fails_and_the_server_lives(start, way, how, kind, message):
    outcome = await start(f"fails_{way}", how=how).end()
    assert outcome.state is RunState.FAILED
    assert outcome.error.type == kind
    assert outcome.error.message.startswith(message)
    assert "Traceback" in outcome.error.traceback
    if how == "exit":
        assert "sys.exit" in outcome.reason
    if how == "chain":
        assert "KeyError: 'key'" in outcome.error.traceback


async def test_a_subtask_that_exits_does_not_end_the_server(start):
    gathered = await start("exits_in_a_subtask", way="gather").end()
    assert (gathered.state, gathered.error.type) == (RunState.FAILED, "SystemExit")
    assert "in shop" in gathered.error.traceback
    grouped = await start("exits_in_a_subtask", way="group").end()
    assert (grouped.state, grouped.error.type) == (RunState.FAILED, "ExceptionGroup")
    forgotten = start("exits_in_a_subtask", way="forget")
    assert (await forgotten.end()).state is RunState.SUCCEEDED
    assert forgotten.texts == ["ExitedError"]


@pytest.mark.parametrize("way", WAYS)
async def test_an_error_tells_its_kinds(start, way):
    figures = await start(f"fails_{way}", how="figures").end()
    assert figures.error.kinds == ("NoFigures", "Exception", "BaseException")
    interrupted = await start(f"fails_{way}", how="interrupt").end()
    assert interrupted.error.kinds == ("KeyboardInterrupt", "BaseException")


@pytest.mark.parametrize("task", ["fails_loop", "fails_thread", "leaves_in_a_subtask"])
async def test_os_exit_ends_the_run_and_not_the_server(start, task):
    outcome = await start(task, **({"how": "leave"} if "fails" in task else {})).end()
    assert outcome.state is RunState.FAILED
    assert "called os._exit" in outcome.reason
    assert 'run_in="process"' in outcome.reason
    assert "os._exit(" in outcome.error.message


async def test_a_forked_process_may_exit_as_ever(start):
    assert (await start("forks").end()).result == 7


async def test_a_subtask_is_cancelled_as_ever(start):
    run = start("cancels_a_subtask")
    await run.end()
    assert run.texts == ["True sleep"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_long_message_is_cut(start, way):
    outcome = await start(f"fails_{way}", how="long").end()
    assert len(outcome.error.message) == 10_000
    assert len(outcome.error.traceback) <= 65536
    assert "characters left out" in outcome.error.traceback


def test_what_cannot_be_described_is_named():
    class AwkwardError(Exception):
        def __str__(self):
            raise SystemExit

    assert run_error(AwkwardError()).type.endswith("AwkwardError")
    assert cut_in_the_middle("short") == "short"
    assert jsonable({"moment": datetime(2026, 1, 1, tzinfo=UTC)}) == ({"moment": "2026-01-01T00:00:00Z"}, None)
    assert jsonable("\ud800")[1] == CANNOT.format("str")


# -- stopping -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["waits_loop", "waits_thread", "prints_thread", "waits_process", "waits_async_process"]
)
async def test_a_cancelled_task_stops_and_may_clean_up(start, name):
    run = start(name)
    await run.until_it_prints()
    run.cancel()
    outcome = await run.end()
    assert (outcome.state, outcome.reason, outcome.error) == (RunState.CANCELLED, "Cancelled by Ada.", None)
    if "waits" in name and "thread" not in name:
        assert run.texts == ["waiting", "cleaned up"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_task_over_its_timeout_is_stopped(start, way):
    outcome = await start(f"waits_{way}", timeout=0.5).end()
    assert (outcome.state, outcome.error) == (RunState.TIMED_OUT, None)
    assert outcome.reason == "It ran longer than its timeout of 0.5 s."


@pytest.mark.parametrize("way", WAYS)
async def test_a_stop_before_the_start_means_no_start(start, way):
    run = start(f"waits_{way}")
    run.cancel()
    outcome = await run.end()
    assert outcome.state is RunState.CANCELLED
    assert run.texts == []


async def test_a_coroutine_that_swallows_the_cancellation_ends_in_the_books(start):
    run = start("stubborn_loop", grace=0.2)
    await run.until_it_prints()
    run.cancel()
    outcome = await run.end()
    assert outcome.state is RunState.CANCELLED
    assert outcome.reason == "Cancelled by Ada. The coroutine ignored the cancellation and still runs."
    assert run.lines[-1].stream is LogStream.SYSTEM


async def test_a_thread_that_goes_on_ends_in_the_books_and_is_counted(start):
    before = leaked_threads()
    run = start("stubborn_thread", grace=0.2, timeout=0.2)
    outcome = await run.end()
    assert outcome.state is RunState.TIMED_OUT
    assert 'The thread still works, and a thread cannot be killed; use run_in="process"' in outcome.reason
    assert any("time.sleep(0.02)" in text for text in run.texts)
    assert leaked_threads() == before + 1
    assert await until(lambda: leaked_threads() == before)


async def test_a_process_that_ignores_sigterm_is_killed(start):
    run = start("stubborn_process", grace=0.2)
    await run.until_it_prints()
    run.cancel()
    outcome = await run.end()
    assert (outcome.state, outcome.reason) == (RunState.CANCELLED, "Cancelled by Ada.")
    assert run.texts[-1] == "It did not end within 0.2 s after it was asked to, so it was killed."


async def test_the_first_request_to_stop_wins(start):
    run = start("waits_loop")
    await run.until_it_prints()
    run.cancel()
    run.stop.request(RunState.TIMED_OUT, "too long")
    assert (await run.end()).state is RunState.CANCELLED


@pytest.mark.parametrize("way", WAYS)
async def test_cancelling_the_execution_itself_ends_the_task(start, way):
    run = start(f"waits_{way}")
    await run.until_it_prints()
    run.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run.task


# -- processes ------------------------------------------------------------------------------------------------------


async def test_what_a_task_started_dies_with_it_when_it_is_stopped(start, tmp_path):
    run = start("parent_of", path=str(tmp_path / "pid"))
    await run.until_it_prints()
    run.cancel()
    await run.end()
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_what_a_task_started_dies_with_it_when_it_returns(start, tmp_path):
    outcome = await start("parent_of", path=str(tmp_path / "pid"), forever=False).end()
    assert outcome.state is RunState.SUCCEEDED
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_a_program_that_left_the_session_does_not_hold_up_the_end(start, tmp_path):
    started = time.monotonic()
    outcome = await start("parent_of", path=str(tmp_path / "pid"), escape=True, forever=False).end()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert outcome.state is RunState.SUCCEEDED
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("segfault", "The process was killed by SIGSEGV."),
        ("exit", "The process ended without a result (exit status 0)."),
        ("kill", "The process was killed by SIGKILL (perhaps out of memory)."),
    ],
)
async def test_a_process_that_dies_fails_its_run_only(start, how, reason):
    run = start("crashes", how=how)
    outcome = await run.end()
    assert (outcome.state, outcome.reason) == (RunState.FAILED, reason)
    assert f"before {how}" in run.texts
    assert f"before {how}" in outcome.error.traceback
    if how == "segfault":
        assert "Fatal Python error: Segmentation fault" in run.texts


async def test_what_passes_python_by_is_seen_too(start):
    run = start("raw")
    await run.end()
    by_stream = {stream: [line.text for line in run.lines if line.stream is stream] for stream in LogStream}
    assert sorted(by_stream[LogStream.STDOUT]) == ["bin\ufffd\ufffdäry", "bytes", "from a program"]
    assert by_stream[LogStream.STDERR] == ["error"]
    assert by_stream[LogStream.LOG][0].endswith("UserWarning: old figures")


async def test_of_a_flood_from_a_process_the_first_and_the_last_part_are_kept(start):
    run = start("floods", limit=100_000)
    outcome = await run.end()
    assert outcome.state is RunState.SUCCEEDED
    assert sum(len(text) for text in run.texts) < 101_000
    assert run.texts[0] == "x" * 100
    assert run.texts[-1] == "y"
    gap = next(text for text in run.texts if "left out" in text)
    lines, size = re.fullmatch(
        r"… ([\d,]+) lines \(([\d.]+) MB\) left out: the log limit of 100 kB was .+", gap
    ).groups()
    assert 24.5 < float(size) < 25.1
    kept = sum(line.stream is LogStream.STDOUT for line in run.lines)
    assert int(lines.replace(",", "")) + kept == 50_000 + 10_000_000


async def test_a_flood_takes_no_memory_of_the_server(start):
    process = psutil.Process()
    sizes = [process.memory_info().rss]
    run = start("megabytes", size=200)
    while not run.task.done():
        await asyncio.wait({run.task}, timeout=0.1)
        run.take()
        sizes.append(process.memory_info().rss)
    assert (await run.end()).state is RunState.SUCCEEDED
    assert max(sizes) - sizes[0] < 60_000_000
    assert run.texts[-1] == "the end"
    assert any("left out" in text for text in run.texts)


async def test_a_process_beyond_its_memory_fails_with_a_memory_error(start):
    outcome = await start("hungry", limits=ChildLimits(memory=600_000_000)).end()
    assert (outcome.state, outcome.error.type) == (RunState.FAILED, "MemoryError")
    assert "in hungry" in outcome.error.traceback


async def test_a_process_has_the_limits_that_are_set_and_no_others(start):
    unlimited = (await start("limits").end()).result
    limited = (await start("limits", limits=ChildLimits(memory=700_000_000, processes=321)).end()).result
    assert limited == [700_000_000, 321]
    assert unlimited == [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_NPROC)]


# -- looking inside -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "frames"),
    [
        ("seen_loop", ["in seen_loop", "await inner_await()", "in inner_await", "the other one:", "in other"]),
        ("seen_thread", ["in seen_thread", "time.sleep(0.05)"]),
        ("seen_process", ["in seen_process", "in inner_wait", "time.sleep(60)", "Another thread:", "in <lambda>"]),
        ("seen_async_process", ["in seen_async_process", "in inner_await", "the other one:", "in other"]),
    ],
)
async def test_one_can_look_where_a_run_is(start, task, frames):
    run = start(task)
    await run.until_it_prints()
    seen = await looked(run, frames)
    assert "cronapp" not in seen.stack
    assert "runpy" not in seen.stack
    if task == "seen_process":
        assert 100_000_000 < seen.memory < 1_000_000_000
    assert (seen.memory is None) == ("process" not in task)
    again = await asyncio.gather(run.call.look(), run.call.look())
    assert all(frames[0] in each.stack for each in again)
    run.cancel()
    assert (await run.end()).state is RunState.CANCELLED


async def test_a_look_does_not_hurt_a_process_that_became_another_program(start):
    run = start("becomes_another")
    await run.until_it_prints()
    assert (await run.call.look()).stack == "The process is still starting.\n"
    assert not run.task.done()
    run.cancel()
    assert (await run.end()).state is RunState.CANCELLED


async def test_a_look_at_a_process_that_has_ended_finds_nothing(start):
    run = start("hello_process", name="Kiel")
    await run.end()
    assert (await run.call.look()).stack == "The task is about to end.\n"


async def looked(run, frames):
    """Looks until the frames are there, in this order: the task prints a moment before it is where it stays."""
    pattern = re.compile(".*".join(map(re.escape, frames)), re.DOTALL)
    seen = None
    try:
        async with asyncio.timeout(20):
            while True:
                seen = await run.call.look()
                if pattern.search(seen.stack):
                    return seen
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"the last look saw:\n{seen and seen.stack}") from None


async def test_threads_in_a_process_keep_their_lines_whole(start):
    run = start("threads_process")
    await run.end()
    assert sorted(run.texts) == sorted(f"{n} {i}" for n in range(4) for i in range(100))


async def test_a_thread_left_behind_does_not_keep_a_process_for_ever(start):
    run = start("leaves_a_thread", grace=0.3)
    outcome = await run.end()
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, "done")
    assert run.texts == ["The task has returned, but threads that it left behind went on; they were ended."]


async def test_a_process_sees_the_servers_path_and_nobodys_input(start):
    outcome = await start("world").end()
    assert outcome.result == [sys.path, os.environ.get("PYTHONPATH"), os.getcwd(), ""]


async def test_a_tasks_file_that_no_longer_loads_fails_the_run_with_its_traceback(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(TASKS)
    run = Execution(load([str(path)]), "hello_process", name="Kiel")
    path.write_text("import no_such_module\n")
    outcome = await run.end()
    assert outcome.state is RunState.FAILED
    assert outcome.error.type == "cronapp.core.errors.TaskNotFound"
    assert "ModuleNotFoundError: No module named 'no_such_module'" in outcome.error.message


async def test_a_process_that_is_stopped_while_it_loads_the_tasks_file_does_not_blame_the_file(tmp_path):
    path = tmp_path / "slow.py"
    path.write_text(TASKS)
    run = Execution(load([str(path)]), "hello_process", name="Kiel")
    path.write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n" + TASKS)
    await run.until_it_prints("loading")
    run.cancel()
    outcome = await run.end()
    assert (outcome.state, outcome.error, run.texts) == (RunState.CANCELLED, None, ["loading"])


async def test_no_process_to_be_had_fails_the_run(start, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    outcome = await start("hello_process", name="Kiel").end()
    assert (outcome.state, outcome.error.type) == (RunState.FAILED, "FileNotFoundError")


SERVER = """
import asyncio, os, sys, time
from datetime import UTC, datetime
from cronapp.core.registry import load
from cronapp.engine.executors import Attempt, StopRequest, execute
from cronapp.engine.runlog import RunLog

async def fork_when(path):
    while not os.path.exists(path):
        await asyncio.sleep(0.02)
    if os.fork() == 0:
        time.sleep(600)

async def main(path, pid, forked):
    if forked:
        asyncio.ensure_future(fork_when(pid))
    log = RunLog(10**6, lambda: datetime.now(UTC))
    task = load([path]).get("parent_of")
    attempt = Attempt(
        id=1, job="j", attempt=1, slot=None, task=task, args={"path": pid}, log=log, on_progress=print
    )
    await execute(attempt, StopRequest())

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("forks", [False, True], ids=["alone", "with-a-forked-process"])
async def test_children_and_what_they_started_die_with_a_killed_server(tasks, tmp_path, forks):
    pid_file = tmp_path / "pid"
    source = tasks.get("parent_of").source
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    arguments = ("-c", SERVER, source, str(pid_file), "yes" if forks else "")
    server = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=environment)
    await until(lambda: pid_file.exists() and pid_file.read_text())
    await until(lambda: len(children_of(server.pid)) == 1 + forks)
    child, *forked = children_of(server.pid)
    server.kill()
    await server.wait()
    assert await gone(child)
    assert await gone(int(pid_file.read_text()))
    for pid in forked:  # it is nobody's run
        assert alive(pid)
        os.kill(pid, signal.SIGKILL)


async def test_descriptors_and_processes_are_given_back(start):
    await start("hello_process", name="Kiel").end()
    before = len(os.listdir("/proc/self/fd"))
    await asyncio.gather(*(start("hello_process", name="Kiel").end() for _ in range(5)))
    assert len(os.listdir("/proc/self/fd")) == before
    assert executors.leaked_threads() == 0

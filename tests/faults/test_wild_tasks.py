"""Tasks that misbehave: their run says so, and the server goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hurting import get, lives, log_of, make, run_of, start, until_ended, until_in
from support import Server, until

WILD = '''
import asyncio, ctypes, os, signal, subprocess, sys, threading, time
from pathlib import Path

from cronapp import current_run, task


def passed(gate):
    return Path(gate).exists()


def hello():
    """Say hello."""
    print("hello")


@task(run_in="process")
def killed():
    """Die as the kernel kills when memory is short."""
    print("begun", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


@task(run_in="process")
def gone():
    """Leave with the status of success, without a result."""
    os._exit(0)


@task(run_in="process")
def segfault():
    """Read where nothing is."""
    ctypes.string_at(0)


@task(run_in="process")
def family():
    """Start a process that would outlive its parent, and wait."""
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(f"{os.getpid()} {grandchild.pid}", flush=True)
    time.sleep(600)


@task(run_in="process")
def abandoning():
    """Start a process that would outlive its parent, and return."""
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(grandchild.pid, flush=True)


async def stubborn(gate: str):
    """Swallow the cancellation."""
    print("begun")
    while not passed(gate):
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            pass


def endless(gate: str):
    """Never look whether it was asked to stop."""
    sys.stdout.write("begun\\n")
    while not passed(gate):
        time.sleep(0.01)


def exits_in_thread():
    """Call sys.exit."""
    sys.exit("that is it")


async def exits_on_loop():
    """Call sys.exit."""
    sys.exit(3)


@task(run_in="process")
def exits_in_process():
    """Call sys.exit."""
    sys.exit(0)


def leaves_in_thread():
    """Call os._exit."""
    os._exit(4)


async def leaves_on_loop():
    """Call os._exit."""
    os._exit(4)


@task(run_in="process")
def leaves_in_process():
    """Call os._exit."""
    os._exit(4)


def deeper(n):
    return deeper(n + 1) + 1


def recursion_in_thread():
    """Call itself without end."""
    deeper(0)


async def recursion_on_loop():
    """Call itself without end."""
    deeper(0)


@task(run_in="process")
def recursion_in_process():
    """Call itself without end."""
    deeper(0)


@task(run_in="process")
def interrupted_in_process():
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt


async def interrupted_on_loop():
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt


def interrupted_in_thread():
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt


def flood(gate: str):
    """Print far more than is kept."""
    for n in range(20_000):
        print(f"line {n} " + "x" * 100)
    while not passed(gate):
        time.sleep(0.01)


@task(run_in="process")
def binary():
    """Write what is no text."""
    os.write(1, b"bytes \\xff\\xfe here\\n")
    os.write(1, b"nul \\0 here\\n")
    os.write(1, b"\\x1b]0;title\\x07escape\\n")
    print("lone \\udc80 surrogate")


def text_of_all_kinds():
    """Print what a database may refuse."""
    print("nul \\0 here")
    print("lone \\udc80 surrogate")
    return {"text": "nul \\0 here"}


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Unpicklable(Unspeakable):
    def __init__(self, one, other):
        self.both = one, lambda: other


def speechless():
    """Raise what cannot be put into words."""
    raise Unspeakable


@task(run_in="process")
def speechless_in_process():
    """Raise what cannot be put into words, and made anew in no other process."""
    raise Unpicklable(1, 2)


def leaves_a_thread(gate: str):
    """Return while a thread of it goes on."""
    def late():
        while not passed(gate):
            time.sleep(0.01)
        print("late words")
    threading.Thread(target=late, daemon=True).start()
    print("early words")
'''
LIMIT = 50_000


@pytest.fixture(scope="module")
def wild_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("wild"), WILD, {"CRONAPP_LOG_LIMIT": str(LIMIT)})
    try:
        yield server.start()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()


@pytest.fixture
def wild(wild_server: Server) -> Iterator[Server]:
    """A running server with wild tasks; after each test it must still do its work."""
    yield wild_server
    assert wild_server.process is not None
    assert wild_server.process.poll() is None, wild_server.text()
    for job in wild_server.api("GET", "/jobs?limit=500").json()["items"]:
        wild_server.api("DELETE", f"/jobs/{job['id']}")


async def run_to_end(server: Server, task: str, limit: float = 30.0, **job: Any) -> dict[str, Any]:
    """A run of this task, from its start to its end."""
    name = task.replace("_", "-")
    make(server, name, task, **job)
    run = start(server, name)
    return await until_ended(server, run, limit)


async def still_works(server: Server) -> None:
    make(server, "after-all", "hello")
    run = start(server, "after-all")
    await until_in(server, run, "succeeded")


async def test_a_child_killed_for_want_of_memory_is_a_failed_run(wild: Server) -> None:
    run = await run_to_end(wild, "killed")
    assert run["state"] == "failed"
    assert "SIGKILL" in run["error"]["message"]
    assert "memory" in run["error"]["message"]
    assert log_of(wild, run["id"])[0] == "begun"
    await still_works(wild)


async def test_a_child_that_leaves_without_a_result_did_not_succeed(wild: Server) -> None:
    run = await run_to_end(wild, "gone")
    assert run["state"] == "failed"
    assert "without a result (exit status 0)" in run["error"]["message"]


async def test_a_segfault_is_told_with_the_place_in_the_code(wild: Server) -> None:
    run = await run_to_end(wild, "segfault")
    assert run["state"] == "failed"
    assert "SIGSEGV" in run["error"]["message"]
    log = "\n".join(log_of(wild, run["id"]))
    assert "Segmentation fault" in log
    assert "in segfault" in log


async def test_grandchildren_die_with_a_run_that_is_timed_out(wild: Server) -> None:
    run = await run_to_end(wild, "family", timeout=2)
    assert run["state"] == "timed_out"
    pids = [int(pid) for pid in log_of(wild, run["id"])[0].split()]
    assert len(pids) == 2
    await until(lambda: not any(lives(pid) for pid in pids))


async def test_grandchildren_die_with_a_run_that_is_cancelled(wild: Server) -> None:
    make(wild, "family", "family")
    run = start(wild, "family")
    pids = [int(pid) for pid in (await until(lambda: log_of(wild, run)))[0].split()]
    assert [lives(pid) for pid in pids] == [True, True]
    assert wild.api("POST", f"/runs/{run}/cancel").status_code == 202
    assert (await until_ended(wild, run))["state"] == "cancelled"
    await until(lambda: not any(lives(pid) for pid in pids))


async def test_what_a_run_started_does_not_outlive_it(wild: Server) -> None:
    run = await run_to_end(wild, "abandoning")
    assert run["state"] == "succeeded"
    pid = int(log_of(wild, run["id"])[0])
    await until(lambda: not lives(pid))


async def test_tasks_that_will_not_stop_are_ended_in_the_books_and_named(wild: Server, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    runs = {}
    for task in ("stubborn", "endless"):
        make(wild, task, task, args={"gate": str(gate)}, timeout=0.2)
        runs[task] = start(wild, task)
    told = {task: await until_ended(wild, run, limit=40) for task, run in runs.items()}
    assert {run["state"] for run in told.values()} == {"timed_out"}
    assert "ignored the cancellation" in told["stubborn"]["reason"]
    assert "still works" in told["endless"]["reason"]
    assert "in endless" in "\n".join(log_of(wild, runs["endless"]))
    await still_works(wild)
    gate.touch()


@pytest.mark.parametrize("task", ["exits_on_loop", "exits_in_thread", "exits_in_process"])
async def test_sys_exit_ends_the_run_and_not_the_server(wild: Server, task: str) -> None:
    run = await run_to_end(wild, task)
    assert run["state"] == "failed"
    assert run["error"]["type"] == "SystemExit"
    assert "sys.exit" in run["reason"]
    await still_works(wild)


@pytest.mark.parametrize("task", ["interrupted_on_loop", "interrupted_in_thread", "interrupted_in_process"])
async def test_a_keyboard_interrupt_ends_the_run_and_not_the_server(wild: Server, task: str) -> None:
    run = await run_to_end(wild, task)
    assert run["state"] == "failed"
    assert run["error"]["type"] == "KeyboardInterrupt"
    await still_works(wild)


@pytest.mark.parametrize("task", ["leaves_on_loop", "leaves_in_thread", "leaves_in_process"])
async def test_os_exit_ends_the_run_and_not_the_server(wild: Server, task: str) -> None:
    run = await run_to_end(wild, task)
    assert run["state"] == "failed"
    assert ("exit status 4" if task == "leaves_in_process" else "called os._exit") in run["reason"]
    await still_works(wild)


@pytest.mark.parametrize("task", ["recursion_on_loop", "recursion_in_thread", "recursion_in_process"])
async def test_recursion_without_end_ends_the_run_and_not_the_server(wild: Server, task: str) -> None:
    run = await run_to_end(wild, task)
    assert run["state"] == "failed"
    assert run["error"]["type"] == "RecursionError"
    assert "in deeper" in run["error"]["traceback"]
    await still_works(wild)


async def test_a_flood_of_output_is_cut_with_a_remark_and_others_logs_go_on(wild: Server, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    make(wild, "flood", "flood", args={"gate": str(gate)})
    run = start(wild, "flood")
    await until(lambda: any("limit" in text for text in log_of(wild, run)[-3:]))
    await still_works(wild)
    gate.touch()
    assert (await until_ended(wild, run))["state"] == "succeeded"
    log = log_of(wild, run)
    assert sum(len(text) for text in log) < 1.2 * LIMIT
    assert log[0].startswith("line 0 ")
    assert log[-1].startswith("line 19999 ")
    assert sum("left out: the log limit of 50 kB was reached" in text for text in log) == 1


async def test_bytes_that_are_no_text_are_kept_as_well_as_they_can_be(wild: Server) -> None:
    run = await run_to_end(wild, "binary")
    assert run["state"] == "succeeded"
    reply = wild.api("GET", f"/runs/{run['id']}/log")
    lines = [json.loads(line) for line in reply.text.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    texts = [line["text"] for line in lines]
    assert "bytes \ufffd\ufffd here" in texts
    assert "nul \ufffd here" in texts
    assert any(text.endswith("escape") for text in texts)
    assert any(text.startswith("lone ") and text.endswith(" surrogate") for text in texts)
    written = get(wild, f"/runs/{run['id']}/log.txt").content
    for line in (b": bytes \xff\xfe here\n", b": nul \0 here\n", b": lone \x80 surrogate\n"):
        assert line in written


async def test_text_that_a_database_would_refuse_is_kept_as_well_as_it_can_be(wild: Server) -> None:
    run = await run_to_end(wild, "text_of_all_kinds")
    assert run["state"] == "succeeded"
    assert "nul \0 here" in log_of(wild, run["id"])  # as it was written
    lines = wild.api("GET", f"/runs/{run['id']}/log").text.splitlines()
    assert "nul \ufffd here" in [json.loads(line)["text"] for line in lines]


@pytest.mark.parametrize(("task", "kind"), [("speechless", "Unspeakable"), ("speechless_in_process", "Unpicklable")])
async def test_an_exception_without_words_is_told_by_its_type(wild: Server, task: str, kind: str) -> None:
    run = await run_to_end(wild, task)
    assert run["state"] == "failed"
    assert run["error"]["type"] == kind
    assert f"raise {kind}" in run["error"]["traceback"]


async def test_what_a_left_thread_prints_after_its_run_is_not_lost(wild: Server, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    run = await run_to_end(wild, "leaves_a_thread", args={"gate": str(gate)})
    assert run["state"] == "succeeded"
    assert log_of(wild, run["id"]) == ["early words"]
    gate.touch()
    await until(lambda: "late words" in wild.text() or "late words" in log_of(wild, run["id"]))
    assert run_of(wild, run["id"])["state"] == "succeeded"

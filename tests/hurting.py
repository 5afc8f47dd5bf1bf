"""What the tests that hurt a server share: tasks that leave marks, and a look into the database behind its back."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from support import TOKEN, Server, until

MARKING = '''
import asyncio, os, signal, subprocess, sys, time
from pathlib import Path

from cronapp import current_run, task


def mark(text=""):
    """Leaves a line that outlives any crash, for this run."""
    run = current_run()
    slot = run.slot.isoformat() if run.slot else ""
    with open("marks", "a") as marks:  # one write, at the end: it is whole, whoever else writes
        marks.write(f"{run.job} {run.attempt} {run.id} {slot or '-'} {text or os.getpid()}\\n")


def passed(gate):
    return Path(gate).exists()


def short():
    """Leave a mark."""
    mark()


@task(run_in="process")
def short_in_process():
    """Leave a mark."""
    mark()


async def held_on_loop(gate: str = "gate"):
    """Leave a mark and wait."""
    mark()
    print("begun")
    while not passed(gate):
        await asyncio.sleep(0.01)
    print("done")


def held_in_thread(gate: str = "gate"):
    """Leave a mark and wait."""
    mark()
    print("begun")
    while not passed(gate):
        current_run().check()
        time.sleep(0.01)
    print("done")


@task(run_in="process")
def held_in_process(gate: str = "gate"):
    """Leave a mark and wait."""
    mark()
    print("begun")
    while not passed(gate):
        time.sleep(0.01)
    print("done")
'''
HELD = ["held_on_loop", "held_in_thread", "held_in_process"]
EACH_SECOND = {"kind": "cron", "expression": "* * * * * *"}


def make(server: Server, job: str, task: str, schedule: dict[str, Any] | None = None, **rest: Any) -> None:
    """A job, by the API; run by hand if nothing else is said."""
    body = {"id": job, "task": task, "schedule": schedule or {"kind": "manual"}, **rest}
    reply = server.api("POST", "/jobs", json=body)
    assert reply.status_code == 201, reply.text


def start(server: Server, job: str, **args: Any) -> int:
    """Runs a job now, by the API; answers the run's number."""
    reply = server.api("POST", f"/jobs/{job}/run", json={"args": args})
    assert reply.status_code == 202, reply.text
    return int(reply.json()["id"])


def run_of(server: Server, run: int) -> dict[str, Any]:
    told: dict[str, Any] = server.api("GET", f"/runs/{run}").json()
    return told


async def until_in(server: Server, run: int, state: str, limit: float = 30.0) -> dict[str, Any]:
    """Waits until the run is in this state."""

    def found() -> dict[str, Any]:
        told = run_of(server, run)
        return told if told["state"] == state else {}

    return await until(found, limit)


async def until_ended(server: Server, run: int, limit: float = 30.0) -> dict[str, Any]:
    """Waits for the run's end, whichever it is."""

    def found() -> dict[str, Any]:
        told = run_of(server, run)
        return told if told["finished_at"] else {}

    return await until(found, limit)


async def until_begun(server: Server, run: int) -> None:
    """Waits until a held task waits at its gate."""
    await until(lambda: log_of(server, run) == ["begun"])


def runs_of(server: Server, job: str, limit: int = 500) -> list[dict[str, Any]]:
    """A job's newest runs, at most 500, oldest first."""
    found: list[dict[str, Any]] = server.api("GET", f"/runs?job={job}&limit={limit}").json()["items"]
    return found[::-1]


async def until_done(server: Server, job: str, limit: float = 60.0) -> None:
    """Waits until no run of the job is open."""
    await until(lambda: all(run["finished_at"] for run in runs_of(server, job)), limit)


def log_of(server: Server, run: int) -> list[str]:
    """The texts of a run's log."""
    text = server.api("GET", f"/runs/{run}/log", headers={"Accept": "text/plain"}).text
    return [line.partition(": ")[2] for line in text.splitlines()]


def get(server: Server, path: str) -> httpx.Response:
    """A page as an admin gets it."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.get(f"{server.url}{path}", headers=headers, timeout=30, verify=False)


def marks(server: Server) -> list[list[str]]:
    """What the tasks left: job, attempt, run, slot, text."""
    path = server.folder / "marks"
    return [line.split(" ") for line in path.read_text().splitlines()] if path.exists() else []


def asked(server: Server, question: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the server's database holds, read past the server."""
    with closing(sqlite3.connect(server.folder / "cronapp.db")) as conn:
        return conn.execute(question, values).fetchall()


def told(server: Server, change: str, *values: Any) -> None:
    """Changes the database of a stopped server."""
    with closing(sqlite3.connect(server.folder / "cronapp.db")) as conn, conn:
        conn.execute(change, values)


def moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def lives(pid: int) -> bool:
    """Whether a process works; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def peak_memory(server: Server) -> int:
    """The most memory in bytes that the running server has had."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))


def refused(server: Server, *args: str, limit: float = 30.0) -> str:
    """Starts a server that must not start: what it said, when it ended with the status 1."""
    server.launch(*args)
    assert server.process is not None
    assert server.process.wait(limit) == 1, server.text()
    return server.text()


def crowding() -> float:
    """How many times more work this machine has had in the last minute than it can do at once; at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def is_root() -> bool:
    return os.geteuid() == 0

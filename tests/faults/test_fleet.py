"""Servers and workers as processes on one PostgreSQL, killed and stopped."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import Server

STALL = 4.0

Start = Callable[[str, str], Server]


class Worker(Server):
    """`cronapp worker`, as a process of its own."""

    command = ("worker",)

    def wait_ready(self, limit: float = 60.0) -> None:
        seen(lambda: "executes runs of" in self.text(), limit)


def seen(ask: Callable[[], Any], limit: float = 40.0) -> Any:
    end = time.monotonic() + limit
    while not (found := ask()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)
    return found


@pytest.fixture
def start(tmp_path: Path, postgres_url: str) -> Iterator[Start]:
    """Starts a `server` that executes nothing, or a `worker`, under a name."""
    env = {"CRONAPP_DATABASE": postgres_url, "CRONAPP_STALL": str(STALL), "CRONAPP_SECRET_KEY": "k" * 40}
    made: list[Server] = []

    def begin(kind: str, name: str) -> Server:
        folder = tmp_path / name
        folder.mkdir()
        process = (Worker if kind == "worker" else Server)(folder, env=env)
        made.append(process)
        return process.start(*(() if kind == "worker" else ("--no-worker",)))

    yield begin
    for process in made:
        if process.process is not None and process.process.poll() is None:
            process.signal(signal.SIGCONT)
            process.kill()


def test_servers_and_workers_share_one_database_and_outlive_each_other(start: Start, postgres_url: str) -> None:
    one, first = start("server", "one"), start("worker", "first")
    other = start("server", "other")

    def run(run_id: int) -> dict[str, Any]:
        return dict(other.api("GET", f"/runs/{run_id}").json())

    def runs_of(job: str) -> list[dict[str, Any]]:
        return list(one.api("GET", f"/runs?job={job}").json()["items"])

    def make(job: str, task: str, schedule: dict[str, Any], **more: Any) -> None:
        made = one.api("POST", "/jobs", json={"id": job, "task": task, "schedule": schedule, **more})
        assert made.status_code == 201, made.text

    # what one server is told the others follow at once, and each slot has one run
    make("tick", "hello", {"kind": "interval", "every": 1})
    done = seen(lambda: [each for each in runs_of("tick") if each["state"] == "succeeded"][2:] and runs_of("tick"))
    assert {each["node"] for each in done if each["node"]} == {name_of(first)}
    paused = other.api("POST", "/jobs/tick/pause", json={"reason": "Enough."})
    assert paused.status_code == 200, paused.text

    # a worker that is killed in mid-run: the run is lost, and its next attempt runs elsewhere
    args = {"count": 100_000, "delay": 0.01}
    make("long", "steps", {"kind": "manual"}, args=args, retry={"max_attempts": 2, "delay": 0, "on": ["lost"]})
    began = other.api("POST", "/jobs/long/run", json={}).json()["id"]
    seen(lambda: "step 5" in one.api("GET", f"/runs/{began}/log").text)
    assert "steps" in other.api("GET", f"/runs/{began}/stack").json()["stack"], "where its code is, seen from afar"
    second = start("worker", "second")
    first.kill()
    at = time.monotonic()
    seen(lambda: run(began)["state"] == "lost")
    assert time.monotonic() - at < STALL + 1 + 5, "five for a busy machine"
    again = seen(lambda: next((each for each in runs_of("long") if each["state"] == "running"), None))
    assert (again["attempt"], again["node"]) == (2, name_of(second))

    # a worker that is stopped, given up, and wakes: what it still prints and returns is refused
    second.signal(signal.SIGSTOP)
    seen(lambda: run(again["id"])["state"] == "lost")
    kept = one.api("GET", f"/runs/{again['id']}/log").text
    second.signal(signal.SIGCONT)
    seen(lambda: "but it was no longer ours" in second.text())
    assert run(again["id"])["state"] == "lost"
    assert one.api("GET", f"/runs/{again['id']}/log").text == kept

    # it is one of them again, and word reaches it from either server
    third = one.api("POST", "/jobs/long/run", json={}).json()["id"]
    seen(lambda: run(third)["state"] == "running")
    assert other.api("POST", f"/runs/{third}/cancel", json={}).status_code == 202
    seen(lambda: run(third)["state"] == "cancelled")

    slots = [each["slot"] for each in runs_of("tick")]
    assert len(slots) == len(set(slots))
    assert not [each for each in runs_of("tick") if each["state"] in ("queued", "running")]
    last = max(each["queued_at"] for each in runs_of("tick"))
    assert last <= max(change["at"] for change in one.api("GET", "/jobs/tick/changes").json()["items"])
    for process in (second, other, one):
        assert process.stop() == 0, process.text()
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT name FROM nodes").fetchall() == []
        assert conn.execute("SELECT * FROM procrastinate_jobs").fetchall() == []


def name_of(process: Server) -> str:
    assert process.process is not None
    return f"{os.uname().nodename}:{process.process.pid}"

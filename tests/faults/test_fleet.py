"""Servers and workers as processes on one PostgreSQL, killed and stopped."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from databases import Cluster, socket_of
from fleet_soaking import Plan, soak_fleet
from fleets import STALL, Cable, Fleet, launch, name_of, seen
from support import TOKEN, Server

from cronapp import wire
from cronapp.client import Client

ALIVE = Path(__file__).resolve().parents[2] / "deploy" / "alive.py"


@pytest.fixture
def fleet(tmp_path: Path, postgres_url: str) -> Iterator[Fleet]:
    made = Fleet(tmp_path, postgres_url)
    yield made
    made.end()


@pytest.fixture
def cable(postgres_url: str) -> Iterator[Cable]:
    made = Cable(socket_of(postgres_url))
    yield made
    made.close()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL of its own, since it crashes."""
    made = Cluster()
    yield made
    made.drop()


def lines_of(server: Server, run: int, place: str | None, enough: int = 1000) -> tuple[list[int], str | None]:
    """The numbers of a run's lines by the event stream, up to its end if there are not enough before; and the place."""
    seqs: list[int] = []
    with Client(server.url, TOKEN) as client:
        for event in client.events(f"run:{run}", after=place):
            place = event.place or place
            if isinstance(event.data, wire.RunLine):
                seqs.append(event.data.seq)
            over = isinstance(event.data, wire.Run) and event.data.finished_at is not None
            if over or len(seqs) == enough:
                break
    return seqs, place


@pytest.mark.timeout(300)
def test_servers_and_workers_share_one_database_and_outlive_each_other(
    fleet: Fleet, cable: Cable, postgres_url: str
) -> None:
    one, first = fleet.start("server", "one"), fleet.start("worker", "first")
    other = fleet.start("server", "other")

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
    over_cable = cable.url(urlsplit(postgres_url).path[1:])
    second = fleet.start(
        "worker", "second", CRONAPP_DATABASE=over_cable, CRONAPP_STOP_TIMEOUT="1", CRONAPP_WORKER_LISTEN="0"
    )
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

    # a reader that comes to another server goes on where it was, with no line lost and none told twice
    make("talk", "steps", {"kind": "manual"}, args={"count": 60, "delay": 0.02})
    talk = one.api("POST", "/jobs/talk/run", json={}).json()["id"]
    read, place = lines_of(one, talk, None, enough=20)
    rest, _ = lines_of(other, talk, place)
    assert [*read, *rest] == list(range(1, 61))

    slots = [each["slot"] for each in runs_of("tick")]
    assert len(slots) == len(set(slots))
    assert not [each for each in runs_of("tick") if each["state"] in ("queued", "running")]
    last = max(each["queued_at"] for each in runs_of("tick"))
    assert last <= max(change["at"] for change in one.api("GET", "/jobs/tick/changes").json()["items"])
    # a worker that is cut off from the database: the same, and it ends when it is asked to, also while it is cut off
    fourth = one.api("POST", "/jobs/long/run", json={}).json()["id"]
    seen(lambda: run(fourth)["state"] == "running")
    found = re.search(r"^Watched +http://([\w.:]+)/healthz", second.text(), re.MULTILINE)
    assert found
    alive = {"CRONAPP_PORT": "1", "CRONAPP_WORKER_LISTEN": found[1]}
    told = httpx.get(f"http://{found[1]}/metrics").text
    assert re.search(r"^cronapp_log_lines_total [1-9]", told, re.MULTILINE)
    assert re.search(r'^cronapp_runs_total{job_id="long",state="cancelled",task="steps"} 1', told, re.MULTILINE)
    cable.cut()
    at = time.monotonic()
    seen(lambda: run(fourth)["state"] == "lost")
    assert httpx.get(f"http://{found[1]}/readyz").json() == {"status": "unavailable", "database": False, "worker": True}
    assert subprocess.run([sys.executable, ALIVE], env=alive, check=False).returncode == 0, "a new one would not help"
    assert time.monotonic() - at < STALL + 1 + 5, "five for a busy machine, or for a transaction that was cut in two"
    kept = one.api("GET", f"/runs/{fourth}/log").text
    cable.mend()
    seen(lambda: second.text().count("but it was no longer ours") == 2)
    assert one.api("GET", f"/runs/{fourth}/log").text == kept
    seen(lambda: next((each for each in runs_of("long") if each["state"] == "running"), None))
    cable.cut()
    assert second.stop(limit=90) == 0, second.text()
    seen(lambda: {each["kind"] for each in other.api("GET", "/workers").json()["items"]} == {"server"})

    for process in (other, one):
        assert process.stop() == 0, process.text()
    with psycopg.connect(postgres_url) as conn:
        assert conn.execute("SELECT name FROM nodes").fetchall() == []
        assert conn.execute("SELECT * FROM procrastinate_jobs").fetchall() == []


async def test_killed_and_stopped_at_random_moments_they_lose_no_slot_and_run_none_twice(
    tmp_path: Path, cluster: Cluster
) -> None:
    plan = Plan(seed=330, seconds=3, rate=10, servers=2, workers=1, pause=1, stall=2, away=1)
    found = await soak_fleet(tmp_path, cluster, plan)
    assert found.wrong == []
    assert found.figures["slots with one run"] == found.figures["slots promised"] > 30


WORN_OUT = """
import threading, time
from pathlib import Path

from cronapp.engine.executors import in_thread


def hello():
    print("hello")


if not Path("worn").exists():
    Path("worn").touch()
    for _ in range(2):  # as runs leave them that cannot be stopped
        left = threading.Thread(target=time.sleep, args=(3600,), daemon=True)
        left.start()
        in_thread._leaked.add(left)
"""


def test_a_worker_with_too_many_threads_left_behind_starts_anew(tmp_path: Path, postgres_url: str) -> None:
    fleet = Fleet(tmp_path, postgres_url, WORN_OUT, {"CRONAPP_LEFT_THREADS": "2"})
    try:
        server, worker = fleet.add("server", "one"), fleet.add("worker", "worn")
        launch(worker)
        seen(lambda: worker.text().count("executes runs of every queue") == 2)
        assert "2 threads of runs that ended in the books still work: starting anew." in worker.text()
        launch(server)
        server.wait_ready()
        job = {"id": "a", "task": "hello", "schedule": {"kind": "manual"}}
        assert server.api("POST", "/jobs", json=job).status_code == 201
        run = server.api("POST", "/jobs/a/run", json={}).json()["id"]
        assert seen(lambda: server.api("GET", f"/runs/{run}").json()["state"] == "succeeded")
        worker.signal(signal.SIGTERM)
        assert worker.process is not None
        assert worker.process.wait(20) == 0
    finally:
        fleet.end()

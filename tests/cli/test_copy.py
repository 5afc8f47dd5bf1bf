"""`cronapp copy`: a server goes on where another one on another database stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import Server

PASSWORD = "seven green herons"
KEY = "k" * 40


def seen(ask: Callable[[], Any], limit: float = 40.0) -> Any:
    end = time.monotonic() + limit
    while not (found := ask()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)
    return found


def cronapp(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    around = {name: value for name, value in os.environ.items() if not name.startswith("CRONAPP_")}
    command = [sys.executable, "-m", "cronapp", *args]
    return subprocess.run(command, cwd=folder, env=around | env, capture_output=True, text=True, check=False)


@pytest.fixture
def moved(tmp_path: Path, empty_postgres_url: str) -> Iterator[Server]:
    """The server that works on PostgreSQL afterwards; not started yet."""
    folder = tmp_path / "moved"
    folder.mkdir()
    server = Server(folder, env={"CRONAPP_DATABASE": empty_postgres_url, "CRONAPP_SECRET_KEY": KEY})
    yield server
    if server.process is not None and server.process.poll() is None:
        server.kill()


def test_a_server_goes_on_in_postgresql_where_one_on_a_file_stopped(server: Server, moved: Server) -> None:
    server.env["CRONAPP_SECRET_KEY"] = KEY
    server.start()
    for job, schedule in (
        ("tick", {"kind": "interval", "every": 1}),
        ("daily", {"kind": "cron", "expression": "@daily"}),
    ):
        assert server.api("POST", "/jobs", json={"id": job, "task": "hello", "schedule": schedule}).status_code == 201
    person = {"name": "ada", "password": PASSWORD, "role": "admin"}
    assert server.api("POST", "/users", json=person).status_code == 201
    _, session = signed_in(server)
    seen(lambda: len(ticks(server, "state=succeeded")) >= 2)
    daily, first = server.api("GET", "/jobs/daily").json(), min(run["id"] for run in ticks(server))
    lines = server.api("GET", f"/runs/{first}/log").text
    assert server.stop() == 0

    told = cronapp(server.folder, "copy", "sqlite:///cronapp.db", **moved.env)
    assert (told.returncode, told.stderr) == (0, ""), "without a terminal there is no bar"
    assert "Each table has as many rows with the same sum in both." in told.stdout

    moved.start()
    there = max(run["id"] for run in ticks(moved, "state=succeeded"))
    seen(lambda: len([run for run in ticks(moved, "state=succeeded") if run["id"] > there]) >= 2)
    runs = sorted(ticks(moved), key=lambda run: run["id"])
    assert [run["id"] for run in runs] == list(range(first, first + len(runs))), "no number is left out or used again"
    slots = [run["slot"] for run in runs]
    assert slots == sorted(set(slots)), "each slot once, and in order"
    assert len({slot.partition(".")[2] for slot in slots}) == 1, "as far apart as before"
    again = moved.api("GET", "/jobs/daily").json()
    assert (again["next_slot"], again["version"]) == (daily["next_slot"], daily["version"])
    assert moved.api("GET", f"/runs/{first}/log").text == lines
    name, _ = signed_in(moved)
    kept = httpx.get(f"{moved.url}/jobs", cookies={name: session}, verify=False)
    assert kept.status_code == 200, "sessions are copied too"
    assert moved.stop() == 0


def ticks(server: Server, asked: str = "") -> list[dict[str, Any]]:
    return list(server.api("GET", f"/runs?job=tick&limit=500&{asked}").json()["items"])


def signed_in(server: Server) -> tuple[str, str]:
    """The cookie of who signs in by name and password."""
    reply = httpx.post(f"{server.url}/login", data={"name": "ada", "password": PASSWORD}, verify=False)
    assert reply.status_code == 303, reply.text
    ((name, session),) = reply.cookies.items()
    return name, session

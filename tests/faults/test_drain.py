"""A server that is emptied for a restart, by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from support import TASKS, TOKEN, Server, until

EACH_SECOND = {"kind": "cron", "expression": "* * * * * *"}


GATED = (
    TASKS
    + """
def gated(gate: str):
    while not os.path.exists(gate):
        current_run().check()
        time.sleep(0.01)
"""
)


def begin(server: Server, *args: str, token: str = TOKEN) -> subprocess.Popen[str]:
    """`cronapp drain` as a process of its own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CRONAPP_")}
    return subprocess.Popen(
        [sys.executable, "-m", "cronapp", "drain", "--url", server.url, *args],
        env=env | {"CRONAPP_TOKEN": token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def drain(server: Server, *args: str, token: str = TOKEN) -> tuple[int, str, str]:
    """Its exit status, and what it printed and complained of."""
    process = begin(server, *args, token=token)
    output, complaint = process.communicate(timeout=60)
    return process.returncode, output, complaint


def make(server: Server, job_id: str, task: str, schedule: Any, **fields: Any) -> None:
    job = {"id": job_id, "task": task, "schedule": schedule, **fields}
    assert server.api("POST", "/jobs", json=job).status_code == 201


def runs_of(server: Server, job_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = server.api("GET", f"/runs?job={job_id}&limit=500").json()["items"]
    return items


async def test_a_drained_server_ends_what_runs_and_takes_nothing_new_until_it_goes_on(
    server: Server, tmp_path: Path
) -> None:
    server.write_tasks(GATED)
    server.start()
    make(server, "each-second", "hello", EACH_SECOND)
    gate = tmp_path / "gate"
    make(server, "long", "gated", {"kind": "manual"}, args={"gate": str(gate)})
    await until(lambda: len(runs_of(server, "each-second")) >= 2)
    running = server.api("POST", "/jobs/long/run").json()["id"]
    await until(lambda: server.api("GET", f"/runs/{running}").json()["state"] == "running")

    process = begin(server, "--wait")
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(2)]  # it is draining from here on
    assert told[1].startswith(f"  running  #{running} long since ")
    assert server.api("GET", "/drain").json()["draining"] is True
    assert process.poll() is None
    gate.touch()
    output, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, "")
    assert output.splitlines()[-1] == "Nothing runs any more: restart it."
    assert server.api("GET", f"/runs/{running}").json()["state"] == "succeeded"
    newest = runs_of(server, "each-second")[0]["id"]

    waiting = server.api("POST", "/jobs/long/run").json()["id"]
    _, output, _ = drain(server, "--json")
    found = json.loads(output)
    assert (found["draining"], found["running"], found["waiting"]) == (True, [], 1)
    assert server.api("GET", f"/runs/{waiting}").json()["state"] == "queued"
    assert runs_of(server, "each-second")[0]["id"] == newest

    assert drain(server, "--undo")[0] == 0
    await until(lambda: server.api("GET", f"/runs/{waiting}").json()["state"] == "succeeded")
    await until(lambda: runs_of(server, "each-second")[0]["id"] > newest)


def test_a_wrong_token_and_a_server_that_is_not_there_are_told_in_one_line(server: Server) -> None:
    server.start()
    status, output, complaint = drain(server, token="wrong")
    assert (status, output) == (1, "")
    assert complaint.startswith("cronapp: There is no such token")
    server.stop()
    status, _, complaint = drain(server)
    assert status == 3
    assert "cannot be reached" in complaint
    assert "Traceback" not in complaint

"""The database cannot be written for a while: what runs goes on, it is told, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hurting import (
    EACH_SECOND,
    MARKING,
    asked,
    get,
    is_root,
    log_of,
    make,
    marks,
    moment,
    runs_of,
    start,
    until_done,
    until_in,
)
from support import Server, until

COUNTING = (
    MARKING
    + '''

def count(gate: str = "gate"):
    """Print a number again and again."""
    n = 0
    while not passed(gate):
        n += 1
        print(f"number {n} " + "x" * 400)
        time.sleep(0.01)
    print(f"counted to {n}")
'''
)


def written(server: Server, job: str) -> int:
    """The status of an attempt to write: a new job by the API."""
    body = {"id": job, "task": "short", "schedule": {"kind": "manual"}}
    return server.api("POST", "/jobs", json=body, timeout=30).status_code


async def test_a_foreign_writer_makes_changes_wait_then_fail_clearly_and_no_slot_is_lost(server: Server) -> None:
    server.write_tasks(COUNTING)
    server.start()
    make(server, "count", "count")
    make(server, "second", "short", EACH_SECOND, overlap="queue_all", misfire={"policy": "all", "grace": 3600})
    run = start(server, "count")
    await until(lambda: log_of(server, run))
    await until(lambda: runs_of(server, "second"))
    with closing(sqlite3.connect(server.folder / "cronapp.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        reply = server.api(
            "POST", "/jobs", json={"id": "x", "task": "short", "schedule": {"kind": "manual"}}, timeout=40
        )
        assert reply.status_code == 503, reply.text
        assert "locked" in reply.json()["detail"]
        assert time.monotonic() - began > 5, "it waited first"
        assert server.api("GET", "/jobs").status_code == 200, "one can read all the time"
        assert get(server, "/healthz").status_code == 200
        foreign.execute("ROLLBACK")
    await until(lambda: written(server, "afterwards") == 201, limit=30)
    (server.folder / "gate").touch()
    done = await until_in(server, run, "succeeded", limit=30)
    log = log_of(server, done["id"])
    numbers = [int(text.split()[1]) for text in log if text.startswith("number ")]
    assert numbers == list(range(1, len(numbers) + 1)), "no line is missing and none is doubled"
    assert log[-1] == f"counted to {len(numbers)}"
    last = datetime.fromisoformat(runs_of(server, "second")[-1]["slot"])
    await until(lambda: datetime.fromisoformat(runs_of(server, "second")[-1]["slot"]) > last, limit=30)
    server.api("POST", "/jobs/second/pause")
    await until_done(server, "second")
    assert server.stop() == 0
    rows = asked(server, "SELECT slot, state FROM runs WHERE job = 'second' ORDER BY slot")
    slots = [moment(slot) for slot, _ in rows]
    assert slots == [slots[0] + timedelta(seconds=n) for n in range(len(slots))]
    assert {state for _, state in rows} == {"succeeded"}
    ran = [one[3] for one in marks(server) if one[0] == "second"]
    assert sorted(ran) == [slot.isoformat() for slot in slots]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not is_root() or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Takes all the room that is left."""
    path = folder / "filler"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        size = 65536
        while size:
            try:
                os.write(descriptor, b"x" * size)
            except OSError:
                size //= 2
    finally:
        os.close(descriptor)
    return path


async def test_on_a_full_disk_runs_go_on_and_with_room_again_all_is_well(server: Server, small_disk: Path) -> None:
    server.write_tasks(COUNTING)
    server.start("--database", f"sqlite:///{small_disk}/cronapp.db")
    make(server, "count", "count")
    run = start(server, "count")
    await until(lambda: len(log_of(server, run)) > 10)
    filler = fill(small_disk)
    await until(lambda: (fill(small_disk), written(server, f"no-room-{time.monotonic_ns()}"))[1] == 503, limit=30)
    assert "full" in server.text()
    assert server.api("GET", f"/runs/{run}").json()["state"] == "running"
    filler.unlink()
    await until(lambda: written(server, f"room-{time.monotonic_ns()}") == 201, limit=30)
    (server.folder / "gate").touch()
    await until_in(server, run, "succeeded", limit=30)
    log = log_of(server, run)
    numbers = [int(text.split()[1]) for text in log if text.startswith("number ")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert log[-1] == f"counted to {len(numbers)}"
    assert server.stop() == 0

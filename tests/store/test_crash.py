"""A server that is killed while it writes has lost nothing that it acknowledged."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from cronapp.store.open import open_store
from cronapp.store.tables import idempotency_keys

WRITE_ON = """
import asyncio, sys
from datetime import UTC, datetime
from sqlalchemy import insert
from cronapp.store.open import open_store
from cronapp.store.tables import idempotency_keys

def put(tx, name):
    now = datetime.now(UTC)
    rest = {"request": "x" * 200, "target": "", "created_at": now}
    for part in ("a", "b"):  # both or none
        tx.conn.execute(insert(idempotency_keys).values(key=f"{name}-{part}", **rest))

async def write_on(store, writer):
    for n in range(1_000_000):
        await store.write(put, f"{writer}-{n}")
        sys.stdout.write(f"{writer}-{n}\\n")
        sys.stdout.flush()

async def main():
    store = await open_store(sys.argv[1], lambda events: None)
    await asyncio.gather(*(write_on(store, writer) for writer in range(8)))

asyncio.run(main())
"""


def written(conn: Connection) -> set[str]:
    return set(conn.execute(select(idempotency_keys.c.key)).scalars())


def kill_after(acknowledged: int, url: str, output: Path) -> list[str]:
    """Lets a process write until so many writes were acknowledged, kills it, and answers which they were."""
    with output.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", WRITE_ON, url], stdout=file)
    try:
        end = time.monotonic() + 60
        while output.read_bytes().count(b"\n") < acknowledged:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.005)
    finally:
        process.kill()
        assert process.wait(10) == -signal.SIGKILL
    return output.read_text().rpartition("\n")[0].split("\n")


@pytest.mark.parametrize("enough", [1, 150, 400])
async def test_a_kill_in_the_middle_of_writing_loses_nothing_acknowledged(
    database_url: str, tmp_path: Path, enough: int
) -> None:
    acknowledged = await asyncio.to_thread(kill_after, enough, database_url, tmp_path / "acknowledged")
    store = await open_store(database_url, lambda _events: None)
    found = await store.read(written)
    assert {f"{name}-{part}" for name in acknowledged for part in "ab"} <= found
    assert {key[:-1] for key in found if key.endswith("a")} == {key[:-1] for key in found if key.endswith("b")}
    if database_url.startswith("sqlite"):
        check = await store.read(lambda conn: conn.exec_driver_sql("PRAGMA integrity_check").scalar())
        assert check == "ok"
    await store.close()

"""Many pages open on one run: each gets every line once, and they cost the server little."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest
from hurting import crowding, make, peak_memory, start, until_in
from support import TOKEN, Server, until

READERS = int(os.environ.get("READERS", "300"))
"""1000 on a machine that has the time."""

LINES = 200
TASKS = '''
import time
from pathlib import Path


def talk(lines: int):
    """Wait until all listen, and talk for some seconds."""
    print("begun")
    while not Path("gate").exists():
        time.sleep(0.01)
    for n in range(lines):
        print(f"line {n}")
        time.sleep(0.01)


def hello():
    """Say hello."""
'''


class Reader:
    """An open page of a run: a plain connection, so that the readers cost less than the server."""

    def __init__(self) -> None:
        self.read = b""

    async def follow(self, port: int, run: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        asked = f"GET /stream?topics=run:{run} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        try:
            writer.write(asked.encode())
            while piece := await reader.read(65536):
                self.read += piece
        finally:
            writer.close()
            await writer.wait_closed()

    @property
    def seqs(self) -> list[int]:
        return [int(seq) for seq in re.findall(rb'<li id="L(\d+)"', self.read)]


def seconds_used(server: Server) -> float:
    """Processor time of the running server."""
    assert server.process is not None
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.timeout(300)
async def test_hundreds_of_pages_on_one_run_get_every_line_once_and_cost_little(server: Server) -> None:
    server.write_tasks(TASKS)
    server.env["CRONAPP_STREAMS"] = str(2 * READERS)  # of one program
    server.start()
    make(server, "talk", "talk", args={"lines": LINES})
    make(server, "hello", "hello")
    run = start(server, "talk")
    await until_in(server, run, "running")
    before = peak_memory(server)
    readers = [Reader() for _ in range(READERS)]
    port = int(server.url.rpartition(":")[2])
    following = [asyncio.create_task(reader.follow(port, run)) for reader in readers]
    await until(lambda: all(1 in reader.seqs for reader in readers), limit=60)
    used = seconds_used(server)
    (server.folder / "gate").touch()
    await until(lambda: all(len(reader.seqs) > LINES for reader in readers), limit=60)
    used = seconds_used(server) - used
    grown = peak_memory(server) - before
    print(f"{READERS} readers: {used:.1f} s of processor time for {LINES} lines, {grown / READERS / 1024:.0f} KiB each")
    for reader in readers:
        assert reader.seqs == list(range(1, LINES + 2))
    other = start(server, "hello")
    await until_in(server, other, "succeeded")
    assert server.stop() == 0
    await asyncio.gather(*following)
    assert all(reader.read.count(b"event: bye") == 1 for reader in readers)
    assert grown < READERS * 256 * 1024
    assert used < 0.1 * READERS * crowding()

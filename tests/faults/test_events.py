"""Somebody follows a server that is killed and comes back: each line once, and the newest state of all."""

from __future__ import annotations

import threading

from hurting import make, start
from support import TOKEN, Server, until

from cronapp import wire
from cronapp.client import Client

LINES = 150
TASKS = '''
import time
from pathlib import Path


def talk(lines: int):
    """Say so many lines, and wait until somebody opens."""
    for n in range(lines):
        print(f"line {n}")
        time.sleep(0.005)
    while not Path("gate").exists():
        time.sleep(0.01)
'''


class Follower(threading.Thread):
    """Reads the stream, over however many connections."""

    def __init__(self, server: Server, topics: str) -> None:
        super().__init__(daemon=True)
        self.server, self.topics = server, topics
        self.events: list[object] = []
        self.enough = threading.Event()

    def run(self) -> None:
        with Client(self.server.url, TOKEN) as client:
            for event in client.events(self.topics):
                self.events.append(event.data)
                if self.enough.is_set():
                    return

    def lines(self, run: int) -> list[int]:
        return [one.seq for one in self.events if isinstance(one, wire.RunLine) and one.run == run]

    def states(self, run: int) -> list[str]:
        return [str(one.state) for one in self.events if isinstance(one, wire.Run) and one.id == run]


async def test_a_reader_goes_on_over_a_kill_with_each_line_once(server: Server) -> None:
    server.write_tasks(TASKS)
    server.start()
    port = server.url.rpartition(":")[2]
    make(server, "talk", "talk", args={"lines": LINES}, retry={"max_attempts": 2, "delay": 0})
    make(server, "gone", "talk", args={"lines": 0})
    first = start(server, "talk")
    follower = Follower(server, f"jobs,runs,run:{first}")
    follower.start()
    await until(lambda: len(follower.lines(first)) > 30)
    server.kill()
    before = len(follower.events)
    (server.folder / "gate").touch()
    server.start("--port", port)
    again = first + 1
    await until(lambda: follower.states(first)[-1] == "lost" and "succeeded" in follower.states(again))
    assert server.api("DELETE", "/jobs/gone").status_code == 204
    await until(lambda: any(isinstance(one, wire.JobRemoved) for one in follower.events))
    log = server.api("GET", f"/runs/{first}/log").text.splitlines()
    assert follower.lines(first) == list(range(1, len(log) + 1))
    assert len(follower.events) > before
    follower.enough.set()
    server.api("POST", "/jobs/talk/pause")
    follower.join(10)
    assert not follower.is_alive()
    assert server.stop() == 0

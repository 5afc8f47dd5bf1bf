"""Servers and workers as processes on one PostgreSQL, which tests kill, stop and cut off."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support import TASKS, Server

STALL = 4.0


class Worker(Server):
    """`cronapp worker`, as a process of its own."""

    command = ("worker",)

    def wait_ready(self, limit: float = 60.0) -> None:
        seen(lambda: "executes runs of" in self.text() or self.ended, limit)
        assert not self.ended, f"the worker did not start:\n{self.text()}"

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


def seen(ask: Callable[[], Any], limit: float = 40.0) -> Any:
    end = time.monotonic() + limit
    while not (found := ask()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)
    return found


@dataclass
class Fleet:
    """Any number of them, each in a folder of its own."""

    folder: Path
    database: str
    tasks: str = TASKS
    env: dict[str, str] = field(default_factory=dict)
    members: dict[str, Server] = field(default_factory=dict)

    @property
    def servers(self) -> list[Server]:
        return [member for member in self.members.values() if not isinstance(member, Worker)]

    def add(self, kind: str, name: str, **env: str) -> Server:
        """A `server` that executes nothing, or a `worker`; not started yet."""
        folder = self.folder / name
        folder.mkdir()
        shared = {"CRONAPP_DATABASE": self.database, "CRONAPP_STALL": str(STALL), "CRONAPP_SECRET_KEY": "k" * 40}
        made = (Worker if kind == "worker" else Server)(folder, self.tasks, shared | self.env | env)
        self.members[name] = made
        return made

    def start(self, kind: str, name: str, **env: str) -> Server:
        made = self.add(kind, name, **env)
        launch(made)
        made.wait_ready()
        return made

    def end(self) -> None:
        """Whatever state they are in."""
        for member in self.members.values():
            if member.process is not None and member.process.poll() is None:
                member.signal(signal.SIGCONT)
                member.kill()


def launch(member: Server) -> None:
    member.launch(*(() if isinstance(member, Worker) else ("--no-worker",)))


def name_of(member: Server) -> str:
    """As a node."""
    assert member.process is not None
    return f"{os.uname().nodename}:{member.process.pid}"


class Cable:
    """A way to PostgreSQL's socket over TCP. Cut, nothing passes any more, and nobody is told: as where a cable was
    pulled or a firewall forgot the connection."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._whole = threading.Event()
        self._whole.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._listener.getsockname()[1]}/{database}"

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self.mend()
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                self._ends += [near, far]
                for source, drain in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, drain), daemon=True).start()

    def _pass_on(self, source: socket.socket, drain: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._whole.wait()
                drain.sendall(data)
            self._whole.wait()
            drain.shutdown(socket.SHUT_WR)

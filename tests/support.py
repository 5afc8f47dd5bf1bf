"""What several tests share: a clock that is turned, a real server as a process, and waiting with a limit."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx

from cronapp.core.vault import Vault

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
VAULT = Vault(["the-key-that-all-tests-share-1234567890"])
TOKEN = "a-token-for-tests"

TASKS = '''
import asyncio, logging, os, sys, time
from datetime import date

from cronapp import current_run, progress, task


def hello(name: str = "world", times: int = 1):
    """Say hello."""
    for _ in range(times):
        print(f"hello {name}")
    return {"greeted": name}


async def wait(seconds: float = 1.0):
    """Sleep on the loop."""
    print("waiting")
    await asyncio.sleep(seconds)


def hold(seconds: float = 1.0):
    """Sleep in a thread, and stop when asked."""
    print("holding")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        current_run().check()
        time.sleep(0.01)


@task(run_in="process")
def work(seconds: float = 0.0):
    """Work in a child process."""
    print(f"working in {os.getpid()}", flush=True)
    time.sleep(seconds)
    return os.getpid()


def fail(message: str = "no figures"):
    """Fail."""
    raise ValueError(message)


def needs(day: date, count: int, dry_run: bool = False):
    """Take arguments of several types."""
    print(day, count, dry_run)


def steps(count: int = 10, delay: float = 0.01):
    """Print, report progress, and pause."""
    for n in range(count):
        print(f"step {n}")
        progress(n + 1, count, f"step {n}")
        time.sleep(delay)
'''


class TurnedClock:
    """A clock that stands still until a test turns it."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


async def until(ask: Callable[[], Awaitable[T] | T], limit: float = 30.0) -> T:
    """Asks again and again until the answer is true; fails after `limit` seconds, more than a busy machine needs."""
    end = time.monotonic() + limit
    while True:
        answer = ask()
        found = await answer if isinstance(answer, Awaitable) else answer
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"it did not come true within {limit} s; last answer: {found!r}")
        await asyncio.sleep(0.02)


@dataclass
class Server:
    """`cronapp serve` as a process of its own, on a free port of the loopback address."""

    folder: Path
    tasks: str = TASKS
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    command: ClassVar[tuple[str, ...]] = ("serve", "--port", "0")
    output: Path = field(init=False)
    url: str = ""
    link: str = ""

    def __post_init__(self) -> None:
        self.output = self.folder / "output.txt"
        self.write_tasks(self.tasks)

    def write_tasks(self, text: str) -> None:
        """Puts the file there in one step, so that no half of it is ever seen."""
        written = self.folder / ".tasks.py"
        written.write_text(text)
        written.replace(self.folder / "tasks.py")

    def start(self, *args: str) -> Server:
        """Starts it and waits until it answers."""
        self.launch(*args)
        self.wait_ready()
        return self

    def launch(self, *args: str) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("CRONAPP_")}
        env |= {"CRONAPP_ADMIN_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1", **self.env}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cronapp", *self.command, *args],
                cwd=self.folder,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def wait_ready(self, limit: float = 60.0) -> None:
        assert self.process is not None
        end = time.monotonic() + limit
        while time.monotonic() < end:
            found = re.search(
                r"serves (http://[\w.:\[\]-]+)[\s\S]+^Sign in +(?:at +(\S+)|with)", self.text(), re.MULTILINE
            )
            if found:
                self.url, self.link = found[1], found[2] or ""  # no link, once there are accounts
                with suppress(httpx.HTTPError):
                    if httpx.get(f"{self.url}/healthz", timeout=2, verify=False).status_code == 200:
                        return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"the server did not start:\n{self.text()}")

    def text(self) -> str:
        return self.output.read_text() if self.output.exists() else ""

    def api(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKEN}", **options.pop("headers", {})}
        options = {"timeout": 30, "verify": False, **options}  # no TLS here; to read the certificates takes long
        return httpx.request(method, f"{self.url}/api/v1{path}", headers=headers, **options)

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        assert self.process is not None
        self.signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self, limit: float = 30.0) -> int:
        """SIGTERM; answers the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise AssertionError(f"the server did not stop within {limit} s:\n{self.text()}") from None

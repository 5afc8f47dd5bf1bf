"""Looking into a child process from outside: its stack, and the memory of all that it started."""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from cronapp.engine import child
from cronapp.engine.stacks import dumped_stacks, one_by_one

PATIENCE = 2.0  # seconds for a process to answer a signal; a starved machine takes its time
GLANCE = 0.02  # seconds between two looks at what it has written
LOOP_PATIENCE = 0.5  # seconds for its event loop to answer: one that is busy does not
SILENT = "The process did not answer. It may be stopped, or wait for a disk.\n"
NOT_YET = "The process is still starting.\n"
ENDING = "The task is about to end.\n"


class Window:
    """Through which one looks into a child. It opens bit by bit, as the child says that it heeds a signal: one that it
    does not know would kill it."""

    def __init__(self) -> None:
        self._file = unnamed_file()
        self.opened: set[str] = set()
        self._asked = asyncio.Lock()
        self._awaits: asyncio.Future[str] | None = None

    @property
    def dump(self) -> int:
        """The descriptor; raises ValueError when it is closed, so that nobody meets another file by its number."""
        return self._file.fileno()

    async def look(self, pid: int) -> str:
        """Where its threads and its coroutines are."""
        async with self._asked:
            if "threads" not in self.opened or not heeds(pid, child.LOOK):
                return NOT_YET
            threads = await self._threads(pid)
            if "tasks" not in self.opened or not (tasks := await self._tasks(pid)):
                return one_by_one(headed(threads)) or SILENT
            # The main thread only waits for what the tasks tell of.
            return one_by_one([("", tasks), *headed(["", *threads[1:]])])

    async def _threads(self, pid: int) -> list[str]:
        os.lseek(self.dump, 0, os.SEEK_SET)  # the child writes at the same place
        os.ftruncate(self.dump, 0)
        os.kill(pid, child.LOOK)
        size, same, waited = 0, 0, 0.0
        while same < 2 and waited < PATIENCE:
            await asyncio.sleep(GLANCE)
            waited += GLANCE
            before, size = size, os.fstat(self.dump).st_size
            same = same + 1 if size and size == before else 0
        return dumped_stacks(os.pread(self.dump, size, 0).decode("utf-8", "replace"))

    async def _tasks(self, pid: int) -> str:
        self._awaits = asyncio.get_running_loop().create_future()
        if not heeds(pid, child.LOOK_AT_TASKS):
            return ""
        os.kill(pid, child.LOOK_AT_TASKS)
        await asyncio.wait({self._awaits}, timeout=LOOP_PATIENCE)
        return self._awaits.result() if self._awaits.done() else ""

    def answered(self, text: str) -> None:
        if self._awaits and not self._awaits.done():
            self._awaits.set_result(text)

    def close(self) -> None:
        self._file.close()


def headed(stacks: list[str]) -> list[tuple[str, str]]:
    return [("Another thread" if n else "", stack) for n, stack in enumerate(stacks)]


def unnamed_file() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("cronapp"), "r+b", 0)
    return tempfile.TemporaryFile(buffering=0)


def heeds(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal. It loses them all when it becomes another program (`os.exec`)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return psutil.pid_exists(pid) and not psutil.LINUX
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def memory_of(pid: int) -> int | None:
    """The bytes in memory of a process, of its session, and of all that it started."""
    family = {pid}
    with suppress(psutil.Error):
        family |= {each.pid for each in psutil.Process(pid).children(recursive=True)}
    for each in psutil.pids():
        with suppress(OSError):
            if os.getsid(each) == pid:
                family.add(each)
    sizes = [size for each in family if (size := resident(each)) is not None]
    return sum(sizes) if sizes else None


def resident(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None

"""Watches the tasks files, and has the jobs held against them when they change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from watchfiles import awatch

from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import Event, TasksLoaded
from cronapp.core.models import Job
from cronapp.service.declarations import Declarations
from cronapp.service.tasks import Reading, Tasks

log = logging.getLogger(__name__)
QUIET = 0.2  # seconds without a further change: an editor empties a file and then writes it, which is no empty file
LOOK = 2000  # milliseconds between two looks of our own: not every file system tells of changes
NAMED = 5  # tasks that the log names

Seen = dict[Path, tuple[int, int] | None]
"""Each file's time and size; None: it is not there."""


class Watcher:
    def __init__(self, tasks: Tasks, declarations: Declarations | None, tell: Callable[[list[Event]], None]) -> None:
        """`declarations`: what the tasks say of jobs; None: that is for others to declare."""
        self._tasks = tasks
        self._declarations = declarations
        self._tell = tell
        self._seen = seen(tasks.files())
        self._owed = False  # the jobs are not held against the new code yet: the database was away
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._work = asyncio.create_task(self._watch(), name="cronapp-watch")

    async def stop(self) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            folders = self._folders()
            if not folders:
                await asyncio.sleep(LOOK / 1000)
                await self._look()
                continue
            try:
                await self._follow(folders)
            except OSError as error:  # as when the system watches as many files as it can
                log.warning("the tasks files cannot be watched (%s); they are looked at every 2 s", error)
                await asyncio.sleep(LOOK / 1000)
                await self._look()

    async def _follow(self, folders: set[Path]) -> None:
        """Looks whenever one of these folders changes, until other folders are to be watched."""
        told = awatch(*folders, recursive=False, rust_timeout=LOOK, yield_on_timeout=True)
        async for _ in told:
            await self._look()
            if self._folders() != folders:
                return

    def _folders(self) -> set[Path]:
        return {path.parent for path in self._seen if path.parent.is_dir()}

    async def _look(self) -> None:
        """Reads the tasks files again if one of them is another than when it was read."""
        now = await self._files()
        changed = any(now[path] != self._seen[path] for path in now.keys() & self._seen.keys())
        if changed:
            now = await self._quiet(now)
            reading = await asyncio.to_thread(self._tasks.reload)
            now = seen(self._tasks.files()) | now  # what changes meanwhile asks for another reading
            report(reading, self._tasks.sources)
            self._owed = True
        self._seen = now
        if self._owed:
            await self._hold()

    async def _files(self) -> Seen:
        return await asyncio.to_thread(lambda: seen(self._tasks.files()))

    async def _quiet(self, now: Seen) -> Seen:
        """How the files are once nobody writes them any more."""
        while True:
            before = now
            await asyncio.sleep(QUIET)
            if (now := await self._files()) == before:
                return now

    async def _hold(self) -> None:
        attention: Sequence[Job] = ()
        try:
            if self._declarations is not None:
                await self._declarations.declare()
                attention = await self._declarations.hold_against_code()
        except StoreUnavailable as error:
            log.warning("%s The jobs are compared with the new tasks later.", error)
            return
        self._owed = False
        self._tell([TasksLoaded()])
        if attention:
            need = "1 job needs" if len(attention) == 1 else f"{len(attention)} jobs need"
            log.warning("%s", f"{need} attention: {named(job.id for job in attention)}")


def seen(files: Iterable[Path]) -> Seen:
    """How the files are now."""
    found: Seen = {}
    for path in files:
        try:
            told = path.stat()
        except OSError:
            found[path] = None
        else:
            found[path] = told.st_mtime_ns, told.st_size
    return found


def report(reading: Reading, sources: Iterable[str]) -> None:
    changes = [
        *([f"+{len(reading.new)} new: {named(reading.new)}"] if reading.new else []),
        *([f"−{len(reading.gone)}: {named(reading.gone)}"] if reading.gone else []),
    ]
    more = f" ({'; '.join(changes)})" if changes else ""
    count = f"{reading.tasks} task{'s' if reading.tasks != 1 else ''}"
    if good := [source for source in sources if source not in {stale.source for stale in reading.stale}]:
        log.info("%s", f"{', '.join(good)} was read again: {count}{more}")
    for stale in reading.stale:
        log.warning("%s", f"{stale.source} cannot be imported: {stale.error}; the last good version is still in use")
    old = {stale.source for stale in reading.stale}
    for error in reading.errors:
        if error.source not in old:
            log.warning("%s", f"{error.source} cannot be used: {error.error}")


def named(names: Iterable[str]) -> str:
    each = list(names)
    return ", ".join(each[:NAMED]) + (f" and {len(each) - NAMED} more" if len(each) > NAMED else "")

"""What changed since a job last worked, told of a run that went wrong."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from cronapp.core.comparison import (
    Comparison,
    LogDifference,
    alike,
    args_changes,
    environment_changes,
    host_change,
    source_diff,
)
from cronapp.core.errors import NothingToCompare, RunNotFound
from cronapp.core.models import RETRIED_STATES, Json, LogLine, LogStream, Run
from cronapp.service.tasks import Tasks
from cronapp.store import code, logs, runs
from cronapp.store.store import Conn, Store

MOST = 5000  # lines of two logs that are compared
BIT = 500  # lines that are read at once
AROUND = 3  # lines before the first that differs, and from it on


class Comparisons:
    def __init__(self, store: Store, tasks: Tasks) -> None:
        self.store = store
        self.tasks = tasks

    async def of(self, run_id: int) -> Comparison:
        """A run that went wrong against the last one of its job that succeeded. Raises `RunNotFound`, and
        `NothingToCompare` when it did not go wrong, was not carried out, or none succeeded before it."""
        run, before, told = await self.store.read(self._look, run_id)
        async with aclosing(self.lines(run.id)) as ours, aclosing(self.lines(before.id)) as theirs:
            log = await first_difference(ours, theirs)
        cut = (log is None or not log.now) and run.last_seq > MOST
        cut = cut or (log is not None and not log.before and before.last_seq > MOST)
        return Comparison(run=run, before=before, log=None if cut else log, log_beyond=MOST if cut else None, **told)

    def _look(self, conn: Conn, run_id: int) -> tuple[Run, Run, Json]:
        run = runs.get(conn, run_id)
        if run is None:  # whoever is limited to some tags may look at a trial of theirs, and at no other to compare
            raise RunNotFound if self.store.tags is None else NothingToCompare
        before = code.last_succeeded(conn, run) if run.state in RETRIED_STATES and run.started_at else None
        if before is None:
            raise NothingToCompare
        function = function_changes(conn, before, run)
        theirs = self.tasks.aligned(before.args, run.args)
        shown = (self.tasks.masked_for_good(one.task, one.args) for one in (before, run))
        environments = (code.environment(conn, one.environment) for one in (before, run))
        without = self._file(run) if function.get("diff") else ""
        told: Json = {
            **function,
            **environment_changes(*environments, without=without),
            "args": args_changes(theirs, run.args, *shown),
            "host": host_change(before, run),
        }
        return run, before, told

    def _file(self, run: Run) -> str:
        """The file of the run's function, of which its difference tells already."""
        task = self.tasks.find(run.task)
        return task.file if task else ""

    async def lines(self, run_id: int) -> AsyncGenerator[LogLine, None]:
        """A log up to the limit, without our own remarks, read bit by bit."""
        after = 0
        while after < MOST and (bit := await self.store.read(logs.lines_after, run_id, after, BIT)):
            for line in bit:
                if line.stream is not LogStream.SYSTEM:
                    yield line
            after = bit[-1].seq


def function_changes(conn: Conn, before: Run, run: Run) -> dict[str, Any]:
    if before.source is None or run.source is None:
        return {"function": "unknown"}
    if before.source == run.source:
        return {"function": "same"}
    old, new = code.source(conn, before.source), code.source(conn, run.source)
    return {"function": "changed", "diff": () if old is None or new is None else source_diff(old, new)}


async def first_difference(now: AsyncIterator[LogLine], before: AsyncIterator[LogLine]) -> LogDifference | None:
    """Where two logs begin to differ."""
    common: deque[tuple[LogLine, LogLine]] = deque(maxlen=AROUND)
    while True:
        mine, theirs = await anext(now, None), await anext(before, None)
        if mine is None and theirs is None:
            return None
        if mine is None or theirs is None or not alike(mine.text, theirs.text):
            left, right = await following(theirs, before), await following(mine, now)
            earlier, ours = tuple(zip(*common, strict=True)) or ((), ())
            return LogDifference(common_before=earlier, common=ours, before=left, now=right)
        common.append((theirs, mine))


async def following(first: LogLine | None, rest: AsyncIterator[LogLine]) -> tuple[LogLine, ...]:
    lines = [first] if first else []
    while lines and len(lines) < AROUND and (line := await anext(rest, None)):
        lines.append(line)
    return tuple(lines)

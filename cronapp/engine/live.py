"""A run that is executed here: what it has printed and reported and is not yet in the store."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from cronapp.core.about import About
from cronapp.core.models import LogLine, Outcome, Progress, Run, RunState
from cronapp.engine.executors import Call, StopRequest
from cronapp.engine.runlog import RunLog, clean, lines
from cronapp.engine.spans import RunSpan
from cronapp.service.runs import Written

UNSTORABLE = "It ended as {}, but the database refused its result or its last lines. The server's log says why."


@dataclass(slots=True, eq=False)
class Live:
    """A run that is being executed here."""

    run: Run
    stop: StopRequest
    lines: RunLog
    progress: Progress | None = None  # reported, not yet written
    unwritten: list[LogLine] = field(default_factory=list)
    refused: int = 0  # how often the database took its lines badly
    source: str = ""  # the function's, if it is not the one that is loaded
    span: RunSpan = field(default_factory=RunSpan)
    trace_kept: bool = False  # its number is in the store
    disowned: bool = False  # it is no longer ours
    call: Call | None = None  # under way
    run_in: str = "loop"
    over: asyncio.Event = field(default_factory=asyncio.Event)  # nothing of it is executed any more

    @property
    def about(self) -> About:
        """For the server's log."""
        traced = {"trace_id": self.span.trace_id} if self.span.trace_id else {}
        return {"run": self.run.id, "job": self.run.job, **traced}

    def begun(self, call: Call) -> None:
        self.call = call

    def made_of(self, source: str) -> None:
        self.source = source

    def report(self, progress: Progress) -> None:
        self.progress = replace(progress, text=clean(self.lines.cover(progress.text)))

    def written(self, *, flush: bool = False) -> Written | None:
        """What there is to write. Lines that could not be written before stay first in line."""
        if not self.unwritten:
            self.unwritten = self.lines.take(flush=flush)
        elif flush:
            self.unwritten += self.lines.take(flush=True)
        progress, self.progress = self.progress, None
        trace_id = "" if self.trace_kept else self.span.trace_id
        if not (self.unwritten or progress or trace_id):
            return None
        return Written(self.run, self.unwritten, progress, trace_id)

    def keep(self, item: Written) -> None:
        """What could not be written comes next time; its lines are kept anyway."""
        self.progress = self.progress or item.progress

    def give_up_lines(self) -> None:
        """The database takes these lines badly: those that come after them shall not wait for ever."""
        self.refused = 0
        self.lines.system(f"{lines(len(self.unwritten))} could not be stored; the server's log says why.")
        self.unwritten = []

    def disown(self) -> None:
        """The run is no longer ours: nothing that it still prints is kept."""
        self.disowned = True
        self.lines.close()
        self.lines.take(flush=True)
        self.unwritten = []


def plain(outcome: Outcome) -> Outcome:
    """The end of a run without what the database may refuse. A success that cannot be shown is none."""
    state = RunState.FAILED if outcome.state is RunState.SUCCEEDED else outcome.state
    return Outcome(state=state, reason=UNSTORABLE.format(outcome.state))

"""The event stream: what its events hold, by their kinds."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from cronapp.wire.base import Wire
from cronapp.wire.jobs import Job
from cronapp.wire.runs import LogLine, Run


class JobRemoved(Wire):
    """This job is there no more, or no longer among those that who asks may see."""

    id: str


class RunLine(LogLine):
    """A line of the log of a run."""

    run: int

    @property
    def line(self) -> LogLine:
        """The same without the run."""
        return LogLine(seq=self.seq, at=self.at, stream=self.stream, level=self.level, text=self.text)


class Reset(Wire):
    """Nobody knows any more what changed since the place that was sent: forget what you had, all is told anew."""

    reason: str


class CaughtUp(Wire):
    """All is told as it is now; from here on changes are told as they come."""

    at: datetime = Field(description="By the server's clock.")


Told = Job | JobRemoved | Run | RunLine | Reset | CaughtUp
EVENTS: dict[str, type[Told]] = {
    "job": Job,
    "job_removed": JobRemoved,
    "run": Run,
    "line": RunLine,
    "reset": Reset,
    "ready": CaughtUp,
}

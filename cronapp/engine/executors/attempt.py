"""One attempt at a run, and the request to stop it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cronapp.core.errors import SecretNotFound
from cronapp.core.models import Json, Outcome, Progress, RunError, RunState
from cronapp.core.registry import Task
from cronapp.engine.runlog import RunLog
from cronapp.engine.spans import RunSpan

GRACE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildLimits:
    """What a child process may take; None: as much as it likes."""

    memory: int | None = None  # bytes of address space, of each process
    processes: int | None = None  # and threads, of all that the server's user runs


def unknown_secret(name: str) -> str:
    raise SecretNotFound(f'There is no stored secret "{name}".')


@dataclass(frozen=True, kw_only=True, eq=False)
class Attempt:
    """One attempt to be executed. `timeout` and `grace` are seconds; `on_progress` is called on the loop."""

    id: int
    job: str
    attempt: int
    slot: datetime | None
    task: Task
    args: Json
    log: RunLog
    on_progress: Callable[[Progress], None]
    on_source: Callable[[str], None] = lambda _: None  # the function's, if a child process found another one
    timeout: float | None = None
    grace: float = GRACE  # between asking the task to stop and forcing it
    limits: ChildLimits = field(default_factory=ChildLimits)
    secret: Callable[[str], str] = unknown_secret  # by its name
    span: RunSpan = field(default_factory=RunSpan)
    exporters: Sequence[str] = ()  # to whom spans are sent
    node: str = ""


class StopRequest:
    """Asks one attempt to stop. The first request wins. To be used on the loop."""

    def __init__(self) -> None:
        self.state: RunState | None = None
        self.reason: str | None = None
        self._requested = asyncio.Event()

    def request(self, state: RunState, reason: str) -> None:
        """Stop it; the attempt then ends in this state (`cancelled` or `timed_out`) and for this reason."""
        if self.state is None:
            self.state, self.reason = state, reason
            self._requested.set()

    async def wait(self) -> None:
        await self._requested.wait()

    def outcome(self, problem: RunError | None = None, remark: str | None = None) -> Outcome:
        """The end of a stopped attempt."""
        reason = " ".join(part for part in (self.reason, remark) if part) or None
        return Outcome(state=self.state or RunState.CANCELLED, reason=reason, error=problem)

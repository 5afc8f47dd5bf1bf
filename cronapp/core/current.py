"""The run that the calling code belongs to: what it is, its progress, and whether it was asked to stop."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

from cronapp.core.models import Progress


class RunCancelled(Exception):
    """This run was asked to stop.

    Raised inside the task by `progress()` and `current_run().check()` after somebody cancelled the run or its timeout
    passed. Let it go on upwards; catch it only to clean up, and raise it again.
    """


def _told_to_nobody(_: Progress) -> None:
    """Outside a run there is no bar to move."""


@dataclass(frozen=True, slots=True)
class CurrentRun:
    """One attempt, as its task sees it. `id` is 0 outside a run; `slot` is None for a run that no schedule started."""

    id: int
    job: str
    task: str
    attempt: int
    slot: datetime | None
    report: Callable[[Progress], None] = field(default=_told_to_nobody, repr=False, compare=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)

    @property
    def cancelled(self) -> bool:
        """Whether the run was asked to stop. For loops that want to end by themselves instead of by an exception."""
        return self.stop.is_set()

    def check(self) -> None:
        """Raise `RunCancelled` if the run was asked to stop. Cheap enough for every turn of a loop."""
        if self.stop.is_set():
            raise RunCancelled(f"Run {self.id} was asked to stop.")


CURRENT: ContextVar[CurrentRun | None] = ContextVar("cronapp_current_run", default=None)


def current_run() -> CurrentRun:
    """The run this code belongs to. Outside a run, as in a plain test, one with the id 0 that nobody can cancel."""
    return CURRENT.get() or CurrentRun(id=0, job="", task="", attempt=1, slot=None)


def progress(done: float, total: float | None = None, text: str = "") -> None:
    """Show how far the run is: `done` of `total` (None: unknown), and a few words. Outside a run it does nothing.

    Raises `RunCancelled` when the run was asked to stop, so a task that reports its progress can be cancelled.
    """
    run = CURRENT.get()
    if run is None:
        return
    run.check()
    run.report(Progress(done=_finite(done) or 0, total=_finite(total), text=str(text)))


def _finite(number: float | None) -> float | None:
    # JSON has no NaN and no infinity, and a bar is no reason to fail a run.
    if number is None or isinstance(number, int):
        return number
    value = float(number)
    return value if math.isfinite(value) else None

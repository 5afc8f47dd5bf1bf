"""What can be counted of the work: how runs move, and what the database takes. Whoever measures it is handed down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cronapp.core.models.states import Cause, RunState

Asked = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Started:
    """A run began; `late` are the seconds since its slot, or since its own moment within the spread. None: it had
    none, as one that was started by hand or is tried again."""

    queue: str
    late: float | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A run of a job ended, or so many of its slots are sure to have none."""

    job: str
    task: str
    state: RunState
    duration: float | None = None  # seconds; None: it never began, or nobody saw it end
    slots: int = 1
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Printed:
    """So many lines of what runs print were stored."""

    lines: int


Move = Started | Ended | Printed


class Meter(Protocol):
    def count(self, moves: Sequence[Move]) -> None:
        """Runs that moved, once it is committed. Called on the event loop."""

    def took(self, what: Asked, seconds: float, *, good: bool) -> None:
        """What a question or a change took, from when it was asked until it was answered; not `good`: the database was
        away. Called on the event loop."""


class NoMeter:
    """Measures nothing."""

    def count(self, moves: Sequence[Move]) -> None: ...

    def took(self, what: Asked, seconds: float, *, good: bool) -> None: ...

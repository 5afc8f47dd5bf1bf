"""The ready-made tasks, of which the settings switch on those that are wanted, and what the server lends them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass

MODULES = {name: f"cronapp.ready.{name}" for name in ("shell", "http", "sql", "prune")}
"""By the name of the task, the module that has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lent:
    """What a task may ask of the server that runs it."""

    prune: Callable[[float, int, Callable[[int, int], None]], Awaitable[int]]
    """Deletes ended runs older than so many days, and those of each job beyond so many, and tells how many jobs of how
    many it has looked at; answers how many runs."""
    private_hooks: bool
    """Whether addresses that are not public may be asked."""


LENT: ContextVar[Lent | None] = ContextVar("cronapp_lent", default=None)
"""Of the server on whose event loop a task runs; None: it runs elsewhere, as in a test of its own."""


def lent() -> Lent | None:
    return LENT.get()

"""The carrier between processes, loaded only where there may be several."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol

from cronapp.core.clock import Clock
from cronapp.core.errors import CannotStart
from cronapp.core.models import Ticket
from cronapp.engine.dispatch.carriage import Dispatch
from cronapp.engine.runner import Runner
from cronapp.service.tickets import Tickets


class Carrier(Dispatch, Protocol):
    async def carry(self, conn: Any, tickets: Sequence[Ticket]) -> None:
        """Takes tickets along in the transaction of a connection."""


def over_postgres(tickets: Tickets, runner: Runner, clock: Clock, *, conninfo: str, works: bool) -> Carrier:
    """Carries runs by procrastinate. Raises `CannotStart` where that is not installed."""
    try:
        carrier = import_module("cronapp.engine.dispatch.procrastinate")
    except ModuleNotFoundError as error:
        raise CannotStart(f"For PostgreSQL, {error.name} is needed: pip install 'cronapp[postgres]'.") from None
    made: Carrier = carrier.ProcrastinateDispatch(tickets, runner, clock, conninfo=conninfo, works=works)
    return made

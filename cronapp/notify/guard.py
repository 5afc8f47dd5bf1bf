"""Watches over whatever is sent from here, so that no connection leads to where it may not: not by a name that means
another address by now, and not by a redirect.

Libraries open connections by themselves, so the connections are looked at where Python makes them (an audit hook).
What else this process connects to, as tasks do, is not looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from cronapp.core.outward import is_public, refusal

EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class Refused(PermissionError):
    """A connection to where nothing may be sent."""


class Guard:
    """What was refused while it watched."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def check(self, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) and address else str(address)
        if not (isinstance(host, str) and is_public(host)):
            self.refused.append(str(host))
            raise Refused(refusal(str(host)))


_watching: ContextVar[Guard | None] = ContextVar("watching", default=None)


def _look(event: str, args: tuple[Any, ...]) -> None:
    if event in EVENTS and (guard := _watching.get()) is not None and args[-1] is not None:
        guard.check(args[-1])


@cache
def _install() -> None:
    sys.addaudithook(_look)


@contextmanager
def guarded(*, private: bool) -> Iterator[Guard]:
    """What is done within connects to public addresses only, unless `private` ones are allowed."""
    _install()
    guard = Guard()
    before = _watching.set(None if private else guard)
    try:
        yield guard
    finally:
        _watching.reset(before)

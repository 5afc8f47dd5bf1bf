"""`os._exit` in a run of the server's own process: it would end the server."""

from __future__ import annotations

import os
from collections.abc import Callable

from cronapp.core.current import CURRENT

REAL_EXIT = os._exit


class ProcessExit(BaseException):
    """The task called os._exit. No exception of the user's own, so that `except Exception` does not swallow it."""


def guard(server: int) -> Callable[[int], None]:
    """An `os._exit` that raises inside a run, in the process `server` only: what a task forks ends as ever."""

    def leave(status: int) -> None:
        if os.getpid() == server and (run := CURRENT.get()) and run.id:
            raise ProcessExit(f"os._exit({status}) was called by run #{run.id}.")
        REAL_EXIT(status)

    return leave

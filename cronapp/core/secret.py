"""`secret("NAME")`: a stored secret, within a run or without one."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar

from cronapp.core.errors import SecretNotFound

LOOKUP: ContextVar[Callable[[str], str] | None] = ContextVar("cronapp_secrets", default=None)
"""Gives the run that asks a secret by its name. Threads that a task starts have it too."""


def secret(name: str) -> str:
    """The value of a secret that is stored in Cron-App under this name, or else of the environment variable of this
    name. What a run asked for is masked in its log and its errors.

    Outside a run, as in a plain test, it is the environment variable. Raises `SecretNotFound` where there is neither.
    """
    lookup = LOOKUP.get()
    if lookup is not None:
        return lookup(name)
    value = os.environ.get(name)
    if value is None:
        raise SecretNotFound(f"There is no environment variable {name}, and outside a run no stored secret is known.")
    return value

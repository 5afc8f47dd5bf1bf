"""What is being worked at, told in each line of the server's own log: a run and its job, or a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

About = Mapping[str, str | int]
"""As `{"run": 12, "job": "nightly"}` or `{"request": "6f2a…"}`."""

_about: ContextVar[About] = ContextVar("cronapp_about", default={})  # noqa: B039 - nobody changes it


def about() -> About:
    """What the calling code works at."""
    return _about.get()


def concerns(**what: str | int) -> None:
    """From here to the end of this context, the work is about that too."""
    _about.set({**_about.get(), **what})


@contextmanager
def concerning(what: About) -> Iterator[None]:
    """Within, the work is about that too."""
    token = _about.set({**_about.get(), **what})
    try:
        yield
    finally:
        _about.reset(token)

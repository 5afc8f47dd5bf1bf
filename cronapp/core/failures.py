"""Where a run failed, in one line, and which failures are one and the same."""

from __future__ import annotations

import hashlib

from cronapp.core.models import RunError, RunState
from cronapp.core.traces import Frame, Problem


def place_of(error: RunError | None) -> str | None:
    """`shop/tasks.py:42 in fetch`: the innermost frame of the user's own code, else the innermost of all."""
    frame = telling_frame(error)
    if frame is None:
        return None
    return f"{frame.file}:{frame.line}" + (f" in {frame.function}" if frame.function else "")


def group_of(state: RunState, error: RunError | None, task: str) -> str | None:
    """What failures with the same exception out of the same function have in common; None: nothing went wrong.

    There is no line number in it, so that an edit further up in the file makes no new group of it.
    """
    if state in (RunState.TIMED_OUT, RunState.LOST):
        return state.value
    if state is not RunState.FAILED:
        return None
    if error is None:
        return state.value
    told, frame = telling(error), telling_frame(error)
    kind = told.type if told else error.type
    parts = (kind, frame.file, frame.function) if frame else (kind, task)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def telling(error: RunError) -> Problem | None:
    """The exception that says what went wrong; of a group its first member, and so on."""
    told: Problem | None = None
    for problem in error.problems:
        if told is not None and not (problem.link == "member" and problem.depth > told.depth):
            break
        told = problem
    return told


def telling_frame(error: RunError | None) -> Frame | None:
    """The innermost frame of the user's own code. Where there is none, an exception that it came from may have one;
    else the innermost of all."""
    if error is None or (told := telling(error)) is None:
        return None
    chain = (told, *(one for one in error.problems if one is not told))
    own = (frame for problem in chain for frame in reversed(problem.frames) if frame.own)
    return next(own, None) or next((frame for problem in chain for frame in reversed(problem.frames)), None)

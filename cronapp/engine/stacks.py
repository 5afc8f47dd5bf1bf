"""Where the user's code is: stacks of threads, of coroutines, and of a child process, without frames of our own."""

from __future__ import annotations

import asyncio
import re
import threading
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

PACKAGE = f"{Path(__file__).parents[1]}/"
BOTTOMS = {(asyncio.events.__file__, "_run"), (threading.__file__, "run")}
DUMPED = re.compile(r'  File "(.+)", line (\d+) in (.+)')
DEEPEST = 100  # frames that are shown of one stack
MANY = 20  # tasks that are shown of one run


def own_frame(filename: str) -> bool:
    """Whether a file is Cron-App's own, and of no interest to who reads a traceback."""
    return filename.startswith(PACKAGE)


def told(frames: Iterable[traceback.FrameSummary]) -> str:
    theirs = [each for each in frames if not own_frame(each.filename)]
    return "".join(traceback.StackSummary(theirs[-DEEPEST:]).format())


def user_stack(frame: FrameType) -> str:
    """Where a thread is, from the point where Cron-App or the event loop called the user's code."""
    return told(above_bottom(traceback.extract_stack(frame)))


def coroutine_stack(coroutine: Any) -> str:
    """Where a suspended coroutine awaits, through all that it awaits."""
    return told(traceback.StackSummary.extract((frame, frame.f_lineno) for frame in awaiting(coroutine)))


def awaiting(one: Any) -> Iterator[FrameType]:
    """The frames of a coroutine, of what it awaits, and so on."""
    while one is not None:
        for frame, following in (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await")):
            if found := getattr(one, frame, None):
                yield found
                one = getattr(one, following, None)
                break
        else:
            return


def tasks_stack(first: asyncio.Task[Any], tasks: Iterable[asyncio.Task[Any]]) -> str:
    """Where a run's coroutines await: its own, then those of the tasks that it started and that have not ended."""
    others = [task for task in tasks if task is not first and not task.done()]
    stacks = [("", coroutine_stack(first.get_coro()))]
    stacks += [(task.get_name(), coroutine_stack(task.get_coro())) for task in others[:MANY]]
    more = f"\nand {len(others) - MANY} more tasks\n" if len(others) > MANY else ""
    return one_by_one(stacks) + more


def dumped_stacks(dump: str) -> list[str]:
    """The threads that faulthandler wrote of, each as a traceback with the lines of the code, the oldest first."""
    threads: list[list[traceback.FrameSummary]] = []
    for line in dump.splitlines():
        if "hread 0x" in line:
            threads.append([])
        elif threads and (found := DUMPED.match(line)):
            threads[-1].insert(0, traceback.FrameSummary(found[1], int(found[2]), found[3]))
    return [told(above_bottom(frames)) for frames in reversed(threads)]


def one_by_one(stacks: Iterable[tuple[str, str]]) -> str:
    """Stacks under their headings, without the empty ones."""
    return "\n".join(f"{heading}:\n{stack}" if heading else stack for heading, stack in stacks if stack)


def above_bottom(frames: list[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """The frames from the point where the event loop, a thread or `python -m` called what matters."""
    starts = [i for i, each in enumerate(frames, 1) if (each.filename, each.name) in BOTTOMS]
    return [each for each in frames[starts[-1] if starts else 0 :] if each.filename != "<frozen runpy>"]

"""The frames of an exception and of all that it came from, with the lines of the source as they are at this moment."""

from __future__ import annotations

import json
import linecache
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from itertools import chain
from textwrap import dedent

from cronapp.core.traces import Frame, Link, Problem, problems_json
from cronapp.engine.runlog import clean
from cronapp.engine.stacks import own_frame

MOST_BYTES = 65536  # of all that is kept of one error
MOST_PROBLEMS = 12
LONGEST = 200  # letters of a line, a name or a path
LONGEST_MESSAGE = 2000
STEPS = ((50, 2), (20, 1), (8, 0), (3, 0))
"""Frames of each exception, and lines around the one that was reached in the user's own code: what fits is kept."""
LOADED = re.compile(r"\b(cronapp_tasks_\w+|cronapp\.ready\.\w+)\.")
"""The name under which a tasks file is loaded says nothing to its author, nor where a ready-made task is kept."""
FOREIGN = ("site-packages", "dist-packages")
STANDARD = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})


def problems_in(problem: BaseException, name: str, message: str) -> tuple[Problem, ...]:
    """The exception, under this name and with this message, the members of a group, and what it came from. Never
    raises; where it cannot be told there is nothing."""
    try:
        return fitting(problem, name, message)
    except BaseException:  # the exception's own methods may do anything
        return ()


def fitting(problem: BaseException, name: str, message: str) -> tuple[Problem, ...]:
    for frames, context in STEPS:
        told = tuple(Told(frames, context, name, message).of(problem))
        if size(told) <= MOST_BYTES:
            return told
    return told[:1] if size(told[:1]) <= MOST_BYTES else ()


def size(problems: tuple[Problem, ...]) -> int:
    return len(json.dumps(problems_json(problems), ensure_ascii=False).encode("utf-8", "replace"))


class Told:
    """One telling of a chain, with so many frames and so much context."""

    def __init__(self, frames: int, context: int, name: str, message: str) -> None:
        self._frames = frames
        self._context = context
        self._first = name, message
        self._seen: set[int] = set()

    def of(self, problem: BaseException, link: Link = "", depth: int = 0) -> Iterator[Problem]:
        """The exception, then its members, then what it came from."""
        one: BaseException | None = problem
        while one is not None and id(one) not in self._seen and not self._full:
            self._seen.add(id(one))
            members = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
            told = [list(self.of(member, "member", depth + 1)) for member in members if not self._full]
            yield self._told(one, link, depth, len(members) - len(told))
            yield from chain.from_iterable(told)
            one, link = origin(one)

    @property
    def _full(self) -> bool:
        return len(self._seen) >= MOST_PROBLEMS

    def _told(self, one: BaseException, link: Link, depth: int, more: int) -> Problem:
        name, message = self._first if not link else (type_name(type(one)), message_of(one))
        frames = [*theirs(one), *misread(one)]
        head = self._frames // 3 if len(frames) > self._frames else len(frames)
        tail = frames[len(frames) - (self._frames - head) :] if len(frames) > self._frames else []
        return Problem(
            type=name,
            message=clean(cut(message, LONGEST_MESSAGE)),
            link=link,
            depth=depth,
            frames=tuple(self._frame(each) for each in [*frames[:head], *tail]),
            left_out=len(frames) - head - len(tail),
            after=head if tail else 0,
            more=more,
        )

    def _frame(self, each: traceback.FrameSummary) -> Frame:
        own, line = is_own(each.filename), each.lineno or 0
        first, source = self._source(each, line) if own else (line, [each.line or ""])
        return Frame(
            file=cut(clean(short(each.filename))),
            path=cut(clean(each.filename)),
            line=line,
            function=cut(clean(each.name)),
            own=own,
            first=first,
            source=tuple(cut(clean(text)) for text in source) if any(source) else (),
        )

    def _source(self, each: traceback.FrameSummary, line: int) -> tuple[int, list[str]]:
        """The line that was reached and those around it, without their common indentation; and the first's number."""
        first = max(line - self._context, 1)
        lines = linecache.getlines(each.filename)[first - 1 : line + self._context]
        if len(lines) <= line - first:  # the file is gone, or shorter than it was
            return line, [each.line or ""]
        before = next(n for n, text in enumerate(lines) if text.strip() or n == line - first)  # no blank line on top
        return first + before, dedent("".join(lines[before:])).rstrip().splitlines()


def theirs(one: BaseException) -> list[traceback.FrameSummary]:
    """The frames without our own."""
    return [each for each in traceback.extract_tb(one.__traceback__) if not own_frame(each.filename)]


def misread(one: BaseException) -> Iterator[traceback.FrameSummary]:
    """The place that Python could not read is where a SyntaxError tells of; no frame is there."""
    if isinstance(one, SyntaxError) and one.filename and one.lineno:
        linecache.checkcache(one.filename)
        yield traceback.FrameSummary(one.filename, one.lineno, "", line=(one.text or "").rstrip(), lookup_line=False)


def origin(one: BaseException) -> tuple[BaseException | None, Link]:
    """What an exception came from, as Python tells it."""
    if one.__cause__ is not None:
        return one.__cause__, "cause"
    return (None, "") if one.__suppress_context__ else (one.__context__, "context")


def type_name(kind: type) -> str:
    """An exception's type as a `RunError` names it."""
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return LOADED.sub("", name)


def message_of(problem: BaseException) -> str:
    """What it says. Never raises, whatever the exception's own methods do."""
    try:
        return str(problem)
    except BaseException:
        return "(this exception cannot be turned into text)"


def is_own(path: str) -> bool:
    """Whether a file is the user's: a file at all, not of the standard library, not of an installed package."""
    foreign = any(part in FOREIGN for part in path.split(os.sep))
    return os.path.isabs(path) and not foreign and not path.startswith(STANDARD)


def short(path: str) -> str:
    """The path from the folder out of which the module is imported."""
    homes = (f"{os.path.abspath(entry)}{os.sep}" for entry in sys.path if isinstance(entry, str))
    home = max((one for one in homes if path.startswith(one)), key=len, default="")
    return path[len(home) :].replace(os.sep, "/")


def cut(text: str, limit: int = LONGEST) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"

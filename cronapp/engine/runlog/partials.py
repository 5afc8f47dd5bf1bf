"""Lines put together from the pieces in which they are written."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronapp.core.models import LogStream
from cronapp.engine.runlog.cover import Cover

PARTIAL_AGE = timedelta(seconds=0.5)
BAR_AGE = timedelta(seconds=5)  # a progress bar redraws itself; each state that is given out becomes a line for ever

Source = tuple[bool, int, int | None]


def source(stream: LogStream) -> Source:
    """Who is writing: two threads, or two tasks on the loop, must not write into one another's lines."""
    loop = asyncio._get_running_loop()
    task = asyncio.current_task(loop) if loop else None
    # Not the stream itself: to hash an enum member costs more than all the rest of a write.
    return stream is LogStream.STDERR, threading.get_ident(), id(task) if task else None


@dataclass(slots=True)
class Partial:
    """A line without its end."""

    stream: LogStream
    text: str = ""
    since: datetime | None = None
    returned: bool = False  # a carriage return came last: a newline ends the line, other text replaces it
    bar: bool = False  # it has replaced itself before
    shown: bool = False  # its beginning was given out already


class Partials:
    """The unfinished lines of all sources. `line` is called with each line that is whole, or longer than `max_line`.

    Where a line is parted, what may be the beginning of a secret is kept for the next part: `cover` is to see it whole.
    """

    def __init__(self, max_line: int, line: Callable[[datetime, LogStream, str], None], cover: Cover) -> None:
        self._cover = cover
        self.max_line = max_line
        self._line = line
        self._partials: dict[Source, Partial] = {}

    def write(self, key: Source, stream: LogStream, text: str, clock: Callable[[], datetime]) -> None:
        partial = self._partials.get(key)
        if partial and partial.since and "\n" not in text and "\r" not in text and not partial.returned:
            self._append(partial, text)  # `print` writes its arguments one by one: this is the path most go
            return
        at = clock()
        partial = partial or self._partials.setdefault(key, Partial(stream))
        *ended, rest = text.split("\n")
        for piece in ended:
            self._extend(partial, piece, at)
            self._end(partial, at)
        if rest:
            self._extend(partial, rest, at)
        elif not partial.text:
            del self._partials[key]

    def give(self, now: datetime, *, flush: bool) -> None:
        """Give out the lines without an end that are old; with `flush`, all."""
        for key, partial in list(self._partials.items()):
            age = abs(now - partial.since) if partial.since else timedelta(0)
            if not flush and age < (BAR_AGE if partial.bar or partial.returned else PARTIAL_AGE):
                continue
            if partial.text:
                text, begun = (partial.text, "") if flush or not self._cover else self._cover.begun(partial.text)
                if text:
                    self._line(now, partial.stream, text)
                    partial.text, partial.since, partial.shown = begun, now if begun else None, True
            if flush:
                del self._partials[key]

    def take(self) -> Iterator[tuple[datetime, Source, LogStream, str]]:
        """Give the beginnings of lines away, for somebody else to go on with."""
        for key, partial in self._partials.items():
            if partial.since and partial.text:
                yield partial.since, key, partial.stream, partial.text + "\r" * partial.returned
        self._partials.clear()

    def _extend(self, partial: Partial, piece: str, at: datetime) -> None:
        if not piece:
            return
        if partial.since is None:
            partial.since = at
        if "\r" in piece or partial.returned:
            piece = self._redraw(partial, piece)
        self._append(partial, piece)

    def _append(self, partial: Partial, text: str) -> None:
        partial.text += text
        if len(partial.text) >= self.max_line and partial.since:
            self._split(partial, partial.since)

    def _redraw(self, partial: Partial, piece: str) -> str:
        """Take note of the carriage returns; what the line now goes on with."""
        drawn = piece.rstrip("\r")
        _, returned, last = drawn.rpartition("\r")
        if returned or (partial.returned and drawn):
            partial.text, partial.bar = "", True
        partial.returned = drawn != piece or (partial.returned and not drawn)
        return last

    def _split(self, partial: Partial, at: datetime) -> None:
        text, begun = self._cover.begun(self._cover(partial.text)) if self._cover else (partial.text, "")
        start = 0
        while len(text) - start >= self.max_line:
            self._line(at, partial.stream, text[start : start + self.max_line])
            start += self.max_line
            partial.shown = True
        partial.text = text[start:] + begun

    def _end(self, partial: Partial, at: datetime) -> None:
        if partial.text or not partial.shown:
            self._line(at, partial.stream, partial.text)
        partial.text, partial.since = "", None
        partial.returned = partial.bar = partial.shown = False

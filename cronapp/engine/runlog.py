"""One run's log on its way to the store: text goes in from any thread, numbered lines come out."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronapp.core.models import LogLine, LogStream

MAX_LINE = 65536
LINE_COST = 16  # what a row takes besides its text, so that a flood of empty lines ends at the limit as well
PENDING_BYTES = 16 * 2**20
PENDING_LINES = 100_000
PARTIAL_AGE = timedelta(seconds=0.5)
BAR_AGE = timedelta(seconds=5)  # a progress bar redraws itself; each state that is given out becomes a line for ever
TAIL = 50

Source = tuple[bool, int, int | None]


@dataclass(slots=True)
class Partial:
    """A line without its end."""

    stream: LogStream
    text: str = ""
    since: datetime | None = None
    returned: bool = False  # a carriage return came last: a newline ends the line, other text replaces it
    bar: bool = False  # it has replaced itself before
    shown: bool = False  # its beginning was given out already


def clean(text: str) -> str:
    """The text as every database can hold it: no NUL, no lone surrogates."""
    if text.isascii():
        return text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\ufffd")


def source(stream: LogStream) -> Source:
    """Who is writing: two threads, or two tasks on the loop, must not write into one another's lines."""
    loop = asyncio._get_running_loop()
    task = asyncio.current_task(loop) if loop else None
    # Not the stream itself: to hash an enum member costs more than all the rest of a write.
    return stream is LogStream.STDERR, threading.get_ident(), id(task) if task else None


class RunLog:
    """Collects what a run prints and logs. Every method may be called from any thread.

    At most `limit` bytes are kept; the rest is counted and dropped, and a system line says so. Memory stays bounded
    also when nobody takes the lines.
    """

    def __init__(self, limit: int, clock: Callable[[], datetime], max_line: int = MAX_LINE) -> None:
        self.limit = limit
        self.max_line = max_line
        self._clock = clock
        # Reentrant: a finalizer that prints may run in the middle of a write of the same thread.
        self._lock = threading.RLock()
        self._partials: dict[Source, Partial] = {}
        self._pending: deque[tuple[int, datetime, LogStream, str | None, str]] = deque()
        self._pending_bytes = 0
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._seq = 0
        self._kept = 0
        self._full = False
        self._dropped = 0  # beyond the limit
        self._missed = 0  # came faster than they were taken
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """From now on nothing is taken in. Call it after the last `take`."""
        self._closed = True

    def write(self, stream: LogStream, text: str) -> None:
        """Text as it was printed: lines, parts of lines, progress bars."""
        if self._closed or not text:
            return
        with self._lock:
            if self._full:
                self._dropped += text.count("\n")
                return
            key = source(stream)
            partial = self._partials.get(key)
            if partial and partial.since and "\n" not in text and "\r" not in text and not partial.returned:
                self._append(partial, text)  # `print` writes its arguments one by one: this is the path most go
                return
            at = self._clock()
            partial = partial or self._partials.setdefault(key, Partial(stream))
            *ended, rest = text.split("\n")
            for piece in ended:
                self._extend(partial, piece, at)
                self._end(partial, at)
            if rest:
                self._extend(partial, rest, at)
            elif not partial.text:
                del self._partials[key]

    def flush(self) -> None:
        """What a task's `flush` means here: nothing, since `take` gives lines without an end by time."""

    def log(self, level: str, text: str) -> None:
        """One logged record; each of its lines becomes a log line of that level."""
        if self._closed:
            return
        with self._lock:
            at = self._clock()
            for line in text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n"):
                self._add(at, LogStream.LOG, level, line)

    def system(self, text: str) -> None:
        """Cron-App's own remark. It is kept also beyond the limit."""
        with self._lock:
            for line in text.rstrip("\n").split("\n"):
                self._keep(self._clock(), LogStream.SYSTEM, None, clean(line)[: self.max_line])

    def take(self, flush: bool = False) -> list[LogLine]:
        """The lines since the last call. Lines without an end come after a while, and all at once with `flush`."""
        with self._lock:
            self._give_partials(flush)
            if self._missed:
                self.system(f"{lines(self._missed)} came faster than they could be stored and were dropped.")
                self._missed = 0
            if flush and self._dropped:
                self.system(f"{lines(self._dropped)} beyond the log limit were dropped.")
                self._dropped = 0
            pending = list(self._pending)
            self._pending.clear()
            self._pending_bytes = 0
        return [
            LogLine(seq=seq, at=at, stream=stream, level=level, text=text) for seq, at, stream, level, text in pending
        ]

    def tail(self, n: int = 20) -> list[str]:
        """The text of the last lines, at most fifty."""
        with self._lock:
            return list(self._tail)[-n:] if n > 0 else []

    # -- below, the lock is held ------------------------------------------------------------------------------------

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
        if len(partial.text) >= self.max_line:
            self._split(partial, self._clock())

    def _redraw(self, partial: Partial, piece: str) -> str:
        """Take note of the carriage returns; what the line now goes on with."""
        drawn = piece.rstrip("\r")
        _, returned, last = drawn.rpartition("\r")
        if returned or (partial.returned and drawn):
            partial.text, partial.bar = "", True
        partial.returned = drawn != piece or (partial.returned and not drawn)
        return last

    def _split(self, partial: Partial, at: datetime) -> None:
        text = partial.text
        start = 0
        while len(text) - start >= self.max_line:
            self._add(at, partial.stream, None, text[start : start + self.max_line])
            start += self.max_line
        partial.text = text[start:]
        partial.shown = True

    def _end(self, partial: Partial, at: datetime) -> None:
        if partial.text or not partial.shown:
            self._add(at, partial.stream, None, partial.text)
        partial.text, partial.since = "", None
        partial.returned = partial.bar = partial.shown = False

    def _give_partials(self, flush: bool) -> None:
        now = self._clock()
        for key, partial in list(self._partials.items()):
            age = abs(now - partial.since) if partial.since else timedelta(0)
            if not flush and age < (BAR_AGE if partial.bar or partial.returned else PARTIAL_AGE):
                continue
            if partial.text:
                self._add(now, partial.stream, None, partial.text)
                partial.text, partial.since, partial.shown = "", None, True
            if flush:
                del self._partials[key]

    def _add(self, at: datetime, stream: LogStream, level: str | None, text: str) -> None:
        if len(text) > self.max_line:
            for start in range(0, len(text), self.max_line):
                self._add(at, stream, level, text[start : start + self.max_line])
            return
        text = clean(text)
        size = LINE_COST + (len(text) if text.isascii() else len(text.encode()))
        if self._full or self._kept + size > self.limit:
            self._fill()
        elif self._pending_bytes + size > PENDING_BYTES or len(self._pending) >= PENDING_LINES:
            self._missed += 1
        else:
            self._kept += size
            self._pending_bytes += size
            self._keep(at, stream, level, text)

    def _fill(self) -> None:
        self._dropped += 1
        if not self._full:
            self._full = True
            self.system(f"Log limit of {size_in_words(self.limit)} reached; further lines are dropped.")

    def _keep(self, at: datetime, stream: LogStream, level: str | None, text: str) -> None:
        self._seq += 1
        self._pending.append((self._seq, at, stream, level, text))
        self._tail.append(text)


def lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"


def size_in_words(size: int) -> str:
    """`10 MB` for 10 * 2**20 and for 10 * 10**6 alike: people write both."""
    step = 1024 if size % 1024 == 0 else 1000
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if size >= step**power:
            return f"{size / step**power:.3g} {unit}"
    return f"{size} bytes"

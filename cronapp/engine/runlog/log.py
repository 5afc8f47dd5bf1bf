"""The log of one run."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime

from cronapp.core.models import LogLine, LogStream
from cronapp.engine.runlog.cover import Cover
from cronapp.engine.runlog.last import LastPart, Piece
from cronapp.engine.runlog.partials import Partials, source
from cronapp.engine.runlog.text import bytes_of, lines, size_in_words, storable, text_of

MAX_LINE = 65536
LINE_COST = 16  # what a row takes besides its text, so that a flood of empty lines ends at the limit as well
LAST_PART = 2_000_000  # bytes of the end of a log that is over its limit
PENDING_BYTES = 16 * 2**20
PENDING_LINES = 100_000
TAIL = 50


class RunLog:
    """Collects what a run prints and logs. Every method may be called from any thread.

    At most `limit` bytes are kept: the first part as it comes, and the last part, which is held in memory and given
    out by `take(flush=True)`. What falls away between them is counted and told. Memory stays bounded also when nobody
    takes the lines.
    """

    def __init__(
        self, limit: int, clock: Callable[[], datetime], max_line: int = MAX_LINE, cover: Cover | None = None
    ) -> None:
        """`cover` masks the run's secrets in the lines that are given out."""
        self.cover = cover if cover is not None else Cover()
        self.limit = limit
        self.first_part = limit - min(limit // 2, LAST_PART)
        self.max_line = max_line
        self._clock = clock
        # Reentrant: a finalizer that prints may run in the middle of a write of the same thread.
        self._lock = threading.RLock()
        self._partials = Partials(max_line, self._printed, self.cover)
        self._pending: deque[LogLine] = deque()
        self._pending_bytes = 0
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._seq = 0
        self._kept = 0
        self._last: LastPart | None = None  # once the first part is full
        self._told = 0  # bytes beyond the first part of which a remark told
        self._missed = 0  # came faster than they were taken
        self._last_at: datetime | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def last_line_at(self) -> datetime | None:
        """When the run last printed or logged something; our own remarks do not count."""
        with self._lock:
            return (self._last.at if self._last else None) or self._last_at

    def close(self) -> None:
        """From now on nothing is taken in, also of who is writing just now."""
        with self._lock:
            self._closed = True

    def write(self, stream: LogStream, text: str) -> None:
        """Text as it was printed: lines, parts of lines, progress bars."""
        if not text:
            return
        with self._lock:
            if self._closed:
                return
            if self._last is None:
                self._partials.write(source(stream), stream, text, self._clock)
                self._hand_over()
            else:
                self._last.add(source(stream), stream, None, bytes_of(text))

    def write_bytes(self, stream: LogStream, data: bytes) -> None:
        """Bytes as they were written; they may be cut anywhere, and need be no text."""
        if not data:
            return
        with self._lock:
            if self._closed:
                return
            if self._last is None:
                self.write(stream, text_of(data))
            else:
                self._last.add(source(stream), stream, None, data)

    def flush(self) -> None:
        """What a task's `flush` means here: nothing, since `take` gives lines without an end by time."""

    def log(self, level: str, text: str) -> None:
        """One logged record; each of its lines becomes a log line of that level."""
        with self._lock:
            if self._closed:
                return
            at = self._clock()
            text = self.cover(text)  # before it is parted, for secrets of several lines
            for line in text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n"):
                self._add(at, LogStream.LOG, level, line)
            self._hand_over()

    def system(self, text: str) -> None:
        """Cron-App's own remark. It is kept also beyond the limit."""
        with self._lock:
            for line in text.rstrip("\n").split("\n"):
                self._keep(self._clock(), LogStream.SYSTEM, None, *storable(line[: self.max_line]))

    def take(self, flush: bool = False) -> list[LogLine]:
        """The lines since the last call. Lines without an end come after a while, and all at once with `flush`, as
        does the last part of a log that is over its limit."""
        with self._lock:
            self._partials.give(self._clock(), flush=flush)
            self._hand_over()
            if self._missed:
                self.system(f"{lines(self._missed)} came faster than they could be stored and were dropped.")
                self._missed = 0
            if self._last is not None:
                self._last.seal()
                (self._give_last if flush else self._tell_amount)(self._last)
            pending = list(self._pending)
            self._pending.clear()
            self._pending_bytes = 0
        return self.cover.lines(pending)

    def tail(self, n: int = 20) -> list[str]:
        """The text of the last lines, at most fifty."""
        if n <= 0:
            return []
        with self._lock:
            newest = self._last.newest(n * 1000) if self._last else []
            written = "".join(text_of(piece.data) for piece in newest)
            ended = (
                [storable(line[-self.max_line :])[0] for line in written.rstrip("\n").split("\n")] if written else []
            )
            return [*self._tail, *ended][-min(n, TAIL) :]

    # -- below, the lock is held: the first part --------------------------------------------------------------------

    def _printed(self, at: datetime, stream: LogStream, text: str) -> None:
        self._add(at, stream, None, text)

    def _add(self, at: datetime, stream: LogStream, level: str | None, text: str) -> None:
        """One line, if there is room for it."""
        if len(text) > self.max_line:
            text = self.cover(text)
            for start in range(0, len(text), self.max_line):
                self._add(at, stream, level, text[start : start + self.max_line])
            return
        shown, raw = storable(text)
        size = LINE_COST + (len(shown) if shown.isascii() else len(shown.encode())) + len(raw or b"")
        if self._last is not None or self._kept + size > self.first_part:
            self._full().add(None, stream, level, bytes_of(text) + b"\n")
        elif self._pending_bytes + size > PENDING_BYTES or len(self._pending) >= PENDING_LINES:
            self._missed += 1
        else:
            self._kept += size
            self._pending_bytes += size
            self._keep(at, stream, level, shown, raw)

    def _keep(self, at: datetime, stream: LogStream, level: str | None, text: str, raw: bytes | None) -> None:
        self._seq += 1
        self._pending.append(LogLine(seq=self._seq, at=at, stream=stream, level=level, text=text, raw=raw))
        self._tail.append(text)
        if stream is not LogStream.SYSTEM:
            self._last_at = at

    # -- the last part ----------------------------------------------------------------------------------------------

    def _full(self) -> LastPart:
        if self._last is None:
            last = self.limit - self.first_part
            self._last = LastPart(last, LINE_COST, self._clock)
            self._told = self.limit
            self.system(
                f"The log limit of {size_in_words(self.limit)} is reached. From here on the last "
                f"{size_in_words(last)} are kept, and shown when the run has ended."
            )
        return self._last

    def _hand_over(self) -> None:
        """Lines that were begun in the first part and end in the last."""
        if self._last is not None:
            for _, key, stream, text in self._partials.take():
                self._last.add(key, stream, None, bytes_of(text))

    def _tell_amount(self, last: LastPart) -> None:
        """Now and then, each time that it has doubled."""
        if last.seen < self._told:
            return
        while self._told <= last.seen:
            self._told *= 2
        self.system(f"{lines(last.seen_lines)} ({size_in_words(last.seen)}) have come since the limit was reached.")

    def _give_last(self, last: LastPart) -> None:
        pieces = last.take()
        if last.gone:
            gone = f"{lines(last.gone_lines)} ({size_in_words(last.gone)})"
            self.system(f"… {gone} left out: the log limit of {size_in_words(self.limit)} was reached …")
            last.gone = last.gone_lines = 0
            begins = {piece.source: piece for piece in reversed(pieces)}  # the first piece of each source
            for piece in begins.values():
                piece.data = self.cover.torn(piece.data)
        partials = Partials(
            self.max_line, lambda at, stream, text: self._keep(at, stream, None, *storable(text)), self.cover
        )
        for piece in pieces:
            self._give(piece, partials)
        if pieces:
            partials.give(pieces[-1].at, flush=True)

    def _give(self, piece: Piece, partials: Partials) -> None:
        text = text_of(piece.data)
        if piece.source is not None:
            partials.write(piece.source, piece.stream, text, lambda: piece.at)
            return
        for line in text.removesuffix("\n").split("\n"):
            self._keep(piece.at, piece.stream, piece.level, *storable(line))

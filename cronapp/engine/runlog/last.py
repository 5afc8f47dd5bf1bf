"""The last part of a log that is too long to be kept whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cronapp.core.models import LogStream
from cronapp.engine.runlog.partials import Source

PIECE = 4096
PIECE_COST = 128  # what a piece takes besides its bytes


@dataclass(slots=True)
class Piece:
    """Bytes that one source wrote in a row, not yet parted into lines. Without a source they are whole lines."""

    at: datetime
    source: Source | None
    stream: LogStream
    level: str | None
    parts: list[bytes]
    size: int
    data: bytes = b""
    cost: int = 0

    def cut(self, end: int) -> bytes:
        """Take away what stands before `end`."""
        gone, self.data = self.data[:end], self.data[end:]
        return gone


@dataclass(slots=True, eq=False)
class LastPart:
    """Takes in without end and keeps about `limit` bytes. It parts nothing into lines, so a gigabyte passes quickly."""

    limit: int
    line_cost: int
    clock: Callable[[], datetime]
    seen_lines: int = 0
    seen: int = 0
    gone_lines: int = 0  # fallen away
    gone: int = 0
    _pieces: deque[Piece] = field(default_factory=deque)
    _open: Piece | None = None
    _cost: int = 0
    _torn: set[Source] = field(default_factory=set)  # of whom the beginning of a line fell away

    @property
    def at(self) -> datetime | None:
        """When it last took something in."""
        newest = self._open or (self._pieces[-1] if self._pieces else None)
        return newest.at if newest else None

    def add(self, source: Source | None, stream: LogStream, level: str | None, data: bytes) -> None:
        piece = self._open
        if piece is None or piece.source != source or piece.stream is not stream or piece.level != level:
            piece = Piece(self.clock(), source, stream, level, [], 0)
            while self._open is not None:  # again if a finalizer printed meanwhile
                self.seal()
            self._open = piece
        piece.parts.append(data)
        piece.size += len(data)
        if piece.size >= PIECE:
            self.seal()

    def seal(self) -> None:
        """What comes from now on is a piece of its own, with a moment of its own."""
        if (piece := self._open) is None:
            return
        self._open = None
        piece.data = piece.parts[0] if len(piece.parts) == 1 else b"".join(piece.parts)
        piece.parts = []
        newlines = piece.data.count(b"\n")
        self.seen += piece.size
        self.seen_lines += newlines
        piece.cost = piece.size + newlines * self.line_cost + PIECE_COST
        self._cost += piece.cost
        self._pieces.append(piece)
        while self._cost - self._pieces[0].cost >= self.limit:
            oldest = self._pieces.popleft()
            self._cost -= oldest.cost
            self._lose(oldest, oldest.data)

    def newest(self, size: int) -> list[Piece]:
        """The newest pieces, of at least so many bytes if there are."""
        self.seal()
        found: list[Piece] = []
        for piece in reversed(self._pieces):
            if size <= 0:
                break
            found.append(piece)
            size -= piece.size
        return found[::-1]

    def take(self) -> list[Piece]:
        """Gives away what it kept, from the beginning of a line on; what fell away up to then is counted."""
        self.seal()
        self._fit()
        pieces = list(self._pieces)
        self._pieces.clear()
        self._cost = 0
        for piece in pieces:
            if piece.source not in self._torn:
                continue
            self._torn.discard(piece.source)
            end = piece.data.find(b"\n") + 1
            if 0 < end < len(piece.data):
                self._lose(piece, piece.cut(end))
        return [piece for piece in pieces if piece.data]

    def _fit(self) -> None:
        while (over := self._cost - self.limit) > 0:
            oldest = self._pieces[0]
            if oldest.cost <= over:
                self._pieces.popleft()
                self._cost -= oldest.cost
                self._lose(oldest, oldest.data)
                continue
            end = self._beginning(oldest.data, over)
            line_end = oldest.data.find(b"\n", end - 1) + 1
            self._lose(oldest, oldest.cut(line_end if 0 < line_end < len(oldest.data) else end))
            return

    def _beginning(self, data: bytes, cost: int) -> int:
        """How many of these bytes cost so much."""
        low, high = 0, len(data)
        while low < high:
            middle = (low + high) // 2
            if middle + data.count(b"\n", 0, middle) * self.line_cost < cost:
                low = middle + 1
            else:
                high = middle
        return low

    def _lose(self, piece: Piece, data: bytes) -> None:
        self.gone += len(data)
        self.gone_lines += data.count(b"\n")
        if piece.source is None or not data:
            return
        if data.endswith(b"\n"):
            self._torn.discard(piece.source)
        else:
            self._torn.add(piece.source)

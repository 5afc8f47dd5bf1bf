"""A text in the logs of all runs. The newest runs come first, and the search stops when it has found enough or has
looked long enough; it says how far it came, and goes on from there when asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from cronapp.core.logs import LogFilter
from cronapp.core.models import LogLine, Run
from cronapp.store import log_search
from cronapp.store.log_search import InRun
from cronapp.store.runs import RunFilter
from cronapp.store.store import Conn, Store

ENOUGH = 20  # runs with lines that fit
SECONDS = 2.0  # of looking


@dataclass(frozen=True, slots=True)
class Match:
    """A run with lines that fit: how many, the numbers of the first ones, and these with the lines around them."""

    run: Run
    count: int
    seqs: tuple[int, ...]
    lines: tuple[LogLine, ...]

    @property
    def blocks(self) -> list[list[LogLine]]:
        """The lines, parted where some between them are left out."""
        blocks: list[list[LogLine]] = []
        for line in self.lines:
            if not blocks or blocks[-1][-1].seq + 1 != line.seq:
                blocks.append([])
            blocks[-1].append(line)
        return blocks


@dataclass(slots=True)
class Searched:
    """What was found, and how far was looked: `next` is the run before which to go on; None: all was looked through."""

    matches: list[Match] = field(default_factory=list)
    runs: int = 0
    lines: int = 0
    next: int | None = None
    oldest: Run | None = None  # that was looked at


class LogSearch:
    def __init__(self, store: Store, clock: Callable[[], float] = monotonic) -> None:
        self.store = store
        self.clock = clock

    async def search(self, wanted: LogFilter, filters: RunFilter, *, before: int | None = None) -> Searched:
        """Looks through the logs of the runs that match, before that run; a piece at a time, so that nobody who asks
        the database for something else waits for the end of it."""
        answer, found = Searched(next=before), list[InRun]()
        ends, oldest = self.clock() + SECONDS, 0
        while True:
            piece = await self.store.read(log_search.piece, filters, answer.next)
            if piece.ids:
                found += await self.store.read(log_search.found, piece.ids, wanted)
                oldest = piece.ids[-1]
            answer.runs, answer.lines, answer.next = (
                answer.runs + len(piece.ids),
                answer.lines + piece.lines,
                piece.next,
            )
            if len(found) > ENOUGH:
                found = found[:ENOUGH]
                answer.next = oldest = found[-1].run
            if answer.next is None or len(found) >= ENOUGH or self.clock() >= ends:
                break
        return await self.store.read(told, answer, found, oldest)


def told(conn: Conn, answer: Searched, found: list[InRun], oldest: int) -> Searched:
    runs = log_search.of(conn, [*(one.run for one in found), oldest])
    for one in found:
        if one.run in runs:  # else it was pruned meanwhile
            lines = tuple(log_search.around(conn, one))
            answer.matches.append(Match(runs[one.run], one.count, tuple(one.seqs), lines))
    answer.oldest = runs.get(oldest)
    return answer

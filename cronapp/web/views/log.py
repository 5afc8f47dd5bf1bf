"""A run's log on a page, in pieces of a fixed number of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup

from cronapp.core.logs import LogFilter, LogShow
from cronapp.core.models import LogLine, LogStream, Run, RunState
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import EMPTY

CHUNK = 100  # log lines in one piece of the page: a browser lays out so many between two frames
BURST = 1000  # log lines in one message at the most; beyond it the reader jumps to the end
SCREEN = 100  # log lines that a page brings along at the least
ERRORS = LogFilter(LogShow.ERRORS, records=True)

Piece = tuple[int, int, Sequence[LogLine] | None]
"""Its place, the number of its first line, and its lines; None: the page loads them when they come into sight."""


class LogPart:
    """The log of one open page, which has the lines up to `seen` already."""

    def __init__(self, house: Parts, run_id: int, wanted: LogFilter, seen: int) -> None:
        self.house = house
        self.run_id = run_id
        self.wanted = wanted
        self.seen = seen
        self.behind = False  # more lines are there than were shown
        self._had: int | None = None  # how many of the lines up to `seen` fit
        self._errors = self._counted = 0
        self._told: RunState | None = None

    async def show(self) -> Markup:
        """What is new: lines, how many errors there are, and whether more is to come."""
        run = await self.house.runs.get(self.run_id)
        html = [self._state(run)] if run.state is not self._told else []
        if run.last_seq > self.seen:
            html += [await self._errors_told(run), await self._lines(run)]
        return Markup("").join(html)

    def _state(self, run: Run) -> Markup:
        self._told = run.state
        return partial("#log-empty", fragment("_log_empty", run=run, wanted=self.wanted))

    async def _errors_told(self, run: Run) -> Markup:
        found = await self.house.runs.line_count(run, ERRORS, self._counted)
        self._counted, self._errors = run.last_seq, self._errors + found
        return partial("#log-errors", fragment("_log_errors", run=run, errors=self._errors)) if found else EMPTY

    async def _lines(self, run: Run) -> Markup:
        seen, upto = self.seen, run.last_seq
        if self._had is None:
            self._had = await self.house.runs.line_count(run, self.wanted, upto=seen)
        if self.wanted.all:
            had, key = seen, (seen, upto)
            html = await self.house.hub.once(("log", run.id), key, lambda: newest_lines(self.house, run, seen))
            self._had, self.seen = upto, upto
            return html
        had = self._had
        lines = await self.house.runs.lines(run.id, seen, BURST, show=self.wanted.show, q=self.wanted.q)
        self.behind = len(lines) == BURST
        self.seen = lines[-1].seq if self.behind else max(upto, lines[-1].seq if lines else 0)
        self._had = had + len(lines)
        told = partial("#log-told", fragment("_log_told", run=run, wanted=self.wanted, found=self._had))
        return told + added(run, lines, had)


async def newest_lines(house: Parts, run: Run, seen: int) -> Markup:
    """The lines after `seen`. Of a long burst only the end is sent: the pieces that are jumped over become
    placeholders."""
    jumped = run.last_seq - seen > BURST
    first = (run.last_seq - 1) // CHUNK * CHUNK if jumped else seen
    lines = await house.runs.lines(run.id, first, run.last_seq - first)
    html = placeholders(run, seen, first) if jumped else EMPTY
    return html + added(run, lines, first)


def placeholders(run: Run, seen: int, first: int) -> Markup:
    """Empty pieces from the line after `seen` up to `first`. A piece that was begun is loaded anew as a whole."""
    begun = seen // CHUNK
    html = EMPTY
    if seen % CHUNK:
        html = partial(f"#log-chunk-{begun}", chunks(run, [(begun, begun * CHUNK + 1, None)]), "outerHTML")
    skipped = range(-(-seen // CHUNK), first // CHUNK)
    empty = chunks(run, [(number, number * CHUNK + 1, None) for number in skipped])
    return html + partial("#log", empty, "beforeend")


def added(run: Run, lines: Sequence[LogLine], had: int) -> Markup:
    """Lines put at the end of the page's log, which has `had` of them."""
    html = []
    for number, piece in pieces(lines, had):
        if number * CHUNK >= had:
            html.append(partial("#log", chunks(run, [(number, piece[0].seq, piece)]), "beforeend"))
        else:
            html.append(partial(f"#log-chunk-{number}", fragment("_log_lines", run=run, lines=piece), "beforeend"))
    if at := last_written(lines):
        html.append(partial("#last-line", fragment("_last_line", at=at)))
    return Markup("").join(html)


def pieces(lines: Sequence[LogLine], had: int) -> list[tuple[int, list[LogLine]]]:
    """Lines that follow on `had` others, by the number of the piece they stand in."""
    parted: dict[int, list[LogLine]] = {}
    for place, line in enumerate(lines, had):
        parted.setdefault(place // CHUNK, []).append(line)
    return list(parted.items())


def last_written(lines: Sequence[LogLine]) -> datetime | None:
    """When the run wrote the newest of these lines; our own remarks do not count."""
    return next((line.at for line in reversed(lines) if line.stream is not LogStream.SYSTEM), None)


def chunks(run: Run, held: Sequence[Piece]) -> Markup:
    return fragment("_log_chunks", run=run, chunks=held)


async def log_context(house: Parts, run: Run, query: Mapping[str, str]) -> dict[str, Any]:
    """What the panel of a log shows: its end with lines, the pieces before as placeholders."""
    wanted = log_filter(query)
    firsts = await house.runs.line_pieces(run, wanted, CHUNK)
    last: list[list[LogLine]] = []
    for first in reversed(firsts):
        lines = await house.runs.lines(run.id, first - 1, CHUNK, show=wanted.show, q=wanted.q)
        last.insert(0, [line for line in lines if line.seq <= run.last_seq])
        if sum(map(len, last)) >= SCREEN:
            break
    held: list[Sequence[LogLine] | None] = [None] * (len(firsts) - len(last)) + [*last]
    return {
        "run": run,
        "size": CHUNK,
        "chunks": [(number, first, held[number]) for number, first in enumerate(firsts)],
        "wanted": wanted,
        "full": "full" in query,
        "found": (len(firsts) - 1) * CHUNK + len(last[-1]) if last else 0,
        "errors": await house.runs.line_count(run, ERRORS),
        "last_line_at": last_written([line for lines in last for line in lines]),
    }


def log_filter(query: Mapping[str, str]) -> LogFilter:
    """`?show=errors&q=text` of a page's address."""
    show = query.get("show", "")
    return LogFilter(LogShow(show) if show in list(LogShow) else LogShow.ALL, query.get("q", "").strip())

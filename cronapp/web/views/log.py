"""A run's log on its page, in pieces of a fixed number of lines."""

from __future__ import annotations

from datetime import datetime

from markupsafe import Markup

from cronapp.core.models import LogLine, LogStream, Run
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts

CHUNK = 500  # log lines in one piece of the page
BURST = 1000  # log lines in one message at the most; beyond it the reader jumps to the end
SCREEN = 100  # log lines that a page brings along at the least


async def log_partials(house: Parts, run: Run, seen: int, newest: int) -> Markup:
    """The lines after `seen`, put at the end of the page's log. Of a long burst only the end is sent: the pieces that
    are jumped over become placeholders, which the page fills when they come into sight."""
    jumped = newest - seen > BURST
    first = (newest - 1) // CHUNK * CHUNK if jumped else seen
    lines = await house.runs.lines(run.id, first, newest - first)
    html = []
    if jumped:
        if seen % CHUNK:
            html.append(partial(f"#log-chunk-{seen // CHUNK}", chunk(run, seen // CHUNK, None), "outerHTML"))
        skipped = range(-(-seen // CHUNK), first // CHUNK)
        placeholders = Markup("").join(chunk(run, number, None) for number in skipped)
        html.append(partial("#log", placeholders, "beforeend"))
    for number, piece in pieces(lines):
        if (piece[0].seq - 1) % CHUNK == 0:
            html.append(partial("#log", chunk(run, number, piece), "beforeend"))
        else:
            text = Markup("").join(fragment("_log_line", line=line) for line in piece)
            html.append(partial(f"#log-chunk-{number}", text, "beforeend"))
    if at := last_written(lines):
        html.append(partial("#last-line", fragment("_last_line", at=at)))
    return Markup("").join(html)


def last_written(lines: list[LogLine]) -> datetime | None:
    """When the run wrote the newest of these lines; our own remarks do not count."""
    return next((line.at for line in reversed(lines) if line.stream is not LogStream.SYSTEM), None)


def chunk(run: Run, number: int, lines: list[LogLine] | None) -> Markup:
    return fragment("_log_chunk", run=run, chunk=number, lines=lines)


def pieces(lines: list[LogLine]) -> list[tuple[int, list[LogLine]]]:
    """Lines by the number of the piece they stand in."""
    parted: dict[int, list[LogLine]] = {}
    for line in lines:
        parted.setdefault((line.seq - 1) // CHUNK, []).append(line)
    return list(parted.items())


async def log_chunks(house: Parts, run: Run) -> list[tuple[int, list[LogLine] | None]]:
    """A page's log: its end with lines, the pieces before as placeholders."""
    last = max(run.last_seq - 1, 0) // CHUNK
    first = max(last - 1, 0) if run.last_seq - last * CHUNK < SCREEN else last
    lines = dict(pieces(await house.runs.lines(run.id, first * CHUNK, run.last_seq - first * CHUNK)))
    return [
        *((number, None) for number in range(first)),
        *((number, lines[number]) for number in range(first, last + 1) if number in lines),
    ]


# -- from an address to its view ------------------------------------------------------------------------------------

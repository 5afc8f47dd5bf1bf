"""A run's log as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from cronapp.core.models import Json, LogLine
from cronapp.web.site import Parts

READ = 2000  # lines read at once


async def log_as_json(
    house: Parts, run_id: int, after: int = 0, *, level: str = "", q: str = ""
) -> AsyncIterator[bytes]:
    """A log as newline-delimited JSON, read bit by bit."""
    async for lines in log_in_bits(house, run_id, after, level, q):
        yield "".join(json.dumps(line_json(line), ensure_ascii=False) + "\n" for line in lines).encode()


async def log_as_text(
    house: Parts, run_id: int, after: int = 0, *, level: str = "", q: str = ""
) -> AsyncIterator[bytes]:
    """A log as plain text, read bit by bit."""
    async for lines in log_in_bits(house, run_id, after, level, q):
        yield b"".join(map(as_written, lines))


async def log_in_bits(house: Parts, run_id: int, after: int, level: str, q: str) -> AsyncIterator[list[LogLine]]:
    while lines := await house.runs.lines(run_id, after, READ, level=level, q=q):
        yield lines
        after = lines[-1].seq


def as_written(line: LogLine) -> bytes:
    """The line with its moment; byte by byte as it was written, also where that is no text."""
    said = line.text.encode() if line.raw is None else line.raw
    return f"{stamp(line)} {line.level or line.stream}: ".encode() + said + b"\n"


def stamp(line: LogLine, to: str = "milliseconds") -> str:
    return line.at.isoformat(timespec=to).replace("+00:00", "Z")


def line_json(line: LogLine) -> Json:
    return {"seq": line.seq, "at": stamp(line, "auto"), "stream": line.stream, "level": line.level, "text": line.text}

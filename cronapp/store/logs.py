"""Log lines: appended by the run's owner, who numbers them; read by ranges of their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, exists, func, or_, select, update

from cronapp.core.logs import ERROR_LEVELS, TRACEBACK, WARNING_LEVELS, LogFilter, LogShow, Step
from cronapp.core.models import LogLine, LogStream
from cronapp.store.dialects import insert_all, without_escapes
from cronapp.store.store import Tx
from cronapp.store.tables import log_lines, runs


def append(tx: Tx, added: Mapping[int, Sequence[LogLine]]) -> None:
    """Adds lines to the logs of runs, by their numbers; those of each run follow on its last one."""
    rows = [
        {
            "run": run_id,
            "seq": ln.seq,
            "at": ln.at,
            "stream": ln.stream,
            "level": ln.level,
            "text": ln.text,
            "raw": ln.raw,
        }
        for run_id, lines in added.items()
        for ln in lines
    ]
    if not rows:
        return
    insert_all(tx.conn, log_lines, rows)
    last = update(runs).where(runs.c.id == bindparam("run")).values(last_seq=bindparam("last"))
    tx.conn.execute(last, [{"run": run_id, "last": lines[-1].seq} for run_id, lines in added.items() if lines])


def lines_after(
    conn: Connection,
    run_id: int,
    after: int = 0,
    limit: int = 1000,
    *,
    level: str = "",
    q: str = "",
    show: LogShow = LogShow.ALL,
) -> list[LogLine]:
    """The lines numbered above `after`, at most `limit`; of one level, or holding a text, if asked."""
    statement = (
        select(log_lines)
        .where(log_lines.c.run == run_id, log_lines.c.seq > after, *fitting(LogFilter(show, q)))
        .order_by(log_lines.c.seq)
        .limit(limit)
    )
    if level:
        statement = statement.where(log_lines.c.level == level.upper())
    return [line_of(row) for row in conn.execute(statement)]


def line_of(row: Row[Any]) -> LogLine:
    return LogLine(seq=row.seq, at=row.at, stream=LogStream(row.stream), level=row.level, text=row.text, raw=row.raw)


def step(conn: Connection, run_id: int, wanted: LogFilter, start: int, upto: int, *, back: bool) -> Step:
    """The next line that fits beyond `start`, or before it; behind the last comes the first. Read in one go."""
    seq = log_lines.c.seq
    beyond, nearest = (seq < start, func.max) if back else (seq > start, func.min)
    statement = select(func.count(), func.count().filter(beyond), nearest(seq).filter(beyond), nearest(seq)).where(
        *between(run_id, 0, upto), *fitting(wanted)
    )
    count, left, there, around = conn.execute(statement).one()
    if there is None:
        return Step(count, around, count if back else min(count, 1))
    return Step(count, there, left if back else count - left + 1)


def count(conn: Connection, run_id: int, wanted: LogFilter, after: int, upto: int) -> int:
    """How many lines fit, above `after` and not above `upto`."""
    if wanted.all:  # they have no gaps
        return max(0, upto - after)
    statement = select(func.count()).select_from(log_lines).where(*between(run_id, after, upto), *fitting(wanted))
    return int(conn.scalar(statement) or 0)


def firsts(conn: Connection, run_id: int, wanted: LogFilter, upto: int, size: int) -> list[int]:
    """The lines that fit, parted into pieces of `size`: the number of each piece's first line."""
    if wanted.all:
        return list(range(1, upto + 1, size))
    place = func.row_number().over(order_by=log_lines.c.seq).label("place")
    found = select(log_lines.c.seq, place).where(*between(run_id, 0, upto), *fitting(wanted)).subquery()
    return list(conn.scalars(select(found.c.seq).where(found.c.place % size == 1).order_by(found.c.seq)))


def between(run_id: int, after: int, upto: int) -> tuple[ColumnElement[bool], ...]:
    return log_lines.c.run == run_id, log_lines.c.seq > after, log_lines.c.seq <= upto


def fitting(wanted: LogFilter) -> list[ColumnElement[bool]]:
    """What a line must be to be wanted. A text is looked for in what one reads: colours within it do not count."""
    level, stream, text = log_lines.c.level, log_lines.c.stream, log_lines.c.text
    errors = or_(level.in_(ERROR_LEVELS), and_(stream == LogStream.STDERR, text.startswith(TRACEBACK)))
    conditions: list[ColumnElement[bool]] = {
        LogShow.ALL: [],
        LogShow.ERRORS: [errors],
        LogShow.WARNINGS: [or_(level.in_(WARNING_LEVELS), stream == LogStream.STDERR)],
        LogShow.STDOUT: [stream == LogStream.STDOUT],
        LogShow.STDERR: [stream == LogStream.STDERR],
    }[wanted.show]
    if wanted.q:
        conditions = [*conditions, without_escapes(text).icontains(wanted.q, autoescape=True)]
    return [*conditions, ~goes_on()] if wanted.records else conditions


def goes_on() -> ColumnElement[bool]:
    """Whether the line before is of the same record: both were logged at once."""
    before, line = log_lines.alias(), log_lines.c
    same = [before.c[name] == line[name] for name in ("run", "at", "stream", "level")]
    return exists().where(before.c.seq == line.seq - 1, *same)

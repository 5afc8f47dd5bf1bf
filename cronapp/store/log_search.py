"""A text in the logs of many runs, the newest first, one piece of them at a time. A piece is so small that whoever
reads it is busy for a moment only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select

from cronapp.core.logs import LogFilter
from cronapp.core.models import LogLine, Run
from cronapp.store.logs import between, fitting, line_of
from cronapp.store.runs.listing import STRETCH, has_index, matching, span
from cronapp.store.runs.rows import LISTED, RunFilter, run_of
from cronapp.store.tables import log_lines, runs

LINES, RUNS = 50_000, 1_000  # of a piece, about
SHOWN = 4  # lines of a run that are told; of the others their number
AROUND = 2  # lines before and after each


@dataclass(frozen=True, slots=True)
class Piece:
    """Some runs, the newest first, and how many lines they have; `next` is where the next piece ends, None: nowhere."""

    ids: list[int]
    lines: int
    next: int | None


@dataclass(frozen=True, slots=True)
class InRun:
    """The first lines of a run that fit, and how many do."""

    run: int
    seqs: list[int]
    count: int


def piece(conn: Connection, filters: RunFilter, before: int | None) -> Piece:
    """The next runs before that one that have a log."""
    low, top = span(conn, filters, before)
    floor = low if has_index(filters) and filters.job else max(low, top - STRETCH)
    statement = (
        select(runs.c.id, runs.c.last_seq)
        .where(runs.c.id >= floor, runs.c.id < top, runs.c.last_seq > 0, *matching(filters, {}))
        .order_by(runs.c.id.desc())
        .limit(RUNS)
    )
    ids: list[int] = []
    lines = 0
    for run_id, last in conn.execute(statement):
        if ids and lines + last > LINES:
            return Piece(ids, lines, ids[-1])
        ids.append(run_id)
        lines += last
    if len(ids) == RUNS:
        return Piece(ids, lines, ids[-1])
    return Piece(ids, lines, floor if floor > low else None)


def found(conn: Connection, ids: Sequence[int], wanted: LogFilter) -> list[InRun]:
    """Which of these runs have lines that fit, the newest first."""
    own = (log_lines.c.run.in_(ids), *fitting(wanted))
    place = func.row_number().over(partition_by=log_lines.c.run, order_by=log_lines.c.seq).label("place")
    count = func.count().over(partition_by=log_lines.c.run).label("count")
    hits = select(log_lines.c.run, log_lines.c.seq, place, count).where(*own).subquery()
    statement = select(hits.c.run, hits.c.seq, hits.c.count).where(hits.c.place <= SHOWN)
    answer: list[InRun] = []
    for run, seq, number in conn.execute(statement.order_by(hits.c.run.desc(), hits.c.seq)):
        if not answer or answer[-1].run != run:
            answer.append(InRun(run, [], number))
        answer[-1].seqs.append(seq)
    return answer


def around(conn: Connection, one: InRun) -> list[LogLine]:
    """The lines that fit, with those around them."""
    near = or_(*(log_lines.c.seq.between(seq - AROUND, seq + AROUND) for seq in one.seqs))
    whole = between(one.run, one.seqs[0] - AROUND - 1, one.seqs[-1] + AROUND)
    return [line_of(row) for row in conn.execute(select(log_lines).where(*whole, near).order_by(log_lines.c.seq))]


def of(conn: Connection, ids: Sequence[int]) -> dict[int, Run]:
    rows = conn.execute(select(*LISTED).where(runs.c.id.in_(ids))).mappings()
    return {row["id"]: run_of(row) for row in rows}

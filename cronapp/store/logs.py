"""Log lines: appended by the run's owner, who numbers them; read by ranges of their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from cronapp.core.models import LogLine, LogStream
from cronapp.store.store import Tx
from cronapp.store.tables import log_lines, runs


def append(tx: Tx, run_id: int, lines: Sequence[LogLine]) -> None:
    """Adds lines whose numbers follow on the run's last one."""
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
        for ln in lines
    ]
    tx.conn.execute(insert(log_lines), rows)
    tx.conn.execute(update(runs).where(runs.c.id == run_id).values(last_seq=lines[-1].seq))


def lines_after(
    conn: Connection, run_id: int, after: int = 0, limit: int = 1000, *, level: str = "", q: str = ""
) -> list[LogLine]:
    """The lines numbered above `after`, at most `limit`; of one level, or holding a text, if asked."""
    statement = (
        select(log_lines)
        .where(log_lines.c.run == run_id, log_lines.c.seq > after)
        .order_by(log_lines.c.seq)
        .limit(limit)
    )
    if level:
        statement = statement.where(log_lines.c.level == level.upper())
    if q:
        statement = statement.where(log_lines.c.text.icontains(q, autoescape=True))
    return [
        LogLine(seq=row.seq, at=row.at, stream=LogStream(row.stream), level=row.level, text=row.text, raw=row.raw)
        for row in conn.execute(statement)
    ]

"""Copies all rows of one database into another, empty one, and holds the two against each other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    TypeDecorator,
    case,
    cast,
    delete,
    false,
    func,
    null,
    or_,
    select,
    text,
    true,
    type_coerce,
)

from cronapp.core.errors import CannotCopy
from cronapp.core.models import RunState
from cronapp.store.tables import EPOCH, alert_rules, metadata, revisions, runs, scheduler

LEFT_OUT = {
    "nodes": "the processes that work on the old database",
    "looks": "where the code of runs was that went on there",
    "revisions": "what the database says of its own version",
}
"""Tables that are not copied, and what they hold."""
PRESENT: dict[Table, ColumnElement[bool]] = {
    alert_rules: alert_rules.c.at > EPOCH,
    revisions: false(),
    scheduler: or_(scheduler.c.alive_at > EPOCH, scheduler.c.paused_at > EPOCH),
}
"""Tables in which a new database has rows, and which of these are no longer as they were made."""
BATCH = 500  # rows in memory; a line may have 64 KB, and a run more
NUL, MARK = "\0", "\ufffd"
Tell = Callable[[int, str], None]
"""Is told of so many further rows of a table."""


@dataclass(slots=True)
class Sum:
    """Rows, counted and summed up, in whatever order they came."""

    rows: int = 0
    total: int = 0

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self.rows += len(rows)
        self.total += sum(int.from_bytes(blake2b(repr(row).encode(), digest_size=8).digest()) for row in rows)

    def __str__(self) -> str:
        return f"{self.total % 2**64:016x}"


@dataclass(slots=True)
class Copied:
    """What was copied of one table. `mended` rows had a NUL in a text, which PostgreSQL does not take."""

    table: str
    sum: Sum = field(default_factory=Sum)
    mended: int = 0


def tables() -> list[Table]:
    """Those that are copied, each after those that it refers to."""
    return [table for table in metadata.sorted_tables if table.name not in LEFT_OUT]


def rows_in(conn: Connection) -> int:
    return sum(conn.execute(select(func.count()).select_from(table)).scalar_one() for table in tables())


def used(conn: Connection) -> str | None:
    """A table in which somebody put something already; None: the database is as it was made."""
    for table in metadata.sorted_tables:
        if conn.execute(select(func.count()).select_from(table).where(PRESENT.get(table, true()))).scalar_one():
            return table.name
    return None


def copy(source: Connection, target: Connection, tell: Tell) -> list[Copied]:
    """Copies everything within the transaction of `target`. Raises `CannotCopy` if it is not the same afterwards."""
    for table in PRESENT.keys() & set(tables()):
        target.execute(delete(table))
    copied = [fill(source, target, table, tell) for table in tables()]
    for table, one in zip(tables(), copied, strict=True):
        go_on_counting(source, target, table)
        hold_against(target, table, one, tell)
    if target.dialect.name == "postgresql":  # so that its first plans are good ones
        target.execute(text(f"ANALYZE {', '.join(table.name for table in tables())}"))
    return copied


# -- rows -------------------------------------------------------------------------------------------------------------


def fill(source: Connection, target: Connection, table: Table, tell: Tell) -> Copied:
    copied = Copied(table.name)
    put = put_into_postgres if target.dialect.name == "postgresql" else put_into_sqlite
    with closing(summed(source, table, copied, tell, mend=target.dialect.name == "postgresql")) as batches:
        put(target, table, batches)
    return copied


def summed(
    conn: Connection, table: Table, copied: Copied, tell: Tell, *, mend: bool = False
) -> Generator[list[tuple[Any, ...]]]:
    """The rows of a table, batch by batch, which are summed up as they pass."""
    in_batches = {"stream_results": True, "yield_per": BATCH}
    with conn.execute(as_kept(table, conn.dialect.name), execution_options=in_batches) as found:
        for batch in found.partitions():
            rows = [mended(tuple(row), copied) if mend else tuple(row) for row in batch]
            copied.sum.add(rows)
            yield rows
            tell(len(rows), table.name)


def mended(row: tuple[Any, ...], copied: Copied) -> tuple[Any, ...]:
    """Without NULs in its texts."""
    if not any(isinstance(value, str) and NUL in value for value in row):
        return row
    copied.mended += 1
    return tuple(value.replace(NUL, MARK) if isinstance(value, str) else value for value in row)


def as_kept(table: Table, dialect: str) -> Select[Any]:
    """The rows as the database keeps them: moments as numbers, JSON as the text that it is."""
    return select(*(plain(column, dialect) for column in table.columns))


def plain(column: Column[Any], dialect: str) -> ColumnElement[Any]:
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    if isinstance(kind, JSON):
        return cast(column, Text) if dialect == "postgresql" else type_coerce(column, Text)
    if column is runs.c.node or column is runs.c.sent_at:  # what waits is no longer on its way to a process
        return case((runs.c.state == RunState.QUEUED, null()), else_=type_coerce(column, kind)).label(column.name)
    return type_coerce(column, kind)


def put_into_postgres(conn: Connection, table: Table, batches: Iterable[list[tuple[Any, ...]]]) -> None:
    with conn.connection.cursor() as cursor, cursor.copy(f"COPY {named(conn, table)} FROM STDIN") as copying:  # type: ignore[attr-defined]
        for rows in batches:
            for row in rows:
                copying.write_row(row)


def put_into_sqlite(conn: Connection, table: Table, batches: Iterable[list[tuple[Any, ...]]]) -> None:
    places = ", ".join("?" * len(table.columns))
    for rows in batches:
        conn.exec_driver_sql(f"INSERT INTO {named(conn, table)} VALUES ({places})", rows)  # nosec B608 # our own names


def named(conn: Connection, table: Table) -> str:
    """The table with its columns, as SQL."""
    prepare = conn.dialect.identifier_preparer
    return f"{prepare.quote(table.name)} ({', '.join(prepare.quote(column.name) for column in table.columns)})"


def hold_against(target: Connection, table: Table, copied: Copied, tell: Tell) -> None:
    """Reads what was written, and sums it up anew."""
    found = Copied(table.name)
    for _ in summed(target, table, found, tell):
        pass
    if found.sum != copied.sum:
        raise CannotCopy(
            f"The table {table.name} came out different: {found.sum.rows:,} rows with the sum {found.sum} instead of "
            f"{copied.sum.rows:,} with {copied.sum}. Nothing was kept in the target."
        )


# -- numbers ----------------------------------------------------------------------------------------------------------


def go_on_counting(source: Connection, target: Connection, table: Table) -> None:
    """The next row gets the next number, also where the last ones were removed: their numbers are never used again."""
    if (column := table.autoincrement_column) is None:
        return
    newest = target.execute(select(func.max(type_coerce(column, BigInteger)))).scalar() or 0
    last = max(last_number(source, table, column.name), newest)
    if last == 0:
        return
    if target.dialect.name == "postgresql":
        target.execute(select(func.setval(sequence(table, column.name), last)))
        return
    target.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
    target.execute(
        text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), {"name": table.name, "last": last}
    )


def last_number(conn: Connection, table: Table, column: str) -> int:
    if conn.dialect.name == "postgresql":
        name = conn.execute(select(sequence(table, column))).scalar_one()
        row = conn.execute(text(f"SELECT last_value, is_called FROM {name}")).one()  # nosec B608 # its own name
        return row.last_value if row.is_called else 0
    found = conn.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}).scalar()
    return int(found or 0)


def sequence(table: Table, column: str) -> ColumnElement[str]:
    return func.pg_get_serial_sequence(table.name, column)

"""The few differences between SQLite and PostgreSQL."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    URL,
    Connection,
    Engine,
    Insert,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from cronapp.core.logs import ESCAPES

BUSY_TIMEOUT = 10_000  # milliseconds that SQLite waits for a foreign writer
ROWS = 2_000  # inserted by one statement


def dumps(value: Any) -> str:
    """JSON as it is kept: compact, readable."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


DEPENDENCIES = 0x43524F44  # what comes after what is changed by one transaction at a time


def lock(conn: Connection, key: int, *, shared: bool = False) -> None:
    """Until the transaction ends, no other one gets beyond this with the same key, but for others that share it. Who
    comes first is served first. SQLite has one writer anyway."""
    if conn.dialect.name == "postgresql":
        conn.execute(text(f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}(:key)"), {"key": key})


def lock_now(conn: Connection, key: int) -> bool:
    """The same, but waits for nobody; False: somebody has it."""
    if conn.dialect.name != "postgresql":
        return True
    return bool(conn.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key}).scalar())


def insert_or_ignore(conn: Connection, table: Table) -> Insert:
    """An INSERT that changes nothing (`rowcount` 0) where a unique key is taken already."""
    if conn.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def put(conn: Connection, table: Table, **values: Any) -> None:
    """Inserts a row, in place of the one with the same key; also where others do so at the same moment."""
    added = (postgresql if conn.dialect.name == "postgresql" else sqlite).insert(table).values(**values)
    keys = [column.name for column in table.primary_key]
    news = {name: added.excluded[name] for name in values if name not in keys}
    conn.execute(added.on_conflict_do_update(index_elements=keys, set_=news))


def insert_all(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows that have the same columns; on PostgreSQL each column as one array, which is twice as fast. Of what
    waited during an outage there may be a hundred thousand, and the event loop must not be held up by all of it."""
    if conn.dialect.name == "postgresql":
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            columns = {f"all_{name}": [row[name] for row in some] for name in some[0]}
            conn.execute(_by_arrays(table, tuple(some[0])), columns)
    else:
        conn.execute(insert(table), rows)


@cache
def _by_arrays(table: Table, names: Sequence[str]) -> Insert:
    arrays = (func.unnest(bindparam(f"all_{name}", type_=ARRAY(table.c[name].type))) for name in names)
    return insert(table).from_select(names, select(*arrays))


class without_escapes(GenericFunction[str]):  # noqa: N801, called as a function of SQL
    """A text without its terminal colours."""

    type = Text()
    inherit_cache = True


@compiles(without_escapes)
def _in_postgresql(element: without_escapes, compiler: SQLCompiler, **kw: Any) -> str:
    column, pattern = compiler.process(element.clauses, **kw), compiler.render_literal_value(ESCAPES, Text())
    plain = f"regexp_replace({column}, {pattern}, '', 'g')"
    return f"CASE WHEN strpos({column}, chr(27)) > 0 THEN {plain} ELSE {column} END"


@compiles(without_escapes, "sqlite")
def _in_sqlite(element: without_escapes, compiler: SQLCompiler, **kw: Any) -> str:
    column = compiler.process(element.clauses, **kw)
    return f"CASE WHEN instr({column}, char(27)) THEN without_escapes({column}) ELSE {column} END"


class json_list(GenericFunction[list[Any]]):  # noqa: N801, called as a function of SQL
    """The values of a column as one list."""

    type = JSON()
    inherit_cache = True


@compiles(json_list)
def _listed_in_postgresql(element: json_list, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_agg({compiler.process(element.clauses, **kw)})"


@compiles(json_list, "sqlite")
def _listed_in_sqlite(element: json_list, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **kw)})"


def sqlite_engine(path: str, *, writing: bool) -> Engine:
    """An engine for one SQLite file. The writing one takes the lock at once.

    With a plain BEGIN, a read followed by a write fails with "database is locked" after any foreign commit, and two
    writers would both believe they won.
    """
    engine = create_engine(
        f"sqlite:///{path}",
        json_serializer=dumps,
        hide_parameters=True,  # what is written is nothing for the log that tells of an error
        pool_size=1 if writing else 4,
        max_overflow=0 if writing else 4,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT / 1000, "cached_statements": 256},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # BEGIN is ours
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.create_function("without_escapes", 1, _without_escapes, deterministic=True)
        if writing:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        else:
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def begin(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _without_escapes(text: str) -> str:
    return re.sub(ESCAPES, "", text)


def shown(url: URL) -> str:
    """Which PostgreSQL database it is, for people; without a password, also where that is among its options."""
    secret = [name for name in url.query if "password" in name]
    return url.set(drivername="postgresql").difference_update_query(secret).render_as_string(hide_password=True)


def cause(error: DBAPIError) -> str:
    """The database's own words, in one line."""
    return str(error.orig).split("\n", 1)[0]

"""Everything of one database in another: SQLite to PostgreSQL and back, on real ones."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from databases import with_tables
from recipes import NOW, put_job
from sqlalchemy import JSON, Column, Connection, Float, LargeBinary, Text, TypeDecorator, delete, insert, select, update
from support import VAULT, TurnedClock

from cronapp.core.errors import CannotStart
from cronapp.core.hidden import Sealed
from cronapp.core.models import Node, NodeKind
from cronapp.service.blackouts import Blackouts
from cronapp.service.copying import copy
from cronapp.service.fleet import Fleet
from cronapp.store import copying, nodes, sealing
from cronapp.store.copying import LEFT_OUT, PRESENT
from cronapp.store.ends import source_at
from cronapp.store.open import open_store
from cronapp.store.store import Tx
from cronapp.store.tables import Moment, Spec, jobs, log_lines, metadata, runs, scheduler

KEYS = ("the-key-that-all-tests-share-1234567890",)
ODD = "grün „x“ \\x00 \U0001f426 \x1b[31m\n"


def value(column: Column[Any], n: int) -> Any:
    """Something that the column takes, another one for each `n`."""
    kind = column.type
    if isinstance(kind, Moment):
        return NOW + timedelta(microseconds=n)
    if isinstance(kind, Spec):
        return {"id": f"job-{n}", "args": {"text": ODD, "token": Sealed(VAULT.seal("x", "argument"))}, "notify": []}
    if isinstance(kind, JSON | TypeDecorator):
        return {"of": column.name, "n": n, "text": ODD, "third": 1 / 3}
    if isinstance(kind, Text):
        return f"{ODD}{column.name}-{n}"
    if isinstance(kind, LargeBinary):
        return bytes(range(256))
    return n + 1 / 3 if isinstance(kind, Float) else n


def fill(tx: Tx) -> None:
    """Three rows in each table, in the last of which is nothing that need not be."""
    for table in metadata.sorted_tables:
        for n in (11, 12, 13):
            needed = [column for column in table.columns if n < 13 or not column.nullable or column.primary_key]
            tx.conn.execute(insert(table).values({column.name: value(column, n) for column in needed}))


def contents(conn: Connection) -> dict[str, list[str]]:
    """All rows, as the program reads them."""
    tables = [table for table in metadata.sorted_tables if table.name not in LEFT_OUT]
    return {table.name: sorted(map(repr, conn.execute(select(table)).all())) for table in tables}


async def told(url: str) -> dict[str, list[str]]:
    store = await open_store(url, lambda _: None)
    found = await store.read(contents)
    await store.close()
    return found


async def filled(url: str) -> dict[str, list[str]]:
    store = await open_store(url, lambda _: None)
    await store.write(fill)
    await store.close()
    return await told(url)


def copied(source: str, target: str, keys: tuple[str, ...] = KEYS) -> list[tuple[int, int, str]]:
    steps: list[tuple[int, int, str]] = []
    copy(source, target, keys, lambda *step: steps.append(step))
    return steps


def refused(source: str, target: str, keys: tuple[str, ...] = KEYS) -> str:
    """What is said instead."""
    with pytest.raises(CannotStart) as caught:
        copied(source, target, keys)
    return str(caught.value)


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{with_tables(tmp_path / 'cronapp.db')}"


@pytest.fixture
def back(tmp_path: Path) -> str:
    """A file that is not there yet."""
    return f"sqlite:///{tmp_path / 'back.db'}"


async def test_each_row_of_each_table_is_the_same_in_postgresql_and_back_again(
    sqlite: str, empty_postgres_url: str, back: str
) -> None:
    before = await filled(sqlite)
    assert all(len(rows) >= 3 for rows in before.values())
    steps = copied(sqlite, empty_postgres_url)
    assert steps[-1][0] == steps[-1][1] == 2 * sum(map(len, before.values()))
    assert await told(empty_postgres_url) == before
    copied(empty_postgres_url, back)
    assert await told(back) == before


def test_what_is_left_out_is_there_to_be_left_out_and_has_a_reason() -> None:
    assert {*LEFT_OUT, *(table.name for table in PRESENT)} <= metadata.tables.keys()
    assert all(LEFT_OUT.values())
    assert {table.name for table in copying.tables()} == metadata.tables.keys() - LEFT_OUT.keys()


async def test_the_next_rows_have_numbers_that_none_had_before(sqlite: str, postgres_url: str, back: str) -> None:
    counted = [table for table in copying.tables() if table.autoincrement_column is not None]

    def put(tx: Tx) -> set[Any]:
        found = set()
        for table in counted:
            others = [one for one in table.columns if one is not table.autoincrement_column]
            row = {one.name: 14 if one.foreign_keys else value(one, 99) for one in others}
            found.add(tx.conn.execute(insert(table).values(row).returning(*table.primary_key)).scalar())
        return found

    async def next_numbers(url: str) -> set[Any]:
        store = await open_store(url, lambda _: None)
        made = await store.write(put)
        await store.close()
        return made

    store = await open_store(sqlite, lambda _: None)
    await store.write(fill)
    await store.write(lambda tx: [tx.conn.execute(delete(table)) for table in reversed(copying.tables())])
    await store.close()
    copied(sqlite, postgres_url)
    copied(postgres_url, back)
    assert await next_numbers(postgres_url) == await next_numbers(back) == {14}


async def test_a_crash_in_the_middle_leaves_the_target_as_it_was(
    sqlite: str, empty_postgres_url: str, back: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await filled(sqlite)

    def crash(done: int, total: int, table: str) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    for target in (empty_postgres_url, back):
        with pytest.raises(KeyboardInterrupt):
            copy(sqlite, target, KEYS, crash)
        assert "There is nothing in the database" in refused(target, sqlite)
        with monkeypatch.context() as forgetful:
            forgetful.setattr(copying, "put_into_sqlite", lambda conn, table, batches: list(batches))
            forgetful.setattr(copying, "put_into_postgres", lambda conn, table, batches: list(batches))
            assert "came out different: 0 rows" in refused(sqlite, target)
        copied(sqlite, target)
        assert await told(target) == before


async def test_a_target_in_which_something_is_gets_nothing_more(sqlite: str, postgres_url: str, back: str) -> None:
    await filled(sqlite)
    store = await open_store(postgres_url, lambda _: None)
    job = await put_job(store)
    assert "is not empty: something is in its table jobs" in refused(sqlite, postgres_url)
    assert await store.read(lambda conn: conn.execute(select(jobs.c.id)).scalars().all()) == [job.id]
    await store.write(lambda tx: tx.conn.execute(delete(jobs)))
    await store.write(lambda tx: tx.conn.execute(update(scheduler).values(alive_at=NOW)))
    assert "is not empty: something is in its table scheduler" in refused(sqlite, postgres_url)
    await store.close()
    assert "Name two databases" in refused(sqlite, sqlite)
    assert "There is no database" in refused(back, sqlite)
    assert "already exists" not in refused("sqlite:////nowhere/x.db", postgres_url)


async def test_nothing_is_copied_of_or_into_what_somebody_works_on(
    sqlite: str, postgres_url: str, back: str, blackouts: Blackouts, clock: TurnedClock
) -> None:
    open_file = await open_store(sqlite, lambda _: None)
    assert f"in use by another Cron-App server (process {os.getpid()})" in refused(sqlite, postgres_url)
    await open_file.close()
    store = await open_store(postgres_url, lambda _: None)
    about = {"host": "here", "pid": 7, "machine": "", "version": "1", "queues": None, "concurrency": 1}
    me = Node(name="here:7", kind=NodeKind.SERVER, started_at=NOW, heartbeat=NOW, **about)
    await Fleet(store, blackouts, clock, 10).join(me)
    for pair in ((postgres_url, back), (sqlite, postgres_url)):
        assert "are at work on" in refused(*pair)
        assert "here:7" in refused(*pair)
    await store.write(lambda tx: tx.conn.execute(update(nodes.nodes).values(heartbeat=NOW)))
    copied(postgres_url, back)  # it was killed long ago
    with source_at(postgres_url):
        assert "Try again in a moment" in refused(postgres_url, f"{back}2")
    await store.close()


async def test_secrets_are_only_copied_to_where_they_can_be_read(
    sqlite: str, postgres_url: str, back: str, tmp_path: Path
) -> None:
    store = await open_store(sqlite, lambda _: None)
    await put_job(store, args={"token": Sealed(VAULT.seal("x", "argument"))})
    await store.close()
    beside = tmp_path / "cronapp.db.key"
    assert "Set CRONAPP_SECRET_KEY to that key" in refused(sqlite, postgres_url, ("another-key" * 5,))
    beside.write_text(KEYS[0])
    beside.chmod(0o600)
    assert f"to what stands in {beside}" in refused(sqlite, postgres_url, ())
    assert f"Copy {beside} to {tmp_path / 'back.db.key'}" in refused(sqlite, back, ())
    copied(sqlite, postgres_url, ("another-key" * 5, *KEYS))
    beside.rename(tmp_path / "back.db.key")
    copied(sqlite, back, ())
    store = await open_store(sqlite, lambda _: None)
    await store.write(sealing.note, [f"{sealing.KEY}0123abcd"])
    await store.close()
    assert "encrypted with a key" in refused(sqlite, f"{back}2"), "what was noted counts, whatever is left of it"


async def test_what_was_on_its_way_waits_again_and_what_postgresql_refuses_is_marked(
    sqlite: str, postgres_url: str
) -> None:
    store = await open_store(sqlite, lambda _: None)
    await put_job(store)
    row = {"job_key": 1, "job": "hourly", "task": "hello", "args": {}, "trigger": "manual", "attempt": 1}
    row |= {"queue": "default", "priority": 0, "queued_at": NOW, "last_seq": 0, "missed": 1, "node": "here:7"}

    def put(tx: Tx) -> None:
        tx.conn.execute(insert(runs), {**row, "state": "queued", "sent_at": NOW})
        tx.conn.execute(insert(runs), {**row, "state": "running", "reason": "a\0b"})
        tx.conn.execute(insert(log_lines).values(run=2, seq=1, at=NOW, stream="stdout", text="c\0", raw=b"c\0"))

    await store.write(put)
    await store.close()
    mended = {one.table: one.mended for one in copy(sqlite, postgres_url, KEYS, lambda *_: None) if one.mended}
    assert mended == {"runs": 1, "log_lines": 1}
    store = await open_store(postgres_url, lambda _: None)
    shown = select(runs.c.state, runs.c.node, runs.c.sent_at, runs.c.reason).order_by(runs.c.id)
    assert await store.read(lambda conn: [tuple(one) for one in conn.execute(shown)]) == [
        ("queued", None, None, None),
        ("running", "here:7", None, "a\ufffdb"),
    ]
    lines = select(log_lines.c.text, log_lines.c.raw)
    assert await store.read(lambda conn: tuple(conn.execute(lines).one())) == ("c\ufffd", b"c\0")
    await store.close()

"""Writes are grouped, durable when they are answered, told after they are committed, and undone one by one."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from databases import with_tables
from recipes import NOW, put_job
from sqlalchemy import Connection, Engine, delete, event, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from support import until

from cronapp.core import postgres
from cronapp.core.about import About, about, concerning
from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import Event, JobChanged
from cronapp.store import dialects
from cronapp.store.open import open_store
from cronapp.store.store import BATCH, Store, Tx
from cronapp.store.tables import idempotency_keys, jobs, scheduler


def put(tx: Tx, name: str, told: bool = True, fill: int = 0) -> str:
    """A small change: one row, one event."""
    values = {"key": name, "request": "x" * fill, "target": "", "created_at": NOW}
    tx.conn.execute(insert(idempotency_keys).values(**values))
    if told:
        tx.emit(JobChanged(name))
    return name


def put_and_fail(tx: Tx, name: str) -> None:
    put(tx, name)
    raise ValueError(name)


def names(conn: Connection) -> list[str]:
    return list(conn.execute(select(idempotency_keys.c.key).order_by(idempotency_keys.c.key)).scalars())


def told(events: list[Event]) -> list[str]:
    return [found.job for found in events if isinstance(found, JobChanged)]


@pytest.fixture
async def sqlite_store(tmp_path: Path, events: list[Event]) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite:///{with_tables(tmp_path / 'cronapp.db')}", events.extend)
    yield opened
    await opened.close()


class Held:
    """Keeps the writer busy with one change, so that what comes meanwhile is its next batch."""

    def __init__(self, store: Store) -> None:
        self._begun, self._go_on = threading.Event(), threading.Event()
        self._change = asyncio.ensure_future(store.write(self._wait))

    def _wait(self, tx: Tx) -> None:
        self._begun.set()
        assert self._go_on.wait(30)

    async def __aenter__(self) -> Held:
        await until(self._begun.is_set)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._go_on.set()
        await self._change


@pytest.fixture
def commits() -> Iterator[list[object]]:
    """One entry for each transaction that was committed."""
    seen: list[object] = []

    def count(conn: Connection) -> None:
        seen.append(conn)

    event.listen(Engine, "commit", count)
    yield seen
    event.remove(Engine, "commit", count)


# -- group commit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("writes", "transactions"), [(200, 1), (BATCH, 1), (BATCH + 1, 2), (3 * BATCH, 3)])
async def test_writes_that_come_together_share_a_transaction(
    sqlite_store: Store, events: list[Event], commits: list[object], writes: int, transactions: int
) -> None:
    expected = [f"{n:04}" for n in range(writes)]
    async with Held(sqlite_store):
        waiting = [asyncio.ensure_future(sqlite_store.write(put, name)) for name in expected]
        await asyncio.sleep(0)
        commits.clear()
    assert await asyncio.gather(*waiting) == expected
    assert len(commits) == 1 + transactions  # the one that held the writer is committed too
    assert await sqlite_store.read(names) == expected
    assert told(events) == expected


async def test_a_failed_change_undoes_only_itself_and_its_events(sqlite_store: Store, events: list[Event]) -> None:
    async with Held(sqlite_store):
        waiting = [
            asyncio.ensure_future(sqlite_store.write(put_and_fail if n % 3 == 1 else put, f"{n}")) for n in range(9)
        ]
        await asyncio.sleep(0)
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    good = ["0", "2", "3", "5", "6", "8"]
    assert [answer for answer in answers if isinstance(answer, str)] == good
    assert [str(answer) for answer in answers if isinstance(answer, ValueError)] == ["1", "4", "7"]
    assert await sqlite_store.read(names) == good
    assert told(events) == good


async def test_many_writers_at_once_are_all_answered(store: Store, events: list[Event]) -> None:
    expected = [f"{n:03}" for n in range(100)]
    assert await asyncio.gather(*(store.write(put, name) for name in expected)) == expected
    assert await store.read(names) == expected
    assert sorted(told(events)) == expected


async def test_a_failed_change_leaves_nothing_and_tells_nothing(store: Store, events: list[Event]) -> None:
    with pytest.raises(ValueError, match="bad"):
        await store.write(put_and_fail, "bad")
    assert await store.read(names) == []
    assert await store.write(put, "good") == "good"
    assert told(events) == ["good"]


async def test_a_row_that_is_there_already_is_not_called_an_outage(store: Store) -> None:
    await store.write(put, "one")
    with pytest.raises(IntegrityError):
        await store.write(put, "one")


async def test_a_caller_that_gives_up_does_not_undo_what_was_asked(sqlite_store: Store, events: list[Event]) -> None:
    async with Held(sqlite_store):
        waiting = asyncio.ensure_future(sqlite_store.write(put, "asked"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert await sqlite_store.write(put, "next") == "next"
    assert await sqlite_store.read(names) == ["asked", "next"]
    assert told(events) == ["asked", "next"]


async def test_closing_writes_what_waits(tmp_path: Path, events: list[Event]) -> None:
    url = f"sqlite:///{tmp_path}/cronapp.db"
    store = await open_store(url, events.extend)
    waiting = [asyncio.ensure_future(store.write(put, f"{n:03}")) for n in range(BATCH + 50)]
    await asyncio.sleep(0)
    await store.close()
    assert len(await asyncio.gather(*waiting)) == BATCH + 50
    store = await open_store(url, events.extend)
    assert len(await store.read(names)) == BATCH + 50
    await store.close()


# -- told after the commit ------------------------------------------------------------------------------------------


@contextmanager
def looking_in(url: str) -> Iterator[set[str]]:
    """What another process sees in the database now."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as conn:
            yield {name for (name,) in conn.execute("SELECT key FROM idempotency_keys")}
    else:
        with psycopg.connect(url) as conn:
            yield {name for (name,) in conn.execute("SELECT key FROM idempotency_keys")}


async def test_an_event_is_told_when_its_row_can_be_seen_and_before_the_caller_goes_on(database_url: str) -> None:
    seen: list[tuple[str, bool]] = []

    def look(events: list[Event]) -> None:
        with looking_in(database_url) as rows:
            seen.extend((name, name in rows) for name in told(events))

    store = await open_store(database_url, look)
    for n in range(5):
        await store.write(put, f"{n}")
        assert seen == [(f"{n}", True) for n in range(n + 1)]
    await store.close()


async def test_the_events_of_one_change_keep_their_order(store: Store, events: list[Event]) -> None:
    def change(tx: Tx) -> None:
        for name in "cab":
            tx.emit(JobChanged(name))

    await store.write(change)
    assert told(events) == ["c", "a", "b"]


async def test_a_change_without_events_tells_nothing(database_url: str) -> None:
    calls: list[list[Event]] = []
    store = await open_store(database_url, calls.append)
    await store.write(put, "silent", told=False)
    assert calls == []
    await store.write(put, "told")
    assert calls == [[JobChanged("told")]]
    await store.close()


async def test_what_is_done_after_a_commit_is_told_as_the_work_of_whoever_asked(store: Store) -> None:
    seen: list[About] = []

    def change(tx: Tx) -> None:
        tx.later.append(lambda: seen.append(about()))

    with concerning({"request": "6f2a"}):
        await store.write(change)
    await store.write(change)
    assert seen == [{"request": "6f2a"}, {}]


# -- questions ------------------------------------------------------------------------------------------------------


def add_behind_our_back(url: str, name: str) -> None:
    statement = f"INSERT INTO idempotency_keys VALUES ('{name}', '', '', 0)"
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as conn, conn:
            conn.execute(statement)
    else:
        with psycopg.connect(url) as conn:
            conn.execute(statement.encode())


async def test_a_question_sees_one_view_of_the_database(store: Store, database_url: str) -> None:
    def ask_twice(conn: Connection) -> tuple[list[str], list[str]]:
        before = names(conn)
        add_behind_our_back(database_url, "between")
        return before, names(conn)

    assert await store.read(ask_twice) == ([], [])
    assert await store.read(names) == ["between"]


async def test_questions_are_answered_while_a_write_goes_on(sqlite_store: Store) -> None:
    async with Held(sqlite_store):
        assert await asyncio.gather(*(sqlite_store.read(names) for _ in range(20))) == [[]] * 20


async def test_a_question_that_fails_hurts_no_other(store: Store) -> None:
    def fail(conn: Connection) -> None:
        names(conn)
        raise ValueError("no answer")

    for _ in range(20):  # more than there are connections
        with pytest.raises(ValueError, match="no answer"):
            await store.read(fail)
    assert await store.read(names) == []


# -- the database is away -------------------------------------------------------------------------------------------


async def test_a_file_that_another_program_locks_is_unavailable_until_it_lets_go(
    tmp_path: Path, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialects, "BUSY_TIMEOUT", 50)
    file = tmp_path / "cronapp.db"
    store = await open_store(f"sqlite:///{file}", events.extend)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answers = await asyncio.gather(*(store.write(put, f"{n}") for n in range(5)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 5
        assert "locked" in str(answers[0])
        assert await store.read(names) == []  # questions are answered all the same
        other.execute("ROLLBACK")
    assert await store.write(put, "after") == "after"
    assert await store.read(names) == ["after"]
    assert told(events) == ["after"]
    await store.close()


async def test_a_full_disk_is_unavailable_and_forgotten_once_there_is_room(
    sqlite_store: Store, events: list[Event]
) -> None:
    def allow(tx: Tx, pages: int) -> None:
        used = tx.conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.conn.exec_driver_sql(f"PRAGMA max_page_count = {used + pages}")

    await sqlite_store.write(put, "before")
    await sqlite_store.write(allow, 2)
    async with Held(sqlite_store):
        sizes = {"a": 10, "b": 10, "c": 100_000, "d": 10, "e": 100_000}
        waiting = [asyncio.ensure_future(sqlite_store.write(put, name, fill=size)) for name, size in sizes.items()]
        await asyncio.sleep(0)
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, StoreUnavailable)]
    kept = [answer for answer in answers if isinstance(answer, str)]
    assert len(kept) + len(refused) == 5
    assert isinstance(answers[2], StoreUnavailable)
    assert "full" in str(answers[2])
    assert await sqlite_store.read(names) == sorted(["before", *kept])  # what was answered is there, and nothing else
    assert told(events) == ["before", *kept]
    await sqlite_store.write(allow, 10_000)
    assert await sqlite_store.write(put, "later", fill=100_000) == "later"


async def test_a_postgresql_that_cuts_the_connection_is_unavailable_and_the_next_write_goes_on(
    postgres_url: str, events: list[Event]
) -> None:
    store = await open_store(postgres_url, events.extend)

    def cut(conn: Connection) -> None:
        own = conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with psycopg.connect(postgres_url) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (own,))

    def put_and_be_cut(tx: Tx) -> None:
        put(tx, "cut")
        cut(tx.conn)
        put(tx, "lost")

    def ask_and_be_cut(conn: Connection) -> list[str]:
        cut(conn)
        return names(conn)

    with pytest.raises(StoreUnavailable):
        await store.write(put_and_be_cut)
    with pytest.raises(StoreUnavailable):
        await store.read(ask_and_be_cut)
    assert await store.write(put, "after") == "after"
    assert await store.read(names) == ["after"]
    assert told(events) == ["after"]
    await store.close()


async def test_a_postgresql_that_only_reads_as_a_former_primary_is_unavailable_until_another_takes_its_place(
    postgres_url: str,
) -> None:
    store = await open_store(postgres_url, lambda _events: None)
    await store.write(
        lambda tx: tx.conn.exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY").close()
    )
    with pytest.raises(StoreUnavailable):
        await store.write(put, "refused")
    assert await store.write(put, "by a new connection") == "by a new connection"
    database = "ALTER DATABASE cronapp SET default_transaction_read_only"
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(f"{database} = on".encode())
        try:
            other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            with pytest.raises(StoreUnavailable, match="read-only"):
                await store.write(put, "refused at once")
        finally:
            other.execute(f"{database} = off".encode())
    assert await store.write(put, "after") == "after"
    await store.close()


async def test_a_postgresql_that_restarts_between_two_writes_is_not_noticed(postgres_url: str) -> None:
    store = await open_store(postgres_url, lambda _events: None)
    await store.write(put, "before")
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert await store.write(put, "after") == "after"
    assert await store.read(names) == ["after", "before"]
    await store.close()


async def test_who_is_stopped_in_the_middle_of_a_transaction_holds_nobody_up_for_long(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "HOLDING", 0.2)
    store = await open_store(postgres_url, lambda _events: None)

    def be_stopped(tx: Tx) -> None:
        tx.conn.execute(update(scheduler).values(reason="mine"))
        with psycopg.connect(postgres_url) as other:  # it waits for our row, and we do nothing meanwhile
            other.execute("UPDATE scheduler SET reason = 'theirs'")
        tx.conn.execute(update(scheduler).values(reason="late"))

    with pytest.raises(StoreUnavailable):
        await store.write(be_stopped)
    assert await store.read(lambda conn: conn.execute(select(scheduler.c.reason)).scalar()) == "theirs"
    await store.close()


async def test_two_changes_that_wait_for_each_other_are_both_made(postgres_url: str) -> None:
    store = await open_store(postgres_url, lambda _events: None)
    tries = dict.fromkeys((1, 2), 0)

    def cross(tx: Tx, mine: int, theirs: int) -> None:
        tries[mine] += 1
        tx.conn.execute(text("SET LOCAL deadlock_timeout = '20ms'"))
        dialects.lock(tx.conn, mine)
        while tries[mine] == 1 and not locked(tx.conn, theirs):  # each question lets the other go on
            pass
        dialects.lock(tx.conn, theirs)

    def locked(conn: Connection, key: int) -> bool:
        return bool(conn.execute(text(f"SELECT count(*) FROM pg_locks WHERE objid = {key} AND granted")).scalar())

    await asyncio.gather(store.write(cross, 1, 2), store.write(cross, 2, 1))
    assert sorted(tries.values()) == [1, 2], "PostgreSQL undid one, and it was made again"
    await store.close()


# -- values ---------------------------------------------------------------------------------------------------------


async def test_a_moment_is_kept_to_the_microsecond(store: Store) -> None:
    moment = NOW.replace(microsecond=123_457)
    await store.write(
        lambda tx: (
            tx.conn.execute(insert(idempotency_keys).values(key="k", request="", target="", created_at=moment)).rowcount
        )
    )
    assert await store.read(lambda conn: conn.execute(select(idempotency_keys.c.created_at)).scalar()) == moment


async def test_the_key_of_a_removed_job_is_never_used_again(store: Store) -> None:
    first = await put_job(store, "one")
    await store.write(lambda tx: tx.conn.execute(delete(jobs)).rowcount)
    second = await put_job(store, "one")
    assert second.key > first.key
    assert await store.read(lambda conn: conn.execute(select(func.count()).select_from(jobs)).scalar()) == 1

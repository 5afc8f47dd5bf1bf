"""Opening a database: locked, brought up to date, and refused with one clear sentence that says what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from databases import Migrated
from recipes import put_job
from sqlalchemy import Connection, inspect, select, text

from cronapp.core.errors import CannotStart
from cronapp.core.failures import group_of
from cronapp.core.models import Node, NodeKind, RunError, RunState
from cronapp.store import jobs, migrating, nodes
from cronapp.store import open as opening
from cronapp.store.looking import look
from cronapp.store.migrating import newest
from cronapp.store.open import open_store
from cronapp.store.store import Store, Tx
from cronapp.store.tables import metadata


@pytest.fixture
def postgres_url(empty_postgres_url: str) -> str:
    """Here without a table; elsewhere the tables are there."""
    return empty_postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cronapp.db"
    return str(request.getfixturevalue("postgres_url"))


def told_to_nobody(_events: list[Any]) -> None:
    pass


async def refusal(url: str) -> str:
    with pytest.raises(CannotStart) as caught:
        await open_store(url, told_to_nobody)
    return str(caught.value)


def sqlite_file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def foreign(url: str, *statements: str) -> None:
    """Changes a database behind the program's back."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(sqlite_file(url))) as conn, conn:
            for statement in statements:
                conn.execute(statement)
        return
    with psycopg.connect(url) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def index_words(index: Any) -> str:
    where = [str(option) for name, option in index.get("dialect_options", {}).items() if name.endswith("_where")]
    return f"{index['name']} {index['column_names']} {index['unique']} {where}"


def shape(conn: Connection) -> dict[str, Any]:
    """All tables with their columns, keys and indexes."""
    looked = inspect(conn)
    return {
        table: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in looked.get_columns(table)],
            looked.get_pk_constraint(table),
            looked.get_foreign_keys(table),
            sorted(index_words(index) for index in looked.get_indexes(table)),
            sorted(repr(unique) for unique in looked.get_unique_constraints(table)),
        )
        for table in sorted(looked.get_table_names())
    }


def make_only(older: pytest.MonkeyPatch, revision: str) -> None:
    """An empty database gets only the tables of an older program."""
    upgrade = command.upgrade
    older.setattr(command, "upgrade", lambda config, _to: upgrade(config, revision))
    older.setattr(migrating, "note_oldest", lambda conn, scripts: None)


# -- migrations -----------------------------------------------------------------------------------------------------


async def test_the_migrations_make_exactly_the_tables_of_the_program(store: Store) -> None:
    def differences(conn: Connection) -> list[Any]:
        context = MigrationContext.configure(conn, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, metadata)

    assert await store.read(differences) == []
    assert set(await store.read(shape)) == {*metadata.tables, "alembic_version"}


async def test_what_was_opened_is_of_the_newest_revision(store: Store) -> None:
    version = await store.read(lambda conn: conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    assert version == newest()


async def test_a_database_of_an_older_program_is_brought_up_to_date(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        make_only(older, "0001")
        store = await open_store(database_url, told_to_nobody)
    assert "limits" not in await store.read(shape)
    await store.close()
    store = await open_store(database_url, told_to_nobody)
    assert set(await store.read(shape)) == {*metadata.tables, "alembic_version"}
    assert await store.read(lambda conn: compare_metadata(MigrationContext.configure(conn), metadata)) == []
    await store.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_what_failed_before_there_were_groups_is_grouped(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = f"sqlite:///{tmp_path / 'old.db'}"
    url = empty if kind == "sqlite" else str(request.getfixturevalue("empty_postgres_url"))
    with monkeypatch.context() as older:
        make_only(older, "0003")
        store = await open_store(url, told_to_nobody)
    old = (("failed", "ValueError", "a"), ("failed", "ValueError", "a"), ("failed", "ValueError", "b"))
    old += (("failed", None, "a"), ("lost", None, "a"), ("timed_out", None, "a"), ("succeeded", None, "a"))

    def put(tx: Tx) -> None:
        for state, kind, task in old:
            tx.conn.execute(
                text(
                    "INSERT INTO runs (job_key, job, task, args, state, trigger, attempt, queue, priority, queued_at,"
                    " error_type, last_seq, missed)"
                    " VALUES (1, 'j', :task, '{}', :state, 'manual', 1, 'q', 0, 0, :kind, 0, 1)"
                ),
                {"state": state, "kind": kind, "task": task},
            )

    await store.write(put)
    await store.close()
    store = await open_store(url, told_to_nobody)
    groups = await store.read(
        lambda conn: conn.execute(text("SELECT error_group FROM runs ORDER BY id")).scalars().all()
    )
    await store.close()
    of_a, of_b = (group_of(RunState.FAILED, RunError("ValueError", "", ""), task) for task in ("a", "b"))
    assert groups == [of_a, of_a, of_b, "failed", "lost", "timed_out", None]


async def test_the_database_that_tests_share_is_as_new_each_time(migrated: Migrated, empty_postgres_url: str) -> None:
    def rows(conn: Connection) -> dict[str, list[Any]]:
        return {table.name: list(conn.execute(select(table)).all()) for table in metadata.sorted_tables}

    new = await open_store(empty_postgres_url, told_to_nobody)
    for _ in range(2):
        migrated.renew()
        shared = await open_store(migrated.url, told_to_nobody)
        assert await shared.read(rows) == await new.read(rows)
        assert (await put_job(shared)).key == 1
        await shared.close()
    await new.close()


async def test_opening_again_changes_nothing_and_keeps_everything(database_url: str) -> None:
    store = await open_store(database_url, told_to_nobody)
    job = await put_job(store, tags=["finance"])
    before = await store.read(shape)
    await store.close()
    store = await open_store(database_url, told_to_nobody)
    assert await store.read(shape) == before
    assert await store.read(jobs.get, job.id) == job
    await store.close()


@pytest.mark.parametrize("before", [None, "0003"])
async def test_three_servers_that_start_together_migrate_a_postgresql_once(
    postgres_url: str, before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before is not None:
        with monkeypatch.context() as older:
            make_only(older, before)
            await (await open_store(postgres_url, told_to_nobody)).close()
    upgrade, done = command.upgrade, []

    def noted(config: Config, revision: str) -> None:
        done.append(revision)
        upgrade(config, revision)

    monkeypatch.setattr(command, "upgrade", noted)
    stores = await asyncio.gather(*(open_store(postgres_url, told_to_nobody) for _ in range(3)))
    assert done == ["head"]
    assert [set(await store.read(shape)) for store in stores] == [{*metadata.tables, "alembic_version"}] * 3
    for store in stores:
        await store.close()


async def test_a_database_newer_than_the_program_is_refused_and_left_as_it_is(database_url: str) -> None:
    store = await open_store(database_url, told_to_nobody)
    job = await put_job(store)
    version = await store.read(lambda conn: conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    await store.close()
    newer = [f"UPDATE alembic_version SET version_num = '{n}'" for n in ("9999", version)]
    allowed = [f"UPDATE revisions SET value = '{n}' WHERE what = 'program'" for n in ("9999", version)]
    foreign(database_url, newer[0], allowed[0], "CREATE TABLE later (id INTEGER)")
    assert "newer version of Cron-App" in await refusal(database_url)
    foreign(database_url, "DROP TABLE later", newer[1], allowed[1])
    store = await open_store(database_url, told_to_nobody)
    assert await store.read(jobs.get, job.id) == job
    await store.close()


NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, side_by_side = "9000", "{newest}", {side_by_side}

def upgrade():
    op.create_table("flags", sa.Column("name", sa.Text, primary_key=True))
    op.add_column("jobs", sa.Column("flag", sa.Text))
    op.add_column("runs", sa.Column("flag", sa.Text, nullable=False, server_default="none"))
"""
Next = Callable[[bool], AbstractContextManager[None]]


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Next:
    """While it is entered, this program is the next one: it has one migration more, that is side by side or not."""

    @contextmanager
    def entered(side_by_side: bool) -> Iterator[None]:
        folder = tmp_path / f"migrations-{side_by_side}"
        shutil.copytree(migrating.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "9000_next.py").write_text(NEXT.format(newest=newest(), side_by_side=side_by_side))
        with monkeypatch.context() as next_one:
            next_one.setattr(migrating, "MIGRATIONS", folder)
            yield

    return entered


async def test_an_older_process_goes_on_beside_a_newer_one_and_may_start_again(
    database_url: str, next_version: Next
) -> None:
    older = await open_store(database_url, told_to_nobody)
    before = await put_job(older, "before")
    if older.kind == "sqlite":  # one process at a time
        await older.close()
    with next_version(True):
        newer = await open_store(database_url, told_to_nobody)
        assert "flags" in await newer.read(shape)
        if newer.kind == "sqlite":
            await newer.close()
    if older.kind == "postgresql":
        await put_job(older, "beside")
        assert await newer.read(jobs.total) == await older.read(jobs.total) == 2
        await newer.close()
        await older.close()
    again = await open_store(database_url, told_to_nobody)
    assert await again.read(jobs.get, "before") == before
    await put_job(again, "after")
    assert look(database_url, lambda conn: jobs.get(conn, "after")) is not None
    await again.close()


async def test_what_older_ones_cannot_follow_waits_until_none_is_at_work(postgres_url: str, next_version: Next) -> None:
    older = await open_store(postgres_url, told_to_nobody)
    about = {"host": "here", "pid": 7, "machine": "", "version": "1", "queues": None, "concurrency": 1}
    moment = datetime.now(UTC)
    await older.write(
        nodes.join, Node(name="here:7", kind=NodeKind.SERVER, started_at=moment, heartbeat=moment, **about)
    )
    with next_version(False):
        assert "processes are at work on it: here:7. Stop them first" in await refusal(postgres_url)
        assert "flags" not in await older.read(shape)
        foreign(postgres_url, "UPDATE nodes SET heartbeat = 0")
        newer = await open_store(postgres_url, told_to_nobody)
        assert await newer.read(nodes.all_nodes) == [], "who only sleeps shall notice that it was given up"
        await newer.close()
    await older.close()
    assert "newer version of Cron-App" in await refusal(postgres_url)
    with pytest.raises(CannotStart, match="newer version of Cron-App"):
        look(postgres_url, jobs.total)


def test_each_migration_says_whether_older_programs_go_on_beside_it() -> None:
    since = [script for script in migrating.known() if script.revision >= "0008"]
    assert all(isinstance(getattr(script.module, "side_by_side", None), bool) for script in since)


# -- one server a file ----------------------------------------------------------------------------------------------


async def test_a_second_server_on_the_same_file_is_refused_and_told_whose_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/cronapp.db"
    store = await open_store(url, told_to_nobody)
    text = await refusal(url)
    assert f"process {os.getpid()}" in text
    assert "--database" in text
    await put_job(store)  # the first one goes on
    await store.close()
    again = await open_store(url, told_to_nobody)
    assert await again.read(jobs.total) == 1
    await again.close()


async def test_two_servers_may_have_files_of_their_own_in_one_folder(tmp_path: Path) -> None:
    stores = [await open_store(f"sqlite:///{tmp_path}/{name}.db", told_to_nobody) for name in "ab"]
    await put_job(stores[0])
    assert [await store.read(jobs.total) for store in stores] == [1, 0]
    for store in stores:
        await store.close()


async def test_a_refused_start_lets_go_of_the_lock(tmp_path: Path) -> None:
    file = tmp_path / "cronapp.db"
    file.write_bytes(b"this is a letter, not a database" * 200)
    await refusal(f"sqlite:///{file}")
    file.unlink()
    store = await open_store(f"sqlite:///{file}", told_to_nobody)
    await store.close()


async def test_a_reader_cannot_write(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/cronapp.db", told_to_nobody)
    with pytest.raises(Exception, match="readonly"):
        await store.read(lambda conn: conn.exec_driver_sql("DELETE FROM jobs"))
    await store.close()


async def test_an_sqlite_file_is_durable_and_keeps_its_foreign_keys(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/cronapp.db", told_to_nobody)
    pragmas = ("journal_mode", "synchronous", "foreign_keys")
    found = await store.write(lambda tx: [tx.conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas])
    assert found == ["wal", 2, 1]
    await store.close()


# -- what cannot be opened ------------------------------------------------------------------------------------------


def not_a_database(file: Path) -> None:
    file.write_bytes(b"this is a letter, not a database" * 200)


def torn(file: Path) -> None:
    """A database that lost its middle."""
    with closing(sqlite3.connect(file)) as conn, conn:
        conn.execute("CREATE TABLE jobs (id TEXT)")
        conn.executemany("INSERT INTO jobs VALUES (?)", [("x" * 500,) for _ in range(100)])
    pages = bytearray(file.read_bytes())
    pages[100:4096] = b"\xff" * 3996
    file.write_bytes(pages)


@pytest.mark.parametrize("spoil", [not_a_database, torn])
async def test_a_corrupt_file_is_refused_and_left_untouched(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    file = tmp_path / "cronapp.db"
    spoil(file)
    before = file.read_bytes()
    text = await refusal(f"sqlite:///{file}")
    assert str(file) in text
    assert "left untouched" in text
    assert file.read_bytes() == before


async def test_the_database_of_another_program_is_refused_and_keeps_its_tables(database_url: str) -> None:
    foreign(database_url, "CREATE TABLE runs (miles INTEGER)", "INSERT INTO runs VALUES (26)")
    assert "already exists" in await refusal(database_url)
    foreign(database_url, "CREATE TABLE jobs (id INTEGER)")  # fails if a half of ours was made


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    text = await refusal(f"sqlite:///{tmp_path}/none/cronapp.db")
    assert f"{tmp_path}/none" in text
    assert "does not exist" in text


async def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cronapp.db").mkdir()
    assert "cannot be used" in await refusal(f"sqlite:///{tmp_path}/cronapp.db")


OPEN_IT = """
import asyncio, os, sys
from cronapp.core.errors import CannotStart
from cronapp.core.failures import group_of
from cronapp.core.models import RunError, RunState
from cronapp.store.migrating import newest
from cronapp.store.open import open_store

async def main(elsewhere, url):
    if os.geteuid() == 0:  # root may write everywhere: once everything is imported, it puts its rights down
        await (await open_store(elsewhere, print)).close()
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    try:
        await open_store(url, print)
    except CannotStart as error:
        print(error)

asyncio.run(main(*sys.argv[1:]))
"""


def open_without_rights(url: str, tmp_path: Path) -> str:
    """What a user is told who owns nothing there."""
    command = [sys.executable, "-c", OPEN_IT, f"sqlite:///{tmp_path}/elsewhere.db", url]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.stderr == ""
    return answer.stdout.strip()


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users reach too; pytest's own is closed to them."""
    with tempfile.TemporaryDirectory(prefix="cronapp-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_folder_without_write_permission_is_refused_in_one_line(
    shared_folder: Path, tmp_path: Path, mode: int
) -> None:
    shared_folder.chmod(mode)
    text = open_without_rights(f"sqlite:///{shared_folder}/cronapp.db", tmp_path)
    shared_folder.chmod(0o755)
    assert text == f"The database {shared_folder}/cronapp.db cannot be written: Permission denied. Check the owner."
    assert list(shared_folder.iterdir()) == []


def test_a_file_without_write_permission_is_refused_in_one_line(shared_folder: Path, tmp_path: Path) -> None:
    file = shared_folder / "cronapp.db"
    with closing(sqlite3.connect(file)) as conn:
        conn.execute("CREATE TABLE t (id)")
    file.chmod(0o444)
    shared_folder.chmod(0o777)
    text = open_without_rights(f"sqlite:///{file}", tmp_path)
    assert "readonly" in text
    assert "Make the file and its folder writable" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("cronapp.db", "is no database URL"),
        ("", "is no database URL"),
        ("sqlite://", "Name a file"),
        ("sqlite:///:memory:", "Name a file"),
        ("mysql://localhost/x", "SQLite or PostgreSQL, not in mysql"),
        ("postgresql://nobody:secret@127.0.0.1:1/x?connect_timeout=5", "cannot be used: connection failed"),
        ("postgres://nobody:secret@127.0.0.1:1/x?connect_timeout=5", "cannot be used: connection failed"),
        ("postgresql://nobody@127.0.0.1:1/x?connect_timeout=5&password=secret", "cannot be used: connection failed"),
        ("postgresql://nobody:secret@127.0.0.1:54x/x?sslpassword=secret", "'postgresql://…@127.0.0.1:54x/x' is no"),
        ("postgresql//nobody:a secret/x@127.0.0.1/x", "'postgresql//…@127.0.0.1/x' is no database URL"),
    ],
)
async def test_a_wrong_url_is_told_in_one_line(url: str, words: str) -> None:
    text = await refusal(url)
    assert words in text
    assert "\n" not in text
    assert "secret" not in text


async def test_a_postgresql_database_that_is_not_there_is_told_in_one_line(postgres: str) -> None:
    text = await refusal(postgres.replace("/postgres?", "/no_such_one?"))
    assert 'database "no_such_one" does not exist' in text
    assert "\n" not in text


async def test_a_pooler_that_drops_what_a_connection_asks_for_is_told(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "line", lambda url: {})
    text = await refusal(postgres_url)
    assert "does not reach the database. If a pooler such as PgBouncer" in text
    assert "\n" not in text


async def test_without_its_driver_postgresql_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'cronapp[postgres]'" in await refusal("postgresql://127.0.0.1/x")


async def test_the_name_of_a_store_hides_its_password(database_url: str) -> None:
    store = await open_store(database_url, told_to_nobody)
    assert store.name.startswith(("SQLite, /", "PostgreSQL, postgresql"))
    size = await store.size()
    assert size is not None
    assert size > 0
    assert await store.read(lambda conn: conn.execute(select(1)).scalar()) == 1
    await store.close()


async def test_nobody_else_on_the_machine_reads_a_new_database(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = await open_store(f"sqlite:///{tmp_path / 'cronapp.db'}", lambda _: None)
        await put_job(store)
        modes = {file.name: oct(file.stat().st_mode & 0o777) for file in os.scandir(tmp_path)}
        await store.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("cronapp.db", "cronapp.db-wal", "cronapp.db-shm", "cronapp.db.lock"), "0o600")

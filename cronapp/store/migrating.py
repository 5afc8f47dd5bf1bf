"""Brings the tables to this program's version, and says which other versions may work with them.

A migration that leaves the tables so that programs of the revision before go on working with them is marked
`side_by_side = True`. So old and new processes share a database while one after another is replaced. Any other
migration waits until nobody is at work. The database itself keeps the oldest revision whose programs may work with it
(`revisions`, `program`), so that an older program knows it of migrations that it has never heard of.
"""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, delete, insert, inspect, select

from cronapp.core.errors import CannotStart
from cronapp.store import dialects, nodes, tables
from cronapp.store.tables import revisions

log = logging.getLogger(__name__)
MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x43524F4E  # one migration at a time on PostgreSQL
PROGRAM = "program"
NODES_SINCE = "0007"
NEWER = "The database was made by a newer version of Cron-App. Install that version again; nothing was changed."
AT_WORK = (
    "This version changes the database in a way that older ones cannot follow, and processes are at work on it: {}. "
    "Stop them first; one that was killed counts as gone after half a minute. Nothing was changed."
)


def migrate(conn: Connection) -> None:
    """Brings the tables up to date, once, also when several servers start together."""
    dialects.lock(conn, MIGRATION_LOCK)
    present = revision_of(conn)
    if present == newest():  # as nearly always: no need to load the migrations
        return
    scripts = known()
    if present is not None and present not in [script.revision for script in scripts]:
        if not is_fit(conn):
            raise CannotStart(NEWER)
        log.info("The database is of a newer version (%s), with which this one may work (%s).", present, newest())
        return
    if present is not None:
        be_alone(conn, present, [script for script in scripts if script.revision > present])
    config = migrations()
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
    note_oldest(conn, scripts)


def be_alone(conn: Connection, present: str, coming: list[Script]) -> None:
    """Where a migration is not side by side, nobody may be at work. An SQLite file has one process anyway. One that
    only sleeps finds itself given up when it wakes, and looks then whether it may go on (`store.beat`)."""
    if conn.dialect.name != "postgresql" or present < NODES_SINCE or all(map(side_by_side, coming)):
        return
    if others := nodes.alive(conn):
        raise CannotStart(AT_WORK.format(", ".join(others)))
    conn.execute(delete(tables.nodes))


def refuse_newer(conn: Connection) -> None:
    """Raises `CannotStart` where only newer programs may work with the tables that are there."""
    if (revision_of(conn) or "") > newest() and not is_fit(conn):
        raise CannotStart(NEWER)


def is_fit(conn: Connection) -> bool:
    """Whether this program may work with the tables that are there."""
    present = revision_of(conn)
    if present is None or present <= newest():
        return present == newest()
    if not inspect(conn).has_table(revisions.name):
        return False
    allowed = conn.execute(select(revisions.c.value).where(revisions.c.what == PROGRAM)).scalar()
    return allowed is not None and allowed <= newest()


def revision_of(conn: Connection) -> str | None:
    """The revision of the tables that are there; None: there are none yet."""
    return MigrationContext.configure(conn).get_current_revision()


def newest() -> str:
    """The revision that this program's tables are of: each migration's file begins with its revision."""
    return max(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("*.py"))


def note_oldest(conn: Connection, scripts: list[Script]) -> None:
    """Whose programs go on working with the newest tables: those of the last migration that is not side by side."""
    oldest = max(script.revision for script in scripts if not side_by_side(script))
    conn.execute(delete(revisions).where(revisions.c.what == PROGRAM))
    conn.execute(insert(revisions).values(what=PROGRAM, value=oldest))


def side_by_side(script: Script) -> bool:
    return bool(getattr(script.module, "side_by_side", False))


def known() -> list[Script]:
    """The migrations that this program has."""
    return list(ScriptDirectory.from_config(migrations()).walk_revisions())


def migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config

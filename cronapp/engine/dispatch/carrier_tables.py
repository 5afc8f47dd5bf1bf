"""The tables of procrastinate: made where there are none, and brought up to the package that is installed.

Its package brings a file for each change, in the order of their names. Those with `_pre_` leave the tables so that
processes with the package before go on; those with `_post_` come when there are none of these any more. Which one was
the last is written down in our own table `revisions`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cronapp.core.errors import CannotStart

log = logging.getLogger(__name__)
LOCK = 0x43524F51
WHAT = "procrastinate"
FIRST = "03.04.00_50_post_add_retry_failed_job_procedure"
"""What tables have of which nothing is written down: that of procrastinate 3.10, the first that was used."""
POST = "_post_"
OTHERS = (
    "SELECT count(*) FROM nodes WHERE name <> %s"
    " AND heartbeat > extract(epoch FROM clock_timestamp() - interval '30 s') * 1000000"
)
"""How many other processes were heard of lately."""
NEWER = (
    "The tables of procrastinate in this database are newer than the package that is installed here. Install the one "
    "that the other processes have: pip install --upgrade procrastinate"
)


def changes_in(folder: Path) -> dict[str, str]:
    """The statements of each change that the package brings, by its name, the first one first."""
    return {file.stem: file.read_text("utf-8") for file in sorted(folder.glob("*.sql"))}


async def bring_up(conn: Any, schema: str, changes: Mapping[str, str], node: str) -> None:
    """Does it once, also when several processes start together: others wait until `conn` is closed, which commits each
    statement by itself. `node` is the name of this process. Raises `CannotStart`."""
    await conn.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    names = list(changes)
    if not await one(conn, "SELECT to_regclass('procrastinate_jobs') IS NOT NULL"):
        await apply(conn, schema, names[-1])
        return
    last = await one(conn, "SELECT value FROM revisions WHERE what = %s", WHAT) or FIRST
    if last > names[-1] and POST in last:
        raise CannotStart(NEWER)
    for name in due([name for name in names if name > last], alone=not await one(conn, OTHERS, node)):
        log.info("The tables of procrastinate are brought to %s.", name)
        await apply(conn, changes[name], name)


def due(pending: Sequence[str], *, alone: bool) -> Sequence[str]:
    """What may be done now. The last changes of the newest package wait until nobody works with the one before."""
    if alone:
        return pending
    while pending and POST in pending[-1]:
        pending = pending[:-1]
    return pending


async def apply(conn: Any, statements: str, name: str) -> None:
    """Makes a change and writes it down, in one transaction."""
    async with conn.transaction():
        await conn.execute(statements)
        await conn.execute(
            "INSERT INTO revisions (what, value) VALUES (%s, %s)"
            " ON CONFLICT (what) DO UPDATE SET value = excluded.value",
            (WHAT, name),
        )


async def one(conn: Any, question: str, *given: Any) -> Any:
    """The first value of the answer; None: there is none."""
    row = await (await conn.execute(question, given or None)).fetchone()
    return row[0] if row else None

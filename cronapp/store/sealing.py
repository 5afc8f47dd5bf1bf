"""Rows of older versions, whose secrets are not encrypted yet, or with an older key: read and written in batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection, Table, Text, cast, delete, select, text, update

from cronapp.core.models import Json
from cronapp.store import channels, secrets
from cronapp.store.dialects import insert_or_ignore
from cronapp.store.store import Tx
from cronapp.store.tables import job_changes, jobs, runs, sealings, users

KEY = "key "
"""Begins what is noted of the key that everything is encrypted with."""
TOKEN = re.compile(r"(?<!\w)v1\.(\w{8})\.")
Change = Callable[[Json], Json]
"""A job, or of a run its task and its arguments, as it is to be kept; the same object if nothing changes."""


def done(conn: Connection) -> set[str]:
    """What the older rows were looked through for."""
    return set(conn.execute(select(sealings.c.what)).scalars())


def keys(conn: Connection) -> set[str]:
    """The keys, by the names that `Vault` gives them, that something is encrypted with: as it was noted, and as stored
    secrets, second factors, channels and jobs say it."""
    noted = {one.removeprefix(KEY) for one in done(conn) if one.startswith(KEY)}
    specs = select(cast(jobs.c.spec, Text)).where(cast(jobs.c.spec, Text).contains('"v1.'))
    channel_tokens = [token for _, _, token in channels.tokens(conn)]
    kept = [*secrets.tokens(conn).values(), *factors(conn).values(), *channel_tokens, *conn.scalars(specs)]
    return noted.union(*map(TOKEN.findall, kept))


def note(tx: Tx, what: Sequence[str], instead_of: Sequence[str] = ()) -> None:
    tx.conn.execute(delete(sealings).where(sealings.c.what.in_(instead_of)))
    for one in what:
        tx.conn.execute(insert_or_ignore(tx.conn, sealings).values(what=one))


def overwrite(tx: Tx) -> None:
    """From now on SQLite overwrites what it gives up. PostgreSQL does so when it cleans up."""
    if tx.conn.dialect.name == "sqlite":
        tx.conn.execute(text("PRAGMA secure_delete = ON"))


def factors(conn: Connection) -> dict[int, str]:
    """The encrypted secrets of second factors, by the account."""
    statement = select(users.c.id, users.c.totp).where(users.c.totp.is_not(None))
    return {row.id: row.totp for row in conn.execute(statement)}


def put_factor(tx: Tx, account: int, old: str, new: str) -> None:
    """The same secret under another key, unless there is another one meanwhile."""
    tx.conn.execute(update(users).where(users.c.id == account, users.c.totp == old).values(totp=new))


def seal_jobs(tx: Tx, change: Change, after: int, batch: int) -> int | None:
    """Changes the arguments of the next jobs behind that key; answers the last one's, None: there is none. Nobody
    changed the jobs, so they keep their versions."""
    return _seal(tx, jobs, ("spec", "code"), change, after, batch)


def seal_changes(tx: Tx, change: Change, after: int, batch: int) -> int | None:
    return _seal(tx, job_changes, ("spec",), change, after, batch)


def _seal(tx: Tx, table: Table, columns: Sequence[str], change: Change, after: int, batch: int) -> int | None:
    key = next(iter(table.primary_key.columns))
    shown = [table.c[name] for name in columns]
    statement = select(key, *shown).where(key > after).order_by(key).limit(batch).with_for_update()
    last = None
    for last, *documents in tx.conn.execute(statement).all():
        new = dict(_changed(columns, documents, change))
        if new:
            tx.conn.execute(update(table).where(key == last).values(**new))
    return last


def _changed(columns: Sequence[str], documents: Sequence[Json | None], change: Change) -> Iterator[tuple[str, Json]]:
    for name, document in zip(columns, documents, strict=True):
        if document and (new := change(document)) is not document:
            yield name, new


def seal_runs(tx: Tx, change: Change, after: int, batch: int) -> int | None:
    """The same for runs."""
    statement = select(runs.c.id, runs.c.task, runs.c.args).where(runs.c.id > after).order_by(runs.c.id).limit(batch)
    last = None
    for last, task, args in tx.conn.execute(statement).all():
        told = {"task": task, "args": args}
        if args and (new := change(told)) is not told:
            tx.conn.execute(update(runs).where(runs.c.id == last).values(args=new["args"]))
    return last

"""Channels: where messages go. Addresses and secrets are encrypted before they come here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, select, update

from cronapp.core.addressing import ABOUT as ADDRESS
from cronapp.core.channels import USUAL_MOST, Channel, ChannelGiven, Quiet, quiet_json
from cronapp.core.models import Json
from cronapp.store.dialects import insert_or_ignore
from cronapp.store.store import Tx
from cronapp.store.tables import channels, job_channels, jobs

ABOUT = {"url": ADDRESS, "secret": "signing"}
"""What each column is sealed as."""


def channel_of(row: RowMapping) -> Channel:
    quiet = row["quiet"]
    return Channel(
        name=row["name"],
        kind=row["kind"],
        shown=row["shown"],
        quiet=Quiet(start=quiet["from"], end=quiet["until"], timezone=quiet["timezone"]) if quiet else None,
        digest=row["digest"],
        most=row["most"] or USUAL_MOST,
        place=row["place"],
        at=row["at"],
        by=row["by"],
    )


def listed(conn: Connection) -> list[Channel]:
    rows = conn.execute(select(channels).order_by(channels.c.place.is_not(None), channels.c.name)).mappings()
    return [channel_of(row) for row in rows]


def get(conn: Connection, name: str) -> Channel | None:
    row = conn.execute(select(channels).where(channels.c.name == name)).mappings().first()
    return channel_of(row) if row else None


def named(conn: Connection, names: Sequence[str]) -> dict[str, Channel]:
    rows = conn.execute(select(channels).where(channels.c.name.in_(sorted(set(names))))).mappings()
    return {row["name"]: channel_of(row) for row in rows}


def users(conn: Connection, name: str, limit: int) -> list[str]:
    """The ids of the first jobs whose own rules name it."""
    statement = (
        select(jobs.c.id)
        .join(job_channels, job_channels.c.job_key == jobs.c.key)
        .where(job_channels.c.name == name)
        .order_by(jobs.c.id)
        .limit(limit)
    )
    return list(conn.execute(statement).scalars())


def counts(conn: Connection) -> dict[str, int]:
    """How many jobs name each channel that is named."""
    statement = select(job_channels.c.name, func.count()).group_by(job_channels.c.name)
    return {row[0]: row[1] for row in conn.execute(statement)}


def sealed(conn: Connection, name: str) -> tuple[str | None, str | None]:
    """The encrypted address, and what messages are signed with."""
    row = conn.execute(select(channels.c.url, channels.c.secret).where(channels.c.name == name)).first()
    return (row.url, row.secret) if row else (None, None)


def values_of(given: ChannelGiven, at: datetime, by: str) -> Json:
    return {
        "kind": given.kind,
        "quiet": quiet_json(given.quiet),
        "digest": given.digest,
        "most": given.most,
        "at": at,
        "by": by,
    }


def create(tx: Tx, name: str, given: ChannelGiven, *, url: str, shown: str, secret: str | None, at: datetime) -> bool:
    """False: there is one of that name."""
    values = values_of(given, at, tx.by.name) | {"url": url, "shown": shown, "secret": secret}
    added = insert_or_ignore(tx.conn, channels).values(name=name, **values).returning(channels.c.name)
    return tx.conn.execute(added).scalar() is not None


def change(tx: Tx, name: str, given: ChannelGiven, *, at: datetime, **sealed: Any) -> bool:
    """`sealed` are the address as it is kept and as it is shown, and the secret, as far as they change."""
    values = values_of(given, at, tx.by.name) | sealed
    mine = (channels.c.name == name, channels.c.place.is_(None))
    return tx.conn.execute(update(channels).where(*mine).values(**values)).rowcount == 1


def set_secret(tx: Tx, name: str, secret: str, at: datetime) -> bool:
    mine = (channels.c.name == name, channels.c.kind == "hook")
    return tx.conn.execute(update(channels).where(*mine).values(secret=secret, at=at, by=tx.by.name)).rowcount == 1


def remove(tx: Tx, name: str) -> bool:
    mine = (channels.c.name == name, channels.c.place.is_(None))
    return tx.conn.execute(delete(channels).where(*mine)).rowcount == 1


def settle_settings(tx: Tx, shown: Sequence[str], at: datetime) -> list[str]:
    """A channel for each address of the setting NOTIFY; of the address only what may be shown is kept. Answers their
    names."""
    tx.conn.execute(delete(channels).where(channels.c.place.is_not(None), channels.c.place >= len(shown)))
    names = [f"settings-{n}" for n in range(1, len(shown) + 1)]
    for place, (name, text) in enumerate(zip(names, shown, strict=True)):
        values = {"shown": text, "place": place}
        own = {"kind": "apprise", "digest": 0, "at": at, "by": "the settings", **values}
        if not tx.conn.execute(insert_or_ignore(tx.conn, channels).values(name=name, **own)).rowcount:
            tx.conn.execute(update(channels).where(channels.c.name == name).values(**values))
    return names


def tokens(conn: Connection) -> Iterator[tuple[str, str, str]]:
    """What is kept encrypted: the channel, the column, and what stands there."""
    for row in conn.execute(select(channels.c.name, channels.c.url, channels.c.secret)).all():
        yield from ((row.name, column, token) for column in ABOUT if (token := getattr(row, column)) is not None)


def reseal(tx: Tx, name: str, column: str, old: str, new: str) -> None:
    """The same under another key, unless there is another one meanwhile."""
    mine = (channels.c.name == name, channels.c[column] == old)
    tx.conn.execute(update(channels).where(*mine).values(**{column: new}))

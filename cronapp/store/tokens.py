"""API tokens. Only hashes of their secrets are kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update

from cronapp.core.access import Sight
from cronapp.core.events import TokensChanged
from cronapp.core.tokens import Token
from cronapp.store.store import Tx
from cronapp.store.tables import tokens

SHOWN = tuple(column for column in tokens.c if column is not tokens.c.hash)


class New(NamedTuple):
    """A token to keep, with the hash of its secret."""

    name: str
    hash: str
    start: str
    sight: Sight
    created_at: datetime
    expires_at: datetime | None


def add(tx: Tx, new: New) -> Token:
    """Keeps a new token, as made by who asked for the transaction."""
    same = {name: value for name, value in new._asdict().items() if name != "sight"}
    made = tx.conn.execute(insert(tokens).values({**same, **new.sight.words, "by": tx.by.name})).inserted_primary_key
    token = get(tx.conn, made[0]) if made else None
    assert token is not None
    tx.emit(TokensChanged(token.id))
    return token


def get(conn: Connection, token_id: int) -> Token | None:
    return one(conn, tokens.c.id == token_id)


def of_hash(conn: Connection, digest: str) -> Token | None:
    """The token of that hash, also if it is good for nothing any more."""
    return one(conn, tokens.c.hash == digest)


def page(conn: Connection, before: int | None, limit: int) -> list[Token]:
    """The tokens, the newest first."""
    statement = select(*SHOWN).order_by(tokens.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(tokens.c.id < before)
    return [token_of(row) for row in conn.execute(statement)]


def touch(tx: Tx, token_id: int, now: datetime, every: timedelta) -> bool:
    """Writes down that it was used, unless that was done a moment ago."""
    due = or_(tokens.c.used_at.is_(None), tokens.c.used_at <= now - every)
    return changed(tx, token_id, due, used_at=now)


def revoke(tx: Tx, token_id: int, now: datetime) -> bool:
    """False: it is revoked already, or not there."""
    return changed(tx, token_id, tokens.c.revoked_at.is_(None), revoked_at=now)


def rename(tx: Tx, token_id: int, name: str) -> bool:
    """False: it is called so already, or not there."""
    return changed(tx, token_id, tokens.c.name != name, name=name)


def prune(tx: Tx, before: datetime) -> int:
    """Deletes those that were good for nothing any more before a moment; answers how many."""
    ended = or_(tokens.c.revoked_at < before, tokens.c.expires_at < before)
    gone = tx.conn.execute(delete(tokens).where(ended).returning(tokens.c.id)).scalars().all()
    for token_id in gone:
        tx.emit(TokensChanged(token_id))
    return len(gone)


def changed(tx: Tx, token_id: int, where: ColumnElement[bool], **values: Any) -> bool:
    done = tx.conn.execute(update(tokens).where(tokens.c.id == token_id, where).values(values)).rowcount == 1
    if done:
        tx.emit(TokensChanged(token_id))
    return done


def one(conn: Connection, where: ColumnElement[bool]) -> Token | None:
    row = conn.execute(select(*SHOWN).where(where)).first()
    return token_of(row) if row else None


def token_of(row: Any) -> Token:
    same = {column.name: getattr(row, column.name) for column in SHOWN if column.name not in ("role", "tags")}
    return Token(sight=Sight.of(row.role, row.tags), **same)

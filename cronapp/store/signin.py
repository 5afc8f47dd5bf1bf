"""One-time sign-in links and sessions. Only hashes of their secrets are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from cronapp.core.access import Role, Sight
from cronapp.core.events import SessionsChanged
from cronapp.store.store import Tx
from cronapp.store.tables import sessions, sign_in_links, users


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in, since when, and until when at the latest."""

    hash: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    user: str
    sight: Sight  # of the account as it is now, so that a change of it holds at once
    user_id: int | None = None  # None: without an account, by a link or the admin token
    agent: str = ""
    address: str = ""
    subject: str = ""  # who they are where they signed in, if that was elsewhere

    @property
    def id(self) -> str:
        """Enough of the hash to name it on a page."""
        return self.hash[:16]


def add_link(tx: Tx, digest: str, expires_at: datetime, now: datetime) -> None:
    tx.conn.execute(delete(sign_in_links).where(sign_in_links.c.expires_at < now))
    tx.conn.execute(insert(sign_in_links).values(hash=digest, expires_at=expires_at))


def use_link(tx: Tx, digest: str, now: datetime) -> bool:
    """Uses a link up; False when there is no such link, it has expired, or was used already."""
    statement = (
        update(sign_in_links)
        .where(sign_in_links.c.hash == digest, sign_in_links.c.used_at.is_(None), sign_in_links.c.expires_at > now)
        .values(used_at=now)
    )
    return tx.conn.execute(statement).rowcount == 1


def add_session(tx: Tx, session: Session) -> None:
    tx.conn.execute(delete(sessions).where(sessions.c.expires_at < session.created_at))
    tx.conn.execute(
        insert(sessions).values(
            hash=session.hash,
            created_at=session.created_at,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
            user=session.user,
            role=session.sight.role,
            user_id=session.user_id,
            agent=session.agent,
            address=session.address,
        )
    )
    tx.emit(SessionsChanged())


SESSIONS = (
    select(sessions, users.c.name, users.c.role.label("account_role"), users.c.tags, users.c.subject)
    .outerjoin(users, users.c.id == sessions.c.user_id)
    .where(users.c.disabled_at.is_(None))
)


def session(conn: Connection, digest: str) -> Session | None:
    row = conn.execute(SESSIONS.where(sessions.c.hash == digest)).first()
    return session_of(row) if row else None


def living(conn: Connection, now: datetime, idle: timedelta, limit: int) -> list[Session]:
    """The sessions that are good for something, those seen last first."""
    statement = (
        SESSIONS.where(sessions.c.expires_at > now, sessions.c.seen_at > now - idle)
        .order_by(sessions.c.seen_at.desc(), sessions.c.hash)
        .limit(limit)
    )
    return [session_of(row) for row in conn.execute(statement)]


def session_of(row: Any) -> Session:
    return Session(
        hash=row.hash,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        user=row.name or row.user,
        sight=Sight(Role(row.account_role or row.role), None if row.tags is None else frozenset(row.tags)),
        user_id=row.user_id,
        agent=row.agent or "",
        address=row.address or "",
        subject=row.subject or "",
    )


def touch_session(tx: Tx, digest: str, now: datetime) -> None:
    tx.conn.execute(update(sessions).where(sessions.c.hash == digest).values(seen_at=now))
    tx.emit(SessionsChanged())


def end_session(tx: Tx, digest: str) -> None:
    tx.conn.execute(delete(sessions).where(sessions.c.hash == digest))
    tx.emit(SessionsChanged())


def end_named(tx: Tx, start: str) -> bool:
    """Ends the session whose hash begins so; False: there is none."""
    gone = tx.conn.execute(delete(sessions).where(sessions.c.hash.startswith(start, autoescape=True))).rowcount
    tx.emit(SessionsChanged())
    return gone > 0


def end_others(tx: Tx, digest: str) -> int:
    """Ends all sessions but that one; answers how many."""
    gone = tx.conn.execute(delete(sessions).where(sessions.c.hash != digest)).rowcount
    tx.emit(SessionsChanged())
    return gone

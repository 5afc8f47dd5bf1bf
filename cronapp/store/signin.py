"""One-time sign-in links, sign-ins that wait for a code, and sessions. Only hashes of their secrets are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from cronapp.core.access import Sight
from cronapp.core.events import SessionsChanged
from cronapp.store.store import Tx
from cronapp.store.tables import half_sign_ins, sessions, sign_in_links, users


class Way(StrEnum):
    """How somebody signed in."""

    LINK = "link"
    TOKEN = "token"
    PASSWORD = "password"
    CODE = "code"  # and a password
    RECOVERY = "recovery"  # a code of last resort, and a password
    ELSEWHERE = "elsewhere"  # at a service that knows them


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
    way: Way | None = None

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
            way=session.way,
        )
    )
    if session.user_id is not None:
        tx.conn.execute(update(users).where(users.c.id == session.user_id).values(seen_at=session.created_at))
    tx.emit(SessionsChanged())


def add_half(tx: Tx, digest: str, person_id: int, expires_at: datetime, now: datetime) -> None:
    """Of somebody whose password was good, and whose code is asked for next."""
    tx.conn.execute(delete(half_sign_ins).where(half_sign_ins.c.expires_at < now))
    tx.conn.execute(insert(half_sign_ins).values(hash=digest, user_id=person_id, expires_at=expires_at))


def half_of(conn: Connection, digest: str, now: datetime) -> int | None:
    """Whose code is asked for."""
    statement = select(half_sign_ins.c.user_id).where(half_sign_ins.c.hash == digest, half_sign_ins.c.expires_at > now)
    return conn.execute(statement).scalar()


def end_half(tx: Tx, digest: str) -> bool:
    """Uses it up; False: it was, or its account is gone or disabled."""
    return tx.conn.execute(delete(half_sign_ins).where(half_sign_ins.c.hash == digest)).rowcount == 1


SESSIONS = (
    select(sessions, users.c.name, users.c.role.label("account_role"), users.c.tags, users.c.subject)
    .outerjoin(users, users.c.id == sessions.c.user_id)
    .where(users.c.disabled_at.is_(None))
)


def session(conn: Connection, digest: str) -> Session | None:
    row = conn.execute(SESSIONS.where(sessions.c.hash == digest)).first()
    return session_of(row) if row else None


def living(conn: Connection, now: datetime, idle: timedelta, limit: int, user_id: int | None = None) -> list[Session]:
    """The sessions that are good for something, of one account or of all, those seen last first."""
    statement = (
        SESSIONS.where(sessions.c.expires_at > now, sessions.c.seen_at > now - idle)
        .order_by(sessions.c.seen_at.desc(), sessions.c.hash)
        .limit(limit)
    )
    if user_id is not None:
        statement = statement.where(sessions.c.user_id == user_id)
    return [session_of(row) for row in conn.execute(statement)]


def session_of(row: Any) -> Session:
    return Session(
        hash=row.hash,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        user=row.name or row.user,
        sight=Sight.of(row.account_role or row.role, row.tags),
        user_id=row.user_id,
        agent=row.agent or "",
        address=row.address or "",
        subject=row.subject or "",
        way=Way(row.way) if row.way else None,
    )


def touch_session(tx: Tx, session: Session, now: datetime) -> None:
    tx.conn.execute(update(sessions).where(sessions.c.hash == session.hash).values(seen_at=now))
    if session.user_id is not None:
        tx.conn.execute(update(users).where(users.c.id == session.user_id).values(seen_at=now))
    tx.emit(SessionsChanged(seen=True))


def named(conn: Connection, start: str, user_id: int | None = None) -> Session | None:
    """The session whose hash begins so, if it is of that account, or of any."""
    statement = SESSIONS.where(sessions.c.hash.startswith(start, autoescape=True))
    row = conn.execute(statement if user_id is None else statement.where(sessions.c.user_id == user_id)).first()
    return session_of(row) if row else None


def end_session(tx: Tx, digest: str) -> bool:
    """False: it has ended already."""
    gone = tx.conn.execute(delete(sessions).where(sessions.c.hash == digest)).rowcount
    tx.emit(SessionsChanged())
    return gone == 1


def end_others(tx: Tx, digest: str) -> int:
    """Ends all sessions but that one; answers how many."""
    gone = tx.conn.execute(delete(sessions).where(sessions.c.hash != digest)).rowcount
    tx.emit(SessionsChanged())
    return gone

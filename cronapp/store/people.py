"""Accounts. What is secret of them is asked for by questions of its own and leaves this layer only to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, func, literal, or_, select, update

from cronapp.core.access import Role, Sight
from cronapp.core.events import PeopleChanged, SessionsChanged
from cronapp.core.people import Person
from cronapp.store.dialects import insert_or_ignore, lock
from cronapp.store.store import Tx
from cronapp.store.tables import half_sign_ins, recovery_codes, sessions, sign_in_links, users

KEEPING = 0x43524F50  # whoever changes who keeps the people here: one transaction at a time
PERSON = (
    *(users.c.id, users.c.name, users.c.role, users.c.tags, users.c.created_at, users.c.by, users.c.disabled_at),
    *(users.c.seen_at, users.c.changed_at),
    users.c.password.is_not(None).label("has_password"),
    users.c.subject.is_not(None).label("elsewhere"),
    users.c.totp_step.is_not(None).label("second_factor"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What opens an account: the hash of its password, and whether a code is asked for too."""

    person: Person
    password: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A second factor: its encrypted secret, and the step of the newest code. No step: it is not in use yet."""

    totp: str
    step: int | None


# -- questions ------------------------------------------------------------------------------------------------------


def person_of(row: Any) -> Person:
    sight = Sight.of(row.role, row.tags)
    same = {column.name: getattr(row, column.name) for column in PERSON if column.name not in ("role", "tags")}
    return Person(sight=sight, **same)


def one(conn: Connection, where: ColumnElement[bool]) -> Person | None:
    row = conn.execute(select(*PERSON).where(where)).first()
    return person_of(row) if row else None


def get(conn: Connection, person_id: int) -> Person | None:
    return one(conn, users.c.id == person_id)


def find(conn: Connection, folded: str) -> Person | None:
    return one(conn, users.c.folded == folded)


def page(conn: Connection, after: str | None, limit: int) -> list[tuple[str, Person]]:
    """Accounts in the order of their folded names, each with that name."""
    statement: Select[Any] = select(*PERSON, users.c.folded).order_by(users.c.folded).limit(limit)
    if after is not None:
        statement = statement.where(users.c.folded > after)
    return [(row.folded, person_of(row)) for row in conn.execute(statement)]


def signed_in(conn: Connection, ids: list[int], now: datetime, seen_since: datetime) -> Mapping[int, int]:
    """In how many browsers each of them is signed in."""
    statement = (
        select(sessions.c.user_id, func.count())
        .where(sessions.c.user_id.in_(ids), sessions.c.expires_at > now, sessions.c.seen_at > seen_since)
        .group_by(sessions.c.user_id)
    )
    return {row[0]: row[1] for row in conn.execute(statement)}


def any_account(conn: Connection) -> bool:
    return bool(conn.execute(select(exists().where(users.c.id.is_not(None)))).scalar())


def any_open_account(conn: Connection) -> bool:
    """Whether anybody can sign in with an account."""
    return bool(conn.execute(select(exists().where(users.c.disabled_at.is_(None)))).scalar())


def lock_of(conn: Connection, where: ColumnElement[bool]) -> Lock | None:
    row = conn.execute(select(*PERSON, users.c.password).where(where, users.c.disabled_at.is_(None))).first()
    return Lock(person=person_of(row), password=row.password) if row else None


def lock_named(conn: Connection, folded: str) -> Lock | None:
    """What opens the account of that name, if it is not disabled."""
    return lock_of(conn, users.c.folded == folded)


def lock_numbered(conn: Connection, person_id: int) -> Lock | None:
    return lock_of(conn, users.c.id == person_id)


def factor_of(conn: Connection, person_id: int) -> Factor | None:
    row = conn.execute(select(users.c.totp, users.c.totp_step).where(users.c.id == person_id)).first()
    return Factor(totp=row.totp, step=row.totp_step) if row and row.totp else None


def codes_left(conn: Connection, person_id: int) -> int:
    counted = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.user_id == person_id)
    return conn.execute(counted).scalar() or 0


# -- changes --------------------------------------------------------------------------------------------------------


def add(
    tx: Tx,
    name: str,
    folded: str,
    sight: Sight,
    now: datetime,
    *,
    password: str | None = None,
    subject: str | None = None,
    first: bool = False,
) -> int | None:
    """Makes an account and answers its number. None: the name is taken, or with `first`, there is an account already.

    With the first account the one-time links and the sessions that began with one are over.
    """
    lock(tx.conn, KEEPING)
    before = any_account(tx.conn)
    if first and before:
        return None
    values = {"name": name, "folded": folded, "created_at": now, "by": tx.by.name, "changed_at": now}
    values |= {"password": password, "subject": subject, **sight.words}
    made = tx.conn.execute(insert_or_ignore(tx.conn, users).values(values).returning(users.c.id)).scalar()
    if made is None:
        return None
    if not before:
        tx.conn.execute(delete(sign_in_links))
        tx.conn.execute(delete(sessions).where(sessions.c.way == "link"))
    told(tx)
    return int(made)


def told(tx: Tx) -> None:
    tx.emit(PeopleChanged())
    tx.emit(SessionsChanged())


def is_needed(person_id: int) -> ColumnElement[bool]:
    """Whether they are the only one that keeps the people here, so that nothing may take that away."""
    other = users.alias("other")
    keeps = users.c.role == Role.ADMIN, users.c.disabled_at.is_(None)
    another = exists().where(other.c.id != person_id, other.c.role == Role.ADMIN, other.c.disabled_at.is_(None))
    return keeps[0] & keeps[1] & ~another


def change_sight(tx: Tx, person_id: int, sight: Sight) -> bool:
    """False: there is no such account, or nobody would keep the people here any more."""
    lock(tx.conn, KEEPING)
    allowed = or_(literal(sight.role is Role.ADMIN), ~is_needed(person_id))
    statement = update(users).where(users.c.id == person_id, allowed)
    changed = tx.conn.execute(statement.values(sight.words)).rowcount
    told(tx)
    return changed == 1


def disable(tx: Tx, person_id: int, now: datetime) -> bool:
    """Ends their sessions too. False: as with `change_sight`, or they are disabled already."""
    lock(tx.conn, KEEPING)
    statement = update(users).where(users.c.id == person_id, users.c.disabled_at.is_(None), ~is_needed(person_id))
    if tx.conn.execute(statement.values(disabled_at=now)).rowcount != 1:
        return False
    end_sessions(tx, person_id)
    return True


def enable(tx: Tx, person_id: int) -> bool:
    statement = update(users).where(users.c.id == person_id, users.c.disabled_at.is_not(None)).values(disabled_at=None)
    changed = tx.conn.execute(statement).rowcount
    told(tx)
    return changed == 1


def remove(tx: Tx, person_id: int) -> bool:
    """With all that is theirs. False: as with `change_sight`."""
    lock(tx.conn, KEEPING)
    gone = tx.conn.execute(delete(users).where(users.c.id == person_id, ~is_needed(person_id))).rowcount
    told(tx)
    return gone == 1


def set_password(tx: Tx, person_id: int, password: str, now: datetime, *, keep: str = "") -> bool:
    """Ends all their sessions but the one of that hash."""
    statement = update(users).where(users.c.id == person_id).values(password=password, changed_at=now)
    if tx.conn.execute(statement).rowcount != 1:
        return False
    end_sessions(tx, person_id, keep=keep)
    return True


def renew_hash(tx: Tx, person_id: int, old: str, new: str) -> None:
    """The same password, hashed more slowly; nothing if it was changed meanwhile."""
    tx.conn.execute(update(users).where(users.c.id == person_id, users.c.password == old).values(password=new))


def end_sessions(tx: Tx, person_id: int, *, keep: str = "") -> int:
    """Ends all their sessions but the one of that hash, and what of a sign-in there is; answers how many."""
    tx.conn.execute(delete(half_sign_ins).where(half_sign_ins.c.user_id == person_id))
    gone = tx.conn.execute(delete(sessions).where(sessions.c.user_id == person_id, sessions.c.hash != keep)).rowcount
    told(tx)
    return gone


# -- the second factor ----------------------------------------------------------------------------------------------


def begin_factor(tx: Tx, person_id: int, totp: str) -> bool:
    """Keeps the secret of a factor that is not in use yet. False: one is in use."""
    statement = update(users).where(users.c.id == person_id, users.c.totp_step.is_(None)).values(totp=totp)
    return tx.conn.execute(statement).rowcount == 1


def begin_use(tx: Tx, person_id: int, totp: str, step: int) -> bool:
    """Takes the factor of that secret into use."""
    statement = update(users).where(users.c.id == person_id, users.c.totp == totp, users.c.totp_step.is_(None))
    changed = tx.conn.execute(statement.values(totp_step=step)).rowcount
    told(tx)
    return changed == 1


def use_code(tx: Tx, person_id: int, step: int) -> bool:
    """Uses up the code of a step and all before it. False: it was used."""
    statement = update(users).where(users.c.id == person_id, users.c.totp_step < step).values(totp_step=step)
    return tx.conn.execute(statement).rowcount == 1


def reseal_factor(tx: Tx, person_id: int, old: str, new: str) -> None:
    """The same secret, encrypted with another key; nothing if it was changed meanwhile."""
    tx.conn.execute(update(users).where(users.c.id == person_id, users.c.totp == old).values(totp=new))


def end_factor(tx: Tx, person_id: int) -> bool:
    tx.conn.execute(delete(recovery_codes).where(recovery_codes.c.user_id == person_id))
    statement = update(users).where(users.c.id == person_id, users.c.totp.is_not(None))
    changed = tx.conn.execute(statement.values(totp=None, totp_step=None)).rowcount
    told(tx)
    return changed == 1


def put_codes(tx: Tx, person_id: int, hashes: list[str]) -> None:
    """In place of those that were left."""
    tx.conn.execute(delete(recovery_codes).where(recovery_codes.c.user_id == person_id))
    tx.conn.execute(recovery_codes.insert(), [{"user_id": person_id, "hash": one} for one in hashes])
    told(tx)


def use_recovery(tx: Tx, person_id: int, digest: str) -> bool:
    """Uses a recovery code up. False: there is none such, or it was used."""
    of_them = recovery_codes.c.user_id == person_id, recovery_codes.c.hash == digest
    gone = tx.conn.execute(delete(recovery_codes).where(*of_them)).rowcount
    tx.emit(PeopleChanged())
    return gone == 1

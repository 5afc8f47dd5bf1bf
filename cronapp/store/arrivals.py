"""Accounts of people who sign in elsewhere: they are made when they come for the first time."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from cronapp.core.access import Role, Sight
from cronapp.store.dialects import insert_or_ignore
from cronapp.store.store import Tx
from cronapp.store.tables import users

TAKEN = frozenset(("cron-app", "the admin token", "code", "admin"))
"""By these names the audit calls who has no account."""
SAME = 1000  # people of one name


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Who came, as their account has them."""

    id: int
    name: str
    sight: Sight
    disabled: bool


def arrival(conn: Connection, subject: str) -> Arrival | None:
    """The account of who is known elsewhere by that subject."""
    row = conn.execute(select(users).where(users.c.subject == subject)).first()
    if row is None:
        return None
    sight = Sight(Role(row.role), None if row.tags is None else frozenset(row.tags))
    return Arrival(id=row.id, name=row.name, sight=sight, disabled=row.disabled_at is not None)


def add(tx: Tx, subject: str, name: str, sight: Sight, now: datetime, by: str) -> Arrival | None:
    """A new account under that name, or with a number if another one has it: whoever chooses their name elsewhere must
    not come in as somebody who is known here. None: another request made the account just now."""
    for n in range(1, SAME):
        called = name if n == 1 else f"{name} {n}"
        if folded(called) in TAKEN:
            continue
        values = {"name": called, "folded": folded(called), "subject": subject, "created_at": now, "by": by}
        statement = insert_or_ignore(tx.conn, users).values(**values, **stored(sight))
        if tx.conn.execute(statement).rowcount or arrival(tx.conn, subject):
            break
    return arrival(tx.conn, subject)


def renew(tx: Tx, account: Arrival, sight: Sight) -> None:
    """Gives the account the role that its groups give today."""
    tx.conn.execute(update(users).where(users.c.id == account.id).values(**stored(sight)))


def stored(sight: Sight) -> dict[str, object]:
    return {"role": sight.role.value, "tags": None if sight.tags is None else sorted(sight.tags)}


def folded(name: str) -> str:
    """A name as it is compared: letters that look alike in another size or width are the same."""
    return unicodedata.normalize("NFKC", name).casefold().strip()

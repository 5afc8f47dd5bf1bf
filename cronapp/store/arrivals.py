"""Accounts of people who sign in elsewhere: they are made when they come for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from cronapp.core.access import Role, Sight
from cronapp.core.people import OURS, folded
from cronapp.store import people
from cronapp.store.store import Tx
from cronapp.store.tables import users

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


def add(tx: Tx, subject: str, name: str, sight: Sight, now: datetime) -> Arrival | None:
    """A new account under that name, or with a number if another one has it: whoever chooses their name elsewhere must
    not come in as somebody who is known here. None: another request made the account just now."""
    for n in range(1, SAME):
        called = name if n == 1 else f"{name} {n}"
        if folded(called) not in OURS and people.add(tx, called, folded(called), sight, now, subject=subject):
            break
        if arrival(tx.conn, subject):
            break
    return arrival(tx.conn, subject)


def renew(tx: Tx, account: Arrival, sight: Sight) -> None:
    """Gives the account the role that its groups give today."""
    tx.conn.execute(update(users).where(users.c.id == account.id).values(role=sight.role, tags=people.listed(sight)))
    people.told(tx)

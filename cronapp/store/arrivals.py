"""Accounts of people who sign in elsewhere: they are made when they come for the first time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, update

from cronapp.core.access import Sight
from cronapp.core.people import OURS, Person, folded
from cronapp.store import people
from cronapp.store.store import Tx
from cronapp.store.tables import users

SAME = 1000  # people of one name


def arrival(conn: Connection, subject: str) -> Person | None:
    """The account of who is known elsewhere by that subject."""
    return people.one(conn, users.c.subject == subject)


def add(tx: Tx, subject: str, name: str, sight: Sight, now: datetime) -> Person | None:
    """A new account under that name, or with a number if another one has it: whoever chooses their name elsewhere must
    not come in as somebody who is known here. None: another request made the account just now."""
    for n in range(1, SAME):
        called = name if n == 1 else f"{name} {n}"
        if folded(called) not in OURS and people.add(tx, called, folded(called), sight, now, subject=subject):
            break
        if arrival(tx.conn, subject):
            break
    return arrival(tx.conn, subject)


def renew(tx: Tx, account: Person, sight: Sight) -> None:
    """Gives the account the role that its groups give today."""
    tx.conn.execute(update(users).where(users.c.id == account.id).values(sight.words))
    people.told(tx)

"""Saved views: the filters of a list under a name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from cronapp.store import dialects
from cronapp.store.store import Tx
from cronapp.store.tables import saved_views


@dataclass(frozen=True, slots=True)
class SavedView:
    """What a list shows under this name: the query of its address."""

    name: str
    query: str
    at: datetime
    by: str


def of_page(conn: Connection, page: str) -> list[SavedView]:
    columns = (saved_views.c.name, saved_views.c.query, saved_views.c.at, saved_views.c.by)
    statement = select(*columns).where(saved_views.c.page == page).order_by(func.lower(saved_views.c.name))
    return [SavedView(*row) for row in conn.execute(statement)]


def put(tx: Tx, page: str, view: SavedView) -> None:
    """Saves a view, in place of the one of that name."""
    dialects.put(tx.conn, saved_views, page=page, name=view.name, query=view.query, at=view.at, by=view.by)


def remove(tx: Tx, page: str, name: str) -> bool:
    statement = delete(saved_views).where(saved_views.c.page == page, saved_views.c.name == name)
    return tx.conn.execute(statement).rowcount == 1

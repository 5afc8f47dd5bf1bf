"""Saved views of the lists, which all users share."""

from __future__ import annotations

from cronapp.core.clock import Clock
from cronapp.core.errors import InvalidInput, ViewNotFound
from cronapp.core.events import ViewsChanged
from cronapp.store import audit, saved_views
from cronapp.store.saved_views import SavedView
from cronapp.store.store import Store, Tx

LONGEST_NAME, MOST = 40, 50


class SavedViews:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def of_page(self, page: str) -> list[SavedView]:
        """The views of a list, by their names."""
        return await self.store.read(saved_views.of_page, page)

    async def save(self, page: str, name: str, query: str, *, by: str) -> SavedView:
        """Saves what an address shows under a name, in place of what had that name; raises `InvalidInput`."""
        view = SavedView(checked(name), query, self.clock(), by)

        def change(tx: Tx) -> SavedView:
            present = {one.name: one for one in saved_views.of_page(tx.conn, page)}
            old = present.pop(view.name, None)
            if len(present) >= MOST:
                raise InvalidInput.of("name", f"There are {MOST} views already. Remove one of them first.")
            saved_views.put(tx, page, view)
            before = {"shows": old.query} if old else None
            audit.note(tx, view.at, "view.saved", view.name, before=before, after={"of": page, "shows": query})
            tx.emit(ViewsChanged(page))
            return view

        return await self.store.write(change)

    async def remove(self, page: str, name: str) -> None:
        """Removes a view; raises `ViewNotFound`."""

        def change(tx: Tx) -> None:
            old = next((one for one in saved_views.of_page(tx.conn, page) if one.name == name), None)
            if old is None or not saved_views.remove(tx, page, name):
                raise ViewNotFound
            audit.note(tx, self.clock(), "view.removed", name, before={"of": page, "shows": old.query})
            tx.emit(ViewsChanged(page))

        await self.store.write(change)


def checked(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InvalidInput.of("name", "Give the view a name.")
    if len(name) > LONGEST_NAME:
        raise InvalidInput.of("name", f"A name has at most {LONGEST_NAME} characters.")
    return name

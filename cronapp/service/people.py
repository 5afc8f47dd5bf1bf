"""Accounts: who there is, what they may do, and their passwords."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

from cronapp.core.access import Role, Sight
from cronapp.core.clock import Clock
from cronapp.core.errors import AccountsExist, Conflict, CronAppError, InvalidInput, LastAdmin, PersonNotFound
from cronapp.core.people import TAKEN, Person, folded, name_of
from cronapp.core.sights import sight_of
from cronapp.service.passwords import hashed
from cronapp.store import people
from cronapp.store.audit import note
from cronapp.store.store import Store, Tx

FIRST = "The first account has to keep the people here: choose admin."
P = ParamSpec("P")
R = TypeVar("R")


class People:
    def __init__(self, store: Store, clock: Clock, idle: timedelta) -> None:
        """`idle` is after how long a browser counts as signed out."""
        self.store = store
        self.clock = clock
        self.idle = idle

    async def page(self, *, after: str | None = None, limit: int = 50) -> tuple[list[Person], str | None]:
        """One page of accounts in the order of their names, and what to go on after, if there are more."""
        listed = await self.store.read(people.page, after, limit + 1)
        return [person for _, person in listed[:limit]], listed[limit - 1][0] if len(listed) > limit else None

    async def browsers(self, listed: list[Person]) -> Mapping[int, int]:
        """In how many browsers each of them is signed in."""
        now = self.clock()
        return await self.store.read(people.signed_in, [person.id for person in listed], now, now - self.idle)

    async def get(self, person_id: int) -> Person:
        """Raises `PersonNotFound`."""
        return known(await self.store.read(people.get, person_id))

    async def find(self, name: str) -> Person:
        """By the name, whatever its capitals. Raises `PersonNotFound`."""
        return known(await self.store.read(people.find, folded(name)))

    async def any(self) -> bool:
        """Whether there is an account."""
        return await self.store.read(people.any_account)

    async def add(self, name: Any, password: Any, role: Any, tags: Any = None, *, first: bool = False) -> Person:
        """Makes an account. Raises `InvalidInput`, and `AccountsExist` if it must be the `first` and is not."""
        if first and await self.any():
            raise AccountsExist
        errors: dict[str, str] = {}
        called = tried(errors, name_of, name) or ""
        sight = tried(errors, sight_of, role, tags)
        try:
            kept = await hashed(password, called)
        except InvalidInput as error:
            raise InvalidInput({**errors, **error.errors}) from None
        if errors or sight is None:
            raise InvalidInput(errors)
        return await self.store.write(self._add, called, kept, sight, first)

    def _add(self, tx: Tx, name: str, kept: str, sight: Sight, first: bool) -> Person:
        now = self.clock()
        if sight.role is not Role.ADMIN and not people.any_account(tx.conn):
            raise InvalidInput.of("role", FIRST)
        made = people.add(tx, name, folded(name), sight, now, password=kept, first=first)
        if made is None:
            raise AccountsExist if first else InvalidInput.of("name", TAKEN)
        note(tx, now, "user.created", name, after=sight.words)
        return known(people.get(tx.conn, made))

    async def change(self, person_id: int, role: Any, tags: Any) -> Person:
        """Gives another role, or other limits, which hold at once. Raises `InvalidInput` and `LastAdmin`."""
        sight = sight_of(role, tags)

        def change(tx: Tx) -> Person:
            before = known(people.get(tx.conn, person_id))
            if sight == before.sight:
                return before
            if not people.change_sight(tx, person_id, sight):
                raise refused(tx, person_id)
            note(tx, self.clock(), "user.changed", before.name, before=before.sight.words, after=sight.words)
            return known(people.get(tx.conn, person_id))

        return await self.store.write(change)

    async def disable(self, person_id: int) -> Person:
        """They are signed out at once, and cannot sign in. Raises `LastAdmin`."""
        now = self.clock()
        return await self._do(
            "user.disabled", person_id, lambda tx: people.disable(tx, person_id, now), unless=is_disabled
        )

    async def enable(self, person_id: int) -> Person:
        return await self._do(
            "user.enabled", person_id, lambda tx: people.enable(tx, person_id), unless=lambda one: not is_disabled(one)
        )

    async def remove(self, person_id: int) -> None:
        """Raises `LastAdmin`."""

        def change(tx: Tx) -> None:
            before = known(people.get(tx.conn, person_id))
            if not people.remove(tx, person_id):
                raise refused(tx, person_id)
            note(tx, self.clock(), "user.removed", before.name, before=before.sight.words)

        await self.store.write(change)

    async def set_password(self, person_id: int, password: Any, *, keep: str = "", field: str = "password") -> Person:
        """Sets a new password and signs them out everywhere, but for the session of the hash `keep`."""
        person = await self.get(person_id)
        if person.elsewhere and not person.has_password:
            raise Conflict(f"{person.name} signs in elsewhere, so there is no password here.")
        kept = await hashed(password, person.name, field=field)

        def change(tx: Tx) -> Person:
            if not people.set_password(tx, person_id, kept, self.clock(), keep=keep):
                raise PersonNotFound
            note(tx, self.clock(), "user.password_changed", person.name)
            return known(people.get(tx.conn, person_id))

        return await self.store.write(change)

    async def sign_out(self, person_id: int, *, keep: str = "") -> int:
        """Ends all their sessions but the one of that hash; answers how many."""

        def change(tx: Tx) -> int:
            person = known(people.get(tx.conn, person_id))
            gone = people.end_sessions(tx, person_id, keep=keep)
            if gone:
                note(tx, self.clock(), "session.ended", person.name, before={"sessions": gone})
            return gone

        return await self.store.write(change)

    async def _do(
        self, action: str, person_id: int, doing: Callable[[Tx], bool], *, unless: Callable[[Person], bool]
    ) -> Person:
        """Does it, unless it is so already."""

        def change(tx: Tx) -> Person:
            person = known(people.get(tx.conn, person_id))
            if unless(person):
                return person
            if not doing(tx):
                raise refused(tx, person_id)
            note(tx, self.clock(), action, person.name)
            return known(people.get(tx.conn, person_id))

        return await self.store.write(change)


def known(person: Person | None) -> Person:
    if person is None:
        raise PersonNotFound
    return person


def is_disabled(person: Person) -> bool:
    return person.disabled_at is not None


def refused(tx: Tx, person_id: int) -> CronAppError:
    """Why a change was not made: they are not there, or nobody would keep the people here any more."""
    return LastAdmin() if people.get(tx.conn, person_id) else PersonNotFound()


def tried(errors: dict[str, str], read: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
    """What was read; or None, and what is wrong with it among the errors."""
    try:
        return read(*args, **kwargs)
    except InvalidInput as error:
        errors |= error.errors
        return None

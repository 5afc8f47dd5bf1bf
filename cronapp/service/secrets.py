"""Stored secrets: put, replaced, removed. Nothing here gives a value out but to a run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cronapp.core.clock import Clock
from cronapp.core.errors import InvalidInput, SecretNotFound, StoreUnavailable
from cronapp.core.events import Event, Resync, SecretsChanged
from cronapp.core.hidden import names_in, names_of
from cronapp.core.vault import Vault
from cronapp.store import secrets
from cronapp.store.audit import note
from cronapp.store.secrets import StoredSecret
from cronapp.store.store import Conn, Store, Tx

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
LONGEST = 50_000  # letters of a value
SHOWN = 20  # jobs that are named beside a secret


class Secrets:
    """Not limited to jobs: who may change secrets may do so for all of them, and their names are no secret."""

    def __init__(self, store: Store, vault: Vault, clock: Clock) -> None:
        self.store = store
        self.vault = vault
        self.clock = clock
        self.known: tuple[str, ...] = ()
        """Their names when they were asked for last; forms offer them."""
        self._reading: asyncio.Task[None] | None = None

    async def names(self) -> tuple[str, ...]:
        self.known = tuple(await self.store.read(secrets.names))
        return self.known

    def heed(self, event: Event) -> None:
        """Another process may have stored one, or removed it."""
        if isinstance(event, SecretsChanged | Resync):
            self._reading = asyncio.create_task(self._read_again(), name="cronapp-secret-names")

    async def _read_again(self) -> None:
        with suppress(StoreUnavailable):  # they are only offered
            await self.names()

    async def all(self) -> list[StoredSecret]:
        """All of them by their names, without their values."""
        return await self.store.read(secrets.listed)

    async def users(self, name: str) -> list[str]:
        """The first jobs whose arguments name it."""
        return await self.store.read(secrets.users, name, SHOWN)

    async def put(self, name: str, value: str) -> bool:
        """Stores a value under a name, in place of the one that it had; answers whether it had none. Raises
        `InvalidInput`, and `NoSecretKey` where there is nothing to encrypt it with."""
        if wrong := wrong_secret(name, value):
            raise InvalidInput(wrong)
        token = self.vault.seal(value, about(name))

        def change(tx: Tx) -> bool:
            now = self.clock()
            new = secrets.put(tx, name, token, at=now, by=tx.by.name)
            note(tx, now, "secret.set", name)
            tx.emit(SecretsChanged())
            return new

        new = await self.store.write(change)
        await self.names()
        return new

    async def remove(self, name: str) -> None:
        """Raises `SecretNotFound`."""

        def change(tx: Tx) -> None:
            if not secrets.remove(tx, name):
                raise SecretNotFound
            note(tx, self.clock(), "secret.removed", name)
            tx.emit(SecretsChanged())

        await self.store.write(change)
        await self.names()


def about(name: str) -> str:
    """What a stored secret is sealed as: one cannot take another one's place in the database."""
    return f"secret {name}"


def wrong_secret(name: str, value: str) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not NAME.fullmatch(name):
        errors["name"] = "A name has letters, digits and _, begins with no digit, and has at most 100 characters."
    if not value:
        errors["value"] = "Give the secret's value."
    elif len(value) > LONGEST:
        errors["value"] = f"A value has at most {LONGEST:,} characters."
    elif "\0" in value:
        errors["value"] = "A value cannot have the character NUL in it."
    return errors


def unknown_secrets(conn: Conn, args: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Which arguments name a secret that is not stored. What an edit leaves as it was may be gone meanwhile."""
    wanted = names_in(args) - names_in(old or {})
    gone = secrets.missing(conn, wanted) if wanted else set()
    return {
        f"args.{argument}": f'There is no stored secret "{name}". Somebody who manages Cron-App adds it in Settings.'
        for argument, value in args.items()
        for name in sorted(gone & names_of(value))
    }


def refuse_unknown_secrets(tx: Tx, args: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> None:
    if errors := unknown_secrets(tx.conn, args, old):
        raise InvalidInput(errors)

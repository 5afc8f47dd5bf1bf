"""Channels: named addresses that are told what happens. An address is encrypted, and never shown again."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cronapp.core.addressing import ABOUT, sealed_url
from cronapp.core.channels import Channel, ChannelGiven, parse_channel
from cronapp.core.clock import Clock
from cronapp.core.errors import ChannelNotFound, Conflict, InvalidInput, SecretUnreadable
from cronapp.core.events import AlertsChanged
from cronapp.core.models import Json, Notify, SecretUrl
from cronapp.core.vault import Vault
from cronapp.service.addresses import known_problem
from cronapp.store import alerts, audit, channels, deliveries
from cronapp.store.store import Conn, Store, Tx

GONE = "The channel was removed."
FROM_SETTINGS = "This channel comes from the setting NOTIFY. Change it there, and start the server again."
SHOWN = 10  # jobs that use a channel, by their ids


class Channels:
    def __init__(self, store: Store, vault: Vault, clock: Clock) -> None:
        """`store` is the whole one: channels belong to nobody's jobs alone."""
        self.store = store.whole
        self.vault = vault
        self.clock = clock

    async def all(self) -> list[Channel]:
        return await self.store.read(channels.listed)

    async def names(self) -> list[str]:
        """What a rule may name."""
        return [one.name for one in await self.all()]

    async def get(self, name: str) -> Channel:
        """Raises `ChannelNotFound`."""
        found = await self.store.read(channels.get, name)
        if found is None:
            raise ChannelNotFound
        return found

    async def users(self, name: str) -> list[str]:
        """The first jobs whose rules name it."""
        return await self.store.read(channels.users, name, SHOWN)

    async def counts(self) -> dict[str, int]:
        """How many jobs name each of them."""
        return await self.store.read(channels.counts)

    async def create(self, name: str, data: Mapping[str, Any]) -> tuple[Channel, str | None]:
        """A new channel, and for a web hook the secret that its messages are signed with, which is told this once.
        Raises `InvalidInput`, and `NoSecretKey` where there is nothing to encrypt the address with."""
        given = await self._checked(name, data, new=True)
        assert given.url is not None
        url, secret = sealed_url(given.url, self.vault), new_secret() if given.kind == "hook" else None
        kept = self.vault.seal(secret, channels.ABOUT["secret"]) if secret else None

        def change(tx: Tx) -> None:
            now = self.clock()
            if not channels.create(tx, name, given, url=url.token, shown=str(url), secret=kept, at=now):
                raise InvalidInput.of("name", "There is a channel of this name already. Choose another one.")
            audit.note(tx, now, "channel.created", name, after=told(given, url))
            tx.emit(AlertsChanged())

        await self.store.write(change)
        return await self.get(name), secret

    async def change(self, name: str, data: Mapping[str, Any]) -> tuple[Channel, str | None]:
        """The same channel with other rules, or another address; what became a web hook gets its secret, which is told
        this once."""
        old, given, url = await self._changed(name, data)
        sealed: Json = {"url": url.token, "shown": str(url)} if url else {}
        secret = new_secret() if given.kind == "hook" and old.kind != "hook" else None
        if given.kind != old.kind:
            sealed["secret"] = self.vault.seal(secret, channels.ABOUT["secret"]) if secret else None

        def store(tx: Tx) -> None:
            now = self.clock()
            if not channels.change(tx, name, given, at=now, **sealed):
                raise ChannelNotFound
            before, after = told_of(old), told(given, url or old.shown)
            differs = [one for one in after if before.get(one) != after[one]]
            pairs = ({one: side.get(one) for one in differs} for side in (before, after))
            audit.note(tx, now, "channel.changed", name, before=next(pairs), after=next(pairs))
            tx.emit(AlertsChanged())

        await self.store.write(store)
        return await self.get(name), secret

    async def would_be(self, name: str, data: Mapping[str, Any]) -> Channel:
        """What `change` would make of it. With the address that it has, its mask stays as it is."""
        old, given, url = await self._changed(name, data)
        shown = old.shown if url is None else str(url)
        return replace(old, kind=given.kind, shown=shown, quiet=given.quiet, digest=given.digest, most=given.most)

    async def _changed(self, name: str, data: Mapping[str, Any]) -> tuple[Channel, ChannelGiven, SecretUrl | None]:
        """The channel as it is, what is said of it, and its address if that is another one."""
        old = await self.get(name)
        if old.place is not None:
            raise Conflict(FROM_SETTINGS)
        data = {**data, "url": None} if data.get("url") == old.shown else data
        given = await self._checked(name, {"kind": old.kind, **data}, new=False)
        if given.url is None and given.kind != old.kind:
            raise InvalidInput.of("url", "A channel of another kind needs another address.")
        same = given.url is None or given.url == await self._address(name)
        return old, given, None if same or given.url is None else sealed_url(given.url, self.vault)

    async def _address(self, name: str) -> str | None:
        """None: it cannot be read with the keys that are there."""
        token, _ = await self.store.read(channels.sealed, name)
        try:
            return self.vault.open(token, ABOUT) if token else None
        except SecretUnreadable:
            return None

    async def renew_secret(self, name: str) -> str:
        """Another secret for a web hook, told this once; the old one signs nothing any more."""
        secret = new_secret()
        kept = self.vault.seal(secret, channels.ABOUT["secret"])

        def change(tx: Tx) -> None:
            now = self.clock()
            if not channels.set_secret(tx, name, kept, now):
                raise ChannelNotFound("There is no web hook of this name, and only they have a secret.")
            audit.note(tx, now, "channel.secret_made", name)
            tx.emit(AlertsChanged())

        await self.store.write(change)
        return secret

    async def remove(self, name: str) -> None:
        """What waits for it is not sent. Rules that name it tell nobody by it any more, and say so."""
        old = await self.get(name)
        if old.place is not None:
            raise Conflict(FROM_SETTINGS)

        def change(tx: Tx) -> None:
            now = self.clock()
            if not channels.remove(tx, name):
                raise ChannelNotFound
            deliveries.give_up_waiting(tx, name, now, GONE)
            audit.note(tx, now, "channel.removed", name, before=told_of(old))
            tx.emit(AlertsChanged())

        await self.store.write(change)

    async def settle_settings(self, urls: Sequence[str]) -> None:
        """The addresses of the setting NOTIFY as channels, which get what the rule for all jobs tells. The database
        keeps none of them."""
        shown = [f"{url.partition('://')[0]}://… (the setting NOTIFY)" for url in urls]

        def change(tx: Tx) -> None:
            alerts.settle_settings(tx, channels.settle_settings(tx, shown, self.clock()))

        await self.store.write(change)

    async def _checked(self, name: str, data: Mapping[str, Any], *, new: bool) -> ChannelGiven:
        given = parse_channel(name, data, new=new)
        if given.kind == "hook" or given.url is None:
            return given
        if problem := await asyncio.to_thread(known_problem, given.url):
            raise InvalidInput.of("url", problem)
        return given


def new_secret() -> str:
    return f"whsec_{secrets.token_urlsafe(32)}"


def told(given: ChannelGiven, url: SecretUrl | str) -> Json:
    """A channel as the audit tells it."""
    return {
        "kind": given.kind,
        "url": str(url),
        "quiet": given.quiet.words() if given.quiet else None,
        "digest": given.digest,
        "most": given.most,
    }


def told_of(one: Channel) -> Json:
    given = ChannelGiven(kind=one.kind, url=None, quiet=one.quiet, digest=one.digest, most=one.most)
    return told(given, one.shown)


def unknown_channels(conn: Conn, rules: Sequence[Notify], old: Iterable[Notify] = ()) -> dict[str, str]:
    """Which rules name a channel that is not there. What an edit leaves as it was may be gone meanwhile."""
    had = {name for rule in old for name in rule.channels}
    wanted = {name for rule in rules for name in rule.channels} - had
    gone = wanted - channels.named(conn, sorted(wanted)).keys() if wanted else set()
    return {
        f"notify.{n}.channels.{m}": f'There is no channel "{name}". Somebody who manages Cron-App adds it in Settings.'
        for n, rule in enumerate(rules)
        for m, name in enumerate(rule.channels)
        if name in gone
    }


def refuse_unknown_channels(tx: Tx, rules: Sequence[Notify], old: Iterable[Notify] = ()) -> None:
    if errors := unknown_channels(tx.conn, rules, old):
        raise InvalidInput(errors)

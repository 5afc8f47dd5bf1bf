"""What an older version kept as it was given is encrypted, and what an older key encrypted is with the new one.

Each argument is looked for once: what is written from now on is encrypted when it is written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from cronapp.core.addressing import resealed_url, rules_json, urls_to_stored
from cronapp.core.errors import CronAppError, SecretUnreadable
from cronapp.core.events import Event, TasksLoaded
from cronapp.core.hidden import Sealed
from cronapp.core.models import Json, SecretUrl
from cronapp.core.sealing import resealed
from cronapp.service.secrets import about
from cronapp.service.tasks import Tasks
from cronapp.store import channels, sealing, secrets
from cronapp.store.store import Store, Tx

log = logging.getLogger(__name__)
BATCH = 200  # rows in one transaction
FACTOR = "totp:{}"  # what the secret of an account's second factor is sealed as
ARGUMENT = "argument "


class Sealing:
    """`start` looks at the jobs at once, and at their history and runs beside what else goes on."""

    def __init__(self, store: Store, tasks: Tasks) -> None:
        self.store = store
        self.tasks = tasks
        self.unreadable: set[str] = set()  # tasks with arguments that no key of now opens
        self._work: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self.tasks.vault.key is None:
            return
        await self.store.write(sealing.overwrite)
        await self.jobs()
        self._again()

    def heed(self, event: Event) -> None:
        """Tasks that were read again may have secrets where there were none."""
        if isinstance(event, TasksLoaded) and self.tasks.vault.key is not None:
            self._again()

    def _again(self) -> None:
        before = self._work
        self._work = asyncio.create_task(self._all(before), name="cronapp-seal")

    async def stop(self) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def done(self) -> None:
        """Returns when all of it is encrypted that there is now."""
        if self._work is not None:
            await asyncio.shield(self._work)

    async def _all(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        try:
            await self.jobs()
            await self.rest()
        except CronAppError as error:
            log.warning("older secrets are encrypted at the next start: %s", error)

    async def jobs(self) -> None:
        """Stored secrets, and the jobs as they are now."""
        await self.store.write(self._secrets)
        await self._through(sealing.seal_jobs)
        if self.unreadable:
            told = ", ".join(sorted(self.unreadable))
            log.warning("Jobs of %s hold secrets that cannot be read. %s", told, SecretUnreadable())

    async def rest(self) -> None:
        """The history of the jobs, and their runs; once for each argument and each key."""
        vault, had = self.tasks.vault, await self.store.read(sealing.done)
        wanted = {f"{sealing.KEY}{vault.key}", *self._arguments()}
        if wanted <= had:
            return
        changed = await self._through(sealing.seal_changes) + await self._through(sealing.seal_runs)
        other_keys = [one for one in had if one.startswith(sealing.KEY) and one not in wanted]
        await self.store.write(sealing.note, sorted(wanted), other_keys)
        if changed:
            log.info("Secrets of an older version, or under an older key, were encrypted: %d rows.", changed)

    def _arguments(self) -> set[str]:
        """The arguments with secrets, of all tasks."""
        return {
            f"{ARGUMENT}{task.name} {one.name}"
            for task in self.tasks.all()
            for one in (*task.signature.parameters, *([task.signature.extra] if task.signature.extra else []))
            if one.secret
        }

    async def _through(self, seal: Callable[[Tx, sealing.Change, int, int], int | None]) -> int:
        """Batch by batch, so that nothing else waits. Answers how many rows were changed."""
        changed, last = 0, 0

        def change(document: Json) -> Json:
            nonlocal changed
            new = self._kept(document)
            changed += new is not document
            return new

        while (reached := await self.store.write(seal, change, last, BATCH)) is not None:
            last = reached
        return changed

    def _kept(self, document: Json) -> Json:
        """The same document if there is nothing to change."""
        parts: dict[str, Any] = {"args": self._kept_args(document["task"], document.get("args") or {})}
        if document.get("notify"):
            parts["notify"] = rules_json(document["notify"], self._kept_url)
        changed = {name: part for name, part in parts.items() if part and not same(part, document[name])}
        return {**document, **changed} if changed else document

    def _kept_args(self, task: str, args: Json) -> Json:
        new = resealed(self.tasks.sealed(task, args), self.tasks.vault)
        # One that could be opened is under the present key by now.
        if any(isinstance(one, Sealed) and not self.tasks.vault.is_current(one.token) for one in new.values()):
            self.unreadable.add(task)
        return new

    def _kept_url(self, url: str) -> str:
        return resealed_url(url, self.tasks.vault) if isinstance(url, SecretUrl) else url

    def _secrets(self, tx: Tx) -> None:
        """Stored secrets, and those of second factors, under an older key."""
        for name, token in secrets.tokens(tx.conn).items():
            if new := self._renewed(token, about(name), f"The stored secret {name}"):
                secrets.reseal(tx, name, token, new)
        for account, token in sealing.factors(tx.conn).items():
            if new := self._renewed(token, FACTOR.format(account), f"The second factor of account {account}"):
                sealing.put_factor(tx, account, token, new)
        for name, column, token in channels.tokens(tx.conn):
            if new := self._renewed(token, channels.ABOUT[column], f"The channel {name}"):
                channels.reseal(tx, name, column, token, new)

    def _renewed(self, token: str, purpose: str, what: str) -> str | None:
        """The same under the present key; None: it is already, or it cannot be read."""
        vault = self.tasks.vault
        if vault.is_current(token):
            return None
        try:
            return vault.seal(vault.open(token, purpose), purpose)
        except SecretUnreadable:
            log.warning("%s cannot be read. %s", what, SecretUnreadable())
            return None


def same(new: Any, old: Any) -> bool:
    """Whether nothing of arguments or rules was encrypted anew: an address encrypted twice looks the same."""
    if isinstance(new, list):
        return bool(urls_to_stored(new) == urls_to_stored(old))
    return bool(new == old)

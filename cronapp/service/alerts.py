"""The rules of who is told what, for all jobs and for those with a tag; and what was told."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from cronapp.core.alert_words import rule_words
from cronapp.core.alerts import DEFAULT, Delivery, GeneralRule
from cronapp.core.clock import Clock
from cronapp.core.errors import Conflict, DeliveryNotFound, InvalidInput, RuleNotFound
from cronapp.core.events import AlertsChanged, DeliveriesChanged
from cronapp.core.models import Job, Json, Notify
from cronapp.core.spec import parse_rule
from cronapp.service.changing import found
from cronapp.service.channels import unknown_channels
from cronapp.service.history import until_none
from cronapp.store import alerts, audit, deliveries
from cronapp.store.deliveries import DeliveryFilter
from cronapp.store.store import Conn, Store, Tx


class Alerts:
    """`store` may be limited to some jobs; then so is what was told of them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    # -- rules ----------------------------------------------------------------------------------------------------

    async def rules(self) -> list[GeneralRule]:
        """All of them; the one for all jobs first."""
        return await self.store.whole.read(alerts.listed)

    async def rule(self, rule_id: str) -> GeneralRule:
        """Raises `RuleNotFound`."""
        one = await self.store.whole.read(alerts.get, rule_id)
        if one is None:
            raise RuleNotFound
        return one

    async def add(self, data: Mapping[str, Any]) -> GeneralRule:
        """Raises `InvalidInput`."""
        tag, rule = parsed(data)
        rule_id = secrets.token_hex(4)

        def change(tx: Tx) -> None:
            refuse_unknown(tx.conn, rule)
            now = self.clock()
            alerts.add(tx, rule_id, tag, rule, now)
            audit.note(tx, now, "alert.created", rule_id, after=told(tag, rule))
            tx.emit(AlertsChanged())

        await self.store.write(change)
        return await self.rule(rule_id)

    async def change(self, rule_id: str, data: Mapping[str, Any]) -> GeneralRule:
        old = await self.rule(rule_id)
        tag, rule = parsed(data, default=rule_id == DEFAULT)

        def change(tx: Tx) -> None:
            refuse_unknown(tx.conn, rule, old.rule)
            now = self.clock()
            if not alerts.change(tx, rule_id, tag, rule, now):
                raise RuleNotFound
            audit.note(tx, now, "alert.changed", rule_id, before=told(old.tag, old.rule), after=told(tag, rule))
            tx.emit(AlertsChanged())

        await self.store.write(change)
        return await self.rule(rule_id)

    async def remove(self, rule_id: str) -> None:
        old = await self.rule(rule_id)
        if rule_id == DEFAULT:
            raise Conflict("The rule for all jobs stays. Take its channels away, and it tells nobody.")

        def change(tx: Tx) -> None:
            if not alerts.remove(tx, rule_id):
                raise RuleNotFound
            audit.note(tx, self.clock(), "alert.removed", rule_id, before=told(old.tag, old.rule))
            tx.emit(AlertsChanged())

        await self.store.write(change)

    async def note_test(self, action: str, target: str) -> None:
        """That somebody sent a test."""
        await self.store.write(lambda tx: audit.note(tx, self.clock(), action, target))

    # -- what was told --------------------------------------------------------------------------------------------

    async def page(
        self,
        *,
        job: str = "",
        channel: str = "",
        state: str = "",
        event: str = "",
        before: int | None = None,
        limit: int = 50,
    ) -> tuple[list[Delivery], int | None]:
        """One page, the newest first, and the number to go on before, if there are more."""

        def ask(conn: Conn) -> list[Delivery]:
            key = found(conn, job).key if job else None
            wanted = DeliveryFilter(job_key=key, channel=channel, state=state, event=event)
            return deliveries.page(conn, wanted, before=before, limit=limit + 1)

        listed = await self.store.read(ask)
        return listed[:limit], listed[limit - 1].id if len(listed) > limit else None

    async def of_job(self, job: Job, limit: int = 5) -> list[Delivery]:
        """What was told of a job lately."""
        return await self.store.read(deliveries.of_job, job.key, limit)

    async def get(self, delivery_id: int) -> Delivery:
        """Raises `DeliveryNotFound`."""
        one = await self.store.read(deliveries.get, delivery_id)
        if one is None:
            raise DeliveryNotFound
        return one

    async def retry(self, delivery_id: int) -> Delivery:
        """Sends once more what was given up, or what nobody knows of whether it arrived."""
        old = await self.get(delivery_id)
        if old.event == "test":
            raise Conflict("A test is not sent once more. Send another one.")

        def change(tx: Tx) -> None:
            now = self.clock()
            if not deliveries.again(tx, delivery_id, now):
                raise Conflict("Only what was given up is sent once more, or what is not known to have arrived.")
            before = {"delivery": delivery_id, "state": str(old.state)}
            audit.note(tx, now, "delivery.retried", old.job, before=before, after={"to": old.shown})
            tx.emit(DeliveriesChanged(old.job or ""))

        await self.store.write(change)
        return await self.get(delivery_id)

    async def prune(self, *, keep_days: float, batch: int = 500) -> int:
        edge = self.clock() - timedelta(days=keep_days)
        return await until_none(partial(self.store.write, deliveries.prune, edge, batch))


def parsed(data: Mapping[str, Any], *, default: bool = False) -> tuple[str, Notify]:
    """A rule as JSON: `tag`, and the fields of a job's rule but for what only one job has."""
    tag = data.get("tag") or ""
    if not isinstance(tag, str) or len(tag) > 50 or "," in tag:
        raise InvalidInput.of("tag", "A tag has 1 to 50 characters and no comma.")
    if default and tag:
        raise InvalidInput.of("tag", "This rule is for all jobs. Make another one for a tag.")
    rule = parse_rule({name: value for name, value in data.items() if name != "tag"}, quiet=default)
    own = {"urls": rule.urls, "ping": rule.ping, "instead": rule.instead}
    if given := [name for name, value in own.items() if value]:
        raise InvalidInput(dict.fromkeys(given, "Only a job’s own rule has this. Make a channel, and name it."))
    return tag.strip(), rule


def refuse_unknown(conn: Conn, rule: Notify, old: Notify | None = None) -> None:
    if errors := unknown_channels(conn, [rule], [old] if old else []):
        raise InvalidInput({field.removeprefix("notify.0."): text for field, text in errors.items()})


def told(tag: str, rule: Notify) -> Json:
    return {"tag": tag or None, "rule": rule_words(rule) if rule.channels else "nobody is told"}

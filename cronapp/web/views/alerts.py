"""Who is told what, where messages go, and what was told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cronapp.core.alert_texts import lines_of, title_of
from cronapp.core.alert_words import EVENT_LABELS, OTHER_LABELS, general_words
from cronapp.core.alerts import DEFAULT, Delivery, DeliveryState
from cronapp.core.channels import Channel
from cronapp.core.durations import duration_words
from cronapp.core.events import DeliveriesChanged, Event
from cronapp.web.addresses import whole
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import Shown

NEWEST = 6  # deliveries on the page of the settings
FILTERS = ("job", "channel", "state", "event")
STATES = (
    ("", "All"),
    (DeliveryState.WAITING, "Waiting"),
    (DeliveryState.SENT, "Sent"),
    (DeliveryState.FAILED, "Given up"),
    (DeliveryState.UNKNOWN, "Not known"),
)
EVENTS: dict[str, str] = {str(name): label for name, label in EVENT_LABELS.items()} | OTHER_LABELS


@dataclass(frozen=True, slots=True)
class Told:
    """A delivery as a list shows it."""

    delivery: Delivery
    title: str
    text: str  # the first thing there is to say

    @property
    def ping(self) -> bool:
        return self.delivery.kind == "ping"


def told_of(one: Delivery) -> Told:
    title = title_of(one.event, one.job, one.facts)
    if one.kind == "ping":
        title = {"start": "began", "success": "succeeded", "failure": "failed"}.get(one.event, one.event)
        title = f"Ping: {one.job} {title}"
    return Told(one, title, next(iter(lines_of(one.event, one.facts)), ""))


async def alerts_context(house: Parts) -> dict[str, Any]:
    rules = await house.alerts.rules()
    default = [one for one in rules if one.id == DEFAULT]
    listed, _ = await house.alerts.page(limit=NEWEST)
    return {
        "rules": [(one, general_words(one)) for one in (*default, *(one for one in rules if one.id != DEFAULT))],
        "channels": [(one, limits_of(one)) for one in await house.channels.all()],
        "counts": await house.channels.counts(),
        "told": [told_of(one) for one in listed],
        "key": house.tasks.vault.key is not None,
        "public": house.settings.public_url,
        "private": house.settings.allow_private_hooks,
    }


def limits_of(channel: Channel) -> list[str]:
    """What a channel is spared, in words."""
    if not channel.groups:
        return ["signed, each thing for itself"]
    return [
        *([f"quiet {channel.quiet.words()}"] if channel.quiet else []),
        *([f"gathered for {duration_words(channel.digest)}"] if channel.digest else []),
        f"at most {channel.most} messages an hour",
    ]


def asked_deliveries_of(query: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name in FILTERS if (text := query.get(name, "").strip())}


async def deliveries_context(house: Parts, query: Mapping[str, str]) -> dict[str, Any]:
    asked, before = asked_deliveries_of(query), whole(query.get("cursor", ""))
    typed = {name: asked.get(name, "") for name in FILTERS}
    listed, following = await house.alerts.page(
        job=typed["job"], channel=typed["channel"], state=typed["state"], event=typed["event"], before=before
    )
    return {
        "told": [told_of(one) for one in listed],
        "asked": asked,
        "typed": typed,
        "states": STATES,
        "events": EVENTS,
        "channels": await house.channels.names(),
        "next": following,
        "first": before is None,
    }


class DeliveriesView(Shown):
    def __init__(self, parts: Parts, query: dict[str, str]) -> None:
        super().__init__(parts)
        self.query = query

    def heed(self, event: Event) -> Iterable[str]:
        return self.parts() if isinstance(event, DeliveriesChanged) else ()

    def parts(self) -> Iterable[str]:
        return () if self.query.get("cursor") else ("list",)

    async def show(self, part: str) -> Markup:
        context = await deliveries_context(self.house, self.query)
        return partial("#delivery-list", fragment("_delivery_list", **context))

    def pause(self, part: str) -> float:
        return 1.0

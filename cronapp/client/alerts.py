"""Who is told what of the jobs, where messages go, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from cronapp import wire
from cronapp.client.carrying import call, flow, pages
from cronapp.client.steps import Ask, Flow, ask, at, given, nothing
from cronapp.wire import Items

Fields = Mapping[str, Any]


class AlertCalls:
    @flow
    def channels(self) -> Flow[wire.Channel]:
        """The channels: named addresses, without the addresses."""
        return pages(ask(Items[wire.Channel], "GET", "/channels"))

    @call
    def channel(self, name: str) -> Ask[wire.Channel]:
        """One channel, and the jobs that name it."""
        return ask(wire.Channel, "GET", at("channels", name))

    @call
    def add_channel(
        self,
        name: str,
        url: str,
        *,
        kind: Literal["apprise", "hook"] = "apprise",
        quiet: Fields | None = None,
        digest: float | str | None = None,
        most: int | None = None,
    ) -> Ask[wire.Channel]:
        """Makes a channel; that of a web hook is answered with its `secret`, this once."""
        said = given(quiet=quiet, digest=digest, most=most)
        return ask(wire.Channel, "POST", "/channels", {"name": name, "url": url, "kind": kind, **said})

    @call
    def change_channel(self, name: str, fields: Fields, *, dry_run: bool = False) -> Ask[wire.Channel]:
        """Puts another channel in its place; without `url` it keeps its address. A dry run only tells what would be."""
        return ask(wire.Channel, "PUT", at("channels", name), fields, query={"dry_run": dry_run})

    @call
    def renew_channel_secret(self, name: str) -> Ask[wire.ChannelSecret]:
        """Makes another secret for a web hook."""
        return ask(wire.ChannelSecret, "POST", at("channels", name, "secret"))

    @call
    def test_channel(self, name: str) -> Ask[wire.Items[wire.Delivery]]:
        """Sends a test at once."""
        return ask(Items[wire.Delivery], "POST", at("channels", name, "test"))

    @call
    def remove_channel(self, name: str) -> Ask[None]:
        """Removes a channel. What waits for it is not sent any more."""
        return nothing("DELETE", at("channels", name))

    @flow
    def alerts(self) -> Flow[wire.AlertRule]:
        """The rules for all jobs, and for those with a tag."""
        return pages(ask(Items[wire.AlertRule], "GET", "/alerts"))

    @call
    def alert(self, rule: str) -> Ask[wire.AlertRule]:
        """One rule; `default` is the one for all jobs that is always there."""
        return ask(wire.AlertRule, "GET", at("alerts", rule))

    @call
    def add_alert(self, fields: Fields) -> Ask[wire.AlertRule]:
        """Makes a rule, as `{"tag": "finance", "on": ["failure"], "channels": ["ops-mail"]}`."""
        return ask(wire.AlertRule, "POST", "/alerts", fields)

    @call
    def change_alert(self, rule: str, fields: Fields) -> Ask[wire.AlertRule]:
        """Puts another rule in its place."""
        return ask(wire.AlertRule, "PUT", at("alerts", rule), fields)

    @call
    def test_alert(self, rule: str) -> Ask[wire.Items[wire.Delivery]]:
        """Sends a test to each of a rule's channels at once."""
        return ask(Items[wire.Delivery], "POST", at("alerts", rule, "test"))

    @call
    def remove_alert(self, rule: str) -> Ask[None]:
        """Removes a rule."""
        return nothing("DELETE", at("alerts", rule))

    @call
    def test_job_alerts(self, job: str) -> Ask[wire.Items[wire.Delivery]]:
        """Sends a test to whom a job's own rules name."""
        return ask(Items[wire.Delivery], "POST", at("jobs", job, "notify", "test"))

    @flow
    def deliveries(
        self,
        *,
        job: str | None = None,
        channel: str | None = None,
        state: str | None = None,
        event: str | None = None,
        most: int | None = None,
    ) -> Flow[wire.Delivery]:
        """What was told, the newest first."""
        query = given(job=job, channel=channel, state=state, event=event)
        return pages(ask(Items[wire.Delivery], "GET", "/deliveries", query=query), most)

    @call
    def delivery(self, number: int) -> Ask[wire.Delivery]:
        """One thing that was told."""
        return ask(wire.Delivery, "GET", at("deliveries", number))

    @call
    def retry_delivery(self, number: int) -> Ask[wire.Delivery]:
        """Sends once more what was given up, or what is not known to have arrived."""
        return ask(wire.Delivery, "POST", at("deliveries", number, "retry"))

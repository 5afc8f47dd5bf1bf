"""Who is told what of the jobs, where messages go, and what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from cronapp.core.alerts import DeliveryState
from cronapp.core.models import AlertEvent
from cronapp.wire.base import Json, Seconds, Wire


class Ping(Wire):
    """Addresses that are called as a run begins, succeeds, or fails for good. Told are their masks."""

    start: str = ""
    success: str = ""
    failure: str = ""


class Notify(Wire):
    """One rule of who is told what. What is at its default is left out."""

    on: list[AlertEvent]
    channels: list[str] = Field(default=[], description="Channels by their names.")
    urls: list[str] = Field(default=[], description="Apprise addresses, told as their masks.")
    failures: int = Field(default=1, description="In a row, before a failure is told.")
    slower_than: Seconds | None = Field(default=None, description="null: `slower_by` times the usual.")
    slower_by: Seconds = Field(default=2, description="A factor.")
    faster_than: Seconds | None = None
    late_after: Seconds = 300
    remind: Seconds | None = Field(default=None, description="Again each time so long has passed, while it lasts.")
    ping: Ping | None = None
    instead: bool = Field(default=False, description="Of the rules for all jobs and for its tags.")


class Quiet(Wire):
    """Hours of the day in which nothing is sent."""

    start: str = Field(validation_alias="from", serialization_alias="from")
    until: str
    timezone: str


class Channel(Wire):
    """A named address, without the address."""

    name: str
    kind: Literal["apprise", "hook"]
    url: str = Field(description="Its mask.")
    quiet: Quiet | None
    digest: Seconds = Field(description="For so long what comes is gathered into one message.")
    most: int = Field(description="Messages an hour; what is beyond is told as one later.")
    at: datetime
    by: str
    jobs: int = Field(default=0, description="In a list: how many name it in rules of their own.")
    used_by: list[str] = Field(default=[], description="Of one channel: the first of these jobs.")
    secret: str = Field(default="", description="Of a new web hook, this once: what its messages are signed with.")


class ChannelSecret(Wire):
    """What a web hook's messages are signed with, told this once."""

    name: str
    secret: str


class AlertRule(Notify):
    """A rule for all jobs, or for those with a tag."""

    id: str = Field(description="`default` is the one for all jobs that is always there.")
    tag: str | None = Field(description="null: all jobs.")
    settings: list[str] = Field(description="The channels that the server's settings add.")
    words: str
    at: datetime
    by: str


class Delivery(Wire):
    """One thing that is told to one receiver."""

    id: int
    at: datetime
    kind: Literal["apprise", "hook", "ping"]
    event: str
    job: str | None
    run: int | None
    channel: str | None
    to: str
    state: DeliveryState
    held: str | None = Field(description="Why it waits, as `quiet` or `digest`.")
    due: datetime | None
    attempts: int
    sent_at: datetime | None
    ended_at: datetime | None
    error: str | None
    facts: Json

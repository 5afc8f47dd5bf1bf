"""What of a job is told, and to whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from cronapp.core.models import RETRIED_STATES, AlertEvent, JobSpec, Json, Notify, Ping, RunState
from cronapp.core.usual import LEAST, Usual

FIRST_WAIT = 30.0  # seconds after a message that could not be sent
LONGEST_WAIT = 3600.0
ATTEMPTS = 8  # over an hour and more
PING_ATTEMPTS = 4  # later on a ping says nothing any more
REMINDER, TEST, START = "reminder", "test", "start"


class DeliveryState(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"  # given up
    UNKNOWN = "unknown"  # whether it arrived: the server ended while it was being sent


ENDED = frozenset({DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralRule:
    """A rule for all jobs, or for those with a tag."""

    id: str
    tag: str  # empty: all jobs
    rule: Notify
    settings: tuple[str, ...] = ()  # the channels that the settings add
    at: datetime
    by: str

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.rule.channels, *self.settings)))


DEFAULT = "default"
"""The rule for all jobs that is always there."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule that holds for a job, and whom it tells."""

    rule: Notify
    channels: tuple[str, ...]
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended for good."""

    state: RunState
    duration: float | None
    failures: int  # in a row, with this one
    before: int  # in a row, before it
    silent: bool  # it printed and returned nothing
    usual: Usual | None = None


def wanted(spec: JobSpec, general: Sequence[GeneralRule]) -> list[Wanted]:
    """The rules that hold for a job: its own, then those for its tags and for all jobs, unless its own stand in their
    place."""
    own = [Wanted(rule, rule.channels, rule.urls) for rule in spec.notify if rule.on]
    if any(rule.instead for rule in spec.notify):
        return own
    tags = set(spec.tags)
    others = [Wanted(one.rule, one.channels) for one in general if one.channels and (not one.tag or one.tag in tags)]
    return own + others


def events_of(rule: Notify, end: Ended) -> Iterator[AlertEvent]:
    """What the end of a run comes to for this rule."""
    well = end.state is RunState.SUCCEEDED
    for event in rule.on:
        match event:
            case AlertEvent.FAILURE if end.state in RETRIED_STATES:
                if rule.failures == 1 or end.failures == rule.failures:
                    yield event
            case AlertEvent.RECOVERY if well and end.before >= rule.failures:
                yield event
            case AlertEvent.SLOW if well and is_slow(rule, end.duration, end.usual):
                yield event
            case AlertEvent.FAST if well and rule.faster_than and (end.duration or 0) < rule.faster_than:
                yield event
            case AlertEvent.NO_OUTPUT if well and end.silent:
                yield event
            case AlertEvent.SUCCESS if well:
                yield event


def slow_after(rule: Notify, usual: Usual | None) -> float | None:
    """After how many seconds a run is slow; None: too few runs are known to say so. A second more than usual is never
    slow, however short its runs are."""
    if rule.slower_than:
        return rule.slower_than
    if usual is None or usual.count < LEAST:
        return None
    return max(usual.median * rule.slower_by, usual.median + 1)


def is_slow(rule: Notify, duration: float | None, usual: Usual | None) -> bool:
    limit = slow_after(rule, usual)
    return limit is not None and duration is not None and duration > limit


def asks_for(rules: Sequence[Wanted], event: AlertEvent) -> bool:
    return any(event in one.rule.on for one in rules)


def pings_of(spec: JobSpec) -> list[Ping]:
    return [rule.ping for rule in spec.notify if rule.ping]


def ping_url(ping: Ping, state: RunState | None) -> str | None:
    """What is called when a run ends so; None as the state: when it begins."""
    if state is None:
        return ping.start
    if state is RunState.SUCCEEDED:
        return ping.success
    return ping.failure if state in RETRIED_STATES else None


def retry_at(now: datetime, attempts: int, kind: str, first: float = FIRST_WAIT) -> datetime | None:
    """When a message is tried again that failed so often; None: it is given up."""
    if attempts >= (PING_ATTEMPTS if kind == "ping" else ATTEMPTS):
        return None
    return now + timedelta(seconds=min(first * 2 ** (attempts - 1), LONGEST_WAIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One thing that is told to one receiver."""

    id: int
    at: datetime
    kind: Literal["apprise", "hook", "ping"]
    event: str
    job_key: int | None
    job: str | None
    run: int | None
    channel: str | None
    shown: str  # to whom
    facts: Json
    state: DeliveryState
    held: str | None
    due: datetime
    attempts: int
    message: str | None
    claimed_at: datetime | None
    ended_at: datetime | None
    error: str | None
    url: str | None = None  # encrypted, where it is no channel's

"""A receiver, and what sends to it: the outbox on both databases, and the loop that empties it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from receiving import Receiver, receiving
from support import VAULT, TurnedClock

from cronapp.notify.carriers import Carriers
from cronapp.notify.sender import Sender
from cronapp.service.alerts import Alerts
from cronapp.service.channels import Channels
from cronapp.service.outbox import Outbox
from cronapp.service.tasks import Tasks
from cronapp.service.watch import Watch
from cronapp.store.store import Store
from cronapp.web.api.told import told_of_hook


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as here:
        yield here


@pytest.fixture
def channels(store: Store, clock: TurnedClock) -> Channels:
    return Channels(store, VAULT, clock)


@pytest.fixture
def alerts(store: Store, clock: TurnedClock) -> Alerts:
    return Alerts(store, clock)


@pytest.fixture
def outbox(store: Store, clock: TurnedClock) -> Outbox:
    return Outbox(store, VAULT, clock)


@pytest.fixture
def watch(store: Store, clock: TurnedClock) -> Watch:
    return Watch(store, clock)


@pytest.fixture
async def sender(outbox: Outbox, watch: Watch, clock: TurnedClock, tasks: Tasks) -> AsyncIterator[Sender]:
    """May send to this machine; its loops are not started."""
    made = Sender(
        outbox,
        watch,
        Carriers(private=True),
        clock,
        as_json=lambda run, job: told_of_hook(run, job, tasks),
        address="https://cron.example.org",
    )
    yield made
    await made.stop()

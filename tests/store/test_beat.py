"""Signs of life come from a thread of their own."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from recipes import NOW

from cronapp.core.models import Node, NodeKind
from cronapp.store import nodes
from cronapp.store.beat import Beat
from cronapp.store.store import Store

EVERY = 0.05
HERE = Node(
    name="here:1",
    kind=NodeKind.WORKER,
    host="here",
    pid=1,
    machine="",
    version="1",
    queues=None,
    concurrency=1,
    started_at=NOW,
    heartbeat=NOW,
)


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """Only there are several nodes."""
    return postgres_url


async def heard(store: Store) -> datetime:
    node = await store.read(nodes.get, HERE.name)
    assert node is not None
    return node.heartbeat


async def test_a_blocked_loop_stays_alive_for_the_others(store: Store, postgres_url: str) -> None:
    await store.write(nodes.join, HERE)
    beat = Beat(postgres_url, HERE, EVERY, given_up=lambda: None, outgrown=lambda: None, timed=lambda _: None)
    beat.start()
    try:
        time.sleep(1)  # noqa: ASYNC251 - as a task does that should not
        before = await heard(store)
        time.sleep(1)  # noqa: ASYNC251
        assert (await heard(store) - before).total_seconds() > 0.5
    finally:
        beat.stop()
        beat.join(5)

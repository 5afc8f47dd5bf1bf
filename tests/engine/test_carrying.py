"""Tickets between processes, carried by procrastinate: what is lost on the way, and what is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from procrastinate.utils import cancel_and_capture_errors
from sqlalchemy import update
from support import TurnedClock, until

from cronapp.core.errors import StoreUnavailable
from cronapp.core.models import Node, NodeKind, RunState
from cronapp.core.postgres import conninfo
from cronapp.engine.dispatch import procrastinate
from cronapp.engine.dispatch.procrastinate import ProcrastinateDispatch
from cronapp.service.blackouts import Blackouts
from cronapp.service.fleet import Fleet
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Claimed, Runs
from cronapp.service.tasks import Tasks
from cronapp.service.tickets import Tickets
from cronapp.store import tables
from cronapp.store.store import PostgresStore

HERE = "here:1"


class Hands:
    """In the place of the runner: takes what it gets."""

    node = HERE

    def __init__(self) -> None:
        self.got: list[Claimed] = []

    def has(self, run_id: int) -> bool:
        return any(one.run.id == run_id for one in self.got)

    def start(self, claimed: Claimed) -> asyncio.Future[None]:
        self.got.append(claimed)
        return asyncio.get_running_loop().create_future()


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """Only there is something to be carried."""
    return postgres_url


@pytest.fixture
def tickets(store: PostgresStore, runs: Runs, tasks: Tasks, clock: TurnedClock) -> Tickets:
    return Tickets(store, runs, tasks, clock)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
async def dispatch(
    store: PostgresStore, tickets: Tickets, hands: Hands, blackouts: Blackouts, clock: TurnedClock, postgres_url: str
) -> AsyncIterator[ProcrastinateDispatch]:
    """It is open, and does not go yet; its node is there."""
    here: dict[str, Any] = {"kind": NodeKind.WORKER, "host": "here", "pid": 1, "machine": "", "version": "1"}
    now = clock()
    node = Node(name=HERE, queues=None, concurrency=10, started_at=now, heartbeat=now, **here)
    await Fleet(store, blackouts, clock, stall=10).join(node)
    made = ProcrastinateDispatch(
        tickets,
        hands,  # type: ignore[arg-type]
        clock,
        conninfo=conninfo(postgres_url),
        works=True,
    )
    store.carry = made.carry
    await made.open()
    yield made
    await made.stop()
    await made.close()


async def test_a_run_begins_though_the_answer_to_its_beginning_was_lost(
    dispatch: ProcrastinateDispatch,
    tickets: Tickets,
    hands: Hands,
    jobs: Jobs,
    runs: Runs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin, answers = tickets.begin, iter([False, True])

    async def heard_the_second_time(*args: Any, **how: Any) -> list[Claimed]:
        begun = await begin(*args, **how)
        if next(answers):
            return begun
        raise StoreUnavailable("The connection was lost after the commit.")

    monkeypatch.setattr(tickets, "begin", heard_the_second_time)
    monkeypatch.setattr(procrastinate, "TRY_AGAIN", 0.01)
    dispatch.start()
    await jobs.create({"id": "a", "task": "hello", "schedule": {"kind": "manual"}}, origin="api")
    run = await runs.run_now("a")
    dispatch.heed_others(procrastinate.Resync())
    await until(lambda: hands.got)
    assert [one.run.id for one in hands.got] == [run.id]


async def test_a_run_that_cannot_begin_keeps_none_that_came_with_it(
    dispatch: ProcrastinateDispatch, tickets: Tickets, hands: Hands, jobs: Jobs, runs: Runs, store: PostgresStore
) -> None:
    run_ids = []
    for job in ("bad", "good", "fine"):
        await jobs.create({"id": job, "task": "hello", "schedule": {"kind": "manual"}}, origin="api")
        run_ids.append((await runs.run_now(job)).id)
    broken = update(tables.jobs).where(tables.jobs.c.id == "bad").values(spec={"of": "another version"})
    await store.write(lambda tx: tx.conn.execute(broken).rowcount)
    dispatch.start()
    await until(lambda: len(hands.got) == 2)
    assert [one.run.id for one in hands.got] == run_ids[1:]
    assert (await runs.get(run_ids[0])).state is RunState.QUEUED


async def test_tickets_that_nobody_comes_back_for_are_dropped(
    dispatch: ProcrastinateDispatch, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as conn:

        def left() -> list[tuple[Any, ...]]:
            return conn.execute("SELECT queue_name FROM procrastinate_jobs").fetchall()

        insert = "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES (%s, 'cronapp.run', %s)"
        conn.execute(insert, (HERE, "doing"))  # the connection was lost before it was told to be done
        conn.execute(insert, ("gone:1", "todo"))  # handed to a node just as it was given up
        await dispatch.forget(["gone:2"])
        assert left() == [(HERE,)]
        dispatch.start()
        await until(lambda: not left())


async def test_who_could_not_listen_for_a_moment_listens_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(procrastinate, "TRY_AGAIN", 0.01)
    connector = procrastinate.Connector(conninfo=conninfo(postgres_url), min_size=1, max_size=1)
    await connector.open_async()
    connect, tried = connector._get_standalone_connection, []

    def away_at_first() -> Any:
        tried.append(len(tried))
        if len(tried) == 1:
            raise psycopg.OperationalError("it starts again")
        return connect()

    monkeypatch.setattr(connector, "_get_standalone_connection", away_at_first)
    heard = asyncio.Event()

    async def hear(*, channel: str, payload: str) -> None:
        heard.set()

    listening = asyncio.create_task(connector.listen_notify(hear, ["word"]))
    async with await psycopg.AsyncConnection.connect(conninfo(postgres_url), autocommit=True) as conn:

        async def told() -> bool:
            await conn.execute("NOTIFY word")
            return heard.is_set()

        await until(told)
    await cancel_and_capture_errors([listening])  # as its worker does: one cancellation may get lost in `wait_for`
    await connector.close_async()

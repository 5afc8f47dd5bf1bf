"""Runs on their way to nodes: who gets them, and what becomes of what a node leaves alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from recipes import a_node
from sqlalchemy import Connection, event, insert, update
from support import TurnedClock, until

from cronapp.core.errors import Conflict, NameTaken, NodeNotFound, RunEnded
from cronapp.core.events import Event, RunChanged
from cronapp.core.models import Outcome, Run, RunState, Ticket
from cronapp.service.audit import Audit
from cronapp.service.blackouts import Blackouts
from cronapp.service.fleet import Fleet
from cronapp.service.jobs import Jobs
from cronapp.service.limits import Limits
from cronapp.service.runs import Runs
from cronapp.service.switch import Switch
from cronapp.service.tasks import Tasks
from cronapp.service.tickets import Tickets
from cronapp.store import nodes, tables
from cronapp.store.audit import AuditFilter
from cronapp.store.runs import hand_out, next_start
from cronapp.store.store import Store, Tx

HISTORY = """
INSERT INTO runs (job_key, job, task, args, state, trigger, attempt, queue, priority, queued_at, node, last_seq, missed)
SELECT job_key, job, task, args, CASE WHEN n > 1500 THEN 'succeeded' ELSE 'queued' END, trigger, 1, queue, 0, queued_at,
    CASE WHEN n > 1500 THEN 'one' END, 0, 1 FROM runs, generate_series(1, 50000) AS n WHERE id = %(first)s
"""
"""Many that wait as the first one does, and far more that ended."""


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """Only there are several nodes."""
    return postgres_url


@pytest.fixture
def fleet(store: Store, blackouts: Blackouts, clock: TurnedClock) -> Fleet:
    return Fleet(store, blackouts, clock, stall=10)


@pytest.fixture
def tickets(store: Store, runs: Runs, tasks: Tasks, clock: TurnedClock) -> Tickets:
    return Tickets(store, runs, tasks, clock)


async def opened(jobs: Jobs, runs: Runs, count: int, job: str = "a", **fields: Any) -> list[int]:
    data = {
        "id": job,
        "task": "hello",
        "schedule": {"kind": "manual"},
        "overlap": "allow",
        "max_running": 100,
        **fields,
    }
    await jobs.create(data, origin="api")
    return [(await runs.run_now(job)).id for _ in range(count)]


def came(node: str, *run_ids: int) -> list[Ticket]:
    return [Ticket(run_id, node, "hello") for run_id in run_ids]


def multiply(tx: Tx, run_id: int, times: int) -> None:
    """So many more runs that wait as this one does."""
    source = dict(tx.conn.execute(tables.runs.select().where(tables.runs.c.id == run_id)).mappings().one())
    tx.conn.execute(insert(tables.runs), [{**source, "id": 1_000_000 + n} for n in range(times)])


async def sent(store: Store) -> dict[int, str]:
    """Where each run is on its way to."""
    columns = tables.runs.c
    return {
        row.id: row.node
        for row in await store.read(
            lambda conn: conn.execute(
                tables.runs.select().where(columns.state == "queued", columns.node.is_not(None)).order_by(columns.id)
            ).all()
        )
    }


async def test_runs_go_to_nodes_that_serve_their_queue_and_have_room_and_no_run_goes_twice(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs, store: Store, clock: TurnedClock
) -> None:
    await fleet.join(a_node("gpu", queues=("gpu",), concurrency=1))
    await fleet.join(a_node("any", concurrency=2))
    await fleet.join(a_node("none", concurrency=0))
    await fleet.join(a_node("leaving", draining=clock()))
    first = await opened(jobs, runs, 3)
    gpu = await opened(jobs, runs, 2, "train", queue="gpu", priority=5)
    assert await tickets.hand_out() == 3
    assert await sent(store) == {gpu[0]: "gpu", gpu[1]: "any", first[0]: "any"}, "the most urgent first"
    assert await tickets.hand_out() == 0
    begun = await tickets.begin("any", came("any", gpu[1], gpu[0], first[0], first[1], 999))
    assert [(one.run.id, one.run.node, one.run.state) for one in begun] == [
        (gpu[1], "any", RunState.RUNNING),
        (first[0], "any", RunState.RUNNING),
    ]
    assert await sent(store) == {gpu[0]: "gpu"}, "what is on its way elsewhere is not ours"
    assert await tickets.begin("any", came("any", gpu[1])) == [], "nor does one begin twice"
    loads = {load.node.name: load.busy for load in (await fleet.look()).loads}
    assert loads == {"any": 2, "gpu": 1, "leaving": 0, "none": 0}


async def test_no_limit_is_passed_by_what_is_on_its_way(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs, store: Store, clock: TurnedClock
) -> None:
    await fleet.join(a_node("one", concurrency=50))
    await fleet.join(a_node("two", concurrency=50))
    limits = Limits(store, clock)
    await limits.set("queue", "mail", {"rate": "3/m"})
    await limits.set("group", "db", {"max_running": 2})
    await opened(jobs, runs, 5, "mail", queue="mail")
    await opened(jobs, runs, 5, "db", group="db")
    await opened(jobs, runs, 5, "single", max_running=1)
    for _ in range(3):
        await tickets.hand_out()
    on_their_way = await sent(store)
    assert len(on_their_way) == 3 + 2 + 1
    for name in ("one", "two"):
        await tickets.begin(name, came(name, *(run for run, its in on_their_way.items() if its == name)))
    assert await tickets.hand_out() == 0, "running, they still have their places"


async def test_a_run_that_begins_while_places_are_counted_keeps_its_place(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs, store: Store, clock: TurnedClock, postgres_url: str
) -> None:
    await fleet.join(a_node("one", concurrency=50))
    await opened(jobs, runs, 2, max_running=1)
    await tickets.hand_out()

    def hand_out_while_it_begins(tx: Tx) -> list[Ticket]:
        def begins(conn: Connection, cursor: object, statement: str, *_: object) -> None:
            if "count(*)" in statement and "job_limit" in statement:
                with psycopg.connect(postgres_url) as other:
                    other.execute("UPDATE runs SET state = 'running' WHERE state = 'queued' AND node IS NOT NULL")

        event.listen(tx.conn, "after_cursor_execute", begins)
        return hand_out(tx, now=clock(), limit=10)

    assert await store.write(hand_out_while_it_begins) == [], "the job has one place"


async def test_what_a_node_leaves_alone_goes_to_another_and_is_then_refused_to_the_first(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs, store: Store, clock: TurnedClock, events: list[Event]
) -> None:
    await fleet.join(a_node("stuck", concurrency=10))
    (run,) = await opened(jobs, runs, 1)
    await tickets.hand_out()
    assert await tickets.take_back() == 0, "it has some seconds"
    await store.write(lambda tx: tx.conn.execute(update(tables.runs).values(sent_at=clock())).rowcount)
    await fleet.join(a_node("other", concurrency=1))
    assert await tickets.take_back() == 1
    assert RunChanged(run, "a") in events
    await tickets.hand_out()
    assert await sent(store) == {run: "other"}, "although the first has more room"
    assert await tickets.begin("stuck", came("stuck", run)) == []
    assert len(await tickets.begin("other", came("other", run))) == 1


async def test_a_silent_node_is_buried_once_its_runs_are_lost_and_what_was_on_its_way_waits_on(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs, store: Store, clock: TurnedClock
) -> None:
    await fleet.join(a_node("dead", concurrency=2))
    began, on_its_way = await opened(jobs, runs, 2, retry={"max_attempts": 2, "delay": 0, "on": ["lost"]})
    await tickets.hand_out()
    (claimed,) = await tickets.begin("dead", came("dead", began))
    assert await fleet.silent() == []
    assert await fleet.bury("dead") is None, "it was heard of just now"
    await store.write(lambda tx: tx.conn.execute(update(tables.nodes).values(heartbeat=clock())).rowcount)
    assert await fleet.silent() == ["dead"]
    lost = await fleet.bury("dead")
    assert lost is not None
    assert [run.id for run in lost] == [began]
    assert await fleet.bury("dead") is None, "another server was first"
    now = await runs.get(began)
    assert (now.state, now.reason) == (RunState.LOST, "Nothing was heard of dead for 10 s, which executed this run.")
    assert await sent(store) == {}
    assert (await runs.get(on_its_way)).state is RunState.QUEUED
    assert not await runs.finish(claimed.run, Outcome(state=RunState.SUCCEEDED), 1.0), "its late result is refused"
    await fleet.join(a_node("dead", concurrency=5))
    assert await tickets.hand_out() == 2, "the next attempt, and what was on its way"


async def test_a_run_that_begins_while_its_node_is_given_up_is_lost(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs, postgres_url: str
) -> None:
    await fleet.join(a_node("dead"))
    (run,) = await opened(jobs, runs, 1)
    await tickets.hand_out()
    async with await psycopg.AsyncConnection.connect(postgres_url) as other:
        await other.execute("UPDATE runs SET state = 'running'")
        burying = asyncio.create_task(fleet.bury("dead", dead=True))
        with psycopg.connect(postgres_url, autocommit=True) as third:
            waits = "SELECT 1 FROM pg_locks WHERE NOT granted"
            await until(lambda: burying.done() or third.execute(waits).fetchone())
    assert [one.id for one in await burying or ()] == [run]
    assert await fleet.lose_unknown() == []
    late = await runs.run_now("a")
    await runs.claim("dead", 1)
    assert [one.id for one in await fleet.lose_unknown()] == [late.id], "what its late answer would tell nobody"


async def test_a_run_goes_to_a_node_that_has_its_task_and_fails_clearly_where_none_has(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs, store: Store, clock: TurnedClock, tasks: Tasks
) -> None:
    await fleet.join(a_node("old", concurrency=9))
    await fleet.join(a_node("new", concurrency=1))
    (run,) = await opened(jobs, runs, 1)
    await tickets.hand_out()
    assert await sent(store) == {run: "old"}
    hello = tasks.registry.tasks.pop("hello")
    assert await tickets.begin("old", came("old", run)) == []
    await tickets.hand_out()
    assert await sent(store) == {run: "new"}
    assert len(await tickets.begin("new", came("new", run))) == 1, (
        "nobody else is left to ask: it runs, and fails by its own words"
    )
    tasks.registry.tasks["hello"] = hello
    await fleet.has_again("old")
    assert [load.node.lacks for load in (await fleet.look()).loads] == [("hello",), ()]


async def test_what_waits_for_a_task_that_nobody_has_is_told(
    fleet: Fleet, jobs: Jobs, runs: Runs, store: Store
) -> None:
    for node in (a_node("one"), a_node("two"), a_node("gpu", queues=("gpu",)), a_node("none", concurrency=0)):
        await fleet.join(node)
    (plain,) = await opened(jobs, runs, 1)
    (gpu,) = await opened(jobs, runs, 1, "train", queue="gpu")
    (mail,) = await opened(jobs, runs, 1, "mail", labels=["mail"])
    assert [one.why for one in (await fleet.look()).unserved] == ["no worker has the label mail"]
    for name in ("one", "two"):
        await store.write(nodes.set_lacks, name, ["hello"])
    found = (await fleet.look()).unserved
    assert [(one.why, one.count, one.task) for one in found] == [
        ("no worker of the queue default has the task hello", 1, "hello"),
        ("no worker has the label mail", 1, ""),
    ], "the queue gpu has somebody who has it"
    assert await runs.held_up_by(await runs.get(plain)) == ["no worker of the queue default has the task hello"]
    await fleet.drain("gpu")
    assert await runs.held_up_by(await runs.get(gpu)) == ["whoever could take it is being emptied"]
    assert await runs.held_up_by(await runs.get(mail)) == ["no worker has the label mail"]
    await fleet.leave(a_node("gpu"))
    await fleet.has_again("two")
    assert await runs.held_up_by(await runs.get(plain)) == []
    await store.write(nodes.set_lacks, "two", ["hello", "other"])
    assert await runs.held_up_by(await runs.get(plain)) == ["nobody has the task hello"]


async def test_while_the_scheduler_is_paused_what_is_on_its_way_does_not_begin(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs, store: Store, clock: TurnedClock, blackouts: Blackouts
) -> None:
    await fleet.join(a_node("one"))
    (run,) = await opened(jobs, runs, 1)
    await store.write(lambda tx: tx.conn.execute(update(tables.runs).values(trigger="schedule")).rowcount)
    await tickets.hand_out()
    switch = Switch(store, blackouts, clock)
    await switch.pause("Night.")
    assert await tickets.begin("one", came("one", run)) == []
    assert await sent(store) == {}
    assert await tickets.hand_out() == 0
    await switch.resume()
    assert await tickets.hand_out() == 1


async def test_who_is_emptied_is_given_nothing_until_somebody_resumes_it(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs, store: Store, clock: TurnedClock
) -> None:
    await fleet.join(a_node("one"))
    await fleet.join(a_node("leaving", draining=clock()))
    drained = await fleet.drain("one")
    assert (drained.node.draining, drained.node.drained_by) == (clock(), "Cron-App")
    assert await fleet.drain("one") == drained, "once is enough"
    (run,) = await opened(jobs, runs, 1)
    assert await tickets.hand_out() == 0
    assert await runs.held_up_by(await runs.get(run)) == ["whoever could take it is being emptied"]
    with pytest.raises(Conflict, match="by itself"):
        await fleet.resume("leaving")
    assert (await fleet.resume("one")).node.draining is None
    assert await tickets.hand_out() == 1
    for asked in (fleet.drain, fleet.resume):
        with pytest.raises(NodeNotFound):
            await asked("nobody")
    told = [row.action for row in (await Audit(store, clock).page(AuditFilter()))[0]]
    assert [one for one in told if one.startswith("node.")] == ["node.resumed", "node.drained"]


async def test_two_processes_of_one_name_have_two_names(fleet: Fleet, store: Store) -> None:
    first, second = await fleet.join(a_node("web:7")), await fleet.join(a_node("web:7"))
    assert (first.name, second.name) == ("web:7", "web:7-2")
    await fleet.leave(first)
    assert await fleet.rejoin(replace(second, name="web:7"))
    assert not await fleet.rejoin(second)
    other = replace(second, started_at=second.started_at + timedelta(seconds=1))
    assert not await store.read(nodes.beat, other, 0.0), "a sign of life is of one very process"
    with pytest.raises(NameTaken):
        await fleet.rejoin(other)
    assert not await fleet.hold(other)
    await fleet.leave(other)  # as one that was given up, and is stopped before it hears of that
    assert [load.node.name for load in (await fleet.look()).loads] == ["web:7", "web:7-2"]


async def test_an_end_that_races_with_being_given_up_is_one_end(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    await fleet.join(a_node("one", concurrency=50))
    run_ids = await opened(jobs, runs, 12, retry={"max_attempts": 2, "delay": 0})
    await tickets.hand_out()
    begun = await tickets.begin("one", came("one", *run_ids))
    good = Outcome(state=RunState.SUCCEEDED)
    ends = [runs.finish(one.run, good, 1.0) for one in begun]
    *finished, lost = await asyncio.gather(*ends[:6], *ends[6:], fleet.bury("one", dead=True))
    assert lost is not None
    assert {run.id for run in lost} == {one.run.id for one, was in zip(begun, finished, strict=True) if not was}
    for one, was in zip(begun, finished, strict=True):
        state, attempts = (await runs.get(one.run.id)).state, await runs.attempts(one.run)
        assert (state, len(attempts)) == ((RunState.SUCCEEDED, 1) if was else (RunState.LOST, 2))


async def test_a_cancellation_that_races_with_a_beginning_and_an_end_leaves_one_end(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs
) -> None:
    await fleet.join(a_node("one", concurrency=50))
    run_ids = await opened(jobs, runs, 20, retry={"max_attempts": 2, "delay": 0})
    await tickets.hand_out()
    some, others = came("one", *run_ids[:10]), came("one", *run_ids[10:])
    one, *_, other = await asyncio.gather(
        tickets.begin("one", some), *(runs.cancel(run_id) for run_id in run_ids), tickets.begin("one", others)
    )
    begun = {claimed.run.id: claimed.run for claimed in (*one, *other)}
    states = {run_id: (await runs.get(run_id)).state for run_id in run_ids}
    assert set(states.values()) <= {RunState.RUNNING, RunState.CANCELLED}
    assert {run_id for run_id, state in states.items() if state is RunState.RUNNING} == set(begun)
    asked = await runs.standing(run_ids, "one")
    assert {run_id for run_id, reason in asked.items() if reason} == set(begun), "what began is asked to stop"

    again = await opened(jobs, runs, 12, "again")
    await tickets.hand_out()
    going = [claimed.run for claimed in await tickets.begin("one", came("one", *again))]
    good = Outcome(state=RunState.SUCCEEDED)
    answers = await asyncio.gather(
        *(deed for run in going for deed in (runs.cancel(run.id), runs.finish(run, good, 1.0))), return_exceptions=True
    )
    assert all(answers[1::2]), "who was asked to stop and ended well has ended well"
    for run, answer in zip(going, answers[::2], strict=True):
        assert isinstance(answer, Run) or type(answer) is RunEnded
        assert (await runs.get(run.id)).state is RunState.SUCCEEDED
        assert len(await runs.attempts(run)) == 1


async def test_a_run_goes_only_where_all_its_labels_are_and_others_go_rather_elsewhere(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs, store: Store
) -> None:
    await fleet.join(a_node("plain", concurrency=2))
    await fleet.join(a_node("gpu", labels=("gpu",), concurrency=9))
    await fleet.join(a_node("both", labels=("gpu", "zone=eu"), concurrency=9))
    gpu = await opened(jobs, runs, 1, "gpu", labels=["gpu"])
    both = await opened(jobs, runs, 1, "both", labels=["zone=eu", "gpu"])
    nowhere = await opened(jobs, runs, 30, "nowhere", labels=["tpu", "gpu"], priority=9)
    anywhere = await opened(jobs, runs, 3, "anywhere")
    await tickets.hand_out()
    went = {gpu[0]: "gpu", both[0]: "both", anywhere[0]: "plain", anywhere[1]: "plain", anywhere[2]: "gpu"}
    assert await sent(store) == went
    assert await runs.held_up_by(await runs.get(nowhere[0])) == ["no worker has the label tpu"]
    (again,) = await tickets.begin("gpu", came("gpu", gpu[0]))
    await runs.finish(again.run, Outcome(state=RunState.FAILED), 1.0)
    assert (await runs.retry(gpu[0])).id
    await tickets.hand_out()
    assert sorted((await sent(store)).values()) == ["both", "gpu", "gpu", "plain", "plain"], (
        "another attempt asks for the same"
    )


async def test_ten_thousand_waiting_runs_of_one_queue_keep_no_other_queue_waiting(
    fleet: Fleet, tickets: Tickets, jobs: Jobs, runs: Runs, store: Store
) -> None:
    await fleet.join(a_node("one", concurrency=20))
    (first,) = await opened(jobs, runs, 1, "crowd", queue="crowd", max_running=1000)
    few = await opened(jobs, runs, 8, "few", queue="few", max_running=1000)
    urgent = await opened(jobs, runs, 2, "urgent", queue="crowd", priority=1)
    await store.write(multiply, first, 10_000)
    assert await tickets.hand_out() == 20
    went = await sent(store)
    assert {*few, *urgent} <= went.keys(), "the more urgent first, then the queues in turn"
    assert len(went) == 20, "and no place stays empty"
    await tickets.begin("one", came("one", *went))
    later = await opened(jobs, runs, 5, "later", queue="later")
    for run_id in sorted(went.keys() - {*few, *urgent})[:5]:
        await runs.finish(await runs.get(run_id), Outcome(state=RunState.SUCCEEDED), 1.0)
    await tickets.hand_out()
    assert sorted(await sent(store)) == later, "whoever has the fewest running is next"


async def test_runs_that_wait_are_read_along_their_index_however_many_there_are(
    fleet: Fleet, jobs: Jobs, runs: Runs, store: Store, clock: TurnedClock
) -> None:
    await fleet.join(a_node("one", concurrency=200))
    (first,) = await opened(jobs, runs, 1, max_running=1000)
    await opened(jobs, runs, 1, "other", queue="other", priority=-1)
    plans: list[str] = []

    def look(tx: Tx) -> None:
        tx.conn.exec_driver_sql(HISTORY, {"first": first})
        tx.conn.exec_driver_sql("ANALYZE runs")

        def read(conn: Connection, cursor: Any, statement: str, told: Any, *_: object) -> None:
            if statement.startswith("SELECT") and ("LIMIT" in statement or "min(runs.not_before)" in statement):
                plans.append("\n".join(conn.exec_driver_sql(f"EXPLAIN {statement}", told).scalars()))

        event.listen(tx.conn, "after_cursor_execute", read)
        assert len(hand_out(tx, now=clock(), limit=100)) == 100
        next_start(tx.conn, clock())
        nodes.set_lacks(tx, "one", ["hello"])
        assert len(hand_out(tx, now=clock(), limit=100)) == 100, "no more than before"

    await store.write(look)
    *pieces, later, _, _ = plans
    assert len(pieces) > 1, "a further one was read"
    assert all("ix_runs_lines" in plan and "Sort" not in plan for plan in pieces), pieces
    assert "ix_runs_later" in later, "and of what nobody has, each line was looked through once"


async def test_what_nobody_serves_is_told(fleet: Fleet, jobs: Jobs, runs: Runs) -> None:
    await fleet.join(a_node("one", queues=("default", "train"), labels=("gpu",)))
    await fleet.join(a_node("two", queues=("default",), labels=("zone=eu",)))
    await opened(jobs, runs, 2)
    await opened(jobs, runs, 3, "mail", queue="mail")
    await opened(jobs, runs, 1, "train", queue="train", labels=["zone=eu"])
    await opened(jobs, runs, 1, "both", labels=["zone=eu", "gpu"])
    told = [(one.why, one.count, one.command) for one in (await fleet.look()).unserved]
    assert told == [
        (
            "no worker of the queue default has the labels gpu and zone=eu together",
            1,
            "cronapp worker --queue default --label gpu --label zone=eu",
        ),
        ("nobody serves the queue mail", 3, "cronapp worker --queue mail"),
        ("no worker of the queue train has the label zone=eu", 1, "cronapp worker --queue train --label zone=eu"),
    ]

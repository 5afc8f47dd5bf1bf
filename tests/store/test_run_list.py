"""The list of runs: its filters, its stretches, its counts, and what a change of many runs knows of each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from recipes import NOW, at, put_job
from sqlalchemy import Connection, event, insert

from cronapp.core.models import Job, RunState
from cronapp.store import news, overview, runs
from cronapp.store.open import open_store
from cronapp.store.runs import RunFilter, listing
from cronapp.store.store import Store, Tx
from cronapp.store.tables import runs as table


async def put(store: Store, job: Job, state: str = "succeeded", *, minutes: float = 0, **fields: Any) -> int:
    """A run in a state, opened `minutes` after noon."""
    now = NOW + timedelta(minutes=minutes)
    row = {
        "job_key": job.key,
        "job": job.id,
        "task": job.task,
        "args": {},
        "state": state,
        "trigger": "manual",
        "attempt": 1,
        "queue": "default",
        "priority": 0,
        "queued_at": now,
        "finished_at": now if RunState(state).ended else None,
        "last_seq": 0,
        "missed": 1,
    }

    def change(tx: Tx) -> int:
        return int(tx.conn.execute(insert(table).values(row | fields).returning(table.c.id)).scalar_one())

    return await store.write(change)


async def found(store: Store, *, guarded: Any = None, **fields: Any) -> list[int]:
    page = await store.read(runs.listed, RunFilter(**fields), guarded=guarded or {})
    return [run.id for run in page.runs]


async def test_runs_are_found_by_what_is_in_their_arguments_results_and_errors(store: Store) -> None:
    job = await put_job(store)
    kiel = await put(store, job, args={"shop": "Kiel", "times": 3, "deep": {"shop": "Ulm", "on": True}})
    ulm = await put(store, job, args={"shop": "Ulm 100%", "times": 33}, result={"sent": ["Kiel"]})
    late = await put(store, job, "failed", error_type="TimeoutError", error_message="Kiel does not answer")
    gone = await put(store, job, "lost", reason="Its process died.")
    assert await found(store, args=("shop=Kiel",)) == [kiel]
    assert await found(store, args=("shop=Ulm",)) == [kiel]
    assert await found(store, args=("times=3",)) == [kiel]
    assert await found(store, args=("on=true",)) == [kiel]
    assert await found(store, args=("kiel",)) == [kiel]
    assert await found(store, args=("100%", "times=33")) == [ulm]
    assert await found(store, args=("shop=",)) == []
    assert await found(store, result="kiel") == [ulm]
    assert await found(store, error="timeouterror: Kiel") == [late]
    assert await found(store, error="process died") == [gone]
    assert await found(store, q="Kiel") == [late, ulm, kiel]
    assert await found(store, q=f"#{gone}") == [gone]
    assert await found(store, q="Kiel", state="failed,lost") == [late]


async def test_secret_arguments_are_not_searched(store: Store) -> None:
    job = await put_job(store)
    run = await put(store, job, args={"token": "hush", "shop": "Kiel"})
    guarded = {job.task: frozenset({"shop"})}
    for text in ("hush", "token=hush", "Kiel"):
        assert await found(store, args=(text,), guarded=guarded) == []
        assert await found(store, q=text, guarded=guarded) == []
    assert await found(store, args=("shop=Kiel",), guarded=guarded) == [run]


async def test_runs_are_found_by_task_tag_trigger_and_node(store: Store) -> None:
    one, two = await put_job(store, "one", tags=["night"]), await put_job(store, "two", task="fail")
    first = await put(store, one, trigger="schedule", node="web-1:1")
    second = await put(store, two, "failed", error_group="ab")
    assert await found(store, tag="night") == await found(store, trigger="schedule") == [first]
    assert await found(store, task="fail") == await found(store, group="ab") == [second]
    assert await found(store, node="web-1:1") == [first]
    assert await found(store, state="succeeded,failed") == [second, first]


async def test_a_stretch_of_time_holds_what_was_opened_in_it(store: Store) -> None:
    job = await put_job(store)
    ids = [await put(store, job, minutes=n) for n in range(60)]
    gap = await put(store, job, "missed", minutes=500, missed=99)  # its time moved on with its last slot
    last = await put(store, job, minutes=61)

    async def within(since: datetime | None, until: datetime | None) -> list[int]:
        return await found(store, since=since, until=until)

    assert await within(at("12:58"), None) == [last, gap, ids[59], ids[58]]
    assert await within(at("12:10"), at("12:13")) == ids[12:9:-1]
    assert await within(at("13:01"), at("13:02")) == [last, gap]
    assert await within(at("14:00"), None) == await within(None, at("11:00")) == []
    assert (await store.read(runs.tally, RunFilter(since=at("12:30")))).counts == {"succeeded": 31, "missed": 1}


async def test_a_text_is_looked_for_in_one_stretch_at_a_time_and_the_answer_says_how_far(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "STRETCH", 10)
    job = await put_job(store)
    wanted = await put(store, job, args={"shop": "Kiel"})
    ids = [wanted, *[await put(store, job) for _ in range(24)]]
    seen: list[int] = []
    before: int | None = None
    looked = []
    while True:
        page = await store.read(runs.listed, RunFilter(q="Kiel"), before=before)
        seen += [run.id for run in page.runs]
        if page.next is None:
            break
        assert page.looked_to is not None
        looked.append(page.looked_to.id)
        before = page.next
    assert (seen, looked) == ([wanted], [ids[15], ids[5]])
    assert (await store.read(runs.tally, RunFilter(q="Kiel"))).partly
    assert await found(store, task="hello") == ids[::-1]  # goes through as many stretches as it takes
    some, more = await store.read(runs.ids, RunFilter(q="Kiel"), None, 100, {})
    assert (some, more) == ([], ids[15])


async def test_counts_stop_where_nobody_counts_further(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "COUNTED", 3)
    job, other = await put_job(store), await put_job(store, "other")
    for _ in range(5):
        await put(store, job)
    await put(store, other, "failed")
    tally = await store.read(runs.tally, RunFilter(state="failed"))
    assert (tally.counts, tally.more) == ({"succeeded": 3, "failed": 1}, {"succeeded"})
    assert (tally.of(("failed",)), tally.is_more(("failed",))) == (1, False)
    assert (tally.of(()), tally.is_more(())) == (4, True)
    of_job = await store.read(runs.tally, RunFilter(job=job.id))
    assert of_job.partly
    assert not (await store.read(runs.tally, RunFilter(job="other"))).partly


async def test_what_is_chosen_knows_its_newest_attempt_and_whether_its_job_is_there(store: Store) -> None:
    job = await put_job(store)
    first = await put(store, job, "failed")
    second = await put(store, job, "succeeded", attempt=2, first_attempt=first)
    lone = await put(store, job, "failed", job_key=999_999)
    told = {one.id: one for one in await store.read(runs.chosen, [first, second, lone, 999_999])}
    assert list(told) == [lone, second, first]
    assert (told[first].newest, told[first].newest_state) == (second, RunState.SUCCEEDED)
    assert told[second].newest == second
    assert (told[lone].newest, told[lone].job_there, told[first].job_there) == (lone, False, True)


HISTORY = """
INSERT INTO runs (job_key, job, task, args, state, trigger, attempt, queue, priority, queued_at, last_seq, missed)
SELECT 1, 'a', 'hello', '{}', CASE WHEN n <= 1500 THEN 'failed' WHEN n > 30000 THEN 'queued' ELSE 'succeeded' END,
    'manual', 1, 'default', 0, n, 0, 1 FROM generate_series(1, 31500) AS n
"""
"""The first runs failed, the last ones wait."""


async def test_runs_of_a_state_are_found_by_it_though_they_lie_close_together(postgres_url: str) -> None:
    plans: list[str] = []

    def look(tx: Tx) -> None:
        tx.conn.exec_driver_sql(HISTORY)
        tx.conn.exec_driver_sql("ANALYZE runs")

        def read(conn: Connection, cursor: Any, statement: str, told: Any, *_: object) -> None:
            if statement.startswith("SELECT runs.id, "):
                plans.append("\n".join(conn.exec_driver_sql(f"EXPLAIN {statement}", told).scalars()))

        event.listen(tx.conn, "after_cursor_execute", read)
        assert len(overview.waiting(tx.conn, NOW, 50)[0]) == 50
        assert len(news.open_runs(tx.conn, RunState.QUEUED, None, None, 0, 100)) == 100
        assert [run.id for run in runs.listed(tx.conn, RunFilter(state="failed"), limit=2).runs] == [1500, 1499]

    store = await open_store(postgres_url, lambda _: None)
    await store.write(look)
    await store.close()
    assert len(plans) == 3
    assert all("ix_runs_state" in plan and "Sort" not in plan for plan in plans), plans

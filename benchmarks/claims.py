"""How long a claim takes while much waits. Run: python benchmarks/claims.py [postgresql://…]"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from time import perf_counter

from sqlalchemy import insert

from cronapp.core.models import Job, JobState, RunState, RunTrigger
from cronapp.core.spec import parse_spec
from cronapp.store import jobs as job_rows
from cronapp.store import runs as run_rows
from cronapp.store.open import open_store
from cronapp.store.store import Store, Tx
from cronapp.store.tables import runs

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WAITING = 10_000
ROUNDS = 10
AT_ONCE = 100


async def put_job(store: Store, job_id: str, group: str | None) -> Job:
    spec = parse_spec({"id": job_id, "task": "hello", "schedule": {"kind": "manual"}, "group": group}, now=NOW)

    def change(tx: Tx) -> Job:
        job = job_rows.create(tx, spec, state=JobState.ACTIVE, reason=None, origin="api", now=NOW, next_slot=None)
        assert job is not None
        return job

    return await store.write(change)


async def put_waiting(store: Store, jobs: Iterable[Job], each: int) -> None:
    """So many waiting runs of each job, those of one job next to each other."""
    rows = [
        {
            "job_key": job.key,
            "job": job.id,
            "task": job.task,
            "args": {},
            "state": RunState.QUEUED,
            "trigger": RunTrigger.MANUAL,
            "attempt": 1,
            "queue": "default",
            "priority": 0,
            "queued_at": NOW,
            "last_seq": 0,
            "missed": 1,
        }
        for job in jobs
        for _ in range(each)
    ]
    await store.write(lambda tx: tx.conn.execute(insert(runs), rows))


async def tell(store: Store) -> None:
    """The first claim takes up to 100 that may start; the others one, if there is one, and the best of them is told."""
    begun = perf_counter()
    first = await store.write(run_rows.claim, node="node-1", now=NOW, limit=AT_ONCE)
    took = (perf_counter() - begun) * 1e3
    best = float("inf")
    for _ in range(ROUNDS):
        begun = perf_counter()
        await store.write(run_rows.claim, node="node-1", now=NOW, limit=1)
        best = min(best, (perf_counter() - begun) * 1e3)
    print(f"{took:>12.1f}{len(first):>9}{best:>14.1f}")


async def measure(what: str, url: str, count: int, group: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(url or f"sqlite:///{folder}/bench.db", lambda _events: None)
        stamp = str(perf_counter()).replace(".", "-")
        jobs = [await put_job(store, f"job-{stamp}-{n}", group and f"{group}-{stamp}") for n in range(count)]
        await put_waiting(store, jobs, WAITING // count)
        await store.write(run_rows.claim, node="node-0", now=NOW, limit=0)  # the statements are made once
        print(f"{what:<34}", end="")
        await tell(store)
        await store.close()


async def main() -> None:
    url = sys.argv[1] if len(sys.argv) > 1 else ""
    print(f"{WAITING:,} runs wait{'':<16}{'first ms':>12}{'started':>9}{'then, ms':>14}")
    for what, count, group in (
        ("of one full job", 1, None),
        ("of 100 jobs, each full", 100, None),
        ("of 100 jobs of one full group", 100, "db"),
        ("of 1,000 jobs, a hundred may start", 1000, None),
    ):
        await measure(what, url, count, group)


if __name__ == "__main__":
    asyncio.run(main())

"""What the metrics cost: a run with and without them, side by side, and a scrape of many jobs.

Run: python benchmarks/metrics.py [postgresql://…]
"""

from __future__ import annotations

import asyncio
import gzip
import sys
import tempfile
from datetime import UTC, datetime
from statistics import median
from time import perf_counter, process_time

from sqlalchemy import insert

from cronapp.core.meters import Ended, Meter, Started
from cronapp.core.models import JobState, Outcome, RunState, RunTrigger
from cronapp.core.spec import parse_spec
from cronapp.metrics import Here, MetricsPage
from cronapp.service.standing import Standings
from cronapp.store import jobs as job_rows
from cronapp.store import runs as run_rows
from cronapp.store.open import open_store
from cronapp.store.store import NO_METER, Store, Tx
from cronapp.store.tables import runs

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
JOBS, HISTORY = 5_000, 40
ROUNDS, EACH = 9, 100
GOOD = Outcome(state=RunState.SUCCEEDED)
HERE = Here(
    version="1",
    python="3",
    database="sqlite",
    executing=0,
    concurrency=100,
    stream_clients=0,
    leaked_threads=0,
    scheduler_running=True,
    draining=False,
)


async def put_jobs(store: Store, count: int) -> None:
    def change(tx: Tx) -> None:
        for n in range(count):
            spec = parse_spec({"id": f"job-{n}", "task": f"task_{n % 40}", "schedule": {"kind": "manual"}}, now=NOW)
            job_rows.create(tx, spec, state=JobState.ACTIVE, reason=None, origin="api", now=NOW, next_slot=NOW)

    await store.write(change)


async def one_run(store: Store, key: int, job: str) -> None:
    """As it goes through the store: opened, claimed, ended."""

    def opened(tx: Tx) -> None:
        (found,) = job_rows.by_keys(tx.conn, [key])
        run_rows.open_run(tx, found, slot=None, trigger=RunTrigger.MANUAL, now=NOW)

    await store.write(opened)
    (run,) = await store.write(run_rows.claim, node="a", now=NOW, limit=1)
    await store.write(run_rows.finish, run.id, node="a", outcome=GOOD, now=NOW, duration=0.1)


async def side_by_side(url: str) -> None:
    """The processor's time. Both stores take turns, so that whatever else the machine does meets both alike."""
    page = MetricsPage(JOBS)
    with tempfile.TemporaryDirectory() as folder:
        meters: dict[str, Meter] = {"without": NO_METER, "with": page.meter}
        stores = {
            name: await open_store(url or f"sqlite:///{folder}/{name}.db", lambda _: None, meter)
            for name, meter in meters.items()
        }
        for name, store in stores.items():
            if name == "without" or not url:
                await put_jobs(store, 1)
        took: dict[str, list[float]] = {name: [] for name in stores}
        for _ in range(ROUNDS):
            for name, store in stores.items():
                begun = process_time()
                for _ in range(EACH):
                    await one_run(store, 1, "job-0")
                took[name].append((process_time() - begun) / EACH * 1e6)
        for store in stores.values():
            await store.close()
    without, with_them = (median(took[name]) for name in ("without", "with"))
    print(f"a run through the store    {without:8.0f} µs without, {with_them:8.0f} µs with metrics")


def alone() -> None:
    """What is measured of a run, and nothing else."""
    meter = MetricsPage(JOBS).meter
    count = 50_000
    begun = perf_counter()
    for n in range(count):
        meter.count([Started("default", 0.01)])
        for _ in range(3):
            meter.took("write", 0.001, good=True)
        meter.count([Ended(f"job-{n % JOBS}", f"task_{n % 40}", RunState.SUCCEEDED, 0.1)])
    print(f"what is measured of it     {(perf_counter() - begun) / count * 1e6:8.1f} µs")


async def scrape(url: str) -> None:
    page = MetricsPage(JOBS)
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(url or f"sqlite:///{folder}/bench.db", lambda _: None, page.meter)
        if not url:
            await put_jobs(store, JOBS)
        keys = await store.read(lambda conn: [job.key for job in job_rows.all_jobs(conn)])
        row = {"args": {}, "state": "succeeded", "trigger": "manual", "attempt": 1, "queue": "default", "priority": 0}
        times = {"queued_at": NOW, "finished_at": NOW, "last_seq": 0, "missed": 1}
        rows = [
            {"job_key": key, "job": f"job-{key}", "task": "t", **row, **times} for _ in range(HISTORY) for key in keys
        ]
        for first in range(0, len(rows), 10_000):
            await store.write(lambda tx, part=rows[first : first + 10_000]: tx.conn.execute(insert(runs), part))
        asked = Standings(store, lambda: NOW, JOBS)
        begun = perf_counter()
        standing = await asked.look()
        looked = perf_counter() - begun
        await page.told(HERE, asked.look)
        begun = perf_counter()
        text, _ = await page.told(HERE, asked.look)
        told = perf_counter() - begun
        begun = perf_counter()
        small = gzip.compress(text, 1)
        squeezed = perf_counter() - begun
        await store.close()
    lines = len(text.splitlines())
    print(f"{len(standing.each):,} jobs with {len(rows):,} runs: {looked * 1e3:.0f} ms for what the database knows,")
    print(f"{told * 1e3:.0f} ms for {len(text) / 1e6:.1f} MB in {lines:,} lines, {squeezed * 1e3:.0f} ms to squeeze it")
    print(f"into {len(small) / 1e3:.0f} KB")


async def main() -> None:
    url = sys.argv[1] if len(sys.argv) > 1 else ""
    alone()
    await side_by_side(url)
    await scrape(url)


if __name__ == "__main__":
    asyncio.run(main())

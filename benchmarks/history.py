"""How quick the pages are when history is long: `make bench` with 100,000 runs, or

.venv/bin/python benchmarks/history.py --runs 1000000 --jobs 10000
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from hurting import get, make, start  # noqa: E402
from support import Server  # noqa: E402

PAGES = ("/", "/jobs", "/jobs?q=job-9", "/runs", "/runs?state=failed", "/jobs/{job}", "/api/v1/jobs",
         "/api/v1/runs?limit=500", "/api/v1/runs?job={job}", "/system")  # fmt: skip
TIMES = 11
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=1_000)
    return parser.parse_args()


def fill(database: Path, jobs: int, runs: int) -> float:
    """Copies the one job and its one run, the runs over the last eighty days; answers the seconds that it took."""
    began = time.monotonic()
    now = (datetime.now(UTC) - EPOCH) // timedelta(microseconds=1)
    step = 80 * 86_400_000_000 // runs
    with closing(sqlite3.connect(database)) as conn, conn:
        copy(conn, "jobs", jobs, {"key": "n + 1", "id": "'job-' || n", "spec": "replace(spec, 'job-0', 'job-' || n)"})
        moment = f"{now} - ({runs} - n) * {step}"
        state = "CASE n % 10 WHEN 0 THEN 'failed' ELSE 'succeeded' END"
        of = {"id": "n + 1", "job_key": f"n % {jobs} + 1", "job": f"'job-' || (n % {jobs})", "state": state}
        times = dict.fromkeys(("queued_at", "started_at", "finished_at", "slot"), moment)
        copy(conn, "runs", runs, of | times)
    return time.monotonic() - began


def copy(conn: sqlite3.Connection, table: str, count: int, changed: dict[str, str]) -> None:
    columns = [row[1] for row in conn.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changed.get(column, f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    conn.execute(
        f"WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {count - 1}) "
        f"INSERT INTO {table} ({names}) SELECT {values} FROM counted, {table} t WHERE t.{columns[0]} = 1"
    )


def main() -> None:
    given = asked()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        make(server, "job-0", "hello", {"kind": "cron", "expression": "0 3 * * *"})
        start(server, "job-0")
        time.sleep(1)  # for its end
        server.stop()
        took = fill(server.folder / "cronapp.db", given.jobs, given.runs)
        size = (server.folder / "cronapp.db").stat().st_size / 1e6
        print(f"{given.jobs:,} jobs, {given.runs:,} runs: {size:,.0f} MB, filled in {took:.0f} s")
        began = time.monotonic()
        server.env["CRONAPP_KEEP_RUNS"] = str(given.runs)
        server.start()
        print(f"{'start':<28} {time.monotonic() - began:6.2f} s")
        try:
            for page in PAGES:
                path = page.format(job=f"job-{given.jobs // 2}")
                print(f"{path:<28} {' '.join(timed(server, path))}")
        finally:
            server.stop()


def timed(server: Server, path: str) -> list[str]:
    took = []
    for _ in range(TIMES):
        began = time.monotonic()
        reply = get(server, path)
        took.append((time.monotonic() - began) * 1000)
        assert reply.status_code == 200, f"{path}: {reply.status_code}"
    return [f"{took[0]:6.0f} ms first", f"{statistics.median(took):6.0f} ms median", f"{max(took[1:]):6.0f} ms worst"]


if __name__ == "__main__":
    main()

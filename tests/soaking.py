"""A seeded loop that kills a busy server again and again, and what is asked of it afterwards.

`make soak` runs the long form, tests/faults/test_kills.py a short one.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable
from typing import Any

from auditing import Audit, audit
from hurting import MARKING, make, marks, runs_of
from support import Server, until

TASKS = (
    MARKING
    + '''

async def on_loop(seconds: float = 0.0, fails: int = 0):
    """Leave a mark and work; the first attempts fail."""
    mark()
    await asyncio.sleep(seconds)
    fall(fails)


def in_thread(seconds: float = 0.0, fails: int = 0):
    """Leave a mark and work; the first attempts fail."""
    mark()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        current_run().check()
        time.sleep(0.01)
    fall(fails)


@task(run_in="process")
def in_process(seconds: float = 0.0, fails: int = 0):
    """Leave a mark and work; the first attempts fail."""
    mark()
    time.sleep(seconds)
    fall(fails)


def fall(fails):
    print(f"attempt {current_run().attempt}")
    if current_run().attempt <= fails:
        raise ValueError("as it was told")
'''
)
CAUGHT_UP = {"misfire": {"policy": "all", "grace": 3600}}
ALWAYS = 99


def each(seconds: int, offset: int = 0) -> dict[str, Any]:
    return {"kind": "cron", "expression": f"{offset}-59/{seconds} * * * * *"}


def every(seconds: int) -> dict[str, Any]:
    return {"kind": "interval", "every": seconds}


def retry(most: int, delay: float, backoff: str = "exponential") -> dict[str, Any]:
    return {"retry": {"max_attempts": most, "delay": delay, "backoff": backoff, "max_delay": 5}}


JOBS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    # Ways to run, kinds of schedules.
    "loop": ("on_loop", each(1), CAUGHT_UP | {"overlap": "queue_all"}),
    "thread": ("in_thread", each(1), CAUGHT_UP | {"overlap": "queue_all"}),
    "child": ("in_process", each(5), CAUGHT_UP | {"overlap": "queue_all"}),
    "loop-interval": ("on_loop", every(1), CAUGHT_UP | {"overlap": "queue_all"}),
    "thread-interval": ("in_thread", every(2), CAUGHT_UP | {"overlap": "queue_all"}),
    "child-interval": ("in_process", every(7), CAUGHT_UP | {"overlap": "queue_all"}),
    "several": ("on_loop", [each(7, 3), every(5)], CAUGHT_UP | {"overlap": "queue_all"}),
    "jitter": ("on_loop", each(2), CAUGHT_UP | {"overlap": "queue_all", "jitter": 2}),
    # What becomes of slots that passed.
    "missed-skip": ("on_loop", each(1), {"misfire": {"policy": "skip", "grace": 60}}),
    "missed-last": ("in_thread", every(1), {"misfire": {"policy": "last", "grace": 60}}),
    "missed-all": ("on_loop", each(1), {"misfire": {"policy": "all", "grace": 2}, "overlap": "queue_all"}),
    # What becomes of a slot when the run before it goes on.
    "overlap-skip": ("on_loop", each(1), CAUGHT_UP | {"args": {"seconds": 1.3}}),
    "overlap-queue": ("in_thread", every(1), CAUGHT_UP | {"args": {"seconds": 1.3}, "overlap": "queue"}),
    "overlap-cancel": ("on_loop", each(1), CAUGHT_UP | {"args": {"seconds": 1.3}, "overlap": "cancel_running"}),
    "overlap-allow": ("on_loop", each(1), {"args": {"seconds": 2}, "overlap": "allow", "max_running": 3}),
    # What becomes of a run that goes wrong.
    "flaky": ("on_loop", each(2), CAUGHT_UP | {"args": {"fails": 1}, "overlap": "queue_all"} | retry(3, 0.2)),
    "flaky-child": ("in_process", each(10), CAUGHT_UP | {"args": {"fails": 1}, "overlap": "allow"} | retry(3, 0.1)),
    "failing": (
        "in_thread",
        every(3),
        CAUGHT_UP | {"args": {"fails": ALWAYS}, "overlap": "queue_all"} | retry(3, 0.3, "fixed"),
    ),
    "again-when-lost": ("on_loop", each(2, 1), {"args": {"seconds": 1}, "overlap": "allow", **retry(4, 0.1)}),
    "timed-out": ("on_loop", every(4), {"args": {"seconds": 30}, "timeout": 0.5, **retry(2, 0.1)}),
}


async def soak(server: Server, *, seed: int, kills: int, longest: float, say: Callable[[str], None] = print) -> Audit:
    """Kills the server `kills` times, each at most `longest` seconds after it was started, lets it do what it owes,
    stops it, and audits what it left. The same seed draws the same moments."""
    chance = random.Random(seed)
    server.write_tasks(TASKS)
    server.start()
    for job, (task, schedule, rest) in JOBS.items():
        make(server, job, task, schedule, **rest)
    for number in range(1, kills + 1):
        wait = chance.uniform(0, longest)
        asked_first = chance.random() < 0.2  # SIGTERM comes first, so that it dies while it stops
        await asyncio.sleep(wait)  # the moment of a crash is what this is about
        if asked_first:
            server.signal(signal.SIGTERM)
            await asyncio.sleep(chance.uniform(0, 0.5))
        server.kill()
        say(f"kill {number} of {kills}, {wait:.2f} s after the start{', while it stopped' if asked_first else ''}")
        server.launch()
    server.wait_ready()
    await settled(server)
    assert server.stop() == 0, server.text()
    found = await audit(server.folder / "cronapp.db", marks(server))
    say(found.words())
    return found


async def settled(server: Server) -> None:
    """Waits until the last server has served every job, and all that it owes is done."""
    newest = {job: newest_of(server, job) for job in JOBS}
    await until(lambda: all(newest_of(server, job) > newest[job] for job in JOBS), limit=120)
    for job in JOBS:
        assert server.api("POST", f"/jobs/{job}/pause").status_code == 200
    await until(lambda: not any(open_runs(server, state) for state in ("queued", "running")), limit=300)


def newest_of(server: Server, job: str) -> int:
    return max((int(run["id"]) for run in runs_of(server, job, limit=1)), default=0)


def open_runs(server: Server, state: str) -> int:
    return len(server.api("GET", f"/runs?state={state}&limit=1").json()["items"])

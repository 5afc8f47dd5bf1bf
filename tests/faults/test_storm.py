"""A thousand slots in one second, half of them failing and tried again: each has its row, each attempt its end, and the
others wait no longer than they must."""

from __future__ import annotations

import asyncio
import statistics
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from auditing import audit, micros
from hurting import EACH_SECOND, MARKING, asked, crowding, marks, peak_memory, told, until_done
from support import Server, until

from cronapp.core.clock import system_clock
from cronapp.service.blackouts import Blackouts
from cronapp.service.calendars import Calendars
from cronapp.service.jobs import Jobs
from cronapp.service.tasks import Tasks
from cronapp.store.open import open_store

HERD = 1000
SERVED = "SELECT count(DISTINCT job), sum(finished_at IS NULL) FROM runs WHERE job LIKE 'herd-%'"
TASKS = (
    MARKING
    + '''

async def on_loop(fails: int = 0):
    """Leave a mark; the first attempts fail."""
    mark()
    fall(fails)


def in_thread(fails: int = 0):
    """Leave a mark; the first attempts fail."""
    mark()
    fall(fails)


def fall(fails):
    if current_run().attempt <= fails:
        raise ValueError("as it was told")
'''
)
FAILS = (0, 1, 0, 9)  # a half does well, a quarter the second time, a quarter never


LATER = "2099-01-01T00:00:00Z"

DUE = "UPDATE jobs SET spec = replace(spec, ?, ?), next_slot = ? WHERE id LIKE 'herd-%'"


async def make_herd(folder: Path) -> None:
    """A thousand jobs that are due at one moment, and one of each second, in the database of a server to come."""
    store = await open_store(f"sqlite:///{folder}/cronapp.db", lambda _: None)
    jobs = Jobs(store, Tasks([str(folder / "tasks.py")]), Blackouts(Calendars(folder)), system_clock, "UTC")
    rules = {
        "schedule": {"kind": "once", "at": LATER},
        "misfire": {"policy": "all", "grace": 3600},
        "retry": {"max_attempts": 3, "delay": 0.5},
    }
    herd = [
        {"id": f"herd-{n}", "task": ("on_loop", "in_thread")[n // 4 % 2], "args": {"fails": FAILS[n % 4]}, **rules}
        for n in range(HERD)
    ]
    probe = {**rules, "id": "probe", "task": "on_loop", "schedule": EACH_SECOND, "overlap": "queue_all"}
    await asyncio.gather(*(jobs.create(job, origin="browser") for job in [*herd, probe]))
    await store.close()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("killed", [False, True], ids=["left alone", "killed in the middle"])
async def test_a_thousand_slots_in_one_second_are_all_served_and_hold_up_nobody(server: Server, killed: bool) -> None:
    server.write_tasks(TASKS)
    await make_herd(server.folder)
    at = datetime.now(UTC) + timedelta(seconds=5)  # however long it took to make them
    told(server, DUE, LATER, f"{at:%Y-%m-%dT%H:%M:%S}Z", micros(at.replace(microsecond=0)))
    server.start()
    ready = micros(datetime.now(UTC))
    if killed:
        await until(lambda: len(marks(server)) > HERD // 2, limit=60)
        server.kill()
        server.start()
    await until(lambda: asked(server, SERVED) == [(HERD, 0)], limit=120)
    server.api("POST", "/jobs/probe/pause")
    await until_done(server, "probe")
    peak = peak_memory(server)
    assert server.stop() == 0

    found = await audit(server.folder / "cronapp.db", marks(server))
    assert found.wrong == []
    assert found.slots > HERD
    assert set(found.states) <= {"succeeded", "failed", "lost"}
    if killed:
        return
    assert (found.states["failed"], found.retries) == (HERD, HERD * 3 // 4)
    herd, others = found.late("herd-"), found.late("probe", ready)
    print(
        f"{found.words()}; the herd began {statistics.median(herd):.2f} s after its slot (median), {max(herd):.2f} s "
        f"(at most), others {statistics.median(others):.2f} s, {max(others):.2f} s; {peak / 1e6:.0f} MB at most"
    )
    assert max(others) < 10 * crowding()
    assert peak < 400e6

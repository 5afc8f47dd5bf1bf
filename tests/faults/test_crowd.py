"""Many at once, on a real server: each run keeps its own lines, each rule is kept, each race has one winner."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hurting import EACH_SECOND, MARKING, log_of, make, marks, run_of, runs_of, start, until_done, until_ended
from support import TOKEN, Server, until

TALKING = '''
import asyncio, logging, time

from cronapp import task

LINES = 20


async def on_loop(name: str):
    """Talk on the loop."""
    for n in range(LINES):
        print(f"{name} says {n}")
        logging.getLogger(name).warning("%s logs %s", name, n)
        await asyncio.sleep(0)


def in_thread(name: str):
    """Talk in a thread."""
    for n in range(LINES):
        print(f"{name} says {n}")
        logging.getLogger(name).warning("%s logs %s", name, n)
        time.sleep(0.001)


@task(run_in="process")
def in_process(name: str):
    """Talk in a child process."""
    for n in range(LINES):
        print(f"{name} says {n}")
        logging.getLogger(name).warning("%s logs %s", name, n)
'''


async def test_fifty_runs_at_once_keep_their_own_lines(server: Server) -> None:
    server.write_tasks(TALKING)
    server.start()
    tasks = ["on_loop", "in_thread", "in_process"]
    at = datetime.now(UTC) + timedelta(seconds=8)
    jobs = [f"talker-{n}" for n in range(50)]
    once = {"kind": "once", "at": at.isoformat()}
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20) as client:
        bodies = [
            {"id": job, "task": tasks[n % 3], "schedule": once, "args": {"name": job}} for n, job in enumerate(jobs)
        ]
        replies = await asyncio.gather(*(client.post(f"{server.url}/api/v1/jobs", json=body) for body in bodies))
    assert {reply.status_code for reply in replies} == {201}, [reply.text for reply in replies]

    def all_done() -> bool:
        counted = server.api("GET", "/runs?limit=500").json()["items"]
        return len(counted) == 50 and all(run["finished_at"] for run in counted)

    await until(all_done, limit=60)
    for job in jobs:
        (run,) = runs_of(server, job)
        assert run["state"] == "succeeded"
        assert datetime.fromisoformat(run["slot"]) == at
        said = [f"{job} {verb} {n}" for n in range(20) for verb in ("says", "logs")]
        assert sorted(log_of(server, run["id"])) == sorted(said)


async def test_a_waiting_run_starts_as_soon_as_a_place_is_free(server: Server) -> None:
    server.write_tasks(MARKING)
    server.env["CRONAPP_CONCURRENCY"] = "1"
    server.start()
    make(server, "held", "held_in_thread")
    make(server, "then", "short")
    waiting = [start(server, "held"), *(start(server, "then") for _ in range(5))]
    (server.folder / "gate").touch()
    runs = [await until_ended(server, run) for run in waiting]
    ends = [datetime.fromisoformat(run["finished_at"]) for run in runs]
    starts = [datetime.fromisoformat(run["started_at"]) for run in runs]
    gaps = [(later - end).total_seconds() for end, later in zip(ends, starts[1:], strict=False)]
    assert min(gaps) >= 0, "two ran at once"
    assert max(gaps) < 3, "a place stayed free until the carrier looked by itself"


async def test_an_overlap_is_settled_as_each_job_says_and_every_skip_is_recorded(server: Server) -> None:
    server.write_tasks(MARKING)
    server.start()
    for rule in ("skip", "queue", "cancel_running"):
        make(server, rule, "held_on_loop", EACH_SECOND, overlap=rule)
    for rule in ("skip", "queue"):
        await until(lambda rule=rule: sum(run["state"] == "skipped" for run in runs_of(server, rule)) >= 2)
    await until(lambda: sum(run["state"] == "cancelled" for run in runs_of(server, "cancel_running")) >= 2)
    for rule in ("skip", "queue", "cancel_running"):
        server.api("POST", f"/jobs/{rule}/pause")
    (server.folder / "gate").touch()
    for rule in ("skip", "queue", "cancel_running"):
        await until_done(server, rule)
        slots = [datetime.fromisoformat(run["slot"]) for run in runs_of(server, rule)]
        assert slots == [slots[0] + timedelta(seconds=n) for n in range(len(slots))], "each slot has its row"

    ran = {rule: [one for one in marks(server) if one[0] == rule] for rule in ("skip", "queue")}
    assert [run["state"] for run in runs_of(server, "skip")].count("succeeded") == len(ran["skip"]) == 1
    assert [run["state"] for run in runs_of(server, "queue")].count("succeeded") == len(ran["queue"]) == 2
    skipped = next(run for run in runs_of(server, "skip") if run["state"] == "skipped")
    assert skipped["reason"] == f"Run #{runs_of(server, 'skip')[0]['id']} was still running."
    made_way = next(run for run in runs_of(server, "cancel_running") if run["state"] == "cancelled")
    assert "Made way for run #" in made_way["reason"]
    assert runs_of(server, "cancel_running")[-1]["state"] == "succeeded"


async def test_run_now_pressed_twenty_times_with_one_key_runs_once(server: Server) -> None:
    server.write_tasks(MARKING)
    server.start()
    make(server, "once", "short")
    headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": "press"}
    async with httpx.AsyncClient(headers=headers, timeout=20) as client:
        replies = await asyncio.gather(*(client.post(f"{server.url}/api/v1/jobs/once/run") for _ in range(20)))
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json()["id"] for reply in replies}) == 1
    await until(lambda: [run["state"] for run in runs_of(server, "once")] == ["succeeded"])
    assert len(marks(server)) == 1


@pytest.mark.parametrize("task", ["short", "short_in_process"])
async def test_a_cancellation_that_races_with_the_end_leaves_one_end(server: Server, task: str) -> None:
    server.write_tasks(MARKING)
    server.start()
    make(server, "racing", task, max_running=20, overlap="allow")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    runs = []
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        for n in range(20):
            run = int((await client.post(f"{server.url}/api/v1/jobs/racing/run")).json()["id"])
            runs.append(run)
            if n % 2:
                await until(lambda run=run: str(run) in {one[2] for one in marks(server)})
            reply = await client.post(f"{server.url}/api/v1/runs/{run}/cancel")
            assert reply.status_code in (202, 409), reply.text
            if reply.status_code == 409:
                assert run_of(server, run)["state"] == "succeeded"
    ends = [await until_ended(server, run) for run in runs]
    assert {run["state"] for run in ends} <= {"succeeded", "cancelled"}
    assert [run["finished_at"] is not None for run in ends] == [True] * 20
    server.stop()
    server.start()
    assert [run_of(server, run["id"]) for run in ends] == ends


async def test_no_slot_runs_after_a_pause_was_answered(server: Server) -> None:
    server.write_tasks(MARKING)
    server.start()
    for job in ("second", "other"):
        make(server, job, "short", EACH_SECOND)
    for _ in range(3):
        before = len(runs_of(server, "second"))
        await until(lambda before=before: len(runs_of(server, "second")) > before)
        assert server.api("POST", "/jobs/second/pause").status_code == 200
        paused = datetime.now(UTC)
        meanwhile = len(runs_of(server, "other"))
        await until(lambda seen=meanwhile: len(runs_of(server, "other")) >= seen + 2)
        opened = [datetime.fromisoformat(run["queued_at"]) for run in runs_of(server, "second")]
        assert [moment for moment in opened if moment > paused] == []
        assert server.api("POST", "/jobs/second/resume").status_code == 200

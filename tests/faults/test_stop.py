"""Told to stop, the server ends what it has begun, and says what it waits for."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
import time
from contextlib import closing

import httpx
import pytest
from hurting import HELD, MARKING, crowding, lives, log_of, make, marks, run_of, start, until_begun, until_in
from support import TOKEN, Server, until


def over(server: Server) -> bool:
    assert server.process is not None
    return server.process.poll() is not None


async def test_an_idle_server_ends_within_a_second_with_pages_open(server: Server) -> None:
    server.write_tasks(MARKING)
    took = []
    for _ in range(3):
        server.start()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            httpx.AsyncClient(headers=headers, timeout=10) as client,
            client.stream("GET", f"{server.url}/stream?topics=jobs&at=/jobs") as stream,
        ):
            messages = stream.aiter_text()
            assert "retry" in await anext(messages)
            began = time.monotonic()
            server.signal(signal.SIGTERM)
            status = await asyncio.to_thread(lambda: server.process and server.process.wait(20))
            took.append(time.monotonic() - began)
        assert status == 0
        assert "Traceback" not in server.text()
    assert min(took) < 1 * crowding(), took


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "ctrl-c"])
async def test_runs_are_let_finish_and_the_server_tells_what_it_waits_for(
    server: Server, number: signal.Signals
) -> None:
    server.write_tasks(MARKING)
    server.start()
    for task in HELD:
        make(server, task, task)
    runs = [start(server, task) for task in HELD]
    for run in runs:
        await until_begun(server, run)
    make(server, "second", "short", {"kind": "cron", "expression": "* * * * * *"})
    server.signal(number)
    await until(lambda: re.search("Waiting up to 30 s for [34] runs", server.text()))  # perhaps one of "second" too
    before = len([one for one in marks(server) if one[0] == "second"])
    assert f"#{runs[0]} held_on_loop" in server.text()
    assert not over(server)
    (server.folder / "gate").touch()
    assert server.process is not None
    assert await asyncio.to_thread(server.process.wait, 20) == 0
    assert "Traceback" not in server.text()
    assert len([one for one in marks(server) if one[0] == "second"]) == before, "a new slot was taken while stopping"

    server.start()
    for run in runs:
        assert run_of(server, run)["state"] == "succeeded"
        assert log_of(server, run) == ["begun", "done"]
    assert {job["id"] for job in server.api("GET", "/jobs").json()["items"]} == {*HELD, "second"}


async def test_a_second_signal_hastens_the_end(server: Server) -> None:
    server.write_tasks(MARKING)
    server.start()
    for task in HELD:
        make(server, task, task)
    runs = [start(server, task) for task in HELD]
    for run in runs:
        await until_begun(server, run)
    child = next(int(one[4]) for one in marks(server) if one[0] == "held_in_process")
    server.signal(signal.SIGTERM)
    await until(lambda: "Waiting up to" in server.text())
    server.signal(signal.SIGTERM)
    assert server.process is not None
    assert await asyncio.to_thread(server.process.wait, 10) == 0
    assert not lives(child)
    server.start()
    for run in runs:
        assert run_of(server, run)["state"] == "lost"
        assert "server was stopped" in run_of(server, run)["reason"]


async def test_past_the_limit_that_it_told_the_server_stops_what_still_runs(server: Server) -> None:
    server.write_tasks(MARKING)
    server.env["CRONAPP_STOP_TIMEOUT"] = "200ms"
    server.start()
    make(server, "held", "held_in_thread", retry={"max_attempts": 2, "delay": 0.1})
    run = start(server, "held")
    await until_in(server, run, "running")
    assert server.stop() == 0
    assert f"Stopping 1 run (#{run} held)" in server.text()
    (server.folder / "gate").touch()
    server.start()
    assert run_of(server, run)["state"] == "lost"
    await until_in(server, run + 1, "succeeded")


async def test_what_waits_when_the_server_stops_runs_once_after_the_next_start(server: Server) -> None:
    server.write_tasks(MARKING)
    server.env["CRONAPP_CONCURRENCY"] = "1"
    server.start()
    make(server, "held", "held_in_thread")
    make(server, "then", "short")
    held = start(server, "held")
    rest = [start(server, "then") for _ in range(10)]
    await until_in(server, held, "running")
    server.signal(signal.SIGTERM)
    await until(lambda: "Waiting up to" in server.text())
    (server.folder / "gate").touch()
    assert server.stop() == 0
    server.start()
    for run in rest:
        await until_in(server, run, "succeeded")
    assert sorted(int(one[2]) for one in marks(server) if one[0] == "then") == rest


async def test_the_server_ends_though_the_database_is_away_and_names_the_runs_whose_end_it_could_not_store(
    server: Server,
) -> None:
    server.write_tasks(MARKING)
    server.env["CRONAPP_STOP_TIMEOUT"] = "1s"
    server.start()
    for task in HELD:
        make(server, task, task)
    runs = [start(server, task) for task in HELD]
    for run in runs:
        await until_begun(server, run)
    with closing(sqlite3.connect(server.folder / "cronapp.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        (server.folder / "gate").touch()  # they end, and nobody can write it down
        began = time.monotonic()
        assert await asyncio.to_thread(server.stop, 60) == 0
        print(f"the stop took {time.monotonic() - began:.1f} s")
        foreign.execute("ROLLBACK")
    names = ", ".join(f"#{run} {task}" for run, task in zip(runs, HELD, strict=True))
    assert f"The end of 3 runs ({names}) could not be stored" in server.text()
    assert "Traceback" not in server.text()
    server.start()
    for run in runs:
        assert run_of(server, run)["state"] == "lost"
        assert "ended without a word" in run_of(server, run)["reason"]

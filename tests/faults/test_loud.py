"""Runs that print more than anybody can read, or what is no text: it is cut, shown and bounded, and others go on."""

from __future__ import annotations

import json
from html import unescape

import pytest
from hurting import get, log_of, make, peak_memory, run_of, start, until_ended, until_in
from support import Server, until

MB = 1_000_000
TASKS = r'''
import os, sys, time
from pathlib import Path

from cronapp import task

CHUNK = "x" * 999 + "\n"


def pour(megabytes):
    for _ in range(megabytes):
        sys.stdout.write(CHUNK * 1000)


def in_thread(megabytes: int):
    """Print as fast as it goes."""
    pour(megabytes)


@task(run_in="process")
def in_process(megabytes: int):
    """Print as fast as it goes."""
    pour(megabytes)


@task(run_in="process")
def past_python(megabytes: int):
    """Write as fast as it goes, past Python."""
    chunk = CHUNK.encode() * 1000
    for _ in range(megabytes):
        left = chunk
        while left:
            left = left[os.write(1, left):]


def one_line(megabytes: int):
    """Print a line without an end."""
    for _ in range(megabytes):
        sys.stdout.write("y" * 1_000_000)
    print(" end")


def bar(steps: int):
    """Redraw a progress bar."""
    for n in range(steps):
        sys.stdout.write(f"\r{n} of {steps}")
    print("\rdone   ")


def no_newline():
    """Print half a line, and wait."""
    sys.stdout.write("half a line:")  # what may begin a secret, as a letter, would be held back
    while not Path("gate").exists():
        time.sleep(0.01)


def colours():
    """Print what a terminal would obey, and what a page would."""
    print("\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J\x1b[1;1H cleared")
    print("<script>alert(1)</script><hx-partial hx-target='#log'>no</hx-partial> &amp; \u202eevil")


def hello():
    """Say hello."""
    print("hello")
'''


@pytest.fixture
def server(server: Server) -> Server:
    server.write_tasks(TASKS)
    server.env["CRONAPP_LOG_LIMIT"] = str(MB)
    return server.start()


@pytest.mark.timeout(240)
async def test_a_flood_is_cut_and_others_logs_go_on_and_memory_is_bounded(server: Server) -> None:
    tasks = {"in_thread": 250, "in_process": 250, "past_python": 500}
    for task, megabytes in tasks.items():
        make(server, task, task, args={"megabytes": megabytes})
    make(server, "hello", "hello", overlap="queue_all")
    before = peak_memory(server)
    loud = [start(server, task) for task in tasks]
    for run in loud:  # while the others pour
        await until(lambda run=run: run_of(server, run)["state"] != "queued")
        hello = start(server, "hello")
        await until_in(server, hello, "succeeded")
        assert log_of(server, hello) == ["hello"]
    for run in loud:
        assert (await until_ended(server, run, limit=120))["state"] == "succeeded"
        log = log_of(server, run)
        assert sum(len(text) for text in log) < 1.2 * MB
        assert sum("left out: the log limit of 1 MB was reached" in text for text in log) == 1
    grown = peak_memory(server) - before
    print(f"{sum(tasks.values())} MB were printed; the server grew by {grown / MB:.0f} MB")
    assert grown < 200 * MB


async def test_a_line_without_end_is_split_and_kept_up_to_the_limit(server: Server) -> None:
    make(server, "one-line", "one_line", args={"megabytes": 50})
    before = peak_memory(server)
    run = await until_ended(server, start(server, "one-line"))
    assert run["state"] == "succeeded"
    log = log_of(server, run["id"])
    kept = [text for text in log if set(text) == {"y"}]
    assert max(len(text) for text in log) <= 65536
    assert 0.5 * MB < sum(len(text) for text in kept) <= MB
    assert peak_memory(server) - before < 150 * MB
    page = get(server, f"/runs/{run['id']}")
    assert page.status_code == 200


async def test_of_a_progress_bar_the_end_is_kept(server: Server) -> None:
    make(server, "bar", "bar", args={"steps": 100_000})
    run = await until_ended(server, start(server, "bar"))
    log = log_of(server, run["id"])
    assert log[-1].strip() == "done"
    assert len(log) < 50


async def test_half_a_line_is_seen_before_it_ends(server: Server) -> None:
    make(server, "half", "no_newline")
    run = start(server, "half")
    await until(lambda: log_of(server, run) == ["half a line:"])
    assert run_of(server, run)["state"] == "running"
    (server.folder / "gate").touch()
    assert (await until_ended(server, run))["state"] == "succeeded"
    assert log_of(server, run) == ["half a line:"]


async def test_what_a_terminal_or_a_page_would_obey_is_only_shown(server: Server) -> None:
    make(server, "colours", "colours")
    run = await until_ended(server, start(server, "colours"))
    html = get(server, f"/runs/{run['id']}").text
    assert "<script>alert" not in html
    assert "<hx-partial" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert not [char for char in unescape(html) if char in "\x1b\x07\0"]
    lines = [json.loads(line) for line in server.api("GET", f"/runs/{run['id']}/log").text.splitlines()]
    assert [line["seq"] for line in lines] == [1, 2]

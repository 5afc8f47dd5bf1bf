"""A text in the logs of all runs: the newest first, with the lines around, and how far was looked."""

from __future__ import annotations

import itertools

import pytest
from recipes import a_job, log_lines

from cronapp.core.logs import LogFilter, LogShow
from cronapp.core.models import LogStream, Run
from cronapp.service import log_search as module
from cronapp.service.jobs import Jobs
from cronapp.service.log_search import LogSearch
from cronapp.service.runs import Runs
from cronapp.store import log_search as pieces
from cronapp.store import logs
from cronapp.store.runs import RunFilter
from cronapp.store.store import Store

ALL = RunFilter()


async def wrote(store: Store, jobs: Jobs, runs: Runs, job_id: str, *texts: str) -> Run:
    if job_id not in await jobs.ids(100):
        await jobs.create(a_job(job_id, schedule={"kind": "manual"}), origin="api")
    run = await runs.run_now(job_id)
    if texts:
        await store.write(logs.append, {run.id: log_lines(*texts)})
    return run


async def test_lines_are_found_in_the_newest_runs_first_with_those_around_them(
    store: Store, jobs: Jobs, runs: Runs
) -> None:
    numbered = [f"line {n}" for n in range(1, 30)]
    old = await wrote(store, jobs, runs, "one", *numbered[:9], "the Needle", *numbered[10:20], "\x1b[31mneed\x1b[0mle")
    await wrote(store, jobs, runs, "one", "nothing")
    await wrote(store, jobs, runs, "two")
    new = await wrote(store, jobs, runs, "two", *["needle"] * 6)
    found = await LogSearch(store).search(LogFilter(q="needle"), ALL)
    assert [(one.run.id, one.count, one.seqs) for one in found.matches] == [
        (new.id, 6, (1, 2, 3, 4)),
        (old.id, 2, (10, 21)),
    ]
    assert [[line.seq for line in block] for block in found.matches[1].blocks] == [[8, 9, 10, 11, 12], [19, 20, 21]]
    assert (found.runs, found.lines, found.next) == (3, 28, None)
    assert found.oldest
    assert found.oldest.id == old.id
    of_one = await LogSearch(store).search(LogFilter(q="needle"), RunFilter(job="one"))
    assert [one.run.id for one in of_one.matches] == [old.id]


async def test_lines_that_tell_of_errors_are_found_without_a_text(store: Store, jobs: Jobs, runs: Runs) -> None:
    run = await wrote(store, jobs, runs, "one", "fine")
    await store.write(logs.append, {run.id: log_lines("bad", first=2, stream=LogStream.LOG, level="ERROR")})
    found = await LogSearch(store).search(LogFilter(LogShow.ERRORS), ALL)
    assert [one.seqs for one in found.matches] == [(2,)]


async def test_the_search_stops_when_it_found_enough_and_goes_on_from_there(
    store: Store, jobs: Jobs, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ENOUGH", 2)
    ids = [(await wrote(store, jobs, runs, "one", "needle")).id for _ in range(5)]
    seen: list[int] = []
    before: int | None = None
    while True:
        found = await LogSearch(store).search(LogFilter(q="needle"), ALL, before=before)
        seen += [one.run.id for one in found.matches]
        if found.next is None:
            break
        before = found.next
    assert seen == ids[::-1]


async def test_the_search_stops_when_its_time_is_over_and_says_how_far_it_came(
    store: Store, jobs: Jobs, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LINES", 4)
    ids = [(await wrote(store, jobs, runs, "one", "a", "b")).id for _ in range(6)]
    ticks = itertools.count(0.0, module.SECONDS / 2)
    search = LogSearch(store, clock=lambda: next(ticks))
    found = await search.search(LogFilter(q="needle"), ALL)
    assert (found.matches, found.runs, found.lines) == ([], 4, 8)
    assert found.oldest
    assert (found.next, found.oldest.id) == (ids[2], ids[2])
    rest = await LogSearch(store).search(LogFilter(q="needle"), ALL, before=found.next)
    assert (rest.runs, rest.next) == (2, None)

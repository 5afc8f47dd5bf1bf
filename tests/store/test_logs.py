"""Log lines are appended by number and read by ranges of their numbers."""

from __future__ import annotations

import pytest
from recipes import NOW, log_lines, put_job
from sqlalchemy.exc import IntegrityError

from cronapp.core.logs import LogFilter, LogShow, Step
from cronapp.core.models import LogStream, RunTrigger
from cronapp.store import logs, runs
from cronapp.store.store import Store


@pytest.fixture
async def run(store: Store) -> int:
    job = await put_job(store)
    run_id = await store.write(runs.open_run, job, slot=None, trigger=RunTrigger.MANUAL, now=NOW)
    assert run_id is not None
    return run_id


async def texts(
    store: Store, run: int, after: int = 0, limit: int = 1000, *, level: str = "", q: str = ""
) -> list[str]:
    return [line.text for line in await store.read(logs.lines_after, run, after, limit, level=level, q=q)]


async def test_lines_come_back_as_they_were(store: Store, run: int) -> None:
    lines = [
        *log_lines("printed", "", "ünïcode ✓ 🙂"),
        *log_lines("wrong", first=4, stream=LogStream.STDERR),
        *log_lines("logged", first=5, stream=LogStream.LOG, level="WARNING"),
        *log_lines("ours", first=6, stream=LogStream.SYSTEM),
    ]
    await store.write(logs.append, {run: lines})
    assert await store.read(logs.lines_after, run) == lines
    found = await store.read(runs.get, run)
    assert found is not None
    assert found.last_seq == 6


async def test_a_reader_goes_on_after_the_last_line_it_has(store: Store, run: int) -> None:
    await store.write(logs.append, {run: log_lines(*"abc")})
    assert await texts(store, run, 0, 2) == ["a", "b"]
    await store.write(logs.append, {run: log_lines(*"de", first=4)})
    assert await texts(store, run, 2) == ["c", "d", "e"]
    assert await texts(store, run, 5) == []


async def test_each_run_has_lines_of_its_own(store: Store, run: int) -> None:
    other = await store.write(runs.open_run, await put_job(store, "other"), slot=None, trigger=RunTrigger.API, now=NOW)
    assert other is not None
    await store.write(logs.append, {run: log_lines("mine")})
    await store.write(logs.append, {other: log_lines("theirs")})
    assert (await texts(store, run), await texts(store, other)) == (["mine"], ["theirs"])


async def test_a_number_is_given_once(store: Store, run: int) -> None:
    await store.write(logs.append, {run: log_lines("first")})
    with pytest.raises(IntegrityError):
        await store.write(logs.append, {run: log_lines("again")})
    assert await texts(store, run) == ["first"]


async def test_lines_are_found_by_level_and_by_text(store: Store, run: int) -> None:
    await store.write(logs.append, {run: log_lines("100% done", "1000 done")})
    await store.write(logs.append, {run: log_lines("Disk full", first=3, stream=LogStream.LOG, level="ERROR")})
    await store.write(logs.append, {run: log_lines("disk_a fine", first=4, stream=LogStream.LOG, level="INFO")})
    assert await texts(store, run, level="error") == ["Disk full"]
    assert await texts(store, run, q="DISK") == ["Disk full", "disk_a fine"]
    assert await texts(store, run, q="100%") == ["100% done"]  # a sign, not a pattern
    assert await texts(store, run, q="disk_") == ["disk_a fine"]
    assert await texts(store, run, q="disk", level="INFO") == ["disk_a fine"]
    assert await texts(store, run, 3, q="disk") == ["disk_a fine"]
    assert await texts(store, run, q="done", limit=1) == ["100% done"]


TRACE = "Traceback (most recent call last):"
EIGHT = [
    *log_lines("\x1b[32mshop\x1b[0m 1"),
    *log_lines("shop 2 \x1b[1msh\x1b[0mop", first=2, stream=LogStream.STDERR),
    *log_lines("low", first=3, stream=LogStream.LOG, level="WARNING"),
    *log_lines("broke", TRACE, "ValueError: Shop 3", first=4, stream=LogStream.LOG, level="ERROR"),
    *log_lines(TRACE, "  in shop.py", first=7, stream=LogStream.STDERR),
]
"""Of each kind: colours, both streams, a warning, an error in three lines, and one that nobody logged."""


@pytest.mark.parametrize(
    ("wanted", "seqs"),
    [
        (LogFilter(), [1, 2, 3, 4, 5, 6, 7, 8]),
        (LogFilter(LogShow.STDOUT), [1]),
        (LogFilter(LogShow.STDERR), [2, 7, 8]),
        (LogFilter(LogShow.WARNINGS), [2, 3, 4, 5, 6, 7, 8]),
        (LogFilter(LogShow.ERRORS), [4, 5, 6, 7]),
        (LogFilter(LogShow.ERRORS, records=True), [4, 7]),
        (LogFilter(q="SHOP"), [1, 2, 6, 8]),
        (LogFilter(q="2 shop"), [2]),
        (LogFilter(q="32m"), []),
        (LogFilter(LogShow.STDERR, q="shop"), [2, 8]),
    ],
    ids=str,
)
async def test_a_filter_is_the_same_for_reading_counting_parting_and_stepping(
    store: Store, run: int, wanted: LogFilter, seqs: list[int]
) -> None:
    await store.write(logs.append, {run: EIGHT})
    assert await store.read(logs.count, run, wanted, 0, 8) == len(seqs)
    assert await store.read(logs.count, run, wanted, 3, 6) == len([seq for seq in seqs if 3 < seq <= 6])
    assert await store.read(logs.firsts, run, wanted, 8, 2) == seqs[::2]
    if not wanted.records:
        lines = await store.read(lambda conn: logs.lines_after(conn, run, show=wanted.show, q=wanted.q))
        assert [line.seq for line in lines] == seqs
    for start in range(10):
        for back in (False, True):
            found = await store.read(logs.step, run, wanted, start, 8, back=back)
            beyond = [seq for seq in seqs if (seq < start if back else seq > start)] or seqs
            there = (beyond[-1] if back else beyond[0]) if seqs else None
            assert found == Step(len(seqs), there, seqs.index(there) + 1 if there else 0), (start, back)


async def test_ten_thousand_lines_are_read_in_pieces(store: Store, run: int) -> None:
    await store.write(logs.append, {run: log_lines(*(f"line {n}" for n in range(1, 10_001)))})
    assert await texts(store, run, 9_997) == ["line 9998", "line 9999", "line 10000"]
    assert len(await texts(store, run)) == 1000

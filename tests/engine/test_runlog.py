"""What goes into a run's log, and what comes out."""

from __future__ import annotations

import asyncio
import re
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from cronapp.core.models import LogStream
from cronapp.engine import runlog
from cronapp.engine.runlog import RunLog, clean, size_in_words
from cronapp.engine.runlog import log as log_module

OUT, ERR = LogStream.STDOUT, LogStream.STDERR


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log(clock):
    return RunLog(10**6, clock)


def texts(lines):
    return [line.text for line in lines]


def test_lines_are_numbered_from_one_and_carry_their_moment(log, clock):
    log.write(OUT, "one\ntwo\n")
    clock.turn(2)
    log.write(ERR, "three\n")
    lines = log.take()
    assert [(line.seq, line.stream, line.text) for line in lines] == [
        (1, OUT, "one"),
        (2, OUT, "two"),
        (3, ERR, "three"),
    ]
    assert lines[2].at - lines[0].at == timedelta(seconds=2)
    log.write(OUT, "four\n")
    assert [line.seq for line in log.take()] == [4]
    assert log.take(flush=True) == []


def test_print_writes_text_and_newline_apart_and_still_makes_one_line(log):
    print("a", 1, file=_file(log))
    print(file=_file(log))
    assert texts(log.take()) == ["a 1", ""]


def test_a_line_without_end_comes_after_half_a_second(log, clock):
    log.write(OUT, "Loading…")
    clock.turn(0.4)
    assert log.take() == []
    clock.turn(0.2)
    assert texts(log.take()) == ["Loading…"]
    log.write(OUT, "\n")
    assert log.take(flush=True) == []


def test_the_rest_of_a_line_that_was_given_out_is_a_line_of_its_own(log, clock):
    log.write(OUT, "Loading… ")
    clock.turn(1)
    log.take()
    log.write(OUT, "done\nnext\n\n")
    assert texts(log.take()) == ["done", "next", ""]


def test_flush_gives_out_everything(log):
    log.write(OUT, "no end")
    log.write(ERR, "neither")
    assert sorted(texts(log.take(flush=True))) == ["neither", "no end"]


def test_of_a_progress_bar_the_last_state_is_kept(log, clock):
    for percent in range(0, 101, 10):
        log.write(ERR, f"\r{percent}%")
        clock.turn(0.1)
        assert log.take() == []
    log.write(ERR, "\n")
    assert texts(log.take()) == ["100%"]


@pytest.mark.parametrize(
    "written", ["10%\r20%\r30%\n", "10%\r|20%\r|30%\r|\n", "\r10%|\r20%|\r30%|\n", "10%\r\r\r30%\r\r\n"]
)
def test_carriage_returns_restart_the_line_however_they_are_cut(log, written):
    for part in written.split("|"):
        log.write(OUT, part)
    assert texts(log.take(flush=True)) == ["30%"]


@pytest.mark.parametrize("written", ["one\r\ntwo\r\n", "one\r|\ntwo|\r\n", "one|\r\n|two\r|\n"])
def test_windows_line_ends_are_line_ends(log, written):
    for part in written.split("|"):
        log.write(OUT, part)
    assert texts(log.take()) == ["one", "two"]


def test_a_progress_bar_is_seen_now_and_then_while_it_moves(log, clock):
    seen = []
    for step in range(120):
        log.write(ERR, f"step {step}\r")
        clock.turn(0.1)
        seen += texts(log.take())
    assert 1 <= len(seen) <= 3


def test_threads_do_not_write_into_one_anothers_lines(log):
    ready = threading.Barrier(8)

    def work(n):
        ready.wait()
        for i in range(200):
            log.write(OUT, f"{n}:")
            log.write(OUT, f"{i}")
            log.write(OUT, "\n")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = log.take()
    assert [line.seq for line in lines] == list(range(1, 1601))
    for n in range(8):
        assert [t for t in texts(lines) if t.startswith(f"{n}:")] == [f"{n}:{i}" for i in range(200)]


async def test_coroutines_do_not_write_into_one_anothers_lines(log):
    async def work(n):
        for i in range(20):
            log.write(OUT, f"{n}:")
            await asyncio.sleep(0)
            log.write(OUT, f"{i}\n")

    await asyncio.gather(*(work(n) for n in range(5)))
    assert sorted(texts(log.take())) == sorted(f"{n}:{i}" for n in range(5) for i in range(20))


def test_a_record_of_many_lines_becomes_lines_of_its_level(log):
    log.log("ERROR", "it broke\r\nTraceback\n  …\n")
    assert [(line.stream, line.level, line.text) for line in log.take()] == [
        (LogStream.LOG, "ERROR", "it broke"),
        (LogStream.LOG, "ERROR", "Traceback"),
        (LogStream.LOG, "ERROR", "  …"),
    ]


def test_what_no_database_can_hold_is_replaced(log):
    log.write(OUT, "a\0b\ud800c\U0001f600\x1b[31m\n")
    assert texts(log.take()) == ["a\ufffdb\ufffdc\U0001f600\x1b[31m"]
    assert clean("\ud83d\ude00") == "\U0001f600"
    assert clean("\ud83d\udc80 \udc80") == "\U0001f480 \ufffd"


def test_a_line_of_fifty_megabytes_is_split_and_bounded(clock):
    log = RunLog(10 * 2**20, clock)
    log.write(OUT, "x" * 50_000_000)
    log.write(OUT, "\n")
    lines = log.take(flush=True)
    assert max(len(line.text) for line in lines) == 65536
    assert 9.8 * 2**20 < sum(len(line.text) for line in lines) < 10.1 * 2**20
    gap = next(line.text for line in lines if "left out" in line.text)
    assert re.fullmatch(r"… \d+ lines \(39.\d MB\) left out: the log limit of 10 MB was reached …", gap)


def test_a_line_that_grows_piece_by_piece_is_split_as_well(clock):
    log = RunLog(10**6, clock, max_line=10)
    for _ in range(5):
        log.write(OUT, "abcdef")
    log.write(OUT, "\n")
    assert texts(log.take()) == ["abcdefabcd", "efabcdefab", "cdefabcdef"]


def test_beyond_the_limit_the_last_lines_are_kept_and_the_gap_is_told(clock):
    log = RunLog(2000, clock)
    before = []
    for i in range(500):
        log.write(OUT, f"line {i:03}\n")
        clock.turn(1)
        if i % 10 == 9:
            before += log.take()
    assert texts(before)[0] == "line 000"
    assert LIMIT_REACHED in texts(before)
    assert [line.seq for line in before] == list(range(1, len(before) + 1))
    log.log("INFO", "logged\nat the end")
    log.write(ERR, "no end")
    log.system("The run was stopped.")
    lines = log.take(flush=True)
    seen = texts(lines)
    assert seen[0] == "The run was stopped."
    left_out = re.fullmatch(r"… (\d+) lines \((.+)\) left out: the log limit of 2 kB was reached …", seen[1])
    assert seen[-3:] == ["logged", "at the end", "no end"]
    kept = [int(text.removeprefix("line ")) for text in seen[2:-3]]
    assert kept == list(range(kept[0], 500))
    assert 5 < len(kept) < 60
    first = sum(text.startswith("line ") for text in texts(before))
    assert int(left_out[1]) == 500 - first - len(kept)
    assert left_out[2] == runlog.size_in_words(9 * int(left_out[1]))
    assert lines[-4].at - lines[2].at == timedelta(seconds=(len(kept) - 1) // 10 * 10)
    assert [line.level for line in lines[-3:]] == ["INFO", "INFO", None]
    assert [line.seq for line in lines] == list(range(len(before) + 1, len(before) + len(lines) + 1))
    assert log.take(flush=True) == []


def test_what_fits_into_both_parts_is_whole(clock):
    log = RunLog(2000, clock)
    for i in range(60):
        log.write(OUT, f"line {i:02}\n")
    seen = texts(log.take(flush=True))
    assert [text for text in seen if text.startswith("line ")] == [f"line {i:02}" for i in range(60)]
    assert seen.count(LIMIT_REACHED) == 1
    assert len(seen) == 61


LIMIT_REACHED = (
    "The log limit of 2 kB is reached. From here on the last 1 kB are kept, and shown when the run has ended."
)


def test_how_much_there_is_beyond_the_limit_is_told_each_time_it_doubled(clock):
    log = RunLog(2000, clock)
    log.write(OUT, "x" * 99 + "\n")
    told = []
    for _ in range(200):
        log.write(OUT, ("x" * 99 + "\n") * 5)
        told += [line.text for line in log.take() if line.stream is LogStream.SYSTEM]
    assert told[0] == LIMIT_REACHED
    assert [re.findall(r"\((.+)\) have come since", text)[0] for text in told[1:]][:3] == ["2.3 kB", "4.3 kB", "8.3 kB"]
    assert len(told) == 7


def test_a_line_begun_in_the_first_part_ends_in_the_last_and_none_begins_in_the_middle(clock):
    log = RunLog(2000, clock)
    log.write(ERR, "begun ")
    log.write(OUT, "x" * 1200 + "\n")
    log.write(ERR, "and ended\n")
    assert texts(log.take(flush=True))[-1] == "begun and ended"
    for n in range(100):
        log.write_bytes(OUT, f"{n:03} ".encode() + b"y" * 90)
        log.write_bytes(OUT, b"y\n")
    kept = [line.text for line in log.take(flush=True) if line.stream is OUT]
    assert len(kept) > 5
    assert all(re.fullmatch(r"\d{3} y{91}", text) for text in kept), kept


def test_a_gigabyte_takes_no_more_memory_than_the_last_part(clock):
    log = RunLog(10**7, clock)
    chunk = (b"z" * 127 + b"\n") * 512
    for _ in range(200):
        log.write_bytes(OUT, chunk)
        log.take()
    tracemalloc.start()
    try:
        for _ in range(2000):
            log.write_bytes(OUT, bytes(bytearray(chunk)))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert log.tail(2) == ["z" * 127] * 2


def test_of_one_large_piece_of_short_lines_the_end_is_kept(clock):
    log = RunLog(20_000, clock)
    log.write_bytes(OUT, b"first\n" * 1000)
    log.take()
    log.write_bytes(OUT, b"y\n" * 32_768)
    kept = [line.text for line in log.take(flush=True) if line.stream is OUT]
    assert set(kept) == {"y"}
    assert 500 < len(kept) < 600  # each costs 18 bytes of the 10,000


@pytest.mark.parametrize("cuts", [1, 2, 3, 7, 100])
def test_bytes_that_are_no_text_are_shown_by_marks_and_kept_exactly(log, cuts):
    written = b"caf\xc3\xa9 \xff\xfe \xe2\x82 end\nnul \0\n\xf0\x9f\x98\x80\n"
    for start in range(0, len(written), cuts):
        log.write_bytes(OUT, written[start : start + cuts])
    assert [(line.text, line.raw) for line in log.take(flush=True)] == [
        ("café \ufffd\ufffd \ufffd end", b"caf\xc3\xa9 \xff\xfe \xe2\x82 end"),
        ("nul \ufffd", b"nul \0"),
        ("\U0001f600", None),
    ]


def test_bytes_survive_in_the_last_part_too(clock):
    log = RunLog(2000, clock)
    log.write(OUT, "x" * 1500 + "\n")
    log.write_bytes(OUT, b"\xff caf\xc3")
    log.write_bytes(OUT, b"\xa9\n")
    last = log.take(flush=True)[-1]
    assert (last.text, last.raw) == ("\ufffd café", b"\xff caf\xc3\xa9")


def test_it_knows_when_the_last_line_came(clock):
    log = RunLog(2000, clock)
    assert log.last_line_at is None
    log.write(OUT, "one\n")
    first = clock()
    clock.turn(5)
    log.system("A remark of ours.")
    assert log.last_line_at == first
    log.write(OUT, "x" * 1500 + "\n")
    clock.turn(5)
    log.take()
    log.write(OUT, "far beyond\n")
    assert log.last_line_at == clock()
    log.take(flush=True)
    assert log.last_line_at == clock()


def test_memory_is_bounded_when_nobody_takes(clock, monkeypatch):
    monkeypatch.setattr(log_module, "PENDING_LINES", 100)
    log = RunLog(10**9, clock)
    log.write(OUT, "x\n" * 1000)
    lines = log.take()
    assert len(lines) == 101
    assert lines[-1].text == "900 lines came faster than they could be stored and were dropped."
    log.write(OUT, "y\n")
    assert texts(log.take()) == ["y"]


def test_a_finalizer_that_prints_in_the_middle_of_a_write_does_not_hang(log, clock):
    class Nosy(Clock):
        def __call__(self):
            if not getattr(self, "inside", False):
                self.inside = True
                log.write(ERR, "finalized\n")
            return super().__call__()

    log._clock = Nosy()
    log.write(OUT, "written\n")
    assert sorted(texts(log.take())) == ["finalized", "written"]


def test_a_closed_log_takes_nothing_in(log):
    log.write(OUT, "before\n")
    log.close()
    log.write(OUT, "after\n")
    log.log("INFO", "after")
    assert log.closed
    assert texts(log.take(flush=True)) == ["before"]


def test_the_tail_remembers_the_last_lines(log):
    for i in range(100):
        log.write(OUT, f"{i}\n")
    log.take()
    assert log.tail(3) == ["97", "98", "99"]
    assert len(log.tail(1000)) == 50
    assert log.tail(0) == []


@pytest.mark.parametrize(
    ("size", "words"),
    [(10 * 2**20, "10 MB"), (10**7, "10 MB"), (1500, "1.5 kB"), (100, "100 bytes"), (2**30, "1 GB")],
)
def test_sizes_read_as_people_write_them(size, words):
    assert size_in_words(size) == words


def _file(log):
    class File:
        def write(self, text):
            log.write(OUT, text)

    return File()

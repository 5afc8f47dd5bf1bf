"""Whose output it is: print, logging, warnings and threads inside and outside runs."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime

import pytest

from cronapp.core.current import CURRENT, CurrentRun, RunCancelled
from cronapp.engine import capture
from cronapp.engine.runlog import RunLog


@contextmanager
def capturing():
    capture.install()
    try:
        yield
    finally:
        capture.uninstall()


@pytest.fixture
def log():
    return RunLog(10**7, lambda: datetime.now(UTC))


def inside(log, function, *args):
    """Call the function as a part of the run that has this log."""

    def call():
        capture.LOG.set(log)
        return function(*args)

    with capturing():
        return copy_context().run(call)


def lines(log):
    return [(line.stream.value, line.level, line.text) for line in log.take(flush=True)]


def texts(log):
    return [line.text for line in log.take(flush=True)]


def test_print_inside_a_run_goes_to_its_log_and_outside_to_the_real_stream(log, capsys):
    def task():
        print("in the run")
        print("an error", file=sys.stderr)

    inside(log, task)
    with capturing():
        print("outside")
    assert lines(log) == [("stdout", None, "in the run"), ("stderr", None, "an error")]
    assert capsys.readouterr().out == "outside\n"


def test_uninstall_restores_everything(log):
    def state():
        root = logging.getLogger()
        patched = (
            sys.stdout,
            sys.stderr,
            logging.StreamHandler.emit,
            warnings.warn,
            warnings.showwarning,
            threading.Thread.start,
            ThreadPoolExecutor.submit,
        )
        return patched, list(root.handlers), root.level

    before = state()
    capture.install()
    capture.install()
    assert state() != before
    capture.uninstall()
    capture.uninstall()
    assert state() == before


def test_installing_again_takes_back_a_stream_that_somebody_replaced(log):
    with capturing():
        sys.stdout = real = io.StringIO()
        capture.install()
        assert isinstance(sys.stdout, capture.RunOutput)
        sys.stdout.write("text")
        assert real.getvalue() == "text"
    assert sys.stdout is real
    sys.stdout = sys.__stdout__


def test_the_stream_behaves_as_a_text_stream_does(log):
    def task():
        with pytest.raises(TypeError, match="must be str, not bytes"):
            sys.stdout.write(b"bytes")
        sys.stdout.buffer.write(b"bin\xff\xc3")
        sys.stdout.buffer.write(b"\xa4ry\n")
        sys.stdout.writelines(["a", "b\n"])
        sys.stdout.flush()
        sys.stdout.reconfigure(line_buffering=True)
        sys.stdout.close()
        assert not sys.stdout.closed
        assert not sys.stdout.isatty()
        assert sys.stdout.writable()
        assert sys.stdout.encoding.lower() == "utf-8"
        assert isinstance(sys.stdout, io.TextIOBase)
        return sys.stdout.write("four")

    assert inside(log, task) == 4
    assert texts(log) == ["bin\ufffdäry", "ab", "four"]


def test_the_descriptor_is_the_real_ones(capfd, log):
    assert inside(log, lambda: sys.stdout.fileno()) == sys.stdout.fileno()


def test_logging_becomes_lines_with_their_levels(log):
    def task():
        logging.info("info %s", 1)
        logging.getLogger("shop").warning("two\nlines")
        logging.debug("too quiet")
        own = logging.getLogger("chatty")
        own.setLevel(logging.DEBUG)
        own.debug("its own level")
        own.setLevel(logging.NOTSET)

    inside(log, task)
    assert lines(log) == [
        ("log", "INFO", "info 1"),
        ("log", "WARNING", "two"),
        ("log", "WARNING", "lines"),
        ("log", "DEBUG", "its own level"),
    ]


def test_a_logged_exception_has_its_traceback(log):
    def task():
        try:
            raise ValueError("no figures")
        except ValueError:
            logging.exception("it failed")

    inside(log, task)
    found = lines(log)
    assert found[0] == ("log", "ERROR", "it failed")
    assert found[-1] == ("log", "ERROR", "ValueError: no figures")


def test_a_record_that_cannot_be_formatted_is_told_to_the_run_and_does_not_break_it(log):
    record = logging.makeLogRecord({"msg": "%d", "args": ("no number",), "levelname": "INFO"})
    inside(log, capture.HANDLER.handle, record)
    assert "--- Logging error ---" in texts(log)


@pytest.fixture
def server_log():
    """The server's own handler on the root logger, at WARNING."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(capture.outside_runs)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def test_the_servers_handlers_see_only_the_servers_records(log, server_log):
    inside(log, lambda: logging.error("of the run"))
    with capturing():
        logging.warning("of the server")
        logging.info("too quiet for the server")
        chatty = logging.getLogger("cronapp.chatty")
        chatty.setLevel(logging.DEBUG)
        chatty.debug("wanted")
        chatty.setLevel(logging.NOTSET)
    assert server_log.getvalue() == "of the server\nwanted\n"
    assert lines(log) == [("log", "ERROR", "of the run")]


def test_a_tasks_own_stream_handler_does_not_double_its_records(log):
    def task():
        logger = logging.getLogger("shop.own")
        handler = logging.StreamHandler()
        logger.addHandler(handler)
        logger.warning("once")
        logger.propagate = False
        logger.warning("also once")
        logger.removeHandler(handler)
        logger.propagate = True

    inside(log, task)
    assert lines(log) == [("log", "WARNING", "once"), ("log", "WARNING", "also once")]


def test_a_warning_is_shown_in_every_run(log):
    def task():
        warnings.warn("old figures", stacklevel=1)

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        for _ in range(3):
            inside(log, task)
    found = lines(log)
    assert [line[:2] for line in found] == [("log", "WARNING")] * 3
    assert all(f"{__file__}:" in text and text.endswith("UserWarning: old figures") for _, _, text in found)


def test_a_warning_that_is_to_be_an_error_is_one(log):
    def task():
        with pytest.raises(UserWarning):
            warnings.warn("old figures", stacklevel=1)

    inside(log, task)


def test_threads_that_a_task_starts_belong_to_its_run(log):
    def task():
        thread = threading.Thread(target=print, args=("from a thread",))
        thread.start()
        thread.join()
        timer = threading.Timer(0, lambda: print("from a timer"))
        timer.start()
        timer.join()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(print, ["from a pool"] * 3))

    inside(log, task)
    assert sorted(texts(log)) == ["from a pool"] * 3 + ["from a thread", "from a timer"]


def test_a_shared_pool_does_not_keep_the_run_that_started_its_thread(log, capsys):
    other = RunLog(10**6, lambda: datetime.now(UTC))
    with ThreadPoolExecutor(1) as pool:
        inside(log, lambda: pool.submit(print, "first").result())
        inside(other, lambda: pool.submit(print, "second").result())
        with capturing():
            pool.submit(print, "the server").result()
    assert texts(log) == ["first"]
    assert texts(other) == ["second"]
    assert capsys.readouterr().out == "the server\n"


async def test_to_thread_and_subtasks_belong_to_the_run(log):
    async def task():
        capture.LOG.set(log)
        await asyncio.to_thread(print, "to_thread")
        await asyncio.get_running_loop().run_in_executor(None, print, "executor")
        await asyncio.create_task(asyncio.to_thread(print, "subtask"))

    with capturing():
        await asyncio.create_task(task())
    assert texts(log) == ["to_thread", "executor", "subtask"]


def test_after_the_end_of_a_run_its_late_output_goes_to_the_server(log, capsys, server_log):
    def late():
        log.close()
        print("late")
        logging.warning("late too")

    inside(log, late)
    assert texts(log) == []
    assert capsys.readouterr().out == "late\n"
    assert server_log.getvalue() == "late too\n"


def test_print_stops_a_run_that_was_asked_to(log):
    stop = threading.Event()

    def task():
        capture.PRINT_STOPS.set(stop)
        print("before")
        stop.set()
        try:
            print("never seen")
        finally:
            print("cleaning up")

    with pytest.raises(RunCancelled):
        inside(log, task)
    assert texts(log) == ["before", "cleaning up"]


def test_print_stops_a_thread_that_went_on_after_its_runs_end(log):
    stop = threading.Event()
    stop.set()

    def leaked():
        capture.PRINT_STOPS.set(stop)
        log.close()
        print("still here")

    with pytest.raises(RunCancelled):
        inside(log, leaked)


def test_a_forked_process_writes_to_the_real_stream(log, capfd):
    def task():
        pid = os.fork()
        if pid == 0:
            print("from the fork", flush=True)
            os._exit(0)
        os.waitpid(pid, 0)

    inside(log, task)
    assert texts(log) == []
    assert "from the fork" in capfd.readouterr().out


def test_bytes_that_are_no_text_are_kept_as_they_were_written(log):
    def task():
        sys.stdout.buffer.write(b"bin\xff\n")
        print("a file named", os.fsdecode(b"\xe9t\xe9"))

    inside(log, task)
    assert [(line.text, line.raw) for line in log.take()] == [
        ("bin\ufffd", b"bin\xff"),
        ("a file named \ufffdt\ufffd", b"a file named \xe9t\xe9"),
    ]


def test_os_exit_raises_inside_a_run_only():
    left = os._exit
    with capturing():
        token = CURRENT.set(CurrentRun(id=7, job="job", task="task", attempt=1, slot=None))
        try:
            with pytest.raises(capture.ProcessExit, match=r"os\._exit\(3\) was called by run #7"):
                os._exit(3)
            if (pid := os.fork()) == 0:
                os._exit(5)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
        finally:
            CURRENT.reset(token)
    assert os._exit is left


def test_fifty_runs_at_once_keep_their_lines_apart():
    logs = [RunLog(10**7, lambda: datetime.now(UTC)) for _ in range(50)]

    def task(n):
        capture.LOG.set(logs[n])
        for i in range(100):
            print(n, i)
            if i % 10 == 0:
                logging.info("%s logged", n)
        helper = threading.Thread(target=print, args=(n, "helper"))
        helper.start()
        helper.join()

    with capturing():
        threads = [threading.Thread(target=copy_context().run, args=(task, n)) for n in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for n, log in enumerate(logs):
        found = texts(log)
        assert len(found) == 111
        assert {text.split()[0] for text in found} == {str(n)}

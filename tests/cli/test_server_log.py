"""The server's own log: nothing that a message brings along can pass for a line of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from support import Server, until

from cronapp.cli.server_log import CHATTY, JsonLines, TextLines, Waiting, set_up_log
from cronapp.core.about import concerning
from cronapp.core.errors import StoreUnavailable

FORGED = "lunch\n2026-03-02 12:00:00,000 INFO    cronapp.audit: ada: job.removed nightly\r\x1b[2K\u2028end"


def record(message: str, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("cronapp", logging.INFO, __file__, 1, "%s", (message,), None)
    vars(made).update(extra)
    return made


def test_a_message_of_several_lines_is_indented_and_written_out() -> None:
    first, *rest = TextLines("%(levelname)s %(message)s").format(record(FORGED)).split("\n")
    assert first == "INFO lunch"
    (forged,) = rest
    assert forged.startswith("    2026-03-02 12:00:00,000 INFO")
    assert forged.endswith(r"nightly\r\x1b[2K\u2028end")
    assert forged.isprintable()


def test_a_traceback_stays_readable() -> None:
    try:
        raise ValueError("no\tfigures")
    except ValueError:
        told = record("It failed", exc_info=sys.exc_info())
    lines = TextLines("%(message)s").format(told).split("\n")
    assert lines[:2] == ["It failed", "    Traceback (most recent call last):"]
    assert lines[-1].startswith("    ValueError: no ")


@pytest.mark.parametrize("message", [FORGED, "one\x85two"])
def test_as_json_each_message_is_one_line_with_what_the_audit_tells(message: str) -> None:
    line = JsonLines().format(record(message, audit={"action": "job.paused", "reason": message}))
    assert len(line.splitlines()) == 1
    told = json.loads(line)
    assert (told["message"], told["audit"]["reason"]) == (message, message)


def test_what_waits_for_a_database_that_is_away_is_told_each_minute() -> None:
    waiting = Waiting()

    def told(at: float, message: str, *args: object) -> bool:
        made = logging.LogRecord("cronapp", logging.WARNING, __file__, 1, message, args, None)
        made.created = at
        return waiting.filter(made)

    end = "the end of run #%s waits: %s"
    first = [at for at in (0, 1, 59, 60, 61) if told(at, end, 1, StoreUnavailable("No answer."))]
    assert first == [0, 60]
    assert told(61, end, 2, StoreUnavailable("No answer."))
    assert told(61, "%s Due slots are kept.", StoreUnavailable("No answer."))
    assert all(told(at, "run #%s is lost", 1) for at in (61, 62))


# -- what a line is about -------------------------------------------------------------------------------------------


def test_each_line_tells_what_it_is_about() -> None:
    with concerning({"run": 12, "job": "nightly"}):
        text = TextLines("%(name)s%(about)s: %(message)s").format(record("it failed"))
        told = json.loads(JsonLines().format(record("it failed", figures={"state": "failed"})))
    assert text == "cronapp [run=12 job=nightly]: it failed"
    assert {"run": 12, "job": "nightly", "state": "failed"}.items() <= told.items()
    assert TextLines("%(name)s%(about)s: %(message)s").format(record("alone")) == "cronapp: alone"


@pytest.fixture
def anew() -> Iterator[None]:
    """Python's own logging as it was, when the test is over."""
    loggers = [logging.getLogger(name) for name in ("", "cronapp", "cronapp.audit", *CHATTY)]
    kept = [(one, one.level, list(one.handlers)) for one in loggers]
    hooks = sys.excepthook, threading.excepthook
    yield
    for one, level, handlers in kept:
        one.setLevel(level)
        one.handlers[:] = handlers
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_what_nobody_caught_and_what_python_warns_of_are_lines_like_all_others(
    anew: None, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_log("json")
    warnings.showwarning("older", DeprecationWarning, "tasks.py", 3)
    thread = threading.Thread(target=lambda: 1 / 0, name="a-thread")
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError("no"), None)
    warned, ended, uncaught = written(capsys)
    assert (warned["level"], warned["logger"]) == ("warning", "py.warnings")
    assert (ended["level"], ended["message"]) == ("error", "a-thread ended by an error")
    assert ended["traceback"].endswith("ZeroDivisionError: division by zero")
    assert (uncaught["level"], uncaught["traceback"]) == ("critical", "ValueError: no")


@pytest.mark.parametrize(("level", "told"), [("debug", "audit d i w"), ("info", "audit i w"), ("error", "audit")])
def test_the_level_is_that_of_our_own_lines_and_the_audit_is_told_in_any_case(
    anew: None, capsys: pytest.CaptureFixture[str], level: str, told: str
) -> None:
    set_up_log("json", level=level)
    logging.getLogger("cronapp.audit").info("audit")
    for number, text in ((logging.DEBUG, "d"), (logging.INFO, "i"), (logging.WARNING, "w")):
        logging.getLogger("cronapp.engine").log(number, text)
    logging.getLogger("httpx").info("GET https://example/?token=secret")
    assert [line["message"] for line in written(capsys)] == told.split()


def test_a_server_writes_json_only_and_each_line_is_found_by_its_run_and_by_its_request(server: Server) -> None:
    server.env |= {"CRONAPP_LOG_FORMAT": "json", "CRONAPP_LOG_LEVEL": "debug"}
    server.start()
    made = server.api("POST", "/jobs", json={"id": "bad", "task": "fail", "schedule": {"kind": "manual"}})
    asked = server.api("POST", "/jobs/bad/run", headers={"X-Request-ID": "forged"})
    run = asked.json()["id"]
    asyncio.run(until(lambda: f"run #{run} of bad failed" in server.text()))
    assert server.stop() == 0
    lines = [line for line in server.text().splitlines() if not line.startswith("Sign in at")]  # it is for a person
    told = [json.loads(line) for line in lines]
    by_request = {line["request"]: line["audit"]["action"] for line in told if "audit" in line and "request" in line}
    assert by_request == {made.headers["X-Request-ID"]: "job.created", asked.headers["X-Request-ID"]: "run.started"}
    assert "forged" not in by_request
    begun, ended = (line for line in told if line.get("run") == run)
    assert (begun["level"], begun["job"]) == ("debug", "bad")
    assert (ended["level"], ended["job"], ended["state"], ended["task"]) == ("warning", "bad", "failed", "fail")
    assert ended["message"].endswith(": ValueError: no figures")
    assert told[-1]["message"] == "Stopping."

"""The server's own log: nothing that a message brings along can pass for a line of its own."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from cronapp.cli.server_log import JsonLines, TextLines

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

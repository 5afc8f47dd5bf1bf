"""Text of others on one line, in logs, CSV and JSON lines."""

from __future__ import annotations

import json

import pytest

from cronapp.core.plain import cell, json_line, plain


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Grüße, 世界 🎉", "Grüße, 世界 🎉"),
        ("a\nb\r\n\tc", r"a\nb\r\n\tc"),
        ("\x1b[31mred\x00", r"\x1b[31mred\x00"),
        ("\x85\u2028\u2029\u202eright to left", r"\x85\u2028\u2029\u202eright to left"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, told: str) -> None:
    assert plain(text) == told
    assert told.isprintable()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "＝1", "=cmd|' /C calc'!A0"])
def test_no_cell_begins_as_a_formula(text: str) -> None:
    assert cell(text)[0] in "'\\"


def test_other_cells_stay_as_they_are() -> None:
    assert [cell(text) for text in ("", "a=b", "10.0.0.7", "'quoted'")] == ["", "a=b", "10.0.0.7", "'quoted'"]


def test_json_on_a_line_is_the_same_json() -> None:
    value = {"a": "one\ntwo\u2028\x85\u202e\x7f", "ü": [1, None, "🎉"]}
    line = json_line(value)
    assert json.loads(line) == value
    assert len(line.splitlines()) == 1
    assert line.isprintable()

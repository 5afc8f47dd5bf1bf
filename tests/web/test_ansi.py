"""Terminal colours in log lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from cronapp.web.ansi import ansi


def test_a_plain_line_is_only_escaped() -> None:
    assert ansi("a < b & c") == Markup("a &lt; b &amp; c")


def test_markup_in_a_line_stays_text() -> None:
    html = ansi('\x1b[31m<script>alert("x")</script></pre>\x1b[0m<hx-partial>')
    assert "<script" not in html
    assert "</pre>" not in html
    assert "<hx-partial" not in html


def test_a_colour_becomes_a_class_and_ends_with_the_reset() -> None:
    assert ansi("\x1b[31mred\x1b[0m plain") == '<span class="ansi-fg-red">red</span> plain'


def test_styles_and_both_grounds_stand_together() -> None:
    assert ansi("\x1b[1;41;97mFATAL\x1b[m") == '<span class="ansi-bold ansi-bg-red ansi-fg-bright-white">FATAL</span>'


def test_one_style_is_switched_off_and_the_others_stay() -> None:
    html = ansi("\x1b[1;32mboth\x1b[22mcolour\x1b[39mnone")
    assert html == ('<span class="ansi-bold ansi-fg-green">both</span><span class="ansi-fg-green">colour</span>none')


@pytest.mark.parametrize(
    ("sequence", "name"),
    [
        ("38;5;1", "red"),
        ("38;5;12", "bright-blue"),
        ("38;5;46", "bright-green"),
        ("38;5;255", "white"),
        ("38;2;250;10;10", "bright-red"),
        ("38:2:0:205:205", "cyan"),
    ],
)
def test_a_colour_of_many_becomes_the_nearest_of_the_sixteen(sequence: str, name: str) -> None:
    assert ansi(f"\x1b[{sequence}mx") == f'<span class="ansi-fg-{name}">x</span>'


@pytest.mark.parametrize("broken", ["\x1b[38m", "\x1b[38;5m", "\x1b[38;2;1;2m", "\x1b[38;9;1m", "\x1b[;;m"])
def test_an_incomplete_sequence_does_no_harm(broken: str) -> None:
    assert ansi(f"{broken}x").striptags() == "x"


def test_cursor_moves_titles_links_and_bells_leave_no_trace() -> None:
    line = "\x1b]0;title\x07\x1b[2K\x1b[1A\x1b]8;;https://example.org\x1b\\here\x1b]8;;\x1b\\\x07 \x00end"
    assert ansi(line) == "here end"


def test_of_a_progress_bar_the_last_state_is_shown() -> None:
    assert ansi("10%\r50%\r100%\r") == "100%"


def test_tabs_and_spaces_are_kept() -> None:
    assert ansi("  a\t b  ") == "  a\t b  "


@given(st.text(alphabet=st.sampled_from("ab<>&\"'\x1b[]0;1m38:5\r\x07\\ ")))
def test_no_line_makes_markup_of_its_own(line: str) -> None:
    html = ansi(line)
    rest = html.replace("</span>", "")
    while '<span class="ansi-' in rest:
        before, _, after = rest.partition('<span class="ansi-')
        rest = before + after.partition('">')[2]
    assert "<" not in rest
    assert "\x1b" not in html

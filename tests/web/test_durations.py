"""The chart of durations: its lines, its bars, and what it says to who does not see it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cronapp.core.figures import Past
from cronapp.core.models import RunState, RunTrigger
from cronapp.core.usual import Usual, usual_of
from cronapp.web.durations import FEWEST, HEIGHT, SHORTEST, duration_chart, tick_words, ticks_for

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def runs(*durations: float | None) -> list[Past]:
    """Newest first; given oldest first. None: a slot that was skipped."""
    found = []
    for number, seconds in enumerate(durations, 1):
        at = NOON + timedelta(minutes=number)
        state = RunState.SKIPPED if seconds is None else RunState.SUCCEEDED
        found.append(Past(number, number, state, RunTrigger.SCHEDULE, 1, at, at, at, at, seconds))
    return found[::-1]


def usual_among(newest_first: list[Past]) -> Usual | None:
    return usual_of([past.duration for past in newest_first if past.good and past.duration is not None])


def drawn(newest_first: list[Past]) -> str:
    chart = duration_chart(newest_first, usual_among(newest_first))
    assert chart
    return str(chart.svg)


@pytest.mark.parametrize(
    ("longest", "words"),
    [
        (0.003, "0 ms, 1 ms, 2 ms, 3 ms"),
        (0.9, "0 s, 0.5 s, 1 s"),
        (1, "0 s, 0.5 s, 1 s"),
        (9.57, "0 s, 5 s, 10 s"),
        (25, "0 s, 10 s, 20 s, 30 s"),
        (61, "0 s, 30 s, 1 min, 1 min 30 s"),
        (240, "0 s, 1 min, 2 min, 3 min, 4 min"),
        (5000, "0 s, 30 min, 1 h, 1 h 30 min"),
        (86_400 * 3, "0 s, 1 d, 2 d, 3 d"),
        (0, "0 ms, 1 ms"),
    ],
)
def test_the_lines_stand_at_durations_as_people_say_them(longest: float, words: str) -> None:
    ticks = ticks_for(longest)
    assert len(ticks) <= 5
    assert ticks[-1] >= longest
    assert ", ".join(tick_words(tick, ticks[-1]) for tick in ticks) == words


def test_without_a_run_that_ended_there_is_no_chart() -> None:
    assert duration_chart(runs(None, None), None) is None


def test_each_run_is_a_bar_that_leads_to_it_and_a_short_failure_is_seen() -> None:
    past = runs(10, None, 10, 0.001)
    past[0] = replace(past[0], state=RunState.FAILED)
    svg = drawn(past)
    assert re.findall(r'href="/runs/(\d+)"', svg) == ["1", "3", "4"]
    assert "Run 4: failed · 1 ms · 2026-03-01 12:04 UTC" in svg
    bad = re.search(r'<rect class="f-bad" x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', svg)
    assert bad
    assert (float(bad[1]), float(bad[2])) == (HEIGHT - SHORTEST, SHORTEST)
    assert 'aria-label="How long the last 3 runs took: usually 10 s, 19 of 20 at most 10 s, 1 went wrong"' in svg


def test_it_shows_a_hundred_runs_and_few_ones_at_the_right_edge() -> None:
    many = duration_chart(runs(*range(1, 151)), None)
    assert many
    assert many.shown == 100
    assert many.moments[0] == NOON + timedelta(minutes=51), "the oldest that is shown"
    few = duration_chart(runs(*range(1, 11)), None)
    assert few
    assert few.moments == (None, None, None, NOON + timedelta(minutes=1))
    assert f'viewBox="0 0 {FEWEST * 8} ' in few.svg


def test_a_usual_duration_above_all_that_is_drawn_is_no_line() -> None:
    past = runs(100, *[0.1] * 10)
    assert 'class="mark usual"' in drawn(past)
    chart = duration_chart(past[:5], usual_of([1000.0] * 9))
    assert chart
    assert "mark" not in chart.svg

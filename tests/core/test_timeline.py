"""The stretch of time that the timeline shows, and the slots that lie in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronapp.core.models import CronSchedule, IntervalSchedule
from cronapp.core.timeline import LANES, SINGLE_OPEN, SPANS, planned, window_of
from cronapp.core.triggers import count_between, trigger_of

NOW = datetime(2026, 3, 2, 12, 34, 56, tzinfo=UTC)
moments = st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(st.sampled_from(list(SPANS)), moments)
def test_now_is_about_a_third_from_the_right_and_edges_lie_on_edges_of_cells(name: str, now: datetime) -> None:
    window = window_of(name, None, now)
    assert 0.66 <= window.share(now) <= 0.72
    assert (window.since.timestamp() % window.cell.total_seconds(), window.span % window.cell) == (0, timedelta())


@given(
    st.sampled_from(list(SPANS)), moments, st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia"])
)
def test_the_axis_is_labelled_where_the_clock_of_the_reader_is_full(name: str, now: datetime, zone: str) -> None:
    window, step = window_of(name, None, now), SPANS[name][2]
    ticks = window.ticks(ZoneInfo(zone))
    assert all(window.since <= tick <= window.until for tick in ticks)
    assert window.span // step - 2 <= len(ticks) <= 12
    walls = [tick.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC) for tick in ticks]
    assert sum((wall - datetime(1970, 1, 1, tzinfo=UTC)) % step != timedelta() for wall in walls) <= 1  # a skipped hour


@given(st.sampled_from(list(SPANS)), moments, st.integers(1, 100_000), st.floats(-1.5, 1.5))
def test_a_lane_never_has_more_shapes_than_its_part_and_no_slot_is_lost(
    name: str, now: datetime, every: int, moved: float
) -> None:
    span, cell, _ = SPANS[name]
    window = window_of(name, now + moved * span, now)
    anchor = now - timedelta(days=40)
    trigger = trigger_of([IntervalSchedule(every=every, anchor=anchor)])
    found = planned(trigger, window)
    tick = timedelta(microseconds=1)
    assert found.count == count_between(trigger, max(now, window.since - tick), window.until - tick)
    behind = ceil(min(max(window.share(now), 0), 1) * (span // cell))
    past = max(window.room_behind, behind)
    assert LANES * (past + len(found.slots) + len(found.cells) + SINGLE_OPEN) <= 2_000


def test_the_runs_that_are_left_limit_what_is_planned() -> None:
    trigger = trigger_of([CronSchedule(expression="* * * * *")])
    window = window_of("24h", None, NOW)
    assert planned(trigger, window, 5).count == 5
    assert planned(trigger, window, 40).count == 40
    assert planned(trigger, window, 0).count == 0


@pytest.mark.parametrize("days", [-3, 3])
def test_a_stretch_elsewhere_has_no_planned_slot_behind_and_all_of_them_ahead(days: int) -> None:
    window = window_of("24h", NOW + timedelta(days=days), NOW)
    assert planned(trigger_of([CronSchedule(expression="0 * * * *")]), window).count == (24 if days > 0 else 0)


def test_an_unknown_stretch_is_a_day() -> None:
    assert window_of("7y", None, NOW).name == "24h"

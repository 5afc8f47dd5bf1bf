"""Simple choices of a schedule: written as cron or interval, and recognised again."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cronapp.core.cron import parse
from cronapp.core.errors import InvalidInput
from cronapp.core.models import CronSchedule, IntervalSchedule, ManualSchedule, Schedule
from cronapp.core.simple import WEEK, Simple, schedule_of_simple, simple_of

SAME = [
    (Simple(pace="every", count="15", unit="minutes"), "15m"),
    (Simple(pace="every", count="2", unit="hours"), "2h"),
    (Simple(pace="every", count="10", unit="days"), "10d"),
    (Simple(pace="day", time="03:00"), "0 3 * * *"),
    (Simple(pace="day", time="23:59"), "59 23 * * *"),
    (Simple(pace="week", time="09:00", days=("mon",)), "0 9 * * mon"),
    (Simple(pace="week", time="09:00", days=("mon", "tue", "wed", "thu", "fri")), "0 9 * * mon-fri"),
    (Simple(pace="week", time="09:05", days=("mon", "wed", "thu", "fri", "sun")), "5 9 * * mon,wed-fri,sun"),
    (Simple(pace="week", time="09:00", days=("sat", "sun")), "0 9 * * sat,sun"),
    (Simple(pace="week", time="09:00", days=WEEK), "0 9 * * mon-sun"),
    (Simple(pace="month", time="06:00", day="1"), "0 6 1 * *"),
    (Simple(pace="month", time="06:30", day="31"), "30 6 31 * *"),
    (Simple(pace="month", time="00:00", day="last"), "0 0 L * *"),
]

MORE = (
    *("*/5 * * * *", "0 3,4 * * *", "0 3 * 1 *", "0 3 1 * mon", "0 3 * * 2#3", "0 3 * * 0-3", "0 0 3 * * *"),
    *("@daily", "0 3 LW * *", "0 3 1-5 * *", "0 25 * * *", "0 3 * * mon-", "H 3 * * *", ""),
)
"""Expressions that say more than a simple choice can."""


@pytest.mark.parametrize(("simple", "written"), SAME, ids=[written for _, written in SAME])
def test_a_simple_choice_is_recognised_in_the_schedule_that_it_writes(simple: Simple, written: str) -> None:
    made = schedule_of_simple(simple)
    schedule: Schedule
    if made["kind"] == "interval":
        assert made["every"] == written
        schedule = IntervalSchedule(every=written)
    else:
        assert made["expression"] == written
        parse(written)
        schedule = CronSchedule(expression=written)
    found = simple_of(schedule)
    assert found is not None
    assert schedule_of_simple(found) == made
    told = {"every": ("count", "unit"), "day": ("time",), "week": ("time", "days"), "month": ("time", "day")}
    for name in ("pace", *told[str(simple.pace)]):
        assert getattr(found, name) == getattr(simple, name)


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 9 * * 1-5", ("mon", "tue", "wed", "thu", "fri")),
        ("0 9 * * FRI,Mon", ("mon", "fri")),
        ("0 9 * * 0", ("sun",)),
        ("0 9 * * 6,7", ("sat", "sun")),
        ("00 09 * * 1-7", WEEK),
    ],
)
def test_other_spellings_of_a_week_are_recognised(expression: str, days: tuple[str, ...]) -> None:
    found = simple_of(CronSchedule(expression=expression))
    assert found == Simple(pace="week", time="09:00", days=days)
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    written = schedule_of_simple(found)["expression"]
    slots = [parse(text).count(start, end, ZoneInfo("UTC"), 1000) for text in (written, expression)]
    assert slots[0] == slots[1] > 0


@pytest.mark.parametrize(
    "schedule",
    [
        *(CronSchedule(expression=text) for text in MORE),
        IntervalSchedule(every=900.0),
        IntervalSchedule(every="90s"),
        IntervalSchedule(every="1h30m"),
        IntervalSchedule(every="1mo"),
        ManualSchedule(),
    ],
    ids=str,
)
def test_what_says_more_than_a_simple_choice_is_none(schedule: Schedule) -> None:
    assert simple_of(schedule) is None


@pytest.mark.parametrize(
    ("simple", "wrong"),
    [
        (Simple(pace="every", count="0"), ("count",)),
        (Simple(pace="every", count="1.5"), ("count",)),
        (Simple(pace="every", unit="weeks"), ("unit",)),
        (Simple(pace="day", time="25:00"), ("time",)),
        (Simple(pace="week", time=""), ("days", "time")),
        (Simple(pace="month", day="32"), ("day",)),
        (Simple(pace="sometimes"), ("pace",)),
    ],
    ids=str,
)
def test_each_wrong_part_of_a_simple_choice_is_named(simple: Simple, wrong: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput) as caught:
        schedule_of_simple(simple)
    assert tuple(sorted(caught.value.errors)) == wrong
    assert all(text.endswith(".") for text in caught.value.errors.values())

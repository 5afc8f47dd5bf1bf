import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronapp.core.misfire import MissedRange, settle
from cronapp.core.models import CronSchedule, IntervalSchedule, MisfirePolicy, OnceSchedule
from cronapp.core.triggers import Trigger, slots_between, trigger_of

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def minutes(*numbers: float) -> tuple[datetime, ...]:
    return tuple(NOON + timedelta(minutes=number) for number in numbers)


def missing(first: float, last: float, count: int) -> MissedRange:
    return MissedRange(NOON + timedelta(minutes=first), NOON + timedelta(minutes=last), count)


def each_minute() -> Trigger:
    return trigger_of([IntervalSchedule(every="1m", anchor=NOON)])


@pytest.mark.parametrize(
    ("policy", "seconds", "grace", "on_time", "late", "missed"),
    [
        # the slot of minute 1 is seen in time
        ("skip", 60.5, 3600, (1,), (), None),
        ("last", 60.5, 3600, (1,), (), None),
        ("all", 60.5, 3600, (1,), (), None),
        # it is seen late
        ("skip", 75, 3600, (), (), (1, 1, 1)),
        ("last", 75, 3600, (), (1,), None),
        ("all", 75, 3600, (), (1,), None),
        # too late
        ("last", 75, 10, (), (), (1, 1, 1)),
        ("all", 75, 10, (), (), (1, 1, 1)),
        # five minutes away
        ("skip", 330, 3600, (), (), (1, 5, 5)),
        ("last", 330, 3600, (), (5,), (1, 4, 4)),
        ("all", 330, 3600, (), (1, 2, 3, 4, 5), None),
        ("all", 330, 150, (), (4, 5), (1, 3, 3)),
        # back exactly at a slot: that one runs, whatever the policy
        ("skip", 300, 3600, (5,), (), (1, 4, 4)),
        ("last", 300, 3600, (5,), (), (1, 4, 4)),
        ("all", 300, 3600, (5,), (1, 2, 3, 4), None),
        ("all", 300, 0, (5,), (), (1, 4, 4)),
        # nothing was due
        ("all", 30, 3600, (), (), None),
    ],
)
def test_what_runs_and_what_is_missed(
    policy: str,
    seconds: float,
    grace: float,
    on_time: tuple[int, ...],
    late: tuple[int, ...],
    missed: tuple[int, int, int] | None,
) -> None:
    now = NOON + timedelta(seconds=seconds)
    settled = settle(each_minute(), after=NOON, now=now, policy=MisfirePolicy(policy), grace=grace)
    assert settled.on_time == minutes(*on_time)
    assert settled.late == minutes(*late)
    assert settled.run == minutes(*late, *on_time)
    assert settled.missed == (missing(*missed) if missed else None)


def test_of_more_than_the_limit_the_newest_run() -> None:
    now = NOON + timedelta(minutes=10.5)
    settled = settle(each_minute(), after=NOON, now=now, policy=MisfirePolicy.ALL, grace=3600, limit=3)
    assert settled.late == minutes(8, 9, 10)
    assert settled.missed == missing(1, 7, 7)


def test_ten_days_asleep_are_settled_at_once() -> None:
    trigger = trigger_of([IntervalSchedule(every=1, anchor=NOON)])
    now = NOON + timedelta(days=10)
    begun = time.process_time()
    settled = settle(trigger, after=NOON, now=now, policy=MisfirePolicy.LAST, grace=60)
    assert time.process_time() - begun < 0.1
    assert settled.missed is not None
    assert settled.missed.count + len(settled.run) == 864_000


def test_a_one_shot_missed_long_ago_is_one_missed_slot() -> None:
    trigger = trigger_of([OnceSchedule(at=NOON + timedelta(minutes=1))])
    now = NOON + timedelta(days=2)
    settled = settle(trigger, after=NOON, now=now, policy=MisfirePolicy.ALL, grace=3600)
    assert (settled.run, settled.missed) == ((), missing(1, 1, 1))


def test_a_grace_without_end_reaches_back_to_the_last_slot_that_was_settled() -> None:
    now = NOON + timedelta(minutes=5.5)
    settled = settle(each_minute(), after=NOON, now=now, policy=MisfirePolicy.ALL, grace=float("inf"))
    assert (settled.late, settled.missed) == (minutes(1, 2, 3, 4, 5), None)


def test_a_clock_set_back_runs_nothing_twice() -> None:
    settled = settle(each_minute(), after=NOON, now=NOON - timedelta(hours=1), policy=MisfirePolicy.ALL, grace=3600)
    assert (settled.run, settled.missed) == ((), None)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["* * * * *", "*/7 * * * *", "0,1 * * * *", "*/20 * * * * *"]),
    st.integers(0, 4 * 3600),
    st.sampled_from(list(MisfirePolicy)),
    st.integers(0, 4 * 3600),
    st.integers(0, 120),
)
def test_every_slot_either_runs_or_is_missed(
    expression: str, away: int, policy: MisfirePolicy, grace: int, punctual: int
) -> None:
    trigger = trigger_of([CronSchedule(expression=expression)])
    now = NOON + timedelta(seconds=away)
    due = slots_between(trigger, NOON, now, 10_000)
    settled = settle(trigger, after=NOON, now=now, policy=policy, grace=grace, punctual=punctual)
    skipped = due[: len(due) - len(settled.run)]
    assert list(settled.run) == due[len(skipped) :]
    assert settled.missed == (MissedRange(skipped[0], skipped[-1], len(skipped)) if skipped else None)
    assert set(settled.on_time) == {slot for slot in due if now - slot <= timedelta(seconds=punctual)}
    assert all(now - slot <= timedelta(seconds=grace) for slot in settled.late)

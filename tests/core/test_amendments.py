"""A trigger with single slots skipped and added answers as if it had always been so."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from recipes import a_spec, at

from cronapp.core.misfire import MissedRange, parted
from cronapp.core.spec import trigger_for
from cronapp.core.triggers import AmendedTrigger, Trigger, count_between, is_slot, slots_between

TICK = timedelta(microseconds=1)
SCHEDULES = [
    {"kind": "cron", "expression": "*/10 * * * *"},
    {"kind": "interval", "every": "7m", "anchor": "2026-03-02T12:01:00Z"},
    [{"kind": "cron", "expression": "0 * * * *"}, {"kind": "interval", "every": "25m"}],
    {"kind": "manual"},
]


def inner_of(schedule: object) -> Trigger:
    return trigger_for(a_spec(schedule=schedule))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("seed", range(5))
def test_every_question_has_the_answer_of_the_plain_list(schedule: object, seed: int) -> None:
    chance, inner, begin, end = random.Random(seed), inner_of(schedule), at("12:00"), at("18:00")
    promised = slots_between(inner, begin, end, 1000)
    minutes = [begin + timedelta(minutes=chance.randrange(1, 360)) for _ in range(12)]
    added = sorted({*minutes[:6], *chance.sample(promised, min(2, len(promised)))})
    skipped = {*minutes[6:], *chance.sample(promised, min(5, len(promised))), *added[:2]}
    expected = sorted({*promised, *added} - skipped)
    amended = AmendedTrigger(inner, tuple(added), frozenset(skipped))

    assert slots_between(amended, begin, end, 1000) == expected
    backwards: list[datetime] = []
    slot = amended.previous_before(end + TICK)
    while slot is not None and slot > begin:
        backwards.append(slot)
        slot = amended.previous_before(slot)
    assert backwards[::-1] == expected
    assert count_between(amended, begin, end) == len(expected)
    half = at("15:00")
    assert count_between(amended, begin, half) == sum(one <= half for one in expected)
    assert [minute for minute in (*promised, *minutes) if is_slot(amended, minute) != (minute in expected)] == []


def test_it_is_told_as_the_schedule_that_it_is_made_of() -> None:
    inner = inner_of({"kind": "cron", "expression": "0 3 * * *", "timezone": "Europe/Berlin"})
    amended = AmendedTrigger(inner, (at("12:00"),))
    assert (amended.words(), amended.zone, amended.keeps_time()) == (inner.words(), inner.zone, True)
    by_hand = AmendedTrigger(inner_of({"kind": "manual"}), (at("12:00"),))
    assert not by_hand.keeps_time()
    assert by_hand.next_after(at("11:00")) == at("12:00")
    assert by_hand.next_after(at("12:00")) is None


def test_a_gap_is_parted_where_single_slots_have_rows_of_their_own() -> None:
    skips = [at("12:30"), at("12:50")]
    wanted = AmendedTrigger(inner_of({"kind": "cron", "expression": "*/10 * * * *"}), (), frozenset(skips))
    whole = MissedRange(at("12:10"), at("13:10"), 5)
    assert parted(wanted, whole, [at("11:00")]) == [whole]
    assert parted(wanted, whole, skips) == [
        MissedRange(at("12:10"), at("12:20"), 2),
        MissedRange(at("12:40"), at("12:40"), 1),
        MissedRange(at("13:00"), at("13:10"), 2),
    ]

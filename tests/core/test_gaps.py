"""The next gap between what is promised."""

from __future__ import annotations

from datetime import timedelta

import pytest
from recipes import NOW, a_spec, at

from cronapp.core.gaps import Promise, next_gap
from cronapp.core.spec import trigger_for


def promise(expression: str, usual: float = 1.0) -> Promise:
    return Promise(trigger_for(a_spec(schedule={"kind": "cron", "expression": expression})), usual)


@pytest.mark.parametrize(
    ("promises", "minutes", "gap"),
    [
        ([], 5, "12:00:00"),
        ([promise("0 * * * *")], 5, "12:00:00"),
        ([promise("2 * * * *", 90)], 5, "12:03:30"),
        ([promise("*/5 * * * *", 60)], 4, "12:00:00"),
        ([promise("2-59/5 * * * *", 60)], 4, "12:03:00"),
        ([promise("2 * * * *", 60), promise("4 * * * *", 600)], 5, "12:14:00"),
    ],
)
def test_the_gap_begins_when_what_runs_is_likely_to_be_over(promises: list[Promise], minutes: int, gap: str) -> None:
    assert next_gap(NOW, promises, timedelta(minutes=minutes)) == at(gap)


def test_jobs_of_each_second_leave_no_gap_and_cost_no_day_of_slots() -> None:
    assert next_gap(NOW, [promise("* * * * * *"), promise("0 3 * * *")], timedelta(minutes=5)) is None

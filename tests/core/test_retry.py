"""When the next attempt starts, if there is one."""

from __future__ import annotations

import pytest

from cronapp.core.models import Backoff, Outcome, Retry, RunError, RunState
from cronapp.core.retry import SPREAD, delay_after, unmeant

FAILED = Outcome(state=RunState.FAILED)
FIXED = Retry(max_attempts=4, delay=10, backoff=Backoff.FIXED)
DOUBLING = Retry(max_attempts=20, delay=10, backoff=Backoff.EXPONENTIAL, max_delay=600)


def after(rule: Retry, attempt: int, seed: str = "job/1") -> float:
    delay = delay_after(rule, FAILED, attempt, seed)
    assert delay is not None
    return delay


@pytest.mark.parametrize("state", RunState)
def test_only_what_went_wrong_is_tried_again(state: RunState) -> None:
    again = delay_after(FIXED, Outcome(state=state), 1, "job/1") is not None
    assert again is (state in {RunState.FAILED, RunState.TIMED_OUT, RunState.LOST})


def test_attempts_are_counted_with_the_first_one() -> None:
    assert [delay_after(FIXED, FAILED, attempt, "job/1") for attempt in range(1, 6)] == [
        10,
        10,
        10,
        None,
        None,
    ]
    assert delay_after(Retry(), FAILED, 1, "job/1") is None


def test_a_fixed_delay_is_no_longer_than_the_longest() -> None:
    assert after(Retry(max_attempts=2, delay=50, backoff=Backoff.FIXED, max_delay=20), 1) == 20


def test_an_exponential_delay_doubles_and_is_spread_by_a_tenth_at_most() -> None:
    for attempt, least in enumerate([10, 20, 40, 80, 160, 320, 600, 600], start=1):
        assert least <= after(DOUBLING, attempt) <= least * (1 + SPREAD)


def test_the_spread_is_the_same_for_all_who_ask_and_differs_between_runs() -> None:
    assert after(DOUBLING, 1, "job/1") == after(DOUBLING, 1, "job/1")
    assert len({after(DOUBLING, 1, f"job/{run}") for run in range(50)}) == 50


def test_many_attempts_do_not_overflow() -> None:
    rule = Retry(max_attempts=100, delay=10, max_delay=600)
    assert 600 <= after(rule, 99) <= 600 * (1 + SPREAD)


def test_no_delay_is_none() -> None:
    assert after(Retry(max_attempts=2, delay=0), 1) == 0


def ended(*kinds: str, state: RunState = RunState.FAILED) -> Outcome:
    return Outcome(state=state, error=RunError(kinds[0], "", "", kinds) if kinds else None)


@pytest.mark.parametrize(
    ("on", "outcome", "again"),
    [
        (("ConnectionError",), ended("ConnectionResetError", "ConnectionError", "OSError", "Exception"), True),
        (("Busy",), ended("shop.errors.Busy", "Exception"), True),
        (("shop.errors.Busy",), ended("shop.errors.Busy", "Exception"), True),
        (("errors.Busy",), ended("shop.errors.NotBusy", "Exception"), False),
        (("Exception",), ended("ValueError", "Exception"), True),
        (("ValueError",), ended("KeyError", "LookupError", "Exception"), False),
        (("ValueError",), Outcome(state=RunState.FAILED, error=RunError("ValueError", "", "")), True),
        (("ValueError",), ended(state=RunState.TIMED_OUT), False),
        (("timed_out",), ended(state=RunState.TIMED_OUT), True),
        (("lost", "ValueError"), ended(state=RunState.LOST), True),
        (("lost",), ended("ValueError", "Exception"), False),
    ],
)
def test_only_what_the_rule_names_is_tried_again(on: tuple[str, ...], outcome: Outcome, again: bool) -> None:
    rule = Retry(max_attempts=2, on=on)
    assert (delay_after(rule, outcome, 1, "job/1") is not None) is again
    assert (unmeant(rule, outcome, 1) is None) is again
    assert unmeant(rule, outcome, 2) is None  # the last attempt needs no reason

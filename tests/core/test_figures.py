"""A job in figures: what counts, what does not, and how many in a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cronapp.core.figures import Past, Streak, figures_of, judged
from cronapp.core.models import RunState, RunTrigger

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATES = {
    "s": RunState.SUCCEEDED,
    "f": RunState.FAILED,
    "t": RunState.TIMED_OUT,
    "l": RunState.LOST,
    "c": RunState.CANCELLED,
    "k": RunState.SKIPPED,
    "m": RunState.MISSED,
    "r": RunState.RUNNING,
    "q": RunState.QUEUED,
}


def past(
    number: int, state: str, seconds: float | None = 1, *, first: int | None = None, trigger: str = "schedule"
) -> Past:
    at = NOON + timedelta(minutes=number)
    ran = STATES[state] not in (RunState.SKIPPED, RunState.MISSED, RunState.QUEUED)
    ended = ran and STATES[state] is not RunState.RUNNING
    attempt = 1 if first is None else 2
    started, duration = at if ran else None, seconds if ended else None
    kind = RunTrigger(trigger)
    return Past(number, first or number, STATES[state], kind, attempt, at, at, started, started, duration)


def history(states: str) -> list[Past]:
    """The runs of these states, the oldest first in the text, the newest first in the answer."""
    return [past(number, state) for number, state in enumerate(states, 1)][::-1]


def test_only_runs_that_ended_for_good_or_bad_count() -> None:
    figures = figures_of(history("sfckmtlssrq"))
    assert (figures.counted, figures.succeeded) == (6, 3)
    assert figures.share == 0.5


def test_a_job_that_has_not_run_has_no_figures() -> None:
    figures = figures_of(history("kmq"))
    assert (figures.share, figures.trend, figures.longest, figures.last, figures.streak) == (None,) * 5


def test_a_run_that_was_tried_again_counts_once_and_by_its_last_attempt() -> None:
    tried = [past(1, "f"), past(2, "s", first=1), past(3, "f"), past(4, "f", first=3), past(5, "f")]
    waiting = past(6, "q", first=5)
    assert [one.id for one in judged([*tried, waiting][::-1])] == [4, 2]  # run 5 is going to be tried again


def test_a_backfill_says_nothing_of_how_the_job_does_now() -> None:
    runs = [past(1, "s"), past(2, "f", trigger="backfill")]
    assert figures_of(runs[::-1]).share == 1


def test_the_trend_is_against_a_hundred_before_and_only_if_there_are_so_many() -> None:
    recent = "s" * 97 + "fff"
    assert figures_of(history("s" * 99 + recent)).trend is None
    assert figures_of(history("s" * 95 + "f" * 5 + recent)).trend == 2
    assert figures_of(history("s" * 100 + recent)).trend == -3
    assert figures_of(history("f" * 50 + recent + recent)).trend == 0, "what lies further back does not count"


def test_durations_are_those_of_the_runs_that_succeeded() -> None:
    runs = [past(n, "s", n) for n in range(1, 22)] + [past(22, "f", 1000), past(23, "c", 2000)]
    figures = figures_of(runs[::-1])
    assert (figures.longest, figures.last) == (21, 1000)


def streak(states: str, *, more: bool = False) -> Streak:
    found = figures_of(history(states), more).streak
    assert found
    return found


def test_a_streak_is_as_long_as_the_runs_ended_alike() -> None:
    assert streak("fssksc") == Streak(3, True, NOON + timedelta(minutes=2), more=False)
    assert streak("ssftl") == Streak(3, False, NOON + timedelta(minutes=3), more=False)


def test_a_streak_that_reaches_as_far_as_was_looked_may_be_longer() -> None:
    assert streak("sss", more=True).more
    assert not streak("fss", more=True).more
    assert not streak("sss").more

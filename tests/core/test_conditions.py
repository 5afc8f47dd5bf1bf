"""A condition says yes or no; whatever else it does is told, never taken for a yes or a no."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import FunctionType, ModuleType
from typing import Any

import pytest

from cronapp.core.conditions import condition_args, refusal, unfit_condition
from cronapp.core.models import Cause, Outcome, RunError, RunState
from cronapp.core.registry import Task
from cronapp.core.registry.tasks import task_of

SLOT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def always() -> bool:
    return True


def of_slot(slot: datetime, most: int = 3) -> bool:
    return slot.day < most


def of_day(slot: date) -> bool:
    return slot.day == 1


def of_more(slot: datetime, region: str) -> bool:
    return bool(region)


def as_task(function: FunctionType) -> Task:
    return task_of(function.__name__, function, ModuleType("conditions"), "")


def test_a_condition_gets_the_slot_if_it_takes_one() -> None:
    assert condition_args(as_task(always), SLOT) == {}
    assert condition_args(as_task(of_slot), SLOT) == {"slot": "2026-03-02T09:30:00+00:00"}


@pytest.mark.parametrize("function", [always, of_slot])
def test_what_takes_nothing_or_the_slot_can_decide(function: FunctionType) -> None:
    assert unfit_condition(as_task(function)) is None


@pytest.mark.parametrize("function", [of_day, of_more])
def test_what_needs_anything_else_cannot(function: FunctionType) -> None:
    problem = unfit_condition(as_task(function))
    assert problem == f"{function.__name__} needs arguments. A condition takes none, or only `slot: datetime`."


def test_yes_lets_the_run_start_and_no_skips_it() -> None:
    assert refusal("open", Outcome(state=RunState.SUCCEEDED, result=True)) is None
    refused = refusal("open", Outcome(state=RunState.SUCCEEDED, result=False))
    assert refused == Outcome(state=RunState.SKIPPED, cause=Cause.CONDITION, reason="The condition open said no.")


@pytest.mark.parametrize("result", [None, 1, 0, "yes", "", [], {"ok": True}])
def test_anything_but_true_or_false_fails_the_run(result: Any) -> None:
    refused = refusal("open", Outcome(state=RunState.SUCCEEDED, result=result))
    assert refused is not None
    assert refused.error is not None
    assert (refused.state, refused.error.type) == (RunState.FAILED, "UnclearCondition")
    assert refused.error.message.startswith("The condition open must return True or False")


def test_a_condition_that_fails_or_is_stopped_ends_the_run_so() -> None:
    error = RunError("ValueError", "no calendar", "Traceback …")
    refused = refusal("open", Outcome(state=RunState.FAILED, error=error))
    assert refused is not None
    assert (refused.state, refused.error) == (RunState.FAILED, error)
    assert refused.reason == "The condition open did not decide, so the run did not start."
    stopped = refusal("open", Outcome(state=RunState.CANCELLED, reason="Cancelled by hand."))
    assert stopped is not None
    assert stopped.reason == "The condition open did not decide, so the run did not start. Cancelled by hand."

"""A job's condition: a task that decides over each slot, right before its run would start."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from cronapp.core.errors import InvalidInput
from cronapp.core.models import BY_HAND, Cause, Json, Outcome, Run, RunError, RunState
from cronapp.core.registry import Task

EXAMPLE = datetime(2026, 1, 31, 9, 30, 15, tzinfo=UTC)


def is_asked(run: Run) -> bool:
    """Whether the condition decides over this run. It decides over slots; also before another attempt, since a run must
    not start while nobody has said yes to it. What is started by hand starts."""
    return (run.slot is not None or run.woken_by is not None) and run.trigger not in BY_HAND


def condition_args(task: Task, slot: datetime) -> Json:
    """What a condition is called with: the slot that it decides over, if it takes one."""
    return {"slot": slot.isoformat()} if any(one.name == "slot" for one in task.signature.parameters) else {}


def unfit_condition(task: Task) -> str | None:
    """Why this task cannot decide, in a sentence."""
    try:
        task.signature.check(condition_args(task, EXAMPLE))
    except InvalidInput:
        return f"{task.name} needs arguments. A condition takes none, or only `slot: datetime`."
    return None


def refusal(condition: str, outcome: Outcome) -> Outcome | None:
    """How the run ends for which the condition ended so; None: it said yes, and the run starts.

    Anything but True or False fails the run: a forgotten `return` must not skip slots for ever and unseen.
    """
    if outcome.state is not RunState.SUCCEEDED:
        reason = f"The condition {condition} did not decide, so the run did not start."
        return replace(outcome, reason=" ".join(part for part in (reason, outcome.reason) if part))
    if outcome.result is True:
        return None
    if outcome.result is False:
        return Outcome(state=RunState.SKIPPED, cause=Cause.CONDITION, reason=f"The condition {condition} said no.")
    problem = f"The condition {condition} must return True or False, and it returned something else."
    return Outcome(state=RunState.FAILED, error=RunError("UnclearCondition", problem, ""))

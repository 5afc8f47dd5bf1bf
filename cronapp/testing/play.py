"""A year of a job in seconds: its slots, settled by the code that settles them on a server, on a turned clock."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from types import FunctionType, ModuleType
from typing import Any

from cronapp.core.conditions import unfit_condition
from cronapp.core.declared import declared
from cronapp.core.errors import InvalidInput
from cronapp.core.registry import Task
from cronapp.core.registry.tasks import task_of, tasks_of
from cronapp.core.spec import parse_spec, schedule_to_json, zone_of
from cronapp.core.zones import zone
from cronapp.testing.clock import Moment, TurnedClock, moment_of
from cronapp.testing.schedules import TICK, Scheduled, anchored, schedules_given
from cronapp.testing.stage import Played, Stage, own_database


def play(
    function: Callable[..., Any],
    *,
    since: Moment,
    until: Moment,
    schedule: Scheduled | None = None,
    tz: str | None = None,
    args: Mapping[str, Any] | None = None,
    away: Sequence[tuple[Moment, Moment]] = (),
    clock: TurnedClock | None = None,
    **fields: Any,
) -> list[Played]:
    """Plays a job from `since` up to, but without, `until`, and answers its ledger, oldest first.

    Each slot goes through the database and the transaction that settle it on a server, so misfire rule, retries,
    `max_runs`, `ends_at` and all the rest hold. The function is called for each run, here and now, with
    `current_run().slot` set; what it returns or raises is kept. A run takes no time on the turned clock.

    What it does not do: there are no threads, no child processes and no timeouts, runs never overlap, what the function
    prints is not taken, and nobody cancels.

    Args:
        function: A task, with `@task(schedule=…)` or with `schedule` given here.
        tz: As for `slots`: the zone of what names none.
        args: The job's arguments as JSON, in place of those that the decorator declares.
        away: Stretches of time in which no server was there, as `[("2026-03-28 18:00", "2026-03-30 08:00")]`. Slots in
            them are settled at their end, by the misfire rule.
        clock: Is turned to the moment of each run, for code that asks it for the time.
        fields: Further fields of the job as in the REST API: `misfire={"policy": "all"}`, `max_runs=3`. A `condition`
            is a function, or the name of a task beside `function`. The path of a calendar file in `blackouts` is
            relative to the present folder.

    Raises `InvalidInput` for a job that a server would refuse, and RuntimeError for an `async def` where an event loop
    is running already; there write `await asyncio.to_thread(play, …)`.
    """
    if not isinstance(function, FunctionType):
        raise TypeError(f"A function is expected, not a {type(function).__name__}.")
    task = _task(function)
    schedules, name = schedules_given(function if schedule is None else schedule, tz)
    begin, end = moment_of(since, zone(name)), moment_of(until, zone(name))
    if end <= begin:
        raise ValueError(f"The end {until} is not after the start {since}.")
    absences = sorted((moment_of(left, zone(name)), moment_of(back, zone(name))) for left, back in away)
    data = declared(task, name) | {"schedule": [schedule_to_json(one) for one in anchored(schedules, begin)], **fields}
    if args is not None:
        data["args"] = dict(args)
    condition = _condition(data.get("condition"), function)
    data["condition"] = condition and condition.name
    task.signature.check(data["args"])
    spec = parse_spec(data, now=begin - TICK, timezone=name)
    is_async = any(inspect.iscoroutinefunction(one.function) for one in (task, condition) if one)
    if is_async and _in_a_loop():
        raise RuntimeError("An event loop is running already. Write: await asyncio.to_thread(play, …)")
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop) if is_async else nullcontext()
    with own_database() as tx, runner as loop:
        stage = Stage(tx, task, clock or TurnedClock(begin), absences, loop, zone_of(spec), condition)
        return stage.play(spec, begin, end)


def _task(function: FunctionType) -> Task:
    return task_of(function.__name__, function, ModuleType(function.__module__), "")


def _condition(given: Any, function: FunctionType) -> Task | None:
    """The task that decides over each slot, given as its function, or by the name of a task beside `function`."""
    if given is None:
        return None
    beside = tasks_of(sys.modules[function.__module__], "")
    task = _task(given) if isinstance(given, FunctionType) else next((one for one in beside if one.name == given), None)
    problem = unfit_condition(task) if task else f"There is no task named {given!r} in {function.__module__}."
    if problem:
        raise InvalidInput.of("condition", problem)
    return task


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True

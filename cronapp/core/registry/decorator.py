"""The @task decorator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import FunctionType
from typing import Any, TypeVar, get_args, overload

from cronapp.core.models import After, DependencySchedule, Misfire, Overlap, Retry
from cronapp.core.registry.options import (
    ATTRIBUTE,
    ExceptionLike,
    RunIn,
    TaskOptions,
    after_of,
    condition_of,
    json_args,
    named,
    one_of,
    place_of,
    retry_of,
    rules_of,
    tags_of,
    timeout_of,
)
from cronapp.core.registry.schedules import ScheduleLike, schedules_of

F = TypeVar("F", bound=Callable[..., Any])


@overload
def task(function: F, /) -> F: ...
@overload
def task(
    *,
    schedule: ScheduleLike | Sequence[ScheduleLike] | None = None,
    timezone: str | None = None,
    args: Mapping[str, Any] | None = None,
    timeout: float | str | timedelta | None = None,
    retries: int | Retry | None = None,
    retry_on: ExceptionLike | Sequence[ExceptionLike] = (),
    run_in: RunIn | None = None,
    name: str | None = None,
    queue: str | None = None,
    overlap: Overlap | str | None = None,
    max_running: int | None = None,
    misfire: Misfire | str | None = None,
    priority: int | None = None,
    starts_at: datetime | str | None = None,
    ends_at: datetime | str | None = None,
    max_runs: int | None = None,
    jitter: float | str | timedelta | None = None,
    blackouts: str | Sequence[str] = (),
    condition: Callable[..., Any] | str | None = None,
    after: After | str | Sequence[str] | None = None,
    group: str | None = None,
    labels: str | Sequence[str] = (),
    pause_after_failures: int | None = None,
    notify: Mapping[str, Any] | Sequence[Mapping[str, Any]] = (),
    tags: Sequence[str] = (),
    job_id: str | None = None,
    description: str | None = None,
) -> Callable[[F], F]: ...
def task(
    function: Any = None,
    /,
    *,
    schedule: ScheduleLike | Sequence[ScheduleLike] | None = None,
    timezone: str | None = None,
    args: Mapping[str, Any] | None = None,
    timeout: float | str | timedelta | None = None,
    retries: int | Retry | None = None,
    retry_on: ExceptionLike | Sequence[ExceptionLike] = (),
    run_in: RunIn | None = None,
    name: str | None = None,
    queue: str | None = None,
    overlap: Overlap | str | None = None,
    max_running: int | None = None,
    misfire: Misfire | str | None = None,
    priority: int | None = None,
    starts_at: datetime | str | None = None,
    ends_at: datetime | str | None = None,
    max_runs: int | None = None,
    jitter: float | str | timedelta | None = None,
    blackouts: str | Sequence[str] = (),
    condition: Callable[..., Any] | str | None = None,
    after: After | str | Sequence[str] | None = None,
    group: str | None = None,
    labels: str | Sequence[str] = (),
    pause_after_failures: int | None = None,
    notify: Mapping[str, Any] | Sequence[Mapping[str, Any]] = (),
    tags: Sequence[str] = (),
    job_id: str | None = None,
    description: str | None = None,
) -> Any:
    """Mark a function as a task and say how it runs. The function itself stays as it is.

    Args:
        schedule: Declares a job: a cron expression, `every 15m`, a timedelta, a datetime (once), one of the schedule
            classes, or a list of these.
        timezone: The schedule's zone, such as `Europe/Berlin`. The server's default zone if not given.
        args: The declared job's arguments.
        timeout: Seconds, or text such as `10m`.
        retries: How many times a failed run is tried again, or a `Retry` with the delays too.
        retry_on: Exceptions, or their names, after which it is tried again; it is not after others.
        run_in: `loop` (async def), `thread` (def) or `process` (either; can be killed).
        misfire: What happens with slots that passed while no server was there: `skip`, `last` or `all`, or a `Misfire`.
        starts_at, ends_at: The first and the last moment at which the declared job may have a slot.
        jitter: The declared job's runs start up to so much after their slots; seconds, or text such as `5m`.
        blackouts: When the declared job does not run: `22:00-06:00 mon-fri`, `2026-12-24..2027-01-02`, `holidays.ics`.
        condition: A task, or its name, that is asked before each slot's run and answers True or False.
        after: The ids of jobs whose ends wake the declared job, or an `After` that says which ends. Without a schedule
            beside it, that is all that starts the job.
        labels: What a process must have to execute the declared job's runs, such as `gpu` or `zone=eu`.
        group: Jobs of a group share a limit of runs side by side.
        pause_after_failures: After so many failures in a row the declared job pauses by itself.
        notify: Who is told what of the declared job: `{"on": ["failure", "recovery"], "channels": ["ops"]}`, or a list
            of such rules.
        name: The task's name, if not the function's.
        job_id: The declared job's id, if not the task's name with `-` for `_`.

    Raises TypeError or ValueError at once for an option that cannot be used.
    """
    alone = schedule is None and after is not None
    schedules, zoned = schedules_of(DependencySchedule() if alone else schedule, timezone)
    options = TaskOptions(
        name=named("name", name),
        schedule=schedules,
        zoned=zoned,
        timezone=timezone,
        args=json_args(args or {}),
        timeout=timeout_of(timeout),
        retry=retry_of(retries, retry_on),
        run_in=one_of("run_in", run_in, get_args(RunIn)),
        queue=named("queue", queue),
        overlap=None if overlap is None else Overlap(one_of("overlap", overlap, tuple(Overlap))),
        rules=rules_of(
            starts_at=starts_at,
            ends_at=ends_at,
            max_runs=max_runs,
            jitter=jitter,
            blackouts=[blackouts] if isinstance(blackouts, str) else blackouts,
            condition=condition_of(condition),
            max_running=max_running,
            misfire={"policy": misfire} if isinstance(misfire, str) else misfire,
            priority=priority,
            after=after_of(after),
            group=named("group", group),
            labels=[labels] if isinstance(labels, str) else labels,
            pause_after_failures=pause_after_failures,
            notify=[dict(notify)] if isinstance(notify, Mapping) else list(notify) or None,
        ),
        tags=tags_of(tags),
        job_id=named("job_id", job_id),
        description=description,
        module=sys._getframe(1).f_globals.get("__name__", ""),
    )
    if function is None:
        return lambda decorated: _attach(decorated, options)
    return _attach(function, options)


def _attach(function: Any, options: TaskOptions) -> Any:
    if not isinstance(function, FunctionType):
        hint = f" Write @task(schedule={function!r})." if isinstance(function, str) else ""
        raise TypeError(f"@task goes on a function, not on a {type(function).__name__}.{hint}")
    place_of(function, options.run_in)
    function.__dict__[ATTRIBUTE] = options
    return function

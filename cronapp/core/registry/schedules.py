"""The schedules that `@task(schedule=…)` takes, in all the ways to write them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cronapp.core.cron import parse
from cronapp.core.durations import parse_every
from cronapp.core.models import (
    CronSchedule,
    DependencySchedule,
    IntervalSchedule,
    ManualSchedule,
    OnceSchedule,
    Schedule,
)
from cronapp.core.registry.options import in_words
from cronapp.core.zones import resolve, zone

ScheduleLike = str | timedelta | datetime | Schedule


def schedules_of(given: Any, timezone: str | None) -> tuple[tuple[Schedule, ...], tuple[bool, ...]]:
    """The schedules, and for each whether its zone was named."""
    if timezone is not None:
        in_words("timezone", zone, timezone)
    each = [] if given is None else list(given) if isinstance(given, list | tuple) else [given]
    schedules = tuple(_schedule(one, timezone or "UTC") for one in each)
    return schedules, tuple(timezone is not None or isinstance(one, Schedule) for one in each)


def _schedule(given: Any, timezone: str) -> Schedule:
    schedule = _as_schedule(given, timezone)
    match schedule:
        case CronSchedule():
            in_words("schedule", parse, schedule.expression)
        case IntervalSchedule():
            in_words("schedule", parse_every, schedule.every)
        case ManualSchedule() | DependencySchedule():
            return schedule
    in_words("schedule", zone, schedule.timezone)
    return replace(schedule, at=_moment(schedule)) if isinstance(schedule, OnceSchedule) else schedule


def _as_schedule(given: Any, timezone: str) -> Schedule:
    match given:
        case str() if given.strip().lower().startswith("every "):
            return IntervalSchedule(every=given.strip()[6:].strip(), timezone=timezone)
        case str():
            return CronSchedule(expression=given.strip(), timezone=timezone)
        case timedelta():
            return IntervalSchedule(every=given.total_seconds(), timezone=timezone)
        case datetime():
            return OnceSchedule(at=given, timezone=timezone)
        case CronSchedule() | IntervalSchedule() | OnceSchedule() | ManualSchedule() | DependencySchedule():
            return given
    kinds = "a cron expression, text such as 'every 15m', a timedelta, a datetime or a schedule"
    raise TypeError(f"schedule: {kinds} is expected, not a {type(given).__name__}.")


def _moment(once: OnceSchedule) -> datetime:
    moment = once.at if once.at.tzinfo else resolve(once.at, zone(once.timezone))
    if moment is None:
        raise ValueError(f"schedule: {once.at:%Y-%m-%d %H:%M} does not exist in {once.timezone}.")
    return moment.astimezone(UTC)

"""From a job's schedules to its trigger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronapp.core.cron import parse
from cronapp.core.durations import parse_every
from cronapp.core.errors import InvalidInput
from cronapp.core.models import CronSchedule, IntervalSchedule, ManualSchedule, OnceSchedule, Schedule, Unclocked
from cronapp.core.triggers.combined import SeveralTriggers, WindowTrigger
from cronapp.core.triggers.intervals import CalendarTrigger, IntervalTrigger
from cronapp.core.triggers.single import CronTrigger, DependencyTrigger, ManualTrigger, OnceTrigger
from cronapp.core.triggers.trigger import Trigger
from cronapp.core.zones import resolve, zone


def trigger_of(
    schedules: Sequence[Schedule],
    *,
    seed: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Trigger:
    """The trigger of a job. `seed` is the job's id; a moment without an offset is in the schedule's zone.

    Raises `InvalidInput` with a sentence for each wrong field, as `schedule.expression`, or `schedule.0.expression`
    when there are several schedules; ValueError for an interval whose anchor is not set yet.
    """
    errors: dict[str, str] = {}
    parts = []
    for place, schedule in enumerate(schedules):
        try:
            parts.append(_part(schedule, seed))
        except InvalidInput as error:
            prefix = "schedule" if len(schedules) == 1 else f"schedule.{place}"
            errors |= {f"{prefix}.{field}": text for field, text in error.errors.items()}
    if not schedules:
        errors["schedule"] = "At least one schedule is expected. For none write the kind manual."
    if errors:
        raise InvalidInput(errors)
    trigger = parts[0] if len(parts) == 1 else SeveralTriggers(tuple(parts))
    return _in_window(trigger, zone_of(schedules), starts_at, ends_at)


def _part(schedule: Schedule, seed: str) -> Trigger:
    if isinstance(schedule, CronSchedule):
        return _cron(schedule, seed)
    if isinstance(schedule, IntervalSchedule):
        return _interval(schedule)
    if isinstance(schedule, OnceSchedule):
        return _once(schedule)
    return ManualTrigger() if isinstance(schedule, ManualSchedule) else DependencyTrigger()


def _cron(schedule: CronSchedule, seed: str) -> Trigger:
    errors: dict[str, str] = {}
    try:
        cron = parse(schedule.expression, seed=seed)
    except InvalidInput as error:
        errors |= error.errors
    try:
        its_zone = zone(schedule.timezone)
    except InvalidInput as error:
        errors |= error.errors
    if errors:
        raise InvalidInput(errors)
    return CronTrigger(cron, its_zone)


def _interval(schedule: IntervalSchedule) -> Trigger:
    its_zone = zone(schedule.timezone)
    try:
        period = parse_every(schedule.every)
    except ValueError as error:
        raise InvalidInput.of("every", str(error)) from None
    if schedule.anchor is None:
        raise ValueError("The anchor of an interval must be set before its slots can be told.")
    anchor = _instant(schedule.anchor, its_zone, "anchor")
    if period.seconds:
        return IntervalTrigger(anchor, timedelta(seconds=period.seconds), period)
    shown = anchor.astimezone(its_zone) if schedule.anchor.tzinfo else schedule.anchor
    return CalendarTrigger(shown.replace(tzinfo=None, fold=0), period, its_zone)


def _once(schedule: OnceSchedule) -> Trigger:
    its_zone = zone(schedule.timezone)
    wall = None if schedule.at.tzinfo else schedule.at
    return OnceTrigger(_instant(schedule.at, its_zone, "at"), its_zone, wall)


def _in_window(trigger: Trigger, its_zone: ZoneInfo, start: datetime | None, end: datetime | None) -> Trigger:
    starts_at = None if start is None else _instant(start, its_zone, "starts_at")
    ends_at = None if end is None else _instant(end, its_zone, "ends_at")
    if starts_at is None and ends_at is None:
        return trigger
    if starts_at is not None and ends_at is not None and ends_at < starts_at:
        raise InvalidInput.of("ends_at", "The end is before the start. Use a later end, or an earlier start.")
    return WindowTrigger(trigger, starts_at, ends_at, its_zone)


def _instant(moment: datetime, its_zone: ZoneInfo, field: str) -> datetime:
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    instant = resolve(moment, its_zone)
    if instant is None:
        raise InvalidInput.of(field, f"{moment:%Y-%m-%d %H:%M} never happened in {its_zone.key}. Use another day.")
    return instant


def zone_of(schedules: Sequence[Schedule]) -> ZoneInfo:
    """The zone of the first schedule that has one: a job's other wall times are in it."""
    names = [schedule.timezone for schedule in schedules if not isinstance(schedule, Unclocked)]
    return zone(names[0] if names else "UTC")

"""When a job runs: every moment an instant, every rule checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from cronapp.core.errors import InvalidInput
from cronapp.core.models import (
    CronSchedule,
    DependencySchedule,
    IntervalSchedule,
    JobSpec,
    ManualSchedule,
    OnceSchedule,
    Schedule,
)
from cronapp.core.spec.shapes import (
    CronInput,
    DependencyInput,
    IntervalInput,
    ManualInput,
    OnceInput,
    ScheduleGiven,
    TimingInput,
)
from cronapp.core.triggers import needs_no_slot, trigger_of
from cronapp.core.validation import explain
from cronapp.core.zones import resolve, zone

YEARS = range(1900, 3000)
FAR = "Choose a moment between the years 1900 and 2999."


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a job runs, with every moment an instant and every rule checked."""

    schedule: tuple[Schedule, ...]
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def parse_timing(
    data: Mapping[str, Any],
    *,
    now: datetime,
    timezone: str = "UTC",
    old: JobSpec | None = None,
    past: bool = False,
) -> Timing:
    """Checks the schedule and window of a job as JSON. With `past`, moments may lie behind `now`."""
    part = {name: data[name] for name in TimingInput.model_fields if name in data}
    try:
        given = TimingInput.model_validate(listed(part))
    except ValidationError as error:
        told = unlisted(explain(error, value=listed(part)), data)
        wrong = {str(detail["loc"][0]) for detail in error.errors(include_url=False)}
        raise InvalidInput(told | wrong_in_the_rest(data, wrong, now, timezone, old, past)) from None
    errors: dict[str, str] = {}
    zones = [schedule_zone(item, timezone, f"schedule.{n}", errors) for n, item in enumerate(given.schedule)]
    window = {name: instant(getattr(given, name), zones[0], name, errors) for name in ("starts_at", "ends_at")}
    schedules = tuple(
        schedule_of(item, where, f"schedule.{n}", errors, anchor=window["starts_at"] or now, old=old)
        for n, (item, where) in enumerate(zip(given.schedule, zones, strict=True))
    )
    timing = Timing(schedule=schedules, **window)
    try:
        trigger_of(schedules, seed=str(data.get("id") or ""), **window)
    except InvalidInput as error:
        places = {
            field.replace("schedule.", "schedule.0.", 1) if len(zones) == 1 else field: text
            for field, text in error.errors.items()
        }
        errors = {**places, **errors}
    if not past and not any(field.endswith(".timezone") for field in errors):
        errors = {**moments_behind(timing, now, old), **errors}
    if errors:
        raise InvalidInput(unlisted(errors, data))
    return timing


def wrong_in_the_rest(
    data: Mapping[str, Any], wrong: set[str], now: datetime, timezone: str, old: JobSpec | None, past: bool
) -> dict[str, str]:
    """What the rules say of the fields whose form is right, so that all errors are told at once."""
    if "schedule" in wrong:
        return {}
    rest = {name: value for name, value in data.items() if name not in wrong}
    try:
        parse_timing(rest, now=now, timezone=timezone, old=old, past=past)
    except InvalidInput as error:
        return error.errors
    return {}


def listed(data: Mapping[str, Any]) -> dict[str, Any]:
    """`schedule` as a list, also where one object was given."""
    fields = dict(data)
    if "schedule" in fields and not isinstance(fields["schedule"], list | tuple):
        fields["schedule"] = [fields["schedule"]]
    return fields


def unlisted(errors: Mapping[str, str], data: Mapping[str, Any]) -> dict[str, str]:
    """The errors under the names that the sender used: `schedule.expression` where one object was given."""
    if isinstance(data.get("schedule"), list | tuple):
        return dict(errors)
    return {field.replace("schedule.0", "schedule", 1): text for field, text in errors.items()}


def schedule_zone(item: ScheduleGiven, default: str, field: str, errors: dict[str, str]) -> ZoneInfo:
    try:
        return zone(getattr(item, "timezone", "") or default)
    except InvalidInput as error:
        errors[f"{field}.timezone"] = error.errors["timezone"]
        return zone("UTC")


def schedule_of(
    item: ScheduleGiven,
    where: ZoneInfo,
    field: str,
    errors: dict[str, str],
    *,
    anchor: datetime,
    old: JobSpec | None,
) -> Schedule:
    """The schedule with its moments as instants; an interval without an anchor keeps its old one, or gets `anchor`."""
    match item:
        case CronInput():
            return CronSchedule(expression=item.expression, timezone=where.key)
        case IntervalInput():
            kept = (
                next((s.anchor for s in old.schedule if s.kind == "interval" and s.every == item.every), None)
                if old
                else None
            )
            given = instant(item.anchor, where, f"{field}.anchor", errors)
            return IntervalSchedule(
                every=item.every, anchor=given or kept or anchor.replace(microsecond=0), timezone=where.key
            )
        case OnceInput():
            at = instant(item.at, where, f"{field}.at", errors)
            return OnceSchedule(at=at or anchor, timezone=where.key)
        case ManualInput():
            return ManualSchedule()
        case DependencyInput():
            return DependencySchedule()


def instant(moment: datetime | None, where: ZoneInfo, field: str, errors: dict[str, str]) -> datetime | None:
    """A moment as UTC; one without an offset is wall time in the zone `where`."""
    if moment is not None and moment.year not in YEARS:
        errors[field] = FAR
        return None
    if moment is None or moment.tzinfo is not None:
        return moment and moment.astimezone(UTC)
    resolved = resolve(moment, where)
    if resolved is None:
        errors[field] = f"This day does not exist in {where.key}. Choose another one."
    return resolved


def moments_behind(timing: Timing, now: datetime, old: JobSpec | None) -> dict[str, str]:
    """New moments must lie ahead; those that a job already had may stay."""
    kept = {getattr(s, "at", None) for s in old.schedule} | {old.starts_at, old.ends_at} if old else set()
    errors: dict[str, str] = {}
    for index, schedule in enumerate(timing.schedule):
        if isinstance(schedule, OnceSchedule) and schedule.at <= now and schedule.at not in kept:
            errors[f"schedule.{index}.at"] = "This moment has passed. Choose one that lies ahead."
    for name in ("starts_at", "ends_at"):
        moment = getattr(timing, name)
        if moment and moment <= now and moment not in kept:
            errors[name] = "This moment has passed. Choose one that lies ahead, or leave it empty."
    return errors


def refuse_the_idle(timing: Timing, job_id: str, now: datetime) -> None:
    """A new job that has a schedule must have a run ahead."""
    trigger = trigger_of(timing.schedule, seed=job_id, starts_at=timing.starts_at, ends_at=timing.ends_at)
    if not needs_no_slot(trigger) and trigger.next_after(now) is None:
        raise InvalidInput.of("ends_at", "No run of this schedule lies before its end. Choose a later end.")

"""A job's spec as it is stored, and the trigger that follows from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from cronapp.core import triggers
from cronapp.core.hidden import Hidden
from cronapp.core.models import JobSpec, Json, Retry, Schedule
from cronapp.core.spec.notify import rule_from_json, rule_to_json
from cronapp.core.triggers import Trigger, trigger_of

_stored = TypeAdapter(JobSpec)
_schedule: TypeAdapter[Schedule] = TypeAdapter(Schedule)
_retry = TypeAdapter(Retry)


def spec_to_json(spec: JobSpec) -> Json:
    """The spec as it is stored, told by the API and exported; `schedule` is always a list here. What is hidden of its
    arguments stays so."""
    plain = {name: value for name, value in spec.args.items() if not isinstance(value, Hidden)}
    data = _stored.dump_python(replace(spec, args=plain, notify=()), mode="json")
    data["args"] = {name: data["args"].get(name, value) for name, value in spec.args.items()}
    told = {name: value if name == "args" else whole_numbers(value) for name, value in data.items()}
    return {**told, "notify": [rule_to_json(rule) for rule in spec.notify]}


def whole_numbers(value: Any) -> Any:
    """Durations of whole seconds without a decimal point: 600, not 600.0."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: whole_numbers(part) for name, part in value.items()}
        case list():
            return [whole_numbers(part) for part in value]
    return value


def spec_from_json(data: Json) -> JobSpec:
    """The reverse of `spec_to_json`, for data that was checked when it was stored."""
    rules = tuple(rule_from_json(rule) for rule in data.get("notify", ()))
    return replace(_stored.validate_python({**data, "notify": ()}), notify=rules)


def schedule_to_json(schedule: Schedule) -> Json:
    """One schedule as the API has it; an anchor that is not set is left out."""
    return _schedule.dump_python(schedule, mode="json", exclude_none=True)  # type: ignore[no-any-return]


def retry_to_json(rule: Retry) -> Json:
    return _retry.dump_python(rule, mode="json")  # type: ignore[no-any-return]


@lru_cache(maxsize=20_000)
def _trigger(
    schedules: tuple[Schedule, ...], seed: str, starts_at: datetime | None, ends_at: datetime | None
) -> Trigger:
    return trigger_of(schedules, seed=seed, starts_at=starts_at, ends_at=ends_at)


def trigger_for(spec: JobSpec) -> Trigger:
    """The trigger of a job's schedules and window; the same object for the same answer."""
    return _trigger(spec.schedule, spec.id, spec.starts_at, spec.ends_at)


def zone_of(spec: JobSpec) -> ZoneInfo:
    """The zone of a job's first schedule that has one; its blackouts are in it."""
    return triggers.zone_of(spec.schedule)

"""What people and programs say of a job: JSON in, a checked `JobSpec` out, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from cronapp.core.durations import parse_duration
from cronapp.core.errors import InvalidInput
from cronapp.core.models import (
    Backoff,
    CronSchedule,
    IntervalSchedule,
    JobSpec,
    Json,
    ManualSchedule,
    Misfire,
    MisfirePolicy,
    OnceSchedule,
    Overlap,
    Retry,
    Schedule,
)
from cronapp.core.triggers import Trigger, trigger_of
from cronapp.core.validation import explain
from cronapp.core.zones import resolve, zone

ID_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,100}")
RESERVED_IDS = {".", "..", "new"}  # they would be other addresses under /jobs/
YEARS = range(1900, 3000)
FAR = "Choose a moment between the years 1900 and 2999."
PARALLEL = 100  # what `allow` allows when it is not told

_stored = TypeAdapter(JobSpec)
_schedule: TypeAdapter[Schedule] = TypeAdapter(Schedule)
_retry = TypeAdapter(Retry)


def spec_to_json(spec: JobSpec) -> Json:
    """The spec as it is stored, told by the API and exported; `schedule` is always a list here."""
    data = _stored.dump_python(spec, mode="json")
    return {name: value if name == "args" else whole_numbers(value) for name, value in data.items()}


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
    return _stored.validate_python(data)


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


# -- the shape of what comes in -------------------------------------------------------------------------------------


def _duration(value: Any) -> Any:
    if not isinstance(value, int | float | str):
        return value
    try:
        return parse_duration(value)
    except ValueError as error:
        raise PydanticCustomError("duration", "{sentence}", {"sentence": str(error)}) from None


def _job_id(value: str) -> str:
    if not ID_PATTERN.fullmatch(value) or value in RESERVED_IDS:
        raise (
            PydanticCustomError(
                "job_id", "Use 1 to 100 letters, digits, dots, hyphens and underscores, as in nightly-report."
            )
            if value not in RESERVED_IDS
            else PydanticCustomError("job_id", "This id is reserved. Choose another one.")
        )
    return value


def _tag(value: str) -> str:
    text = value.strip()
    if not text or len(text) > 50 or "," in text:
        raise PydanticCustomError("tag", "A tag has 1 to 50 characters and no comma.")
    return text


def _any_schedule(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """Not `min_length`: it also complains when the only schedule is wrong, and hides what is wrong with it."""
    if not value:
        raise PydanticCustomError("schedules", "At least one schedule is expected. For none write the kind manual.")
    return value


Seconds = Annotated[float, BeforeValidator(_duration), Field(ge=0)]
JobId = Annotated[str, AfterValidator(_job_id)]
Tag = Annotated[str, AfterValidator(_tag)]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CronInput(Input):
    kind: Literal["cron"]
    expression: str
    timezone: str = ""


class IntervalInput(Input):
    kind: Literal["interval"]
    every: float | str
    anchor: datetime | None = None
    timezone: str = ""


class OnceInput(Input):
    kind: Literal["once"]
    at: datetime
    timezone: str = ""


class ManualInput(Input):
    kind: Literal["manual"]


class MisfireInput(Input):
    policy: MisfirePolicy = Misfire().policy
    grace: Seconds = Misfire().grace


class RetryInput(Input):
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Retry().max_attempts
    delay: Seconds = Retry().delay
    backoff: Backoff = Retry().backoff
    max_delay: Seconds = Retry().max_delay


ScheduleGiven = CronInput | IntervalInput | OnceInput | ManualInput
ScheduleInput = Annotated[ScheduleGiven, Field(discriminator="kind")]


class TimingInput(Input):
    """When a job runs."""

    schedule: Annotated[tuple[ScheduleInput, ...], Field(max_length=20), AfterValidator(_any_schedule)]
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class JobInput(TimingInput):
    """The writable fields of a job, as in the API."""

    id: JobId
    task: Annotated[str, Field(min_length=1)]
    args: dict[str, Any] = {}
    max_runs: Annotated[int, Field(ge=1)] | None = None
    overlap: Overlap = Overlap.SKIP
    max_running: Annotated[int, Field(ge=1, le=1000)] = 1
    misfire: MisfireInput = MisfireInput()
    timeout: Annotated[Seconds, Field(gt=0)] | None = None
    retry: RetryInput = RetryInput()
    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "default"
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    tags: Annotated[tuple[Tag, ...], Field(max_length=50)] = ()
    description: Annotated[str, Field(max_length=2000)] = ""


# -- from input to a spec -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a job runs, with every moment an instant and every rule checked."""

    schedule: tuple[Schedule, ...]
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def parse_spec(data: Mapping[str, Any], *, now: datetime, timezone: str = "UTC", old: JobSpec | None = None) -> JobSpec:
    """Checks a job as JSON and answers its spec; raises `InvalidInput` with every wrong field.

    `timezone` is the zone of schedules that name none. `old` is the spec before an edit: its anchor is kept while its
    period is, and its moments may lie in the past.
    """
    errors: dict[str, str] = {}
    given: JobInput | None = None
    timing: Timing | None = None
    try:
        given = JobInput.model_validate(listed(data))
    except ValidationError as error:
        errors |= unlisted(explain(error, value=listed(data), fields=JobInput.model_fields), data)
    try:
        timing = parse_timing(data, now=now, timezone=timezone, old=old)
        if old is None:
            refuse_the_idle(timing, str(data.get("id")), now)
    except InvalidInput as error:
        errors = {**error.errors, **errors}
    if given is None or timing is None or errors:
        raise InvalidInput(errors)
    parallel = given.overlap is Overlap.ALLOW and "max_running" not in given.model_fields_set
    return JobSpec(
        id=given.id,
        task=given.task,
        schedule=timing.schedule,
        args=given.args,
        starts_at=timing.starts_at,
        ends_at=timing.ends_at,
        max_runs=given.max_runs,
        overlap=given.overlap,
        max_running=PARALLEL if parallel else given.max_running,
        misfire=Misfire(policy=given.misfire.policy, grace=given.misfire.grace),
        timeout=given.timeout,
        retry=Retry(**dict(given.retry)),
        queue=given.queue,
        priority=given.priority,
        tags=tuple(dict.fromkeys(given.tags)),
        description=given.description,
    )


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
    if all(schedule.kind == "manual" for schedule in timing.schedule):
        return
    trigger = trigger_of(timing.schedule, seed=job_id, starts_at=timing.starts_at, ends_at=timing.ends_at)
    if trigger.next_after(now) is None:
        raise InvalidInput.of("ends_at", "No run of this schedule lies before its end. Choose a later end.")

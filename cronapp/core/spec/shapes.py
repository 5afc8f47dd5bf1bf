"""The shape of a job as it comes in: its fields, their types and bounds."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

from cronapp.core.blackouts import parse_blackout
from cronapp.core.durations import parse_duration
from cronapp.core.ids import ID_PATTERN, RESERVED_IDS
from cronapp.core.models import (
    AfterMode,
    AfterWhen,
    AlertEvent,
    Backoff,
    Misfire,
    MisfirePolicy,
    Notify,
    Overlap,
    Retry,
    SecretUrl,
)

EXCEPTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
NUMBER = re.compile(r"\s*[+-]?[\d.]+(e[+-]?\d+)?\s*", re.IGNORECASE)
MOST_JITTER = 7 * 86400
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\x00-\x1f]+")
LONGEST_URL = 2000
CHANNEL = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
"""The name of a channel."""


def _no_bool(value: Any) -> Any:
    """JSON's true is no number, though Python's is."""
    if isinstance(value, bool):
        raise PydanticKnownError("int_type")
    return value


def _no_number(value: Any) -> Any:
    """Numbers would be seconds since 1970, and nobody means that."""
    if isinstance(value, int | float) or (isinstance(value, str) and NUMBER.fullmatch(value)):
        raise PydanticKnownError("datetime_type")
    return value


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


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


def _blackout(value: str) -> str:
    try:
        parse_blackout(value)
    except ValueError as error:
        raise PydanticCustomError("blackout", "{sentence}", {"sentence": str(error)}) from None
    return value.strip()


def _some_jobs(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise PydanticCustomError("after", "Name at least one job, or leave `after` out.")
    return tuple(dict.fromkeys(value))


def _exception(value: str) -> str:
    if not EXCEPTION.fullmatch(value):
        raise PydanticCustomError(
            "exception", "Write the name of an exception, as ConnectionError or shop.errors.Busy, or timed_out or lost."
        )
    return value


def _any_schedule(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """Not `min_length`: it also complains when the only schedule is wrong, and hides what is wrong with it."""
    if not value:
        raise PydanticCustomError("schedules", "At least one schedule is expected. For none write the kind manual.")
    return value


def _url(value: Any) -> str:
    if isinstance(value, SecretUrl):  # kept as it is: pydantic would make a plain text of it
        return value
    if not isinstance(value, str) or not URL.fullmatch(value) or len(value) > LONGEST_URL:
        raise PydanticCustomError("notify_url", "Write an Apprise address, such as mailto://user:password@example.org.")
    return value


def _web_url(value: Any) -> str:
    if isinstance(value, SecretUrl):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s\x00-\x1f]+", value) or len(value) > LONGEST_URL:
        raise PydanticCustomError("web_url", "Write an address of the web, such as https://hc-ping.com/your-uuid.")
    return value


def _ping(value: Any) -> Any:
    """One address, or one for each occasion; told apart here, so that what is wrong is told once."""
    if value is None or isinstance(value, dict):
        return None if value is None else PingInput.model_validate(value)
    return _web_url(value)


def _as_told(value: Any) -> Any:
    return value


Worded = Annotated[float | str, Field(description="Seconds, or in words, as `10m` or `1h30m`.", examples=[600, "10m"])]
"""How a duration may be written."""
Seconds = Annotated[float, BeforeValidator(_duration, json_schema_input_type=Worded), Field(ge=0)]
Moment = Annotated[datetime, BeforeValidator(_no_number, json_schema_input_type=datetime)]
Whole = Annotated[int, BeforeValidator(_no_bool)]
ID_SCHEMA = {"type": "string", "pattern": f"^{ID_PATTERN.pattern}$"}
JobId = Annotated[str, AfterValidator(_job_id), WithJsonSchema(ID_SCHEMA)]
Tag = Annotated[str, AfterValidator(_tag), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 50})]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
LABEL = r"^[A-Za-z0-9._-]{1,50}(=[A-Za-z0-9._-]{1,50})?$"
Label = Annotated[str, Field(pattern=LABEL)]
ExceptionName = Annotated[str, AfterValidator(_exception)]
BlackoutLine = Annotated[str, AfterValidator(_blackout)]
NotifyUrl = Annotated[str, PlainValidator(_url, json_schema_input_type=str)]
WebUrl = Annotated[str, PlainValidator(_web_url, json_schema_input_type=str)]
ChannelName = Annotated[str, Field(pattern=CHANNEL)]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class CronInput(Input):
    kind: Literal["cron"]
    expression: str
    timezone: str = Field(default="", description="As `Europe/Berlin`; the server's own if it is not said.")


class IntervalInput(Input):
    kind: Literal["interval"]
    every: Annotated[float | str, BeforeValidator(_no_flag, json_schema_input_type=float | str)] = Field(
        description="Seconds, or in words, as `15m`, `1d`, `2w` or `1mo`."
    )
    anchor: Moment | None = Field(default=None, description="From which the slots are counted.")
    timezone: str = ""


class OnceInput(Input):
    kind: Literal["once"]
    at: Moment
    timezone: str = ""


class ManualInput(Input):
    kind: Literal["manual"]


class DependencyInput(Input):
    kind: Literal["dependency"]


class AfterInput(Input):
    jobs: Annotated[tuple[JobId, ...], Field(max_length=50), AfterValidator(_some_jobs)]
    when: AfterWhen = AfterWhen.SUCCESS
    mode: AfterMode = Field(
        default=AfterMode.ALL, description="Once each of them has ended so since its own last run, or any one of them."
    )


class MisfireInput(Input):
    policy: MisfirePolicy = Field(
        default=Misfire().policy, description="None of them is run, the newest one, or all that are young enough."
    )
    grace: Seconds = Misfire().grace


class RetryInput(Input):
    max_attempts: Annotated[Whole, Field(ge=1, le=100)] = Field(
        default=Retry().max_attempts, description="The first one counts."
    )
    delay: Seconds = Retry().delay
    backoff: Backoff = Retry().backoff
    max_delay: Seconds = Retry().max_delay
    on: Annotated[tuple[ExceptionName, ...], Field(max_length=50)] = Field(
        default=(), description="Only after these exceptions, `timed_out` or `lost`; empty: after every failure."
    )


class PingInput(Input):
    start: WebUrl | None = None
    success: WebUrl | None = None
    failure: WebUrl | None = None


class NotifyInput(Input):
    """Who is told what of a job."""

    on: Annotated[tuple[AlertEvent, ...], Field(max_length=50)] | None = None
    channels: Annotated[tuple[ChannelName, ...], Field(max_length=20)] = ()
    urls: Annotated[tuple[NotifyUrl, ...], Field(max_length=20)] = ()
    failures: Annotated[Whole, Field(ge=1, le=1000)] = Notify().failures
    slower_than: Annotated[Seconds, Field(gt=0)] | None = None
    slower_by: Annotated[float, BeforeValidator(_no_bool), Field(gt=1, le=1000)] = Notify().slower_by
    faster_than: Annotated[Seconds, Field(gt=0)] | None = None
    late_after: Annotated[Seconds, Field(ge=10, le=30 * 86400)] = Notify().late_after
    remind: Annotated[Seconds, Field(ge=60, le=30 * 86400)] | None = None
    ping: Annotated[Any, PlainValidator(_ping, json_schema_input_type=str | PingInput | None)] = None
    instead: bool = False


ScheduleGiven = CronInput | IntervalInput | OnceInput | ManualInput | DependencyInput
ScheduleInput = Annotated[ScheduleGiven, Field(discriminator="kind")]


Listed = Annotated[tuple[ScheduleInput, ...], Field(max_length=20), AfterValidator(_any_schedule)]
Schedules = Annotated[Listed, BeforeValidator(_as_told, json_schema_input_type=ScheduleInput | Listed)]
"""`listed` makes a list of one object, before it is looked at."""


class TimingInput(Input):
    """When a job runs."""

    schedule: Schedules = Field(description="When it has slots: one object, or a list of them.")
    starts_at: Moment | None = Field(default=None, description="No slot before this moment.")
    ends_at: Moment | None = Field(default=None, description="No slot after this moment.")


class JobInput(TimingInput):
    """The writable fields of a job, as in the API."""

    id: JobId = Field(description="1 to 100 letters, digits, dots, hyphens and underscores.")
    task: Annotated[str, Field(min_length=1, description="The name of a function in the tasks file.")]
    args: dict[str, Any] = Field(default={}, description="The task's arguments, by their names.")
    max_runs: Annotated[Whole, Field(ge=1)] | None = Field(default=None, description="After so many it is finished.")
    jitter: Annotated[Seconds, Field(le=MOST_JITTER)] = Field(
        default=0, description="A run starts up to so long after its slot: seconds, or in words, as `10m`."
    )
    blackouts: Annotated[tuple[BlackoutLine, ...], Field(max_length=100)] = Field(
        default=(), description="When slots have no run, as `22:00-06:00` or `sat-sun`."
    )
    condition: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="A task that decides over each slot."
    )
    overlap: Overlap = Field(
        default=Overlap.SKIP, description="What a slot does when it meets a run of the same job that goes on."
    )
    max_running: Annotated[Whole, Field(ge=1, le=1000)] = Field(
        default=1, description="How many runs go on side by side at most; with `allow` 100 if it is not said."
    )
    misfire: MisfireInput = Field(
        default=MisfireInput(), description="What happens with slots that passed while nobody was there."
    )
    timeout: Annotated[Seconds, Field(gt=0)] | None = Field(
        default=None, description="After so long a run is ended: seconds, or in words, as `10m`."
    )
    retry: RetryInput = Field(default=RetryInput(), description="When a run that failed is tried again.")
    after: AfterInput | None = Field(default=None, description="The jobs whose ends wake this one.")
    group: Name | None = Field(default=None, description="Jobs of a group share a limit of runs side by side.")
    pause_after_failures: Annotated[Whole, Field(ge=1, le=1000)] | None = Field(
        default=None, description="After so many failures in a row it pauses by itself."
    )
    queue: Name = "default"
    labels: Annotated[tuple[Label, ...], Field(max_length=20)] = Field(
        default=(), description="Only a process that has all of them executes its runs, as `gpu` or `zone=eu`."
    )
    priority: Annotated[Whole, Field(ge=-1000, le=1000)] = Field(
        default=0, description="Of runs that wait, the highest starts first."
    )
    tags: Annotated[tuple[Tag, ...], Field(max_length=50)] = ()
    notify: Annotated[tuple[NotifyInput, ...], Field(max_length=20)] = ()
    description: Annotated[str, Field(max_length=2000)] = ""

"""What may be sent: the bodies of requests. A new job is `JobInput`, by which it is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from cronapp.core.access import Role
from cronapp.core.channels import ChannelInput
from cronapp.core.models import Overlap, RunState
from cronapp.core.spec.shapes import ChannelName, JobInput, NotifyInput, Schedules, Tag, Worded
from cronapp.wire.base import From, Json, Wire
from cronapp.wire.jobs import Job

Duration = Annotated[Worded, Field(ge=0)]
Until = Annotated[
    str | None, Field(description="A moment, or for how long, as `2h`; null: until somebody resumes.", examples=["2h"])
]
Reason = Annotated[str | None, Field(description="Shown wherever it is told that this is paused.")]
CatchUp = Annotated[
    Literal["none", "last", "all"], Field(description="Which of the slots that passed meanwhile run after all.")
]
DryRun = Annotated[bool, Field(description="Change nothing, and tell what would become of it.")]
Tags = Annotated[
    list[str] | None, Field(description="Limits it to the jobs with one of these; null: all jobs.", max_length=50)
]
Ids = Field(min_length=1, max_length=10_000)
Text = Annotated[str, Field(min_length=1)]
LEFT_OUT: Any = None
"""What has this default may be left out, and is not null."""


def _as_got(schema: Json) -> None:
    """What only the server says of a job may be sent back to it, and is passed over."""
    passed_over(*sorted(Job.model_fields.keys() - JobInput.model_fields.keys()))(schema)


def _as_changed(schema: Json) -> None:
    """What is not sent stays as it is."""
    del schema["required"]
    for field in schema["properties"].values():
        field.pop("default", None)
    _as_got(schema)


class JobReplaced(JobInput):
    """A job as it was got and changed. What is left out is at its default."""

    model_config = ConfigDict(json_schema_extra=_as_got)


class JobChanged(JobInput):
    """The fields that take the place of the job's; those of `misfire` and `retry` one by one."""

    model_config = ConfigDict(json_schema_extra=_as_changed)


class Closed(Wire):
    """It takes no other fields."""

    model_config = ConfigDict(extra="forbid")


class RunAsked(Wire):
    """Other arguments than the job's own, by their names."""

    args: Json = Field(default={})


class PauseAsked(Wire):
    """Why, and until when."""

    reason: Reason = None
    until: Until = None


class ResumeAsked(Wire):
    """What becomes of the slots that passed."""

    catch_up: CatchUp = "none"


class JobsWanted(Closed):
    """A filter as that of the list; {} is all jobs."""

    q: Text = LEFT_OUT
    state: Text = LEFT_OUT
    task: Text = LEFT_OUT
    tags: list[Text] = Field(default=[], description="A job has all of these.")
    untagged: bool = False
    queue: Text = LEFT_OUT
    label: Text = LEFT_OUT
    group: Text = LEFT_OUT
    origin: Text = LEFT_OUT


class BulkAsked(Wire):
    """Which jobs, by `ids` or a `filter`, and what is done with each."""

    action: Literal["pause", "resume", "run", "tag", "untag", "remove"]
    ids: Annotated[list[str], Ids] | None = None
    filter: JobsWanted | None = None
    reason: Reason = None
    until: Until = None
    catch_up: CatchUp = "none"
    tags: list[str] = Field(default=[], description="To add or to take away.")
    dry_run: DryRun = False


class RunsWanted(Closed):
    """A filter as that of the list; {} is all runs."""

    job: Text | None = None
    task: Text | None = None
    tag: Text | None = None
    trigger: Text | None = None
    node: Text | None = None
    group: Text | None = Field(default=None, description="A group of errors.")
    result: Text | None = None
    error: Text | None = None
    q: Text | None = None
    state: RunState | Annotated[list[RunState], Field(min_length=1)] = LEFT_OUT
    args: Text | Annotated[list[Text], Field(min_length=1)] = LEFT_OUT
    since: datetime | None = None
    until: datetime | None = None


class BulkRunsAsked(Wire):
    """Which runs, by `ids` or a `filter`, and what is done with each."""

    action: Literal["retry", "cancel"]
    ids: Annotated[list[Annotated[int, Field(ge=1, lt=2**63)]], Ids] | None = None
    filter: RunsWanted | None = None
    dry_run: DryRun = False


class RetryAlikeAsked(Wire):
    dry_run: DryRun = False


class TestAsked(Wire):
    """Only what differs from the task's defaults is needed."""

    args: Json | None = None
    timeout: Duration | None = None
    queue: str | None = None
    labels: list[str] | None = None
    job: str | None = Field(default=None, description="The id that the job may have one day.")


class BackfillAsked(Closed):
    """A window of the past. Both ends are part of it."""

    since: From
    to: datetime
    max_running: int = Field(default=1, ge=1, description="How many of its runs go on side by side.")
    rerun: bool = Field(default=False, description="Take slots too that have succeeded.")
    args: Json | None = Field(default=None, description="These stand in place of the job's own, one by one.")
    dry_run: DryRun = False


class SlotAsked(Wire):
    slot: datetime


class RestoreAsked(Wire):
    version: int = Field(description="As the changes tell it.")


class RepointAsked(Wire):
    task: Text


class NoteAsked(Wire):
    text: Text


class PreviewAsked(Wire):
    """A schedule, and what else of a job decides how its runs meet. With `job` it is an edit of that job: what is left
    out is as the job has it."""

    schedule: Schedules | None = None
    job: str | None = None
    id: str | None = Field(default=None, description="Of a new job: it decides where within `jitter` its runs start.")
    count: int = Field(default=10, ge=1, le=500, description="How many slots are told.")
    since: datetime | None = Field(
        default=None,
        validation_alias="from",
        serialization_alias="from",
        description="The slots are those after it; if it is not told, after now.",
    )
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    jitter: Duration = 0
    overlap: Overlap = Overlap.SKIP
    max_running: int = Field(default=1, ge=1, le=1000)
    blackouts: list[str] = Field(default=[], max_length=100)


class LimitAsked(Closed):
    """At least one of the two."""

    max_running: int | None = Field(default=None, ge=1, le=10_000)
    rate: str | None = Field(default=None, description="As `10/m`, `100/h` or `5 per 30s`.", examples=["10/m"])


class SecretAsked(Closed):
    value: Text


class TokenAsked(Closed):
    """A token's rights are not changed later: revoke it, and make another one."""

    role: Role
    name: str | None = Field(default=None, max_length=60)
    tags: Tags = None
    expires: Duration | None = Field(
        default="90d", description="A moment, for how long, or null for never.", examples=["30d"]
    )


class RenameAsked(Closed):
    name: Annotated[str, Field(min_length=1, max_length=60)]


class UserAsked(Closed):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: str
    role: Role
    tags: Tags = None


class UserChange(Closed):
    """What is not sent stays as it is."""

    role: Role = LEFT_OUT
    tags: Tags = None
    disabled: bool = False


class PasswordAsked(Closed):
    password: str


def passed_over(*names: str) -> Callable[[Json], None]:
    """What only the server says, and may be sent back to it."""

    def mark(schema: Json) -> None:
        schema["properties"] |= {name: {"readOnly": True, "description": "Passed over."} for name in names}

    return mark


def _of_many(schema: Json) -> None:
    """Only a job's own rule has these."""
    for name in ("urls", "ping", "instead"):
        del schema["properties"][name]


def _of_many_as_got(schema: Json) -> None:
    _of_many(schema)
    passed_over("id", "words", "settings", "at", "by")(schema)


class ChannelAsked(ChannelInput):
    """An address under a name."""

    name: ChannelName


class ChannelChange(ChannelInput):
    """Another channel in its place. Without `url` it keeps its address."""

    model_config = ConfigDict(json_schema_extra=passed_over("name", "jobs", "used_by", "at", "by"))


class RuleAsked(NotifyInput):
    """A rule for the jobs with a tag; without one, for all jobs."""

    model_config = ConfigDict(json_schema_extra=_of_many)

    tag: Tag | None = None


class RuleChange(RuleAsked):
    """Another rule in its place."""

    model_config = ConfigDict(json_schema_extra=_of_many_as_got)

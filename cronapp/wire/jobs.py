"""Jobs: what they say, where they stand, and what became of their slots."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from cronapp.core.history import ChangeKind
from cronapp.core.ledger import Verdict
from cronapp.core.models import AfterMode, AfterWhen, Backoff, Cause, JobState, MisfirePolicy, Overlap, RunState
from cronapp.wire.alerts import Notify
from cronapp.wire.base import From, Items, Json, Seconds, Wire


class Cron(Wire):
    """At the times of a cron expression."""

    kind: Literal["cron"]
    expression: str
    timezone: str


class Interval(Wire):
    """Every so often."""

    kind: Literal["interval"]
    every: float | str = Field(description="Seconds, or a period as `15m`, `1d`, `2w`, `1mo`.")
    anchor: datetime | None = Field(description="The moment from which the slots are counted.")
    timezone: str


class Once(Wire):
    """Once, at a moment."""

    kind: Literal["once"]
    at: datetime
    timezone: str


class Manual(Wire):
    """Only by hand."""

    kind: Literal["manual"]


class Dependency(Wire):
    """Only after other jobs."""

    kind: Literal["dependency"]


Schedule = Annotated[Cron | Interval | Once | Manual | Dependency, Field(discriminator="kind")]


class Misfire(Wire):
    """What happens with slots that passed while nobody was there."""

    policy: MisfirePolicy
    grace: Seconds = Field(description="Seconds: older slots are not caught up.")


class Retry(Wire):
    """When a run that failed is tried again."""

    max_attempts: int = Field(description="The first one counts.")
    delay: Seconds
    backoff: Backoff
    max_delay: Seconds
    on: list[str] = Field(description="Only after these exceptions, `timed_out` or `lost`; empty: after every failure.")


class After(Wire):
    """The jobs whose ends wake this one."""

    jobs: list[str]
    when: AfterWhen
    mode: AfterMode


class Pause(Wire):
    """Who paused, when, and until when."""

    by: str
    at: datetime
    until: datetime | None = Field(description="null: until somebody resumes.")


class RunHead(Wire):
    """A run by its number."""

    id: int
    state: RunState


class Job(Wire):
    """A task on a schedule, and where it stands."""

    id: str
    task: str
    args: Json = Field(description="By their names. Secrets are told as `********`.")
    schedule: Schedule | list[Schedule]
    starts_at: datetime | None
    ends_at: datetime | None
    max_runs: int | None
    jitter: Seconds = Field(description="A run starts up to so many seconds after its slot.")
    blackouts: list[str]
    condition: str | None = Field(description="A task that decides over each slot.")
    overlap: Overlap
    max_running: int
    misfire: Misfire
    timeout: Seconds | None
    retry: Retry
    after: After | None
    group: str | None = Field(description="Jobs of a group share a limit of runs side by side.")
    pause_after_failures: int | None
    queue: str
    labels: list[str] = Field(description="Only a process that has all of them executes its runs.")
    priority: int
    tags: list[str]
    notify: list[Notify]
    description: str
    state: JobState
    reason: str | None = Field(description="Why it is paused or needs attention.")
    origin: str = Field(description="`browser`, `api` or `code`.")
    created_at: datetime
    updated_at: datetime
    next_slot: datetime | None = Field(description="The next moment of its schedule.")
    next_run: datetime | None = Field(description="The next slot that nobody skips and no blackout covers.")
    last_run: RunHead | None
    pause: Pause | None
    failures: int = Field(description="In a row, up to now.")
    version: int = Field(description="Goes up with each edit; the `ETag` holds it.")
    difference: list[str] = Field(
        default=[], description="Of one job that does not fit its task: what changed, in sentences."
    )


class BulkLeft(Wire):
    """A job that is left as it is."""

    id: str
    reason: str


class BulkDone(Wire):
    """What became of each of many jobs, or with `dry_run` would become."""

    action: Literal["pause", "resume", "run", "tag", "untag", "remove"]
    dry_run: bool
    matched: int
    done: list[str]
    unchanged: list[BulkLeft]
    refused: list[BulkLeft]


class Note(Wire):
    """What somebody wrote down about a job."""

    id: int
    at: datetime
    by: str
    text: str
    edited_at: datetime | None
    edited_by: str | None


class FieldChange(Wire):
    """One field of a job, before and after, in words."""

    field: str
    label: str
    old: str
    new: str


class Change(Wire):
    """One change of a job."""

    id: int
    job: str
    version: int = Field(description="Of the job, after the change.")
    kind: ChangeKind
    words: str
    at: datetime
    by: str = Field(description="Who; `code` for a deployment, `Cron-App` for what it did by itself.")
    reason: str | None
    fields: list[FieldChange]


class UsualDuration(Wire):
    """How long runs take, in seconds."""

    usual: float | None = Field(description="The median of the last 20 that succeeded.")
    p95: float | None
    of: int = Field(description="Of how many runs these two are.")
    longest: float | None
    last: float | None


class Streak(Wire):
    """So many runs in a row ended alike, up to now."""

    count: int
    good: bool
    since: datetime
    at_least: bool = Field(description="There may be more of them.")


class Figures(Wire):
    """How a job does, of its last 100 ended runs."""

    runs: int
    succeeded: int
    share: float | None = Field(description="Of those that succeeded, from 0 to 1.")
    share_before: float | None = Field(description="The same of the 100 runs before these.")
    duration: UsualDuration
    streak: Streak | None


class Slot(Wire):
    """What became of a slot."""

    slot: datetime
    verdict: Verdict
    words: str
    run: int | None
    state: RunState | None
    late: float | None = Field(description="Seconds that its run started after its slot.")
    cause: Cause | None = Field(description="Why it has no run.")
    slots: int = Field(description="How many slots in a row this stands for, the first of them at `since`.")
    since: datetime | None


class Kept(Wire):
    """How the promises of the last seven days were kept."""

    share: float | None = Field(description="Of those on time, from 0 to 1.")
    promised: int
    worst_late: float = Field(description="Seconds.")
    counts: dict[Verdict, int]


class SlotItems(Items[Slot]):
    """One page of the ledger of slots."""

    kept: Kept


class SlotChange(Wire):
    """Who skipped or added a slot, and when."""

    by: str
    at: datetime


class SlotAhead(Wire):
    """A slot that lies ahead."""

    slot: datetime
    runs: bool
    starts_at: datetime = Field(description="The slot, or its own moment within the spread.")
    skipped: SlotChange | None
    added: SlotChange | None
    blacked_out: str | None = Field(description="In a sentence.")


class BackfillHead(Wire):
    id: int
    job: str
    since: From
    to: datetime
    max_running: int
    created_at: datetime
    by: str


class Backfill(BackfillHead):
    """A backfill, and how far it is."""

    slots: int
    done: int
    failed: int
    cancelled: int
    running: int
    waiting: int


class BackfillOpened(BackfillHead):
    """A backfill that was opened."""

    slots: int
    left_out: int = Field(description="Slots that have succeeded, or run now.")
    runs: list[int] = Field(description="The numbers of the first 500 runs.")


class BackfillPlan(Wire):
    """What a backfill would run."""

    slots: int
    left_out: int
    times: list[datetime] = Field(description="The first 500 slots.")


class Cancelled(Wire):
    """How many runs were cancelled."""

    cancelled: int

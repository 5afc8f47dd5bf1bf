"""Jobs: what they say, where they stand, and what people wrote about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from cronapp.core.models.notify import Notify
from cronapp.core.models.schedules import Schedule
from cronapp.core.models.states import AfterMode, AfterWhen, Backoff, JobState, MisfirePolicy, Overlap

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfire:
    """Slots younger than `grace` seconds are caught up by `policy`; older ones are recorded as missed."""

    policy: MisfirePolicy = MisfirePolicy.LAST
    grace: float = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """`max_attempts` counts the first one. Delays are seconds.

    `on` names the exceptions after which it is tried again, as `ConnectionError` or `shop.errors.Busy`, and the ends
    `timed_out` and `lost`; empty: after every failure.
    """

    max_attempts: int = 1
    delay: float = 10
    backoff: Backoff = Backoff.EXPONENTIAL
    max_delay: float = 600
    on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """The jobs, by their ids, whose ends wake this one."""

    jobs: tuple[str, ...]
    when: AfterWhen = AfterWhen.SUCCESS
    mode: AfterMode = AfterMode.ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What a person, a program or the code says about a job. Durations are seconds, moments aware UTC."""

    id: str
    task: str
    schedule: tuple[Schedule, ...]
    args: Json = field(default_factory=dict)  # as JSON, as they were given
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_runs: int | None = None
    jitter: float = 0  # a run starts up to so much after its slot
    blackouts: tuple[str, ...] = ()  # as they were written; core.blackouts reads them
    condition: str | None = None  # the name of a task that decides over each slot
    overlap: Overlap = Overlap.SKIP
    max_running: int = 1
    misfire: Misfire = field(default_factory=Misfire)
    timeout: float | None = None
    retry: Retry = field(default_factory=Retry)
    after: After | None = None
    group: str | None = None  # jobs of a group share a limit of runs side by side
    pause_after_failures: int | None = None  # so many in a row, and the job pauses by itself
    queue: str = "default"
    labels: tuple[str, ...] = ()  # what a process must have to execute its runs
    priority: int = 0
    tags: tuple[str, ...] = ()
    notify: tuple[Notify, ...] = ()  # who is told what of it
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Who paused, when, and until when; None: until somebody resumes."""

    by: str
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerPause(Pause):
    """The master switch is off: no job has a slot."""

    reason: str | None = None

    def words(self) -> str:
        """`The scheduler was paused by admin: deploying.`"""
        return paused_sentence("The scheduler was paused", self, self.reason)


def paused_sentence(what: str, pause: Pause | None, reason: str | None) -> str:
    by = f"{what} by {pause.by}" if pause else what
    text = f"{by}: {reason}" if reason else by
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


class SlotChangeKind(StrEnum):
    SKIP = "skip"
    EXTRA = "extra"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotChange:
    """Somebody skips one slot of a job, or adds one."""

    slot: datetime
    kind: SlotChangeKind
    at: datetime
    by: str

    def words(self) -> str:
        """`Skipped by admin.`"""
        return f"{'Skipped' if self.kind is SlotChangeKind.SKIP else 'Added'} by {self.by}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A stored job: its spec and where it stands."""

    key: int  # never used again, also when the id is
    spec: JobSpec
    state: JobState
    reason: str | None  # why it is paused or needs attention
    origin: str  # browser, api, code
    version: int
    created_at: datetime
    updated_at: datetime
    last_slot: datetime | None  # every slot up to here is settled
    next_slot: datetime | None
    slots_used: int  # counted against max_runs
    code: Json | None = None  # the spec the code declares, as JSON, for a job from code
    pause: Pause | None = None  # while it is paused
    failures: int = 0  # in a row, up to now
    fits: Json | None = None  # the task as it was when the arguments last fitted it
    slot_changes: tuple[SlotChange, ...] = ()  # by the slot; of the past only the newest

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def task(self) -> str:
        return self.spec.task

    @property
    def used_up(self) -> bool:
        """It has had all the runs that `max_runs` allows."""
        return self.spec.max_runs is not None and self.slots_used >= self.spec.max_runs

    def pause_words(self) -> str:
        """`Paused by admin: deploying.`"""
        return paused_sentence("Paused", self.pause, self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What somebody wrote down about a job: plain text."""

    id: int
    at: datetime
    by: str
    text: str
    edits: int = 0  # how often it was edited
    edited_at: datetime | None = None
    edited_by: str | None = None

    @property
    def first_line(self) -> str:
        return self.text.split("\n", 1)[0]

"""The domain: frozen dataclasses, made of the contract's words. A change is a new object (`dataclasses.replace`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from cronapp.core.traces import Problem

Json = dict[str, Any]


class JobState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    FINISHED = "finished"  # its schedule has no further slot
    NEEDS_ATTENTION = "needs_attention"  # its task is gone, or its arguments no longer fit


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"  # its process or machine died
    SKIPPED = "skipped"  # a rule said no
    MISSED = "missed"  # nobody was there at its slot

    @property
    def ended(self) -> bool:
        return self not in MOVES


MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED, RunState.FAILED, RunState.LOST}),
    RunState.RUNNING: frozenset(
        {
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.TIMED_OUT,
            RunState.CANCELLED,
            RunState.LOST,
            RunState.SKIPPED,  # its condition said no
        }
    ),
}
"""The only moves a run may make; a state that is no key here is an end."""

OPEN_STATES = frozenset(MOVES)
RETRIED_STATES = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.LOST})
"""Ends after which the job's retry rule opens another attempt."""


class RunTrigger(StrEnum):
    """What started a run."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    RETRY = "retry"
    DEPENDENCY = "dependency"
    CATCH_UP = "catch_up"
    BACKFILL = "backfill"
    API = "api"


BY_HAND = frozenset({RunTrigger.MANUAL, RunTrigger.API})
"""Started by a person or a program, not by a rule."""


class Overlap(StrEnum):
    """What a slot does when it meets runs of the same job that have not ended."""

    SKIP = "skip"
    QUEUE = "queue"  # at most one waits
    QUEUE_ALL = "queue_all"
    CANCEL_RUNNING = "cancel_running"
    ALLOW = "allow"  # up to `max_running`


class MisfirePolicy(StrEnum):
    """What happens with slots that passed while nobody was there."""

    SKIP = "skip"
    LAST = "last"
    ALL = "all"


class Backoff(StrEnum):
    FIXED = "fixed"
    EXPONENTIAL = "exponential"


class AfterWhen(StrEnum):
    """Which ends of a job wake those that come after it."""

    SUCCESS = "success"
    FAILURE = "failure"
    ANY = "any"


class AfterMode(StrEnum):
    ALL = "all"  # once each of the jobs has ended so since the last run
    EACH = "each"  # any one of them


class Cause(StrEnum):
    """Why a slot has no run: what `Run.reason` says in a sentence."""

    OVERLAP = "overlap"
    BLACKOUT = "blackout"
    CONDITION = "condition"
    PAUSE = "pause"  # of the job
    SCHEDULER_PAUSE = "scheduler_pause"  # of everything
    DOWN = "down"  # nobody was there
    BY_HAND = "by_hand"  # somebody skipped it


class LogStream(StrEnum):
    STDOUT = "stdout"
    STDERR = "stderr"
    LOG = "log"
    SYSTEM = "system"  # Cron-App's own remarks


# -- schedules ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CronSchedule:
    expression: str
    timezone: str = "UTC"
    kind: Literal["cron"] = "cron"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalSchedule:
    """`every` is seconds (elapsed time) or text as `15m`, `24h` (elapsed) or `1d`, `2w`, `1mo`, `1y` (calendar).

    `anchor` is the instant from which the slots are counted; it is stored with the job.
    """

    every: float | str
    anchor: datetime | None = None
    timezone: str = "UTC"
    kind: Literal["interval"] = "interval"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceSchedule:
    at: datetime
    timezone: str = "UTC"
    kind: Literal["once"] = "once"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualSchedule:
    kind: Literal["manual"] = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencySchedule:
    """The job has no slots of its own: other jobs wake it (`JobSpec.after`)."""

    kind: Literal["dependency"] = "dependency"


Unclocked = ManualSchedule | DependencySchedule
Schedule = CronSchedule | IntervalSchedule | OnceSchedule | Unclocked


# -- jobs -----------------------------------------------------------------------------------------------------------


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
    priority: int = 0
    tags: tuple[str, ...] = ()
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


# -- runs -----------------------------------------------------------------------------------------------------------

NO_JOB = 0
"""The key of runs that belong to no job: each tries out a task with what was typed in a form. No job ever has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    done: float
    total: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class RunError:
    type: str
    message: str
    traceback: str
    kinds: tuple[str, ...] = ()  # the type and its bases, while the run ends; not stored
    problems: tuple[Problem, ...] = ()  # it and what it came from, with their frames; lists go without


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt to execute a job, or the record of why a slot had none."""

    id: int
    job: str
    job_key: int
    task: str
    args: Json
    slot: datetime | None
    state: RunState
    trigger: RunTrigger
    attempt: int
    first_attempt: int  # the id of attempt 1; its own id when it is the first
    reason: str | None
    queued_at: datetime
    not_before: datetime | None  # a retry, or a run with jitter, waits until then
    started_at: datetime | None
    finished_at: datetime | None
    duration: float | None  # seconds, by the monotonic clock
    node: str | None
    progress: Progress | None
    result: Any
    error: RunError | None
    last_seq: int  # lines in its log
    missed: int = 1  # how many slots a record without a run stands for; the newest is `slot`
    missed_since: datetime | None = None  # and the oldest is this
    cause: Cause | None = None  # why the slot has no run
    woken_by: int | None = None  # the run whose end started this one
    backfill: int | None = None  # the backfill that it belongs to
    error_group: str | None = None  # failures with the same exception out of the same function have the same
    error_frame: str | None = None  # where: `shop/tasks.py:42 in fetch`
    source: str | None = None  # the hash of the function's source
    environment: str | None = None  # the hash of what the function met: Python, packages, the project's files
    timeout: float | None = None  # of a trial, in seconds; all others have their job's

    @property
    def trial(self) -> bool:
        """It tries out what was typed in a form, and belongs to no job; `job` is the id that was typed."""
        return self.job_key == NO_JOB


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """A look into a run that is being executed."""

    run: int
    run_in: str  # loop, thread, process
    stack: str  # where its code is
    memory: int | None  # bytes, of its own process and of what that started
    last_line_at: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RunBrief:
    """What a strip of runs shows of each; `problem` is its error or reason in one line."""

    id: int
    state: RunState
    trigger: RunTrigger
    attempt: int
    slot: datetime | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration: float | None
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """`seq` starts at 1 within a run and has no gaps; `level` is set for the stream `log` only."""

    seq: int
    at: datetime
    stream: LogStream
    level: str | None
    text: str
    raw: bytes | None = None  # the line as it was written, where the text cannot hold it


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended."""

    state: RunState
    reason: str | None = None
    cause: Cause | None = None
    result: Any = None
    error: RunError | None = None
    source: str = ""  # the function's, if a child process ran another one than the server had loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One row of the jobs list: the job, its schedule in words, its newest runs (oldest first) and its next one."""

    job: Job
    words: str
    recent: tuple[RunBrief, ...]
    next_run: datetime | None  # the next slot that nobody skips and no blackout covers
    held: bool = False  # the whole scheduler is paused

    @property
    def passed_over(self) -> str:
        """Why the next slot has no run, as `skipped` or `blacked out`; empty: it has one, or there is none."""
        slot = self.job.next_slot
        if slot is None or slot == self.next_run:
            return ""
        skips = (one.slot for one in self.job.slot_changes if one.kind is SlotChangeKind.SKIP)
        return "skipped" if slot in skips else "blacked out"

    @property
    def last_run(self) -> RunBrief | None:
        return self.recent[-1] if self.recent else None

    @property
    def running(self) -> tuple[RunBrief, ...]:
        return tuple(run for run in self.recent if run.state is RunState.RUNNING)

"""Runs: how each went, what it printed, and where failures come from."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from cronapp.core.error_groups import Standing
from cronapp.core.models import Cause, LogStream, RunState, RunTrigger
from cronapp.wire.base import Items, Json, Wire


class Progress(Wire):
    done: float
    total: float | None
    text: str


class Frame(Wire):
    """One call."""

    file: str
    path: str
    line: int
    function: str
    own: bool = Field(description="It is your code, not a library's.")
    first: int = Field(description="The number of the first line of `source`.")
    source: list[str] = Field(description="The lines around the one that was reached.")


class ErrorPart(Wire):
    """One exception of a chain, the first of which ended the run."""

    type: str
    message: str
    link: Literal["", "cause", "context", "member"] = Field(description="What it is to the one before it.")
    depth: int
    frames: list[Frame] = Field(description="From the outermost to the innermost.")
    left_out: int = Field(description="How many frames are missing after the first `after`.")
    after: int
    more: int = Field(description="Members of a group that are not kept.")


class RunError(Wire):
    """The exception that ended a run."""

    type: str
    message: str
    traceback: str
    frames: list[ErrorPart] = Field(default=[], description="Only of a single run, as far as they are known.")


class Run(Wire):
    """One attempt to execute a job, or the record of why a slot had none."""

    id: int
    job: str
    task: str
    args: Json = Field(description="By their names. Secrets are told as `********`.")
    slot: datetime | None = Field(description="The moment of the schedule that it is for.")
    state: RunState
    trigger: RunTrigger
    attempt: int
    first_attempt: int = Field(description="The number of its first attempt; its own where it is that.")
    reason: str | None
    queued_at: datetime
    not_before: datetime | None = Field(description="A retry, or a run with jitter, waits until then.")
    started_at: datetime | None
    finished_at: datetime | None
    duration: float | None = Field(description="Seconds.")
    node: str | None = Field(description="Where it was executed.")
    progress: Progress | None
    result: Any = Field(description="What the task returned; its `repr` where JSON cannot hold it.")
    error: RunError | None
    missed: int = Field(description="How many slots a record without a run stands for; `slot` is the newest of them.")
    missed_since: datetime | None
    cause: Cause | None = Field(description="Why its slot has no run.")
    woken_by: int | None = Field(description="The run whose end started it.")
    backfill: int | None
    test: bool = Field(description="It tried a task out, and belongs to no job.")
    trace_id: str | None = Field(description="Of its span, where traces are made.")
    last_seq: int = Field(description="How many lines its log has.")


class RunItems(Items[Run]):
    """One page of runs, the newest first."""

    looked_to: int = Field(
        default=0, description="Only where a search ended before the page was full: the last run that was looked at."
    )


class RetriedAlike(Wire):
    """How many were tried again, and their new attempts."""

    retried: int
    runs: list[int | None]


class Alike(Wire):
    """The runs that would be tried again."""

    retried: Literal[0]
    alike: list[int]


class BulkRunDone(Wire):
    """A run that was changed."""

    id: int
    job: str
    opened: int | None = Field(description="The attempt that a retry opened.")


class BulkRunLeft(Wire):
    """A run that is left as it is."""

    id: int
    job: str
    reason: str


class BulkRunsDone(Wire):
    """What became of each of many runs, or with `dry_run` would become."""

    action: Literal["retry", "cancel"]
    dry_run: bool
    matched: int
    done: list[BulkRunDone]
    unchanged: list[BulkRunLeft]
    refused: list[BulkRunLeft]


class LogLine(Wire):
    """What a run printed or logged."""

    seq: int = Field(description="From 1 on, without gaps.")
    at: datetime
    stream: LogStream
    level: str | None = Field(description="Of the stream `log`.")
    text: str


class FoundLine(LogLine):
    found: bool = Field(description="It fits itself; the others stand around such a line.")


class LogMatch(Wire):
    """A run with lines that fit."""

    run: int
    job: str
    state: RunState
    count: int = Field(description="How many lines fit.")
    lines: list[FoundLine]


class Searched(Wire):
    """How far was looked."""

    runs: int
    lines: int
    back_to: int | None = Field(description="The oldest run that was looked at.")


class LogMatches(Items[LogMatch]):
    """Runs with lines that fit, the newest first."""

    searched: Searched


class Difference(Wire):
    """Something that was one thing before and is another now; null: it was or is not there."""

    name: str
    before: Any
    now: Any


class DiffLine(Wire):
    """One line of a function, old against new."""

    mark: str = Field(description="`-` it is gone, `+` it is new, a space: it stays, `@` some are left out.")
    text: str
    number: int | None


class Durations(Wire):
    before: float | None
    now: float | None


class Slots(Wire):
    before: datetime | None
    now: datetime | None


class LogDifference(Wire):
    """Where two logs begin to differ."""

    common_before: list[LogLine]
    common: list[LogLine]
    before: list[LogLine]
    now: list[LogLine]


class Comparison(Wire):
    """A run that went wrong against the last one before it that succeeded."""

    run: int
    before: int
    nothing_changed: bool
    function: Literal["same", "changed", "unknown"]
    diff: list[DiffLine]
    args: list[Difference]
    environment: Literal["same", "changed", "unknown"]
    python: Difference | None
    packages: list[Difference]
    files: list[Difference] = Field(description="Of the project; before and now are hashes.")
    host: Difference | None
    duration: Durations
    slot: Slots
    log: LogDifference | None = Field(description="null: the logs say the same, but for times and addresses.")
    log_compared_up_to: int | None


class Inside(Wire):
    """A look into a run that is being executed."""

    run: int
    run_in: str = Field(description="`loop`, `thread` or `process`.")
    stack: str
    memory: int | None = Field(description="Bytes of a child process and of what it started.")
    last_line_at: datetime | None
    at: datetime


class Hit(Wire):
    """A job that failed so."""

    id: str
    count: int
    last_run: int
    failing: bool


class ErrorGroup(Wire):
    """Failures with the same exception out of the same function of your code."""

    id: str
    type: str
    message: str
    frame: str | None
    state: Standing
    count: int
    first_seen: datetime
    last_seen: datetime
    last_run: int
    job_count: int
    jobs: list[Hit] = Field(description="The five that failed last.")
    bars: list[int] = Field(description="How many there were, bit by bit of the time that was asked for.")


class ErrorGroupItems(Items[ErrorGroup]):
    """Groups of failures, the one that failed last first."""

    count: int
    failures: int


class ErrorDetail(ErrorGroup):
    """One group, with the error of its newest run."""

    versions: int = Field(description="How many versions of the function failed so.")
    environments: int
    error: RunError | None

"""Runs: attempts to execute a job, with their logs and ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cronapp.core.models.jobs import Json
from cronapp.core.models.states import Cause, LogStream, RunState, RunTrigger
from cronapp.core.traces import Problem

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
    trace_id: str | None = None  # of its span, where there is one
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

"""The states of jobs and runs with the moves between them, and what a rule can say."""

from __future__ import annotations

from enum import StrEnum


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

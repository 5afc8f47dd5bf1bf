"""Runs: how they are opened and move on, questions about them, their statistics, and their end."""

from cronapp.store.runs.moves import (
    claim,
    end_queued,
    finish,
    held,
    lengthen_gap,
    lose,
    open_retry,
    open_run,
    set_progress,
)
from cronapp.store.runs.pruning import job_keys, prune_beyond, prune_older
from cronapp.store.runs.questions import attempts, failures, get, next_start, of_job, open_of_job, page, running
from cronapp.store.runs.rows import RunFilter
from cronapp.store.runs.statistics import by_hour, count_of_job, counts_by_state, recent, usual_duration

__all__ = [
    "RunFilter",
    "attempts",
    "by_hour",
    "claim",
    "count_of_job",
    "counts_by_state",
    "end_queued",
    "failures",
    "finish",
    "get",
    "held",
    "job_keys",
    "lengthen_gap",
    "lose",
    "next_start",
    "of_job",
    "open_of_job",
    "open_retry",
    "open_run",
    "page",
    "prune_beyond",
    "prune_older",
    "recent",
    "running",
    "set_progress",
    "usual_duration",
]

"""Runs: how they are opened and move on, questions about them, their statistics, and their end."""

from cronapp.store.runs.chosen import Chosen, chosen
from cronapp.store.runs.claims import claim
from cronapp.store.runs.durations import usual, usual_before
from cronapp.store.runs.handing import begin, hand_out, take_back
from cronapp.store.runs.listing import Found, Guarded, Tally, ids, listed, page, tally
from cronapp.store.runs.moves import (
    add_reason,
    ask_to_stop,
    end_queued,
    finish,
    held,
    hurry,
    lengthen_gap,
    lose,
    open_retry,
    open_run,
    open_trial,
    set_progress,
    set_trace,
)
from cronapp.store.runs.pruning import job_keys, prune_beyond, prune_older
from cronapp.store.runs.questions import (
    attempts,
    followed,
    get,
    has_alike,
    lost_attempts,
    next_start,
    of_job,
    open_of_job,
    queues_of,
    running,
    standing,
    tried,
)
from cronapp.store.runs.room import full_for, full_for_each
from cronapp.store.runs.rows import RunFilter
from cronapp.store.runs.statistics import (
    count_of_job,
    counts_by_state,
    past,
    recent,
)

__all__ = [
    "Chosen",
    "Found",
    "Guarded",
    "RunFilter",
    "Tally",
    "add_reason",
    "ask_to_stop",
    "attempts",
    "begin",
    "by_hour",
    "chosen",
    "claim",
    "count_of_job",
    "counts_by_state",
    "end_queued",
    "finish",
    "followed",
    "full_for",
    "full_for_each",
    "get",
    "hand_out",
    "has_alike",
    "held",
    "hurry",
    "ids",
    "job_keys",
    "lengthen_gap",
    "listed",
    "lose",
    "lost_attempts",
    "next_start",
    "of_job",
    "open_of_job",
    "open_retry",
    "open_run",
    "open_trial",
    "page",
    "past",
    "prune_beyond",
    "prune_older",
    "queues_of",
    "recent",
    "running",
    "set_progress",
    "set_trace",
    "standing",
    "take_back",
    "tally",
    "tried",
    "usual",
    "usual_before",
]

"""A job held against its task: what the task was like when the job fitted it, what changed, and what mends it."""

from cronapp.core.differences.changes import Change, What
from cronapp.core.differences.clashes import Clash, clashes, fields_of, marks
from cronapp.core.differences.difference import Candidate, Difference, carried, difference
from cronapp.core.differences.snapshots import Line, snapshot

__all__ = [
    "Candidate",
    "Change",
    "Clash",
    "Difference",
    "Line",
    "What",
    "carried",
    "clashes",
    "difference",
    "fields_of",
    "marks",
    "snapshot",
]

"""A job held against its task: what the task was like when the job fitted it, what changed, and what mends it."""

from cronapp.core.differences.changes import Change, What
from cronapp.core.differences.difference import Candidate, Difference, carried, difference
from cronapp.core.differences.edits import Clash, Edit, clashes, edits, fields_of, marks
from cronapp.core.differences.overrides import Override, overrides
from cronapp.core.differences.snapshots import Line, snapshot

__all__ = [
    "Candidate",
    "Change",
    "Clash",
    "Difference",
    "Edit",
    "Line",
    "Override",
    "What",
    "carried",
    "clashes",
    "difference",
    "edits",
    "fields_of",
    "marks",
    "overrides",
    "snapshot",
]

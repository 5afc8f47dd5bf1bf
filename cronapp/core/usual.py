"""How long a job's runs usually take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 3  # runs of which something can be said


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """How many seconds a run of a job takes."""

    median: float
    p95: float  # of 20 runs one takes longer
    limit: float  # beyond it a run takes longer than usual
    count: int  # runs of which this was learnt


def usual_of(durations: Sequence[float]) -> Usual | None:
    """What is usual, out of the durations of the newest runs that succeeded; None: too few to say.

    The limit leaves at least a second of room, so that runs of a few milliseconds are not called slow for nothing.
    """
    if len(durations) < LEAST:
        return None
    ordered = sorted(durations)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    p95 = ordered[-(-len(ordered) * 95 // 100) - 1]
    return Usual(median=median, p95=p95, limit=max(p95, median * 1.25, median + 1), count=len(ordered))

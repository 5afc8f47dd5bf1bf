"""How long a job's runs usually take. Whatever says so, asks here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NEWEST = 20  # runs that succeeded, of which it is learnt
LEAST = 3  # runs of which can be told that another one takes longer than usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """How many seconds a run of a job takes."""

    median: float
    p95: float  # of 20 runs one takes longer
    limit: float | None  # beyond it a run takes longer than usual; None: too few runs to say so
    count: int  # runs of which this was learnt

    @property
    def source(self) -> str:
        """`of the last 20`"""
        return "of the last one" if self.count == 1 else f"of the last {self.count}"


def usual_of(newest_first: Sequence[float]) -> Usual | None:
    """What is usual, out of the durations of the newest runs that succeeded; None: there is none.

    The limit leaves at least a second of room, so that runs of a few milliseconds are not called slow for nothing.
    """
    if not newest_first:
        return None
    ordered = sorted(newest_first[:NEWEST])
    half = len(ordered) // 2
    middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    p95 = ordered[-(-len(ordered) * 95 // 100) - 1]
    limit = max(p95, middle * 1.25, middle + 1) if len(ordered) >= LEAST else None
    return Usual(median=middle, p95=p95, limit=limit, count=len(ordered))

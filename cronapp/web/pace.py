"""How a run's duration stands to what is usual for its job, in words and as a line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from cronapp.core.durations import duration_words
from cronapp.core.models import Run
from cronapp.core.usual import Usual

SLOW = "Longer than usual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the line shows: shares of its width in per cent, as SVG takes them."""

    beyond: bool
    warning: str
    left: str
    label: str
    took: float = 0.0  # seconds
    share: str = "0"
    usual: str = "0"
    p95: str = "0"
    usual_at: datetime | None = None  # when it would have taken what is usual, all that the line shows, and too long
    full_at: datetime | None = None
    late_at: datetime | None = None


def pace_of(run: Run, usual: Usual | None, now: datetime) -> Pace:
    """While it runs, the browser goes on by the second where this ends."""
    started = run.started_at or now
    ended = run.state.ended
    took = run.duration if ended and run.duration is not None else max((now - started).total_seconds(), 0)
    if usual is None:
        return Pace(beyond=False, warning="", left="", label="", took=took)
    beyond = usual.limit is not None and took > usual.limit
    whole = max(usual.p95, took) * 1.15
    return Pace(
        beyond=beyond,
        warning=SLOW if beyond else "",
        left="" if ended or took >= usual.median else f"about {about(usual.median - took)} left",
        label=f"Usually {duration_words(usual.median)}, 19 of 20 at most {duration_words(usual.p95)}: {usual.source}",
        took=took,
        share=per_cent(took / whole),
        usual=per_cent(usual.median / whole),
        p95=per_cent(usual.p95 / whole),
        usual_at=started + timedelta(seconds=usual.median),
        full_at=started + timedelta(seconds=whole),
        late_at=started + timedelta(seconds=usual.limit) if usual.limit is not None else None,
    )


def per_cent(share: float) -> str:
    return f"{100 * share:.2f}"


def about(seconds: float) -> str:
    """A rough duration: `5 s`, `3 min`, `2 h`. The browser says the same."""
    if seconds < 60:
        return f"{max(ceil(seconds), 1)} s"
    return f"{ceil(seconds / 60)} min" if seconds < 3600 else f"{ceil(seconds / 3600)} h"

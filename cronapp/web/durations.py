"""The chart of how long a job's runs take, as SVG: drawn on the server, coloured by the style sheet's classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from markupsafe import Markup

from cronapp.core.durations import duration_words
from cronapp.core.figures import Past
from cronapp.core.usual import Usual
from cronapp.web.charts import TONES, told_run

RUNS = 100  # that the chart shows at the most
FEWEST = 40  # places that it has at the least, so that few runs are no broad blocks
STEP, BAR, HEIGHT, SHORTEST = 8, 5.6, 168, 3
PARTS = 4  # of the horizontal axis, each with the moment of its first run
STEPS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200),
    *(86_400 * days for days in (1, 2, 5, 10, 30, 100, 300, 1000, 3000, 10_000)),
)
"""Seconds between two lines, of which the smallest is taken that needs no more than 4 lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationChart:
    svg: Markup
    ticks: tuple[str, ...]  # from the bottom up
    moments: tuple[datetime | None, ...]  # from left to right, of the first run of each part
    shown: int
    usual: Usual | None


def duration_chart(newest_first: Sequence[Past], usual: Usual | None) -> DurationChart | None:
    """The newest runs that were executed and have ended; None while there are none."""
    runs = [past for past in newest_first if past.duration is not None][:RUNS][::-1]
    if not runs:
        return None
    ticks = ticks_for(max(run.duration or 0 for run in runs))
    places = max(len(runs), FEWEST)
    empty = places - len(runs)
    return DurationChart(
        svg=_svg(runs, places, ticks, usual),
        ticks=tuple(tick_words(tick, ticks[-1]) for tick in ticks),
        moments=tuple(
            runs[place - empty].at if place >= empty else None
            for place in (part * places // PARTS for part in range(PARTS))
        ),
        shown=len(runs),
        usual=usual,
    )


def ticks_for(longest: float) -> list[float]:
    """The seconds of the horizontal lines, from 0 up to one that nothing passes."""
    step = next((step for step in STEPS if longest <= 4 * step), STEPS[-1])
    return [step * n for n in range(max(ceil(longest / step), 1) + 1)]


def tick_words(seconds: float, top: float) -> str:
    """In one unit below a second, where the lines lie close together."""
    return f"{seconds * 1000:g} ms" if top < 1 else duration_words(seconds)


def _svg(runs: Sequence[Past], places: int, ticks: Sequence[float], usual: Usual | None) -> Markup:
    top, wide = ticks[-1], places * STEP
    lines = [Markup('<path class="rule" d="M0 {0:g}H{1}"/>').format(_y(tick, top), wide) for tick in ticks]
    known = [("usual", usual.median), ("p95", usual.p95)] if usual else []
    marks = [
        Markup('<path class="mark {}" d="M0 {:g}H{}"><title>{}</title></path>').format(
            kind, _y(value, top), wide, f"{kind}: {duration_words(value)}"
        )
        for kind, value in known
        if value <= top
    ]
    bars = [_bar(run, (places - len(runs) + n) * STEP, top) for n, run in enumerate(runs)]
    return Markup(
        '<svg class="durations" viewBox="0 0 {} {}" preserveAspectRatio="none" role="group" aria-label="{}">{}</svg>'
    ).format(wide, HEIGHT, _label(runs, usual), Markup("").join([*lines, *bars, *marks]))


def _y(seconds: float, top: float) -> float:
    return round(HEIGHT - HEIGHT * seconds / top, 1)


def _bar(run: Past, x: int, top: float) -> Markup:
    y = min(_y(run.duration or 0, top), HEIGHT - SHORTEST)
    return Markup(
        '<a href="/runs/{}" tabindex="-1"><title>{}</title><rect class="hit" x="{}" width="{}" height="{}"/>'
        '<rect class="f-{}" x="{:g}" y="{:g}" width="{}" height="{:g}"/></a>'
    ).format(
        *(run.id, f"Run {run.id}: {told_run(run)}", x, STEP, HEIGHT),
        *(TONES[run.state], x + (STEP - BAR) / 2, y, BAR, round(HEIGHT - y, 1)),
    )


def _label(runs: Sequence[Past], usual: Usual | None) -> str:
    """What who cannot see the chart is told; the runs themselves stand in the table."""
    bad = sum(TONES[run.state] == "bad" for run in runs)
    parts = [f"How long the last {len(runs)} runs took" if len(runs) > 1 else "How long the last run took"]
    if usual is not None:
        parts.append(f"usually {duration_words(usual.median)}, 19 of 20 at most {duration_words(usual.p95)}")
    parts.append(f"{bad} went wrong" if bad else "none went wrong")
    return f"{': '.join([parts[0], ', '.join(parts[1:])])}"

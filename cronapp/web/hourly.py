"""Hours side by side as SVG: what ended in each, stacked by how it ended, and what is ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from cronapp.core.ledger import BROKEN
from cronapp.service.promises import Hour
from cronapp.service.pulse import HourOfRuns
from cronapp.web.charts import verdict_tone
from cronapp.web.heat import HourAhead, told

HIGH, AHEAD, KEPT = 56, 34, 28  # pixels
FILLED = 0.74  # of each hour's width
LEAST = 2.0  # pixels that something takes, so that it is seen

Layer = tuple[str, int]
"""A class of the style sheet, and how many there are."""


def stacked(hours: Sequence[HourOfRuns], running: int) -> Markup:
    """The last hours: succeeded at the bottom, what went wrong on top of it, what runs now on the last one."""
    layers = [layers_of(hour, running if n == len(hours) - 1 else 0) for n, hour in enumerate(hours)]
    most = max((sum(count for _, count in some) for some in layers), default=0)
    step = 100 / max(len(hours), 1)
    bars = [
        Markup("<g><title>{}</title>{}</g>").format(told_hour(hour.at, some), pile(n * step, step, some, most))
        for n, (hour, some) in enumerate(zip(hours, layers, strict=True))
    ]
    good, bad = sum(hour.succeeded for hour in hours), sum(hour.failed for hour in hours)
    label = f"Runs per hour over the last {len(hours)} hours: {good:,} succeeded, {bad:,} failed, {running:,} running"
    return svg("hours", HIGH, "img", label, bars)


def layers_of(hour: HourOfRuns, running: int) -> list[Layer]:
    """From the bottom to the top."""
    all_of_them = (
        ("ok", hour.succeeded),
        ("off", hour.cancelled),
        ("warn", hour.without),
        ("bad", hour.failed),
        ("run", running),
    )
    return [(tone, count) for tone, count in all_of_them if count]


WORDS = {"ok": "succeeded", "off": "cancelled", "warn": "skipped or missed", "bad": "failed", "run": "running"}


def told_hour(at: datetime, layers: Sequence[Layer]) -> str:
    parts = ", ".join(f"{count:,} {WORDS[tone]}" for tone, count in layers)
    return f"{at:%H:%M} UTC: {parts or 'nothing'}"


def pile(x: float, step: float, layers: Sequence[Layer], most: int) -> Markup:
    """One hour's bar; also where there is little of something it is seen."""
    room = HIGH - LEAST * len(WORDS)
    hit = rect("hit", x, step, 0, HIGH)
    if not layers:
        return hit + rect("f-none", x, step * FILLED, HIGH - LEAST, LEAST)
    parts, bottom = [hit], float(HIGH)
    for tone, count in layers:
        high = max(LEAST, room * count / most)
        bottom -= high
        parts.append(rect(f"f-{tone}", x, step * FILLED, bottom, high))
    return Markup("").join(parts)


def kept(hours: Sequence[Hour]) -> Markup:
    """The hours of a week, each parted by what became of its slots: among very many one that was missed must be seen,
    but not hide all others."""
    step = 100 / max(len(hours), 1)
    bad = sum(any(hour.counts[verdict] for verdict in BROKEN) for hour in hours)
    label = f"The last {len(hours)} hours: {bad or 'no'} hour{'s' if bad != 1 else ''} with slots that were not kept"
    return svg("ledger parts", KEPT, "img", label, [kept_hour(n * step, step, hour) for n, hour in enumerate(hours)])


def kept_hour(x: float, step: float, hour: Hour) -> Markup:
    tones: Counter[str] = Counter()
    for verdict, count in hour.counts.items():
        tones[verdict_tone(verdict)] += count
    total, width = sum(tones.values()), step * FILLED
    if not total:
        return rect("f-none", x, width, KEPT - LEAST, LEAST)
    text = ", ".join(f"{count:,} {verdict.replace('_', ' ')}" for verdict, count in hour.counts.items() if count)
    loud = [(tone, max(LEAST * 2, KEPT * tones[tone] / total)) for tone in ("warn", "bad") if tones[tone]]
    quiet = next((tone for tone in ("ok", "run", "wait") if tones[tone]), "off")
    parts, bottom = [], KEPT - min(sum(high for _, high in loud), KEPT)
    if bottom > 0 and total > tones["warn"] + tones["bad"]:
        parts.append(rect(f"f-{quiet}", x, width, KEPT - bottom, bottom))
    top = 0.0
    for tone, high in reversed(loud):
        parts.append(rect(f"f-{tone}", x, width, top, min(high, KEPT - top)))
        top += high
    return Markup("<g><title>{}: {}</title>{}</g>").format(
        f"{hour.at:%a %d %b %H:%M} UTC", text, Markup("").join(parts)
    )


def ahead(hours: Sequence[HourAhead]) -> Markup:
    """How many runs are due in each hour; a click shows the worst minute of it. Hours in which some wait are marked."""
    most = max((hour.whole.due for hour in hours), default=0)
    step = 100 / max(len(hours), 1)
    bars = [due_bar(n * step, step, hour, most) for n, hour in enumerate(hours)]
    return svg("ahead", AHEAD, "group", f"Runs due in each of the next {len(hours)} hours", bars)


def due_bar(x: float, step: float, hour: HourAhead, most: int) -> Markup:
    due = hour.whole.due
    if not due:
        return Markup("<g><title>{}</title>{}</g>").format(
            f"{hour.at:%H:%M} UTC: nothing due", rect("f-none", x, step * FILLED, AHEAD - LEAST, LEAST)
        )
    high = max(LEAST * 2, (AHEAD - 2) * due / most)
    text = f"{hour.at:%H:%M} UTC: {told(hour.whole)}"
    bar = rect("hit", x, step, 0, AHEAD) + rect(
        "f-warn" if hour.whole.held else "f-wait", x, step * FILLED, AHEAD - high, high
    )
    href = f"/timeline/load?at={hour.worst:%Y-%m-%dT%H:%M}Z#due"
    return Markup('<a href="{}" aria-label="{}"><title>{}</title>{}</a>').format(href, text, text, bar)


def rect(tone: str, x: float, width: float, y: float, height: float) -> Markup:
    """Across in per cent, upwards in pixels: so no corner is drawn out of shape, however wide the chart is."""
    return Markup('<rect class="{}" x="{:.2f}%" width="{:.2f}%" y="{:.1f}" height="{:.1f}"/>').format(
        tone, x, width, y, height
    )


def svg(kind: str, high: int, role: str, label: str, bars: Sequence[Markup]) -> Markup:
    return Markup('<svg class="{}" height="{}" role="{}" aria-label="{}">{}</svg>').format(
        kind, high, role, label, Markup("").join(bars)
    )


LAG_HIGH, LAG_STEPS, LAG_LOUD = 26, 120, 0.25


def lag_line(history: Sequence[float]) -> Markup:
    """The delays of the last ten minutes as a line; its height is a quarter of a second, or more if there was more."""
    most = max(LAG_LOUD, *history) if history else LAG_LOUD
    first = LAG_STEPS - len(history)
    points = " ".join(
        f"{first + n},{LAG_HIGH - 1 - (LAG_HIGH - 2) * seconds / most:.1f}" for n, seconds in enumerate(history)
    )
    worst = 1000 * max(history, default=0.0)
    label = f"Delays of the event loop over the last ten minutes, at most {worst:.0f} ms"
    return Markup(
        '<svg class="lag{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}"><title>{}</title>'
        '<polyline points="{}"/></svg>'
    ).format(" loud" if worst > 1000 * LAG_LOUD else "", LAG_STEPS - 1, LAG_HIGH, label, label, points)

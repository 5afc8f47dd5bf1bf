"""The load forecast as SVG: a day as an area with its limit, and a week as cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from markupsafe import Markup

from cronapp.core.durations import duration_words
from cronapp.core.load import Bucket, coarser
from cronapp.service.load import Load

DAY_MINUTES, BUCKET = 1440, 5
ROW = 28  # high is a day of the week
LEVELS = 4
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HourAhead:
    """An hour of the week: what it comes to, and its worst minute."""

    at: datetime
    whole: Bucket
    worst: datetime


def hours_ahead(load: Load) -> list[HourAhead]:
    """Hour by hour as the clock has them; the first one from now on."""
    found, first = [], 60 - load.start.minute
    edges = [0, *range(first, len(load.minutes), 60)]
    for since, until in zip(edges, [*edges[1:], len(load.minutes)], strict=True):
        some = load.minutes[since:until]
        if some:
            worst = max(some, key=lambda one: (one.held, one.longest, one.peak, one.due, -one.at))
            at = load.moment(some[0]).replace(minute=0)
            found.append(HourAhead(at, coarser(some, len(some))[0], load.moment(worst)))
    return found


def told(bucket: Bucket) -> str:
    """`37 due, 37 at once, 27 wait up to 9 min`."""
    parts = [f"{bucket.due:,} due", f"{bucket.peak:,} at once"]
    parts += [f"{bucket.held:,} wait{'s' if bucket.held == 1 else ''} up to {wait_words(bucket.longest)}"] * (
        bucket.held > 0
    )
    return ", ".join(parts)


def wait_words(seconds: float) -> str:
    """Waits are guesses: minutes are enough, and seconds below one."""
    return duration_words(seconds if seconds < 60 else round(seconds / 60) * 60)


def first_hours(hours: Sequence[HourAhead], zone: ZoneInfo) -> dict[date, datetime]:
    """The days of the zone, each with its first hour that there is."""
    return {hour.at.astimezone(zone).date(): hour.at for hour in reversed(hours)}


def heat(hours: Sequence[HourAhead], limit: int, chosen: datetime | None, zone: ZoneInfo) -> Markup:
    """Rows are days, columns hours, as the clock of the zone has them."""
    most = min(limit, max((hour.whole.peak for hour in hours), default=0)) or 1
    days = sorted(first_hours(hours, zone))
    cells = []
    for n, hour in enumerate(hours):
        at = hour.at.astimezone(zone)
        current = chosen is not None and hour.at <= chosen < hour.at + HOUR
        cells.append(
            Markup(
                '<a href="/timeline/load?at={}#due" tabindex="{}"{}><title>{} UTC: {}</title>'
                '<rect class="{}" x="{}%" y="{}" width="{}%" height="{}"/></a>'
            ).format(
                f"{hour.worst:%Y-%m-%dT%H:%M}Z",
                -1 if n else 0,
                Markup(' aria-current="true"') if current else "",
                f"{hour.at.astimezone(UTC):%a %H:%M}",
                told(hour.whole),
                level(hour.whole, most),
                f"{at.hour / 24 * 100:.3f}",
                days.index(at.date()) * ROW,
                f"{100 / 24:.3f}",
                ROW,
            )
        )
    return Markup('<svg class="heat" height="{}" role="group" aria-label="{}">{}</svg>').format(
        len(days) * ROW, f"Expected load, hour by hour over {len(days)} days", Markup("").join(cells)
    )


def level(bucket: Bucket, most: int) -> str:
    if bucket.held:
        return "h-w"
    return f"h-{min(LEVELS, ceil(LEVELS * bucket.peak / most))}"


def day(load: Load) -> Markup:
    """How many want to run side by side over the next 24 hours; those above the limit wait."""
    buckets = coarser(load.minutes[:DAY_MINUTES], BUCKET)
    peak = max((one.peak for one in buckets), default=0)
    top = max(peak, load.limit if load.limit <= 2 * peak else 0, 4)
    limit = 100 - 100 * load.limit / top
    line = Markup('<line class="limit" x1="0" x2="288" y1="{}" y2="{}"/>').format(f"{limit:.2f}", f"{limit:.2f}")
    over = [
        f"M{n},{100 - 100 * one.peak / top:.2f}h1V{100 - 100 * (one.peak - one.waiting) / top:.2f}h-1z"
        for n, one in enumerate(buckets)
        if one.waiting
    ]
    steps = "".join(f"V{100 - 100 * one.peak / top:.2f}h1" for one in buckets)
    hits = [
        Markup(
            '<rect class="hit" x="{}" y="0" width="1" height="100" fill="transparent"><title>{}</title></rect>'
        ).format(n, f"{load.moment(one):%H:%M} UTC: {told(one)}")
        for n, one in enumerate(buckets)
        if one.peak
    ]
    plot = Markup(
        '<svg class="plot" viewBox="0 0 288 100" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="area" d="M0,100{}V100z"/><path class="over" d="{}"/><path class="edge" d="M0,100{}"/>{}'
        '<line class="ground" x1="0" x2="288" y1="100" y2="100"/>{}</svg>'
    ).format(
        f"Runs side by side over the next 24 hours: at most {peak:,}, the limit is {load.limit:,}",
        steps,
        "".join(over) or "M0,100",
        steps,
        line if load.limit <= top else "",
        Markup("").join(hits),
    )
    return plot + _figures(top, load.limit, limit)


def _figures(top: int, limit: int, place: float) -> Markup:
    figures = [] if abs(place) < 12 else [Markup('<text x="-8" y="0" dy="4">{}</text>').format(f"{top:,}")]
    if 0 <= place < 88:
        figures.append(Markup('<text class="l" x="-8" y="{}%" dy="4">{}</text>').format(f"{place:.2f}", f"{limit:,}"))
    figures.append(Markup('<text x="-8" y="100%" dy="4">0</text>'))
    return Markup('<svg class="plot y-axis" aria-hidden="true">{}</svg>').format(Markup("").join(figures))

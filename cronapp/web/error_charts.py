"""How often something failed over a stretch of time, as a small chart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

STEP, BAR, HEIGHT = 5, 3.6, 28


def failure_bars(bars: Sequence[int], since: datetime, width: timedelta) -> Markup:
    """A bar for each part of the time: its height is how often it failed."""
    most, total = max(bars, default=0) or 1, sum(bars)
    drawn = Markup("").join(_bar(n * STEP, count, most, since + n * width, width) for n, count in enumerate(bars))
    label = (
        f"{total:,} failure{'s' if total != 1 else ''} since {_utc(since)}, at most {max(bars, default=0):,} in a bar"
    )
    return Markup(
        '<svg class="fails" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(round((len(bars) - 1) * STEP + BAR, 1), HEIGHT, label, drawn)


def _bar(x: int, count: int, most: int, start: datetime, width: timedelta) -> Markup:
    if not count:
        return Markup('<rect class="f-none" x="{}" y="{}" width="{}" height="2"/>').format(x, HEIGHT - 2, BAR)
    height = round(4 + (HEIGHT - 4) * count / most, 1)
    told = f"{_utc(start)} to {_utc(start + width)}: {count:,} failure{'s' if count != 1 else ''}"
    return Markup('<g><title>{}</title><rect class="f-bad" x="{}" y="{}" width="{}" height="{}"/></g>').format(
        told, x, round(HEIGHT - height, 1), BAR, height
    )


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%d %b %H:%M} UTC"

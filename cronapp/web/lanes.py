"""The timeline as SVG: one drawing a lane, and one behind all of them with the axis. Places along the time are shares
of the width, so that it fits any screen and nothing is stretched but lengths."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

from cronapp.core.durations import duration_words
from cronapp.core.models import RunState
from cronapp.core.timeline import Bar, Cell, Lane, Window
from cronapp.web.charts import TONES
from cronapp.web.filters import moment

HEIGHT = 32
BAR_HEIGHT, RETRY_HEIGHT, TICK_HEIGHT, LOWEST = 16, 10, 12, 6
HAIR = 0.04  # per cent: what is shorter is as wide as its edge, which the style sheet draws
FEW = 0.2  # of a cell's runs: where less are bad, it is told paler
UNEXECUTED = (RunState.SKIPPED, RunState.MISSED, RunState.QUEUED)


def lane_chart(lane: Lane, window: Window) -> Markup:
    """One job's line; a click opens the run, or the runs of a cell. Plain text is safe here: there are only numbers,
    words of ours and the job's id in an address. Each has an id, so that the focus stays on it when the lane is drawn
    anew."""
    most = max((cell.count for cell in (*lane.cells, *lane.planned.cells)), default=1)
    drawn = [_cell(lane, cell, most, window) for cell in lane.cells]
    drawn += [_bar(bar, window) for bar in lane.bars]
    if drawn:  # one stop for the keyboard; the arrow keys go on from there
        drawn[-1] = drawn[-1].replace('tabindex="-1"', 'tabindex="0"', 1)
    drawn += [_planned(slot, lane.usual, window) for slot in lane.planned.slots]
    drawn += [_planned_cell(cell, most, window) for cell in lane.planned.cells]
    return Markup('<svg class="lane-chart" height="{}" role="group" aria-label="{}">{}</svg>').format(
        HEIGHT,
        f"{lane.job.id}: {lane_words(lane)}",
        Markup("".join(drawn)),  # noqa: S704 (each mark is formatted)
    )


def lane_words(lane: Lane) -> str:
    """`12 runs, 1 of them bad, 3 planned`."""
    ended = [bar for bar in lane.bars if bar.end is not None]
    count = len(ended) + sum(cell.count for cell in lane.cells)
    bad = sum(TONES[bar.state] in ("bad", "warn") for bar in ended) + sum(cell.bad for cell in lane.cells)
    parts = [f"{count:,} run{'s' if count != 1 else ''}"]
    parts += [f"{bad:,} of them bad"] if bad else []
    parts += [f"{lane.open:,} under way"] if lane.open else []
    parts += [f"{lane.planned.count:,} planned"] if lane.planned.count else []
    return ", ".join(parts)


def now_chart(window: Window) -> Markup:
    """The line of now, over the lanes."""
    if not window.since <= window.now <= window.until:
        return Markup("")
    return Markup(
        '<svg class="axis-chart" aria-hidden="true"><svg class="now" x="{}" height="100%" overflow="visible">'
        '<line y1="20" y2="100%"/><circle cy="21" r="3.5"/></svg></svg>'
    ).format(_percent(window.share(window.now)))


def axis_chart(ticks: Sequence[datetime], since: datetime, until: datetime, zone: ZoneInfo) -> Markup:
    """The labelled moments with their lines. At the midnights of the zone the label is the day."""
    marks = [_tick(tick, (tick - since) / (until - since), zone) for tick in ticks]
    return Markup('<svg class="axis-chart" data-axis="{}" data-until="{}" aria-hidden="true">{}</svg>').format(
        _ms(since), _ms(until), Markup("").join(marks)
    )


def _tick(at: datetime, share: float, zone: ZoneInfo) -> Markup:
    midnight = at.astimezone(zone).time() == datetime.min.time()
    return Markup(
        '<svg class="tick" x="{}" height="100%" overflow="visible"><line y1="20" y2="100%"/>'
        '<foreignObject x="-40" y="0" width="80" height="18">{}</foreignObject></svg>'
    ).format(_percent(share), moment(at, "day" if midnight else "clock"))


def _bar(bar: Bar, window: Window) -> str:
    start, end = window.share(bar.start), window.share(bar.end or window.now)
    high = TICK_HEIGHT if bar.state in UNEXECUTED else RETRY_HEIGHT if bar.attempt > 1 else BAR_HEIGHT
    grows = f' data-grows="{_ms(bar.start)}"' if bar.state is RunState.RUNNING else ""
    box = _box(start, end, (HEIGHT - high) / 2, high)
    return (
        f'<a id="bar-{bar.run}" href="/runs/{bar.run}" tabindex="-1"><title>{_told(bar)}</title>'
        f'<rect class="f-{TONES[bar.state]}"{grows} {box}/></a>'
    )


def _told(bar: Bar) -> str:
    parts = [f"Run {bar.run}: {bar.state.replace('_', ' ')}"]
    parts += [f"attempt {bar.attempt}"] if bar.attempt > 1 else []
    parts += [f"{bar.missed:,} slots"] if bar.missed > 1 else []
    if bar.end and bar.state not in UNEXECUTED:
        parts.append(duration_words((bar.end - bar.start).total_seconds()))
    return " · ".join([*parts, _utc(bar.start)])


def _cell(lane: Lane, cell: Cell, most: int, window: Window) -> str:
    assert cell.worst is not None
    # Without urlencode, which takes longer than all the rest: neither an id nor a moment has a letter to be quoted.
    query = f"job={lane.job.id}&amp;since={_iso(cell.since)}&amp;until={_iso(cell.until)}"
    few = " few" if 0 < cell.bad < FEW * cell.count else ""
    told = f"{cell.count:,} run{'s' if cell.count != 1 else ''}"
    told += f", {cell.bad:,} of them bad" if cell.bad else f", {cell.worst.replace('_', ' ')}"
    return (
        f'<a id="cell-{lane.job.key}-{_ms(cell.since)}" href="/runs?{query}" tabindex="-1">'
        f"<title>{told} · {_utc(cell.since)} to {_utc(cell.until)}</title>"
        f'<rect class="f-{TONES[cell.worst]} cell{few}" {_column(cell, most, window)}/></a>'
    )


def _planned(slot: datetime, usual: float | None, window: Window) -> str:
    end = slot + timedelta(seconds=usual or 0)
    told = f"Planned · {_utc(slot)}" + (f" · usually {duration_words(usual)}" if usual is not None else "")
    box = _box(window.share(slot), window.share(end), (HEIGHT - BAR_HEIGHT) / 2, BAR_HEIGHT)
    return f'<rect class="plan" {box}><title>{told}</title></rect>'


def _planned_cell(cell: Cell, most: int, window: Window) -> str:
    told = f"{cell.count:,} planned · {_utc(cell.since)} to {_utc(cell.until)}"
    return f'<rect class="plan cell" {_column(cell, most, window)}><title>{told}</title></rect>'


def _box(start: float, end: float, y: float, height: float) -> str:
    left, right = min(max(start, 0), 1), min(max(end, 0), 1)
    width = max(100 * (right - left), HAIR)
    return f'x="{_percent(left)}" y="{y:g}" width="{width:.3f}%" height="{height}"'


def _column(cell: Cell, most: int, window: Window) -> str:
    """A cell's column stands on the ground: its height is how many there are."""
    high = LOWEST + round((HEIGHT - 8 - LOWEST) * cell.count / most)
    left, right = window.share(cell.since), window.share(cell.until)
    gap = 0.12 * (right - left)
    return _box(left + gap, right - gap, HEIGHT - 4 - high, high)


def _percent(share: float) -> str:
    return f"{100 * share:.3f}%"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC).isoformat(' ', 'minutes')[:16]} UTC"

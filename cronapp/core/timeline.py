"""What a stretch of time shows of a job: its runs one by one, or where they are many, counted by cells of time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from cronapp.core.models import Job, RunState
from cronapp.core.triggers import TICK, Trigger, count_between, slots_between
from cronapp.core.zones import clock_of, datetime_to_instant, resolve, wall_to_datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SPANS: dict[str, tuple[timedelta, timedelta, timedelta]] = {
    "1h": (timedelta(hours=1), timedelta(minutes=1), timedelta(minutes=10)),
    "6h": (timedelta(hours=6), timedelta(minutes=10), timedelta(hours=1)),
    "24h": (timedelta(hours=24), timedelta(minutes=30), timedelta(hours=3)),
    "3d": (timedelta(days=3), timedelta(hours=2), timedelta(hours=12)),
    "7d": (timedelta(days=7), timedelta(hours=4), timedelta(days=1)),
    "30d": (timedelta(days=30), timedelta(hours=12), timedelta(days=3)),
}
"""How much is seen at once, the cells in which many runs are counted, and how far apart the axis is labelled."""

DEFAULT_SPAN = "24h"
BEHIND = 2 / 3  # of the stretch lies before the moment that is looked at
LANES = 30  # jobs on a page
SINGLE, SINGLE_OPEN = 60, 3
"""So many of a lane are drawn one by one, or as many cells; and so many that go on. With 30 lanes that makes at most
2,000 shapes."""

WORST_FIRST = (
    *(RunState.FAILED, RunState.TIMED_OUT, RunState.LOST, RunState.MISSED),
    *(RunState.CANCELLED, RunState.SKIPPED, RunState.SUCCEEDED),
)


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time that is looked at; its edges lie on edges of cells, so that nothing moves but the whole."""

    name: str
    since: datetime
    now: datetime
    at: datetime | None = None  # the moment that was asked for; None: it goes with the time

    @property
    def span(self) -> timedelta:
        return SPANS[self.name][0]

    @property
    def cell(self) -> timedelta:
        return SPANS[self.name][1]

    @property
    def until(self) -> datetime:
        return self.since + self.span

    def share(self, moment: datetime) -> float:
        """Where a moment lies: 0 is the left edge, 1 the right one."""
        return (moment - self.since) / self.span

    @property
    def room_behind(self) -> int:
        """How many past runs of a lane are drawn one by one."""
        return ceil(SINGLE * min(max(self.share(self.now), 0), 1))

    @property
    def room_ahead(self) -> int:
        """How many planned ones are."""
        return SINGLE - self.room_behind

    def ticks(self, zone: ZoneInfo) -> list[datetime]:
        """The labelled moments."""
        return full_moments(self.since, self.until, SPANS[self.name][2], zone)

    def moved(self, times: float) -> datetime:
        """The moment to ask for to see what lies so many stretches later."""
        return (self.at or self.now) + times * self.span


def window_of(name: str, at: datetime | None, now: datetime) -> Window:
    """The stretch of that name, with `at`, else now, a third from its right edge."""
    name = name if name in SPANS else DEFAULT_SPAN
    span, cell, _ = SPANS[name]
    return Window(name, floored((at or now) - span * BEHIND, cell), now, at)


def full_moments(since: datetime, until: datetime, step: timedelta, zone: ZoneInfo) -> list[datetime]:
    """Where the clock of a zone is full: so many whole steps after one of its midnights. A day begins elsewhere in each
    zone."""
    clock, seconds = clock_of(zone), step // timedelta(seconds=1)
    first, last = (clock.wall(datetime_to_instant(moment)) // seconds for moment in (since, until))
    walls = (resolve(wall_to_datetime(wall * seconds), zone) for wall in range(first, last + 2))
    return [at for at in walls if at and since <= at <= until]


def floored(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - EPOCH) % step


@dataclass(frozen=True, slots=True)
class Bar:
    """A run, or a record without one: from its start, or its slot, to its end."""

    run: int
    state: RunState
    attempt: int
    start: datetime
    end: datetime | None  # None: it goes on, or waits
    missed: int = 1  # slots that it stands for


@dataclass(frozen=True, slots=True)
class Cell:
    """Many runs that began, or slots that lie, between two moments."""

    since: datetime
    until: datetime
    count: int
    worst: RunState | None = None  # None: they are planned
    bad: int = 0  # how many ended in a state that is no success, nor somebody's will


@dataclass(frozen=True, slots=True)
class Planned:
    """The slots ahead: one by one, or counted."""

    slots: tuple[datetime, ...] = ()
    cells: tuple[Cell, ...] = ()

    @property
    def count(self) -> int:
        return len(self.slots) + sum(cell.count for cell in self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One job's line: what was, what goes on, what is planned. `usual` is how many seconds a run takes."""

    job: Job
    bars: tuple[Bar, ...] = ()
    cells: tuple[Cell, ...] = ()
    planned: Planned = field(default_factory=Planned)
    usual: float | None = None
    open: int = 0  # runs that have not ended, also those for which there is no place

    @property
    def state(self) -> RunState | None:
        """How the newest run in sight stands."""
        if self.bars:
            return self.bars[-1].state
        return self.cells[-1].worst if self.cells else None


def planned(trigger: Trigger, window: Window, most: int | None = None) -> Planned:
    """The slots of the window that lie ahead, at most `most`."""
    after, until = max(window.now, window.since - TICK), window.until - TICK
    if after >= until or most == 0:
        return Planned()
    room = window.room_ahead
    slots = slots_between(trigger, after, until, room + 1 if most is None else min(room + 1, most))
    if len(slots) <= room:
        return Planned(slots=tuple(slots))
    cells, left = [], most
    since = max(floored(after, window.cell), window.since)
    while since < window.until and left != 0:
        count = count_between(trigger, max(after, since - TICK), since + window.cell - TICK)
        count = count if left is None else min(count, left)
        left = left if left is None else left - count
        if count:
            cells.append(Cell(since, since + window.cell, count))
        since += window.cell
    return Planned(cells=tuple(cells))

"""The load forecast."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from cronapp.core.durations import duration_words
from cronapp.core.events import Event, JobChanged, LimitsChanged, SchedulerChanged
from cronapp.core.load import Bucket
from cronapp.core.models import Job
from cronapp.core.timeline import SPANS, full_moments
from cronapp.service.load import Load
from cronapp.web.heat import day, first_hours, heat, hours_ahead, told, wait_words
from cronapp.web.lanes import axis_chart
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import Shown
from cronapp.web.views.zones import ReaderZone

SHOWN = 100  # due runs that are listed
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run of a moment: when it is due, how long it takes, and how long it would wait."""

    job: Job
    at: datetime
    takes: float
    waits: float


class LoadView(Shown):
    ageing = ("all",)

    def __init__(self, parts: Parts, at: datetime | None, reader: ReaderZone) -> None:
        super().__init__(parts)
        self.at = at
        self.reader = reader

    def heed(self, event: Event) -> Iterable[str]:
        return ("all",) if isinstance(event, JobChanged | LimitsChanged | SchedulerChanged) else ()

    def parts(self) -> Iterable[str]:
        return self.ageing

    async def show(self, part: str) -> Markup:
        return partial("#load", fragment("_load", **await load_context(self.house, self.at, self.reader)))

    def pause(self, part: str) -> float:
        return 30.0


async def load_context(house: Parts, at: datetime | None, reader: ReaderZone, *, fresh: bool = False) -> dict[str, Any]:
    load = await house.loads.look(fresh=fresh)
    hours, until = hours_ahead(load), load.start + DAY
    ticks = full_moments(load.start, until, SPANS["24h"][2], reader.zone)
    chosen = at and load.at(at)
    return {
        "load": load,
        "switch": await house.switch.state(),
        "crowds": [(load.moment(one), one, len(load.members(one))) for one in load.crowds()],
        "heat": heat(hours, load.limit, at, reader.zone),
        "drawn_in": reader.told,
        "days": sorted(first_hours(hours, reader.zone).values()),
        "day": day(load),
        "axis": axis_chart(ticks, load.start, until, reader.zone),
        "at": load.moment(chosen) if chosen else None,
        "chosen": chosen,
        "due": due_runs(load, chosen) if chosen else [],
        "shown": SHOWN,
        "told": told,
        "crowd_words": crowd_words,
        "wait_words": wait_words,
        "reach": duration_words((load.until - load.start).total_seconds()),
    }


def crowd_words(one: Bucket) -> str:
    """`37 jobs`, and what becomes of them: `12 would wait up to 9 min`."""
    if one.held:
        return f"{one.held:,} would wait up to {wait_words(one.longest)}"
    return f"{one.peak:,} side by side, nobody waits"


def due_runs(load: Load, one: Bucket) -> list[DueRun]:
    course = load.course
    return [
        DueRun(
            load.jobs[course.job[n]],
            load.start + timedelta(seconds=course.at[n]),
            load.takes[course.job[n]],
            course.start[n] - course.at[n],
        )
        for n in course.between(one.at, one.at + 60)
    ]

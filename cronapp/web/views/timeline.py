"""The timeline: all of it as the time goes on, and single lanes as their jobs run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from cronapp.core.errors import JobNotFound
from cronapp.core.events import Event, JobChanged, RunChanged
from cronapp.core.timeline import DEFAULT_SPAN, SPANS, Lane, Window, window_of
from cronapp.store.jobs import JobFilter
from cronapp.web.asked import job_filter, job_filters
from cronapp.web.lanes import axis_chart, lane_chart, lane_words, now_chart
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import EMPTY, Shown
from cronapp.web.views.zones import ReaderZone

OFTEN, SELDOM = 20.0, 300.0  # seconds: how often the whole is drawn anew as the time goes on
WIDE = ("3d", "7d", "30d")  # where a run more or less is hardly seen, and much is counted


@dataclass(frozen=True, slots=True)
class Look:
    """What the address asks for."""

    filters: JobFilter
    span: str
    at: datetime | None
    after: str
    reader: ReaderZone

    def window(self, now: datetime) -> Window:
        return window_of(self.span, self.at, now)

    def query(self) -> dict[str, str]:
        """As the address has it."""
        asked = {"span": "" if self.span == DEFAULT_SPAN else self.span, "at": iso(self.at) if self.at else ""}
        return {**job_filters(self.filters), **asked}


def look_of(query: Mapping[str, str], reader: ReaderZone) -> Look:
    span = query.get("span", "")
    span = span if span in SPANS else DEFAULT_SPAN
    return Look(job_filter(query), span, at_of(query.get("at", "")), query.get("cursor", ""), reader)


def at_of(text: str) -> datetime | None:
    """A moment of the address; None where it is none, or too far away to be drawn."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment if 1990 <= moment.year <= 2190 else None


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class TimelineView(Shown):
    ageing = ("turn",)

    def __init__(self, parts: Parts, look: Look) -> None:
        super().__init__(parts)
        self.look = look
        self.listed: set[str] = set()

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case JobChanged(job=job, gone=gone, created=created):
                if gone or created or self.look.filters != JobFilter():
                    return ("all",)
                return (f"lane {job}",) if job in self.listed else ()
            case RunChanged(job=job):
                if self.look.filters.state in ("running", "failing"):
                    return ("all",)
                return (f"lane {job}",) if job in self.listed else ()
        return ()

    def parts(self) -> Iterable[str]:
        return ("turn",)

    async def show(self, part: str) -> Markup:
        window = self.look.window(self.house.clock())
        if part in ("all", "turn"):
            context = await timeline_context(self.house, self.look, window)
            self.listed = {lane.job.id for lane in context["lanes"]}
            return partial("#timeline", fragment("_timeline", **context))
        job_id = part.removeprefix("lane ")
        what = ("lane", window.name, window.since)
        return await self.house.hub.once(("job", job_id), what, lambda: lane_partials(self.house, job_id, window))

    def pause(self, part: str) -> float:
        if part == "turn":
            return min(max(self.look.window(self.house.clock()).cell.total_seconds() / 2, OFTEN), SELDOM)
        return 5.0 if self.look.span in WIDE else 1.0


async def lane_partials(house: Parts, job_id: str, window: Window) -> Markup:
    try:
        lane = await house.timeline.lane(job_id, window)
    except JobNotFound:
        return EMPTY  # the whole follows
    shown = drawn(lane, window)
    return partial(f"#lane-{lane.job.key}", fragment("_lane", one=shown)) + partial(
        f"#lane-row-{lane.job.key}", fragment("_lane_row", one=shown)
    )


async def timeline_context(house: Parts, look: Look, window: Window) -> dict[str, Any]:
    found = await house.timeline.look(look.filters, window, after=look.after)
    return {
        "lanes": found.lanes,
        "shown": [drawn(lane, window) for lane in found.lanes],
        "next": found.next,
        "first": not look.after,
        "held": found.held,
        "filters": look.query(),
        "counts": await house.jobs.counts(),
        "window": window,
        "spans": list(SPANS),
        "axis": axis_chart(window.ticks(look.reader.zone), window.since, window.until, look.reader.zone),
        "drawn_in": look.reader.told,
        "now_line": now_chart(window),
        "earlier": iso(window.moved(-0.5)),
        "later": iso(window.moved(0.5)),
    }


def drawn(lane: Lane, window: Window) -> dict[str, Any]:
    return {"lane": lane, "chart": lane_chart(lane, window), "words": lane_words(lane)}

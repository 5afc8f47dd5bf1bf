"""Which slots a schedule has, and an assertion that says what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cronapp.core.models import IntervalSchedule, Schedule, Unclocked
from cronapp.core.registry import ATTRIBUTE, TaskOptions
from cronapp.core.registry.schedules import ScheduleLike, schedules_of
from cronapp.core.triggers import Trigger, clock_notes, slots_between, trigger_of
from cronapp.core.zones import zone
from cronapp.testing.clock import Moment, moment_of

TICK = timedelta(microseconds=1)
LISTED = 40  # slots that a failed assertion tells at most

Scheduled = ScheduleLike | Sequence[ScheduleLike] | Callable[..., Any]
"""All that `@task(schedule=…)` takes, or a function that has such a decorator."""


@dataclass(frozen=True)
class Span:
    """A schedule and a stretch of time, both as they are meant."""

    trigger: Trigger
    zone: ZoneInfo
    since: datetime
    until: datetime

    def slots(self, limit: int) -> list[datetime]:
        return slots_between(self.trigger, self.since - TICK, self.until - TICK, limit)


def schedules_given(given: Scheduled, tz: str | None) -> tuple[tuple[Schedule, ...], str]:
    """The schedules, and the name of the zone for moments without an offset: `tz`, else their own, else UTC."""
    options = getattr(given, ATTRIBUTE, None)
    if isinstance(options, TaskOptions) and options.schedule:
        schedules = options.schedules(tz or "UTC")
    elif callable(given):
        raise TypeError(f"{getattr(given, '__name__', given)} has no @task(schedule=…), so it has no slots.")
    else:
        schedules, _ = schedules_of(given, tz)
    own = next((schedule.timezone for schedule in schedules if not isinstance(schedule, Unclocked)), "UTC")
    return schedules, zone(tz or own).key


def anchored(schedules: Sequence[Schedule], since: datetime) -> tuple[Schedule, ...]:
    """An interval that has no anchor is counted from `since`."""
    return tuple(
        replace(one, anchor=since) if isinstance(one, IntervalSchedule) and one.anchor is None else one
        for one in schedules
    )


def span_of(schedule: Scheduled, tz: str | None, between: tuple[Moment, Moment]) -> Span:
    schedules, name = schedules_given(schedule, tz)
    since, until = (moment_of(moment, zone(name)) for moment in between)
    if until <= since:
        raise ValueError(f"between: the end {between[1]} is not after the start {between[0]}.")
    return Span(trigger_of(anchored(schedules, since)), zone(name), since, until)


def slots(
    schedule: Scheduled, *, tz: str | None = None, between: tuple[Moment, Moment], limit: int = 10_000
) -> list[datetime]:
    """The slots from the first moment of `between` up to, but without, the second; `limit` at most, in UTC.

    Args:
        schedule: A cron expression, `every 15m`, a timedelta, a datetime, a schedule of `cronapp.core.models`, a list
            of these, or a function with `@task(schedule=…)`.
        tz: The zone of the schedule, if it names none itself, and of all moments without an offset. If not given: the
            schedule's own zone, else UTC.
        between: Two moments, as `("2026-03-28", "2026-03-31")`, which are three days. An interval without an anchor is
            counted from the first one.

    Raises ValueError or `InvalidInput` for what cannot be understood.
    """
    return span_of(schedule, tz, between).slots(limit)


def assert_slots(
    schedule: Scheduled,
    *,
    tz: str | None = None,
    between: tuple[Moment, Moment],
    expected: Sequence[Moment],
) -> None:
    """Asserts that the schedule has exactly the expected slots within `between`; for the arguments see `slots`.

    `expected` are wall times in `tz`, as `"2026-03-28 09:00"`; one that the clock skips is refused. In a repeated hour
    the first occurrence is meant; for the second write its offset (`"2026-10-25 02:30+01:00"`), or a datetime with
    `fold=1`. Instants are compared. The AssertionError tells what is missing, what is there unexpected, and why.
    """
    __tracebackhide__ = True
    span = span_of(schedule, tz, between)
    wanted = [moment_of(moment, span.zone, exact=True) for moment in expected]
    if len(set(wanted)) < len(wanted):
        raise ValueError("expected: a slot is there twice, and a schedule has each only once.")
    found = span.slots(len(wanted) + LISTED)
    if sorted(wanted) != found:
        raise AssertionError(_difference(span, set(wanted), set(found)))


def _difference(span: Span, wanted: set[datetime], found: set[datetime]) -> str:
    counts = [f"{len(wanted - found)} missing (-)", f"{len(found - wanted)} unexpected (+)"]
    told = sorted(wanted | found)
    lines = [f"  {_sign(slot, wanted, found)} {_shown(slot, span.zone)}" for slot in told[:LISTED]]
    more = [f"    … and {len(told) - LISTED} more"] if len(told) > LISTED else []
    notes = clock_notes(span.trigger, span.since - TICK, span.until - TICK)
    return "\n".join(
        [
            f"{span.trigger.words()}, in {span.zone.key}: {' and '.join(counts)} "
            f"from {_shown(span.since, span.zone)} to {_shown(span.until, span.zone)}",
            *lines,
            *more,
            *(f"Note: {note}" for note in notes),
        ]
    )


def _sign(slot: datetime, wanted: set[datetime], found: set[datetime]) -> str:
    if slot in wanted:
        return " " if slot in found else "-"
    return "+"


def _shown(slot: datetime, its_zone: ZoneInfo) -> str:
    shown = slot.astimezone(UTC).astimezone(its_zone)
    seconds = f":{shown:%S}" if shown.second else ""
    return f"{shown:%a %Y-%m-%d %H:%M}{seconds}{shown.isoformat()[-6:]}"

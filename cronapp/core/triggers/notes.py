"""What the clock changes do to a schedule, in words; found at the changes, not by walking from slot to slot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronapp.core.triggers.combined import SeveralTriggers, WindowTrigger
from cronapp.core.triggers.intervals import CalendarTrigger
from cronapp.core.triggers.single import CronTrigger, OnceTrigger
from cronapp.core.triggers.trigger import TICK, Trigger
from cronapp.core.zones import (
    DAY,
    Change,
    clock_of,
    datetime_to_instant,
    datetime_to_wall,
    instant_to_datetime,
    wall_to_datetime,
)

WallTrigger = CronTrigger | CalendarTrigger | OnceTrigger
"""Those that promise times of the clock, so that a clock change can meet them."""

MOST_DAYS = 3660
_UTC = ZoneInfo("UTC")


def parts_of(trigger: Trigger) -> tuple[Trigger, ...]:
    """The triggers that a job's trigger is made of, each within the job's window."""
    if isinstance(trigger, WindowTrigger):
        return tuple(replace(trigger, inner=part) for part in parts_of(trigger.inner))
    return trigger.parts if isinstance(trigger, SeveralTriggers) else (trigger,)


def clock_notes(trigger: Trigger, after: datetime, until: datetime, slots: Sequence[datetime] = ()) -> tuple[str, ...]:
    """One sentence for each clock change after `after` and not after `until` that meets the schedule.

    Also for those that slots beyond `until` meet, and ten years at most. Each day is looked at once whether the clock
    changes on it, so a schedule of each second costs no more than one of each month.
    """
    notes: dict[str, int] = {}
    for part in parts_of(trigger):
        leaf, start, end = part, after, max([until, *slots[-1:]])
        if isinstance(part, WindowTrigger):
            leaf = part.inner
            start = start if part.starts_at is None else max(start, part.starts_at - TICK)
            end = end if part.ends_at is None else min(end, part.ends_at)
        if isinstance(leaf, CronTrigger | CalendarTrigger | OnceTrigger):
            for change in _changes(leaf.zone, _days(start, min(until, end), slots)):
                note = _note(leaf, change, start, end)
                if note is not None:
                    notes.setdefault(note, change.at)
    return tuple(sorted(notes, key=lambda note: notes[note]))


def _days(start: datetime, end: datetime, slots: Sequence[datetime]) -> Iterable[int]:
    """The UTC days on which a clock change may meet what lies between, and those around each slot beyond."""
    first, last = datetime_to_instant(start) // DAY - 1, datetime_to_instant(end) // DAY + 1
    near = range(first, min(last, first + MOST_DAYS) + 1)
    beyond = {datetime_to_instant(slot) // DAY + n for slot in slots if slot > end for n in (-1, 0, 1)}
    return sorted({*near, *beyond})


def _changes(its_zone: ZoneInfo, days: Iterable[int]) -> Iterable[Change]:
    clock = clock_of(its_zone)
    for day in days:
        if clock.steady[day] is not None:
            continue
        low, high = day * DAY, (day + 1) * DAY
        before, after = clock.offset_at(low - 1), clock.offset_at(high - 1)
        if before == after:
            continue
        low -= 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if clock.offset_at(middle) == before else (low, middle)
        yield Change(high, before, after)


def _note(leaf: WallTrigger, change: Change, start: datetime, end: datetime) -> str | None:
    """What the change does to the trigger within the stretch of time; None: nothing."""
    begins = change.at if change.skips else change.at - (change.before - change.after)
    ends = change.at if change.skips else change.at + (change.before - change.after)
    now = datetime_to_instant(start)
    if not now < ends or instant_to_datetime(begins) > end:
        return None
    # The wall time of the second before is the last one that the change does not touch.
    seen = now if not change.skips and now >= change.at else begins - 1
    promised = leaf.wall_after(instant_to_datetime(seen))
    if promised is None or not change.starts <= datetime_to_wall(promised[0]) < change.ends:
        return None
    wall, many = promised[0], _has_many(leaf, promised[0], change)
    if change.skips:
        return _gap_note(leaf, change, wall, many)
    if instant_to_datetime(datetime_to_wall(wall) - change.before) > end:
        return None
    return _repeat_note(leaf, change, wall, many)


def _has_many(leaf: WallTrigger, wall: datetime, change: Change) -> bool:
    """Whether further times are promised within the skipped or repeated ones. In UTC the wall time is the instant."""
    if not isinstance(leaf, CronTrigger):
        return False
    following = leaf.cron.wall_after(wall.replace(tzinfo=UTC), _UTC)
    return following is not None and following < change.ends


def _gap_note(leaf: WallTrigger, change: Change, wall: datetime, many: bool) -> str:
    day, name = _day(wall), leaf.zone.key
    if change.after - change.before >= DAY:
        return f"{day} is left out in {name}, nothing runs on it"
    after_gap = instant_to_datetime(change.at)
    in_real_time = isinstance(leaf, CronTrigger) and not leaf.cron.fixed
    if in_real_time or leaf.next_after(after_gap - TICK) != after_gap:
        return f"{day}: {_hours(change)} does not exist in {name}, nothing runs in it"
    shown = f"{after_gap.astimezone(leaf.zone):%H:%M}"
    if many:
        return f"{day}: {_hours(change)} does not exist in {name}, runs once at {shown}"
    return f"{day}: {_time(wall)} does not exist in {name}, runs at {shown}"


def _repeat_note(leaf: WallTrigger, change: Change, wall: datetime, many: bool) -> str:
    day, name = _day(wall), leaf.zone.key
    again = instant_to_datetime(datetime_to_wall(wall) - change.after)
    if leaf.next_after(again - TICK) == again:
        return f"{day}: {_hours(change)} happens twice in {name}, runs both times"
    return f"{day}: {_hours(change) if many else _time(wall)} happens twice in {name}, runs the first time only"


def _day(wall: datetime) -> str:
    return f"{wall.day} {wall:%B %Y}"


def _time(wall: datetime) -> str:
    return f"{wall:%H:%M:%S}" if wall.second else f"{wall:%H:%M}"


def _hours(change: Change) -> str:
    return f"{_time(wall_to_datetime(change.starts))} to {_time(wall_to_datetime(change.ends))}"

"""What a schedule is going to do, for a person to look at: its slots, and what the clock changes do to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronapp.core.triggers.combined import SeveralTriggers, WindowTrigger
from cronapp.core.triggers.single import CronTrigger, ManualTrigger
from cronapp.core.triggers.trigger import TICK, Trigger, slots_between
from cronapp.core.zones import DAY, Change, clock_of, datetime_to_wall, instant_to_datetime, wall_to_datetime


@dataclass(frozen=True, slots=True)
class Preview:
    """What a schedule is going to do, for a person to look at."""

    words: str
    slots: tuple[datetime, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def preview(trigger: Trigger, moment: datetime, count: int) -> Preview:
    """The next `count` slots, with the clock changes that they meet and what may surprise, in words."""
    slots = slots_between(trigger, moment, datetime.max.replace(tzinfo=UTC), count)
    notes = {note: None for leaf in _leaves(trigger) for note in _clock_notes(leaf, _start(trigger, moment), slots)}
    warnings = trigger.warnings()
    if not slots and any(_knows_times(leaf) for leaf in _leaves(trigger)):
        warnings = (*warnings, "There is no further slot, so this would never run.")
    return Preview(trigger.words(), tuple(slots), tuple(notes), warnings)


def _leaves(trigger: Trigger) -> Iterable[Trigger]:
    if isinstance(trigger, WindowTrigger):
        yield from _leaves(trigger.inner)
    elif isinstance(trigger, SeveralTriggers):
        yield from trigger.parts
    else:
        yield trigger


def _knows_times(leaf: Trigger) -> bool:
    return not isinstance(leaf, ManualTrigger) and not (isinstance(leaf, CronTrigger) and leaf.cron.is_reboot)


def _start(trigger: Trigger, moment: datetime) -> datetime:
    starts_at = trigger.starts_at if isinstance(trigger, WindowTrigger) else None
    return moment if starts_at is None else max(moment, starts_at - TICK)


def _clock_notes(trigger: Trigger, start: datetime, slots: Sequence[datetime]) -> Iterable[str]:
    """One sentence for each clock change that the trigger meets up to the last of the slots."""
    told: set[int] = set()
    before: datetime | None = start
    while slots and before is not None and before < slots[-1]:
        slot = trigger.next_after(before)
        promised = trigger.wall_after(before)
        if promised is not None:
            wall, its_zone = promised
            change = clock_of(its_zone).change(datetime_to_wall(wall))
            if change is not None and change.at not in told:
                told.add(change.at)
                yield _clock_note(trigger, wall, its_zone, change, slot)
        before = slot


def _clock_note(trigger: Trigger, wall: datetime, its_zone: ZoneInfo, change: Change, slot: datetime | None) -> str:
    day = f"{wall.day} {wall:%B %Y}"
    if change.skips:
        if change.after - change.before >= DAY:
            return f"{day} is left out in {its_zone.key}, nothing runs on it"
        after_gap = instant_to_datetime(change.at)
        in_real_time = isinstance(trigger, CronTrigger) and not trigger.cron.fixed
        if slot == after_gap and not in_real_time:
            shown = f"{slot.astimezone(its_zone):%H:%M}"
            return f"{day}: {wall:%H:%M} does not exist in {its_zone.key}, runs at {shown}"
        return f"{day}: {_hours(change.starts, change.ends)} does not exist in {its_zone.key}, nothing runs in it"
    again = instant_to_datetime(datetime_to_wall(wall) - change.after)
    if trigger.next_after(again - TICK) == again:
        return f"{day}: {_hours(change.starts, change.ends)} happens twice in {its_zone.key}, runs both times"
    return f"{day}: {wall:%H:%M} happens twice in {its_zone.key}, runs the first time only"


def _hours(starts: int, ends: int) -> str:
    return f"{wall_to_datetime(starts):%H:%M} to {wall_to_datetime(ends):%H:%M}"

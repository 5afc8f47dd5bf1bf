"""From a job's schedules to its slots: which is the next one, which was the last one, how many were there."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cronapp.core.cron import Cron, parse
from cronapp.core.durations import Period, parse_every
from cronapp.core.errors import InvalidInput
from cronapp.core.models import CronSchedule, IntervalSchedule, OnceSchedule, Schedule
from cronapp.core.zones import (
    DAY,
    clock_of,
    datetime_to_instant,
    datetime_to_wall,
    instant_to_datetime,
    resolve,
    wall_to_datetime,
    zone,
)

MOST_COUNTED = 100_000
_TICK = timedelta(microseconds=1)
_LAST_YEAR = 9998


class Trigger(Protocol):
    """A promise of slots. Moments are aware, slots are aware UTC."""

    def next_after(self, moment: datetime) -> datetime | None:
        """The first slot strictly after the moment."""

    def previous_before(self, moment: datetime) -> datetime | None:
        """The last slot strictly before the moment."""

    def words(self) -> str:
        """The promise in English."""

    def count(self, after: datetime, until: datetime, at_most: int) -> int:
        """How many slots are after `after` and not after `until`, found in `at_most` steps."""
        found = 0
        slot = self.next_after(after)
        while slot is not None and slot <= until and found < at_most:
            found += 1
            slot = self.next_after(slot)
        return found

    def wall_after(self, moment: datetime) -> tuple[datetime, ZoneInfo] | None:
        """The wall time that is promised next, also one that the clock is going to skip; None without wall times."""
        return None

    def warnings(self) -> tuple[str, ...]:
        """What may surprise, in sentences."""
        return ()


@dataclass(frozen=True, slots=True)
class CronTrigger(Trigger):
    cron: Cron
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime | None:
        return self.cron.next_after(moment, self.zone)

    def previous_before(self, moment: datetime) -> datetime | None:
        return self.cron.previous_before(moment, self.zone)

    def count(self, after: datetime, until: datetime, at_most: int) -> int:
        return self.cron.count(after, until, self.zone, at_most)

    def wall_after(self, moment: datetime) -> tuple[datetime, ZoneInfo] | None:
        wall = self.cron.wall_after(moment, self.zone)
        return None if wall is None else (wall_to_datetime(wall), self.zone)

    def words(self) -> str:
        return self.cron.words()

    def warnings(self) -> tuple[str, ...]:
        return self.cron.warnings()


@dataclass(frozen=True, slots=True)
class IntervalTrigger(Trigger):
    """Elapsed time: the slots are `anchor + k * step`, k = 0, 1, 2 …, so nothing ever makes them drift."""

    anchor: datetime
    step: timedelta
    period: Period

    def next_after(self, moment: datetime) -> datetime | None:
        return self._slot(self._count_until(moment))

    def previous_before(self, moment: datetime) -> datetime | None:
        return self._slot(self._count_until(moment - _TICK) - 1)

    def count(self, after: datetime, until: datetime, at_most: int) -> int:
        return max(0, self._count_until(until) - self._count_until(after))

    def words(self) -> str:
        return f"Every {_without_one(self.period.words())}"

    def _count_until(self, moment: datetime) -> int:
        return max(0, (moment - self.anchor) // self.step + 1)

    def _slot(self, k: int) -> datetime | None:
        if k < 0:
            return None
        try:
            return self.anchor + k * self.step
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class CalendarTrigger(Trigger):
    """Calendar time: days, weeks, months and years keep the wall clock of the anchor in the zone.

    Months are counted from the anchor and end on the month's last day where they are too short: 31 January, 28
    February, 31 March. A wall time that the clock skips runs right after the gap.
    """

    anchor: datetime  # naive, in the zone
    period: Period
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime | None:
        k = max(0, self._index(moment) - 1)
        while (wall := self._wall(k)) is not None:
            slot = resolve(wall, self.zone)
            if slot is not None and slot > moment:
                return slot
            k += 1
        return None

    def previous_before(self, moment: datetime) -> datetime | None:
        for k in range(self._index(moment) + 1, -1, -1):
            wall = self._wall(k)
            slot = None if wall is None else resolve(wall, self.zone)
            if slot is not None and slot < moment:
                return slot
        return None

    def wall_after(self, moment: datetime) -> tuple[datetime, ZoneInfo] | None:
        shown = self._shown(moment)
        k = max(0, self._index(moment) - 1)
        while (wall := self._wall(k)) is not None:
            if wall > shown:
                return wall, self.zone
            k += 1
        return None

    def words(self) -> str:
        at, every = f"{self.anchor:%H:%M}", f"Every {_without_one(self.period.words())}"
        if self.anchor.second:
            at = f"{self.anchor:%H:%M:%S}"
        if self.period.days:
            return f"{every} on {self.anchor:%A} at {at}" if self.period.days % 7 == 0 else f"{every} at {at}"
        if self.period.months % 12 == 0:
            return f"{every} on {self.anchor.day} {self.anchor:%B} at {at}"
        return f"{every} on day {self.anchor.day} at {at}"

    def warnings(self) -> tuple[str, ...]:
        if self.period.months and self.anchor.day > 28:
            return (f"Months without a day {self.anchor.day} run on their last day.",)
        return ()

    def _shown(self, moment: datetime) -> datetime:
        return wall_to_datetime(clock_of(self.zone).wall(datetime_to_instant(moment)))

    def _index(self, moment: datetime) -> int:
        """About how many periods there are from the anchor to the moment; one off at most."""
        shown = self._shown(moment)
        if self.period.months:
            months = (shown.year - self.anchor.year) * 12 + shown.month - self.anchor.month
            return months // self.period.months
        return (shown - self.anchor) // timedelta(days=self.period.days)

    def _wall(self, k: int) -> datetime | None:
        """The k-th wall time; None beyond the calendar."""
        if self.period.days:
            days = self.anchor.toordinal() + k * self.period.days
            if days > datetime(_LAST_YEAR, 12, 31, tzinfo=UTC).toordinal():
                return None
            return datetime.combine(datetime.fromordinal(days), self.anchor.time())
        year, month = divmod(self.anchor.year * 12 + self.anchor.month - 1 + k * self.period.months, 12)
        if year > _LAST_YEAR:
            return None
        return self.anchor.replace(year=year, month=month + 1, day=min(self.anchor.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class OnceTrigger(Trigger):
    at: datetime
    zone: ZoneInfo
    wall: datetime | None = None  # as it was given, when without an offset

    def next_after(self, moment: datetime) -> datetime | None:
        return self.at if moment < self.at else None

    def previous_before(self, moment: datetime) -> datetime | None:
        return self.at if self.at < moment else None

    def wall_after(self, moment: datetime) -> tuple[datetime, ZoneInfo] | None:
        return None if self.wall is None or moment >= self.at else (self.wall, self.zone)

    def words(self) -> str:
        return f"Once, on {_moment_words(self.at, self.zone)}"


@dataclass(frozen=True, slots=True)
class ManualTrigger(Trigger):
    def next_after(self, moment: datetime) -> datetime | None:
        return None

    def previous_before(self, moment: datetime) -> datetime | None:
        return None

    def words(self) -> str:
        return "Only when started by hand"


@dataclass(frozen=True, slots=True)
class SeveralTriggers(Trigger):
    """The slots of all; one that several promise is one slot."""

    parts: tuple[Trigger, ...]

    def next_after(self, moment: datetime) -> datetime | None:
        return min((slot for part in self.parts if (slot := part.next_after(moment))), default=None)

    def previous_before(self, moment: datetime) -> datetime | None:
        return max((slot for part in self.parts if (slot := part.previous_before(moment))), default=None)

    def words(self) -> str:
        first, *others = dict.fromkeys(part.words() for part in self.parts)
        return "; ".join([first, *(words[0].lower() + words[1:] for words in others)])

    def warnings(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for part in self.parts for text in part.warnings()))


@dataclass(frozen=True, slots=True)
class WindowTrigger(Trigger):
    """The slots from `starts_at` to `ends_at`, both inclusive. A start hides slots, it does not move them."""

    inner: Trigger
    starts_at: datetime | None
    ends_at: datetime | None
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime | None:
        slot = self.inner.next_after(self._from(moment))
        return None if slot is None or (self.ends_at is not None and slot > self.ends_at) else slot

    def previous_before(self, moment: datetime) -> datetime | None:
        if self.ends_at is not None and moment > self.ends_at:
            moment = self.ends_at + _TICK
        slot = self.inner.previous_before(moment)
        return None if slot is None or (self.starts_at is not None and slot < self.starts_at) else slot

    def count(self, after: datetime, until: datetime, at_most: int) -> int:
        until = until if self.ends_at is None else min(until, self.ends_at)
        return self.inner.count(self._from(after), until, at_most)

    def wall_after(self, moment: datetime) -> tuple[datetime, ZoneInfo] | None:
        return self.inner.wall_after(self._from(moment))

    def words(self) -> str:
        start = f", from {_moment_words(self.starts_at, self.zone)}" if self.starts_at else ""
        end = f", until {_moment_words(self.ends_at, self.zone)}" if self.ends_at else ""
        return f"{self.inner.words()}{start}{end}"

    def warnings(self) -> tuple[str, ...]:
        return self.inner.warnings()

    def _from(self, moment: datetime) -> datetime:
        return self.starts_at - _TICK if self.starts_at is not None and moment < self.starts_at else moment


# -- from schedules to a trigger ------------------------------------------------------------------------------------


def trigger_of(
    schedules: Sequence[Schedule],
    *,
    seed: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Trigger:
    """The trigger of a job. `seed` is the job's id; a moment without an offset is in the schedule's zone.

    Raises `InvalidInput` with a sentence for each wrong field, as `schedule.expression`, or `schedule.0.expression`
    when there are several schedules; ValueError for an interval whose anchor is not set yet.
    """
    errors: dict[str, str] = {}
    parts = []
    for place, schedule in enumerate(schedules):
        try:
            parts.append(_part(schedule, seed))
        except InvalidInput as error:
            prefix = "schedule" if len(schedules) == 1 else f"schedule.{place}"
            errors |= {f"{prefix}.{field}": text for field, text in error.errors.items()}
    if not schedules:
        errors["schedule"] = "At least one schedule is expected. For none write the kind manual."
    if errors:
        raise InvalidInput(errors)
    trigger = parts[0] if len(parts) == 1 else SeveralTriggers(tuple(parts))
    return _in_window(trigger, _zone_of(schedules), starts_at, ends_at)


def _part(schedule: Schedule, seed: str) -> Trigger:
    if isinstance(schedule, CronSchedule):
        return _cron(schedule, seed)
    if isinstance(schedule, IntervalSchedule):
        return _interval(schedule)
    return _once(schedule) if isinstance(schedule, OnceSchedule) else ManualTrigger()


def _cron(schedule: CronSchedule, seed: str) -> Trigger:
    errors: dict[str, str] = {}
    try:
        cron = parse(schedule.expression, seed=seed)
    except InvalidInput as error:
        errors |= error.errors
    try:
        its_zone = zone(schedule.timezone)
    except InvalidInput as error:
        errors |= error.errors
    if errors:
        raise InvalidInput(errors)
    return CronTrigger(cron, its_zone)


def _interval(schedule: IntervalSchedule) -> Trigger:
    its_zone = zone(schedule.timezone)
    try:
        period = parse_every(schedule.every)
    except ValueError as error:
        raise InvalidInput.of("every", str(error)) from None
    if schedule.anchor is None:
        raise ValueError("The anchor of an interval must be set before its slots can be told.")
    anchor = _instant(schedule.anchor, its_zone, "anchor")
    if period.seconds:
        return IntervalTrigger(anchor, timedelta(seconds=period.seconds), period)
    shown = anchor.astimezone(its_zone) if schedule.anchor.tzinfo else schedule.anchor
    return CalendarTrigger(shown.replace(tzinfo=None, fold=0), period, its_zone)


def _once(schedule: OnceSchedule) -> Trigger:
    its_zone = zone(schedule.timezone)
    wall = None if schedule.at.tzinfo else schedule.at
    return OnceTrigger(_instant(schedule.at, its_zone, "at"), its_zone, wall)


def _in_window(trigger: Trigger, its_zone: ZoneInfo, start: datetime | None, end: datetime | None) -> Trigger:
    starts_at = None if start is None else _instant(start, its_zone, "starts_at")
    ends_at = None if end is None else _instant(end, its_zone, "ends_at")
    if starts_at is None and ends_at is None:
        return trigger
    if starts_at is not None and ends_at is not None and ends_at < starts_at:
        raise InvalidInput.of("ends_at", "The end is before the start. Use a later end, or an earlier start.")
    return WindowTrigger(trigger, starts_at, ends_at, its_zone)


def _instant(moment: datetime, its_zone: ZoneInfo, field: str) -> datetime:
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    instant = resolve(moment, its_zone)
    if instant is None:
        raise InvalidInput.of(field, f"{moment:%Y-%m-%d %H:%M} never happened in {its_zone.key}. Use another day.")
    return instant


def _zone_of(schedules: Sequence[Schedule]) -> ZoneInfo:
    names = [schedule.timezone for schedule in schedules if schedule.kind != "manual"]
    return zone(names[0] if names else "UTC")


# -- questions about the slots --------------------------------------------------------------------------------------


def slots_between(trigger: Trigger, after: datetime, until: datetime, limit: int) -> list[datetime]:
    """The slots after `after` and not after `until`, oldest first, `limit` at most."""
    slots: list[datetime] = []
    slot = trigger.next_after(after)
    while slot is not None and slot <= until and len(slots) < limit:
        slots.append(slot)
        slot = trigger.next_after(slot)
    return slots


def count_between(trigger: Trigger, after: datetime, until: datetime, at_most: int = MOST_COUNTED) -> int:
    """How many slots are after `after` and not after `until`; no list is made.

    An interval of elapsed time is reckoned at once and a cron day by day; what is left is counted one by one. The count
    ends after `at_most` steps.
    """
    return trigger.count(after, until, at_most)


def last_at_or_before(trigger: Trigger, moment: datetime, after: datetime) -> datetime | None:
    """The newest slot that is not after `moment` and after `after`."""
    slot = trigger.previous_before(moment + _TICK)
    return slot if slot is not None and slot > after else None


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
    return moment if starts_at is None else max(moment, starts_at - _TICK)


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
                yield _clock_note(trigger, wall, its_zone, slot)
        before = slot


def _clock_note(trigger: Trigger, wall: datetime, its_zone: ZoneInfo, slot: datetime | None) -> str:
    seconds = datetime_to_wall(wall)
    change = clock_of(its_zone).change(seconds)
    assert change is not None
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
    again = instant_to_datetime(seconds - change.after)
    if trigger.next_after(again - _TICK) == again:
        return f"{day}: {_hours(change.starts, change.ends)} happens twice in {its_zone.key}, runs both times"
    return f"{day}: {wall:%H:%M} happens twice in {its_zone.key}, runs the first time only"


def _hours(starts: int, ends: int) -> str:
    return f"{wall_to_datetime(starts):%H:%M} to {wall_to_datetime(ends):%H:%M}"


def _moment_words(moment: datetime, its_zone: ZoneInfo) -> str:
    shown = moment.astimezone(its_zone)
    seconds = ":%S" if shown.second else ""
    return f"{shown.day} {shown:%B %Y} at {shown.strftime('%H:%M' + seconds)}"


def _without_one(words: str) -> str:
    return words.removeprefix("1 ") if words.count(" ") == 1 else words

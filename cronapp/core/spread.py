"""Jobs that start in the same minute, each some minutes later: which offsets, and why some stay where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

from cronapp.core.cron import is_spread, later
from cronapp.core.draws import draw
from cronapp.core.durations import duration_words, parse_every
from cronapp.core.models import CronSchedule, IntervalSchedule, JobSpec, OnceSchedule, Schedule
from cronapp.core.zones import zone

MINUTE = timedelta(minutes=1)
PART = 0.15  # of the gap to its next slot that a job may be moved at most
LONGEST = 180  # minutes of a run that are reckoned with


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowded:
    """A job of the crowd: its slot there, the one after it, and how many seconds its runs take."""

    spec: JobSpec
    slot: datetime
    following: datetime | None
    takes: float

    @property
    def lasts(self) -> int:
        """How many minutes a run is in the way of others."""
        return min(max(1, ceil(self.takes / 60)), LONGEST)

    def room(self, within: int) -> int:
        """How many minutes later it may start."""
        gap = (self.following - self.slot).total_seconds() if self.following else within * 60 / PART
        return min(within, int(gap * PART // 60))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What to change in a job: its schedule, `offset` minutes later, or its jitter in seconds. Neither: it stays, and
    `why` says so."""

    job: str
    offset: int = 0
    schedule: tuple[Schedule, ...] | None = None
    jitter: float | None = None
    why: str | None = None

    @property
    def changes(self) -> bool:
        return self.schedule is not None or self.jitter is not None

    def applied(self, spec: JobSpec) -> JobSpec:
        return replace(
            spec,
            schedule=self.schedule or spec.schedule,
            jitter=spec.jitter if self.jitter is None else self.jitter,
        )


def spread(crowd: Sequence[Crowded], others: Sequence[int], within: int) -> list[Proposal]:
    """A proposal for each job of a crowd, in the order of their ids; the same one whenever it is asked for alike.

    `others` is how many further runs want to go on in each minute from the crowd's on; beyond its end none do. No job
    is moved by more than `within` minutes, nor by more than 15 % of the gap to its next slot, nor to another day. Each
    goes where the fewest meet, and of such places to the one nearest to its own share of the time, which its id
    decides. It stays where that is as good, so never do more meet than before.
    """
    load = [*others, *[0] * (within + LONGEST)]
    for one in crowd:
        add(load, 0, one.lasts, 1)
    # The number of the id decides, not its place in a list: whoever is new or gone moves the others little.
    order = sorted(crowd, key=lambda one: (draw(f"spread/{one.spec.id}"), one.spec.id))
    found = [_place(one, n / len(order), load, within) for n, one in enumerate(order)]
    return sorted(found, key=lambda proposal: proposal.job)


def add(load: list[int], at: int, minutes: int, count: int) -> None:
    for minute in range(at, at + minutes):
        load[minute] += count


def _place(one: Crowded, share: float, load: list[int], within: int) -> Proposal:
    room = one.room(within)
    moves = {0: one.spec.schedule} | {n: moved for n in range(1, room + 1) if (moved := _moved(one, n))}
    if len(moves) == 1:
        return _stays(one, room)
    add(load, 0, one.lasts, -1)
    wish = share * (room + 1)
    meets = {n: max(load[n : n + one.lasts]) for n in moves}
    best = min(moves, key=lambda n: (meets[n], abs(n - wish), n))
    best = best if meets[best] < meets[0] else 0
    add(load, best, one.lasts, 1)
    if best:
        return Proposal(job=one.spec.id, offset=best, schedule=moves[best])
    if meets[0] == max(meets.values()):
        return Proposal(job=one.spec.id, why="Moving it changes nothing: as many meet wherever it starts.")
    return Proposal(job=one.spec.id, why="It stays: the others make room for it.")


def _moved(one: Crowded, minutes: int) -> tuple[Schedule, ...] | None:
    """The schedule so many minutes later; None where that cannot be written, or would be another day."""
    if len(one.spec.schedule) != 1:
        return None
    schedule = one.spec.schedule[0]
    if isinstance(schedule, CronSchedule):
        text = None if is_spread(schedule.expression) else later(schedule.expression, minutes)
        return (replace(schedule, expression=text),) if text else None
    if not isinstance(schedule, IntervalSchedule) or schedule.anchor is None:
        return None
    where = zone(schedule.timezone)
    moved = one.slot + minutes * MINUTE
    calendar = not parse_every(schedule.every).seconds
    if calendar and moved.astimezone(where).date() != one.slot.astimezone(where).date():
        return None
    return (replace(schedule, anchor=schedule.anchor + minutes * MINUTE),)


def _stays(one: Crowded, room: int) -> Proposal:
    spec = one.spec
    pinned = any(isinstance(schedule, OnceSchedule) for schedule in spec.schedule)
    if pinned and len(spec.schedule) == 1:
        return Proposal(job=spec.id, why="It runs once, at the moment that somebody chose.")
    if room < 1:
        gap = duration_words((one.following - one.slot).total_seconds()) if one.following else ""
        return Proposal(job=spec.id, why=f"It runs again after {gap} already, so there is no room to move it.")
    if spec.jitter:
        return Proposal(job=spec.id, why=f"Its jitter of {duration_words(spec.jitter)} spreads it already.")
    if any(isinstance(one, CronSchedule) and is_spread(one.expression) for one in spec.schedule):
        return Proposal(job=spec.id, why="Its id decides over its minute already.")
    return Proposal(job=spec.id, jitter=float(room * 60))

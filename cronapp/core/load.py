"""How many runs will want to go on side by side, and which will wait: slots and usual durations against the limits."""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cronapp.core.models import Overlap
from cronapp.core.routing import Line

MINUTE = 60.0
USUAL = Line("default")


@dataclass(frozen=True, slots=True)
class Due:
    """A run that becomes due `at`, and takes so long; seconds since the start. `job` is its place in the list."""

    at: float
    takes: float
    job: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What of a job decides how its runs meet."""

    line: Line = USUAL
    group: str | None = None
    overlap: Overlap = Overlap.SKIP
    max_running: int = 1

    @property
    def at_once(self) -> int:
        """How many of its runs go on side by side. One that cancels another goes on alone, in its place."""
        return 1 if self.overlap is Overlap.CANCEL_RUNNING else self.max_running

    @property
    def waiting(self) -> float:
        """How many of its own runs may wait for one of them."""
        return {Overlap.QUEUE: 1.0, Overlap.QUEUE_ALL: float("inf")}.get(self.overlap, 0.0)


@dataclass(frozen=True, slots=True)
class Places:
    """How many may run side by side: of all, of each queue and each group that has a limit, and of those that ask for
    the same labels, where not everybody has them."""

    overall: int
    queues: Mapping[str, int] = field(default_factory=dict)
    lines: Mapping[Line, int] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Course:
    """What becomes of the runs, in the order in which they are due; a run that a rule skips is not in it."""

    at: array[float] = field(default_factory=lambda: array("d"))
    start: array[float] = field(default_factory=lambda: array("d"))
    end: array[float] = field(default_factory=lambda: array("d"))
    job: array[int] = field(default_factory=lambda: array("l"))
    skipped: int = 0

    def between(self, since: float, until: float) -> range:
        """The places of the runs due from `since` on and before `until`."""
        return range(bisect_left(self.at, since), bisect_left(self.at, until))


def course_of(dues: Sequence[Due], rules: Sequence[Rules], places: Places, running: Sequence[Due] = ()) -> Course:
    """Carries the runs out in thought. `dues` are in the order of `at`; `running` go on at the start, and `takes` is
    what is left of them. First come, first served; priorities and rates are not reckoned with."""
    house = _House(rules, places)
    for one in running:
        house.of_job[one.job] += 1
        house.begin(0.0, one.takes, one.job)
    for due in dues:
        house.come(due)
    house.end_until(float("inf"))
    return house.course


class _House:
    """What runs and waits at a moment."""

    def __init__(self, rules: Sequence[Rules], places: Places) -> None:
        self.rules, self.places = rules, places
        self.course = Course()
        self.takes: list[float] = []
        self.ends: list[tuple[float, int]] = []
        self.running = 0
        self.of_queue: Counter[str] = Counter()
        self.of_line: Counter[Line] = Counter()
        self.of_group: Counter[str] = Counter()
        self.of_job: Counter[int] = Counter()  # that run, or wait for a place
        self.behind: dict[int, list[int]] = {}  # that wait for a run of their own job
        self.waits: dict[tuple[Line, str | None], list[int]] = {}  # for a place, by what they need one of
        self.lined = 0  # so many wait in them

    def come(self, due: Due) -> None:
        self.end_until(due.at)
        rule, job = self.rules[due.job], due.job
        behind = self.behind.get(job, [])
        full = self.of_job[job] >= rule.at_once
        if full and len(behind) >= rule.waiting:
            self.course.skipped += 1
            return
        number = len(self.takes)
        self.takes.append(due.takes)
        self.course.at.append(due.at)
        self.course.start.append(due.at)
        self.course.end.append(due.at)
        self.course.job.append(job)
        if full:
            self.behind.setdefault(job, []).append(number)
        elif not self.lined and self.running < self.places.overall and self._has_place(rule.line, rule.group):
            self.of_job[job] += 1  # nobody is before it: it need not line up
            self._start(number, due.at)
        else:
            self._line_up(number)
            self._fill(due.at)

    def begin(self, at: float, takes: float, job: int) -> None:
        rule = self.rules[job]
        self.running += 1
        self.of_queue[rule.line.queue] += 1
        self.of_line[rule.line] += 1
        if rule.group:
            self.of_group[rule.group] += 1
        heapq.heappush(self.ends, (at + takes, job))

    def end_until(self, moment: float) -> None:
        while self.ends and self.ends[0][0] <= moment:
            at, job = heapq.heappop(self.ends)
            rule = self.rules[job]
            self.running -= 1
            self.of_queue[rule.line.queue] -= 1
            self.of_line[rule.line] -= 1
            if rule.group:
                self.of_group[rule.group] -= 1
            self.of_job[job] -= 1
            if behind := self.behind.get(job):
                self._line_up(behind.pop(0))
            if self.lined:
                self._fill(at)

    def _line_up(self, number: int) -> None:
        job = self.course.job[number]
        rule = self.rules[job]
        self.of_job[job] += 1
        self.lined += 1
        heapq.heappush(self.waits.setdefault((rule.line, rule.group), []), number)

    def _fill(self, at: float) -> None:
        while self.lined and self.running < self.places.overall:
            fit = [(line[0], need) for need, line in self.waits.items() if line and self._has_place(*need)]
            if not fit:
                return
            number, need = min(fit)
            heapq.heappop(self.waits[need])
            self.lined -= 1
            self._start(number, at)

    def _start(self, number: int, at: float) -> None:
        self.course.start[number] = at
        self.course.end[number] = at + self.takes[number]
        self.begin(at, self.takes[number], self.course.job[number])

    def _has_place(self, line: Line, group: str | None) -> bool:
        places = self.places
        if self.of_queue[line.queue] >= places.queues.get(line.queue, places.overall):
            return False
        if self.of_line[line] >= places.lines.get(line, places.overall):
            return False
        return group is None or self.of_group[group] < self.places.groups.get(group, 1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of time: how many became due, how many wanted to run at once at most, how many of those waited, how
    many of the due ones had to wait, and how long at most."""

    at: float
    due: int = 0
    peak: int = 0
    waiting: int = 0
    held: int = 0
    longest: float = 0.0


def buckets_of(course: Course, until: float, step: float = MINUTE) -> list[Bucket]:
    """The course by stretches of `step` seconds, from the start on."""
    count = int(until // step)
    wanting = _peaks(course.at, course.end, count, step)
    waiting = _peaks(course.at, course.start, count, step)
    due, held, longest = [0] * count, [0] * count, [0.0] * count
    for at, start in zip(course.at, course.start, strict=True):
        place = int(at // step)
        if place < count:
            due[place] += 1
            if start > at:
                held[place] += 1
                longest[place] = max(longest[place], start - at)
    return [Bucket(n * step, due[n], wanting[n], waiting[n], held[n], longest[n]) for n in range(count)]


def coarser(buckets: Sequence[Bucket], times: int) -> list[Bucket]:
    """So many stretches as one."""
    return [_together(buckets[n : n + times]) for n in range(0, len(buckets), times)]


def _together(some: Sequence[Bucket]) -> Bucket:
    return Bucket(
        some[0].at,
        sum(one.due for one in some),
        max(one.peak for one in some),
        max(one.waiting for one in some),
        sum(one.held for one in some),
        max(one.longest for one in some),
    )


def _peaks(since: Sequence[float], until: Sequence[float], count: int, step: float) -> list[int]:
    """How many stretches of time lie over each other at most, within each of `count` steps."""
    changes: dict[float, int] = {}
    for at, end in zip(since, until, strict=True):
        if end > at:
            changes[at] = changes.get(at, 0) + 1
            changes[end] = changes.get(end, 0) - 1
    peaks, level, here = [0] * count, 0, 0
    for at in sorted(changes):
        place = int(at // step)
        for n in range(here + 1, min(place, count)):
            peaks[n] = level
        if place >= count:
            break
        if here < place < at / step:  # what goes on reaches into this step
            peaks[place] = level
        here, level = place, level + changes[at]
        peaks[place] = max(peaks[place], level)
    return peaks


def crowds(buckets: Sequence[Bucket], most: int = 5, apart: float = 15 * MINUTE) -> list[Bucket]:
    """The worst moments, the worst first: those where most wait and longest, else where most want to run. None of them
    within `apart` seconds of a worse one."""
    crowded = [one for one in buckets if one.due > 1]
    # By whole minutes: of what is as bad on several days the next one comes first.
    crowded.sort(key=lambda one: (-one.held, -round(one.longest / 60), -one.peak * (not one.held), one.at))
    found: list[Bucket] = []
    for one in crowded:
        if all(abs(one.at - other.at) >= apart for other in found):
            found.append(one)
            if len(found) == most:
                break
    return found

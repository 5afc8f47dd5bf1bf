"""The load forecast: the slots of all active jobs with their usual durations, carried out in thought."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from cronapp.core.amendments import wanted_slots_of
from cronapp.core.clock import Clock
from cronapp.core.draws import jittered
from cronapp.core.events import Event, JobChanged, LimitsChanged, NodesChanged, Resync, SchedulerChanged
from cronapp.core.limits import GROUP_AT_ONCE, Limit
from cronapp.core.load import Bucket, Course, Due, Places, Rules, buckets_of, course_of, crowds
from cronapp.core.models import CronSchedule, Job, JobState, Node, Run, Schedule, SlotChange
from cronapp.core.routing import Line, line_of
from cronapp.core.spec import zone_of
from cronapp.core.timeline import floored
from cronapp.core.triggers import count_between, slots_between
from cronapp.service.blackouts import Blackouts
from cronapp.store import jobs, limits, nodes, runs
from cronapp.store.store import Conn, Store

MINUTE = timedelta(minutes=1)
HORIZONS = (timedelta(days=7), timedelta(days=3), timedelta(hours=24), timedelta(hours=6), timedelta(hours=1))
MOST_SLOTS = 100_000  # reckoned with; of more, the time that is looked ahead is shorter
MOST_JOBS = 5_000  # whose own durations are looked up; those of the others are thought to be as usual
UNKNOWN = 1.0  # seconds that a run is thought to take where nothing at all is known
SPREAD = re.compile(r"(?:^|[\s,])H|~")
LASTS = timedelta(minutes=5)
CALM = timedelta(seconds=10)  # after a change, so that a hundred of them are one

Shared = tuple[tuple[Schedule, ...], datetime | None, datetime | None, str, tuple[SlotChange, ...]]
"""What decides over a job's slots. Jobs that share it, share the slots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the forecast is made of."""

    jobs: list[Job]
    usual: dict[int, float]  # by the jobs' keys
    places: Places
    running: list[Run]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is ahead from `start` on. `minutes` are the stretches of it."""

    start: datetime
    until: datetime
    asked: timedelta  # how far ahead it would look, if there were not too many slots
    limit: int
    jobs: list[Job]
    takes: list[float]  # seconds that a run of each job takes
    assumed: int  # jobs of which nothing is known
    course: Course
    minutes: list[Bucket]
    places: Places

    @property
    def cut(self) -> bool:
        return self.until - self.start < self.asked

    def moment(self, bucket: Bucket) -> datetime:
        return self.start + timedelta(seconds=bucket.at)

    def crowds(self, most: int = 5) -> list[Bucket]:
        """The worst moments; the same jobs at another day's same time are told once."""
        found: list[Bucket] = []
        seen: set[frozenset[str]] = set()
        for one in crowds(self.minutes, most * 10):
            who = frozenset(job.id for job in self.members(one))
            if who not in seen:
                seen.add(who)
                found.append(one)
        return found[:most]

    def members(self, bucket: Bucket) -> list[Job]:
        """The jobs of which a run is due in a minute, in the order of their ids."""
        places = {self.course.job[n] for n in self.course.between(bucket.at, bucket.at + 60)}
        return sorted((self.jobs[place] for place in places), key=lambda job: job.id)

    def at(self, moment: datetime) -> Bucket | None:
        """The minute of a moment, if it is looked at."""
        place = (moment - self.start) // MINUTE
        return self.minutes[place] if 0 <= place < len(self.minutes) else None


class Loads:
    def __init__(self, store: Store, blackouts: Blackouts, clock: Clock, concurrency: int) -> None:
        """`concurrency`: how many may run side by side where no process is known that executes runs."""
        self.store = store
        self.blackouts = blackouts
        self.clock = clock
        self.concurrency = concurrency
        self._kept: Load | None = None
        self._made: datetime | None = None
        self._old = False
        self._making = asyncio.Lock()

    def heed(self, event: Event) -> None:
        """A job, a limit, the scheduler or who executes runs changed."""
        if isinstance(event, JobChanged | LimitsChanged | NodesChanged | SchedulerChanged | Resync):
            self._old = True

    async def look(self, *, fresh: bool = False) -> Load:
        """The forecast, made anew when something changed (but not more often than all ten seconds, unless `fresh`) or
        when it is five minutes old."""
        async with self._making:
            now = self.clock()
            if self._kept and self._made and not (fresh and self._old):
                age = now - self._made
                if timedelta(0) <= age < (CALM if self._old else LASTS):
                    return self._kept
            self._old = False
            known = await self.known()
            self._kept = await asyncio.to_thread(self.forecast, known, now)
            self._made = now
            return self._kept

    async def lately(self) -> Load:
        """The forecast as it was made last, if that is not twice as old as one lasts: a page need not wait for it."""
        if self._kept and self._made and timedelta(0) <= self.clock() - self._made < 2 * LASTS:
            return self._kept
        return await self.look()

    async def known(self) -> Known:
        def ask(conn: Conn) -> Known:
            active = [job for job in jobs.all_jobs(conn) if job.state is JobState.ACTIVE]
            usual = runs.usual(conn, [job.key for job in active[:MOST_JOBS]])
            named = {line_of(job.spec) for job in active}
            places = places_of(limits.all_limits(conn), self.concurrency, nodes.all_nodes(conn), named)
            return Known(
                jobs=active,
                usual={key: told.median for key, told in usual.items()},
                places=places,
                running=runs.running(conn),
            )

        return await self.store.read(ask)

    def forecast(self, known: Known, now: datetime) -> Load:
        """In a thread: it may take a second."""
        start = floored(now, MINUTE)
        usual = median(known.usual.values()) if known.usual else UNKNOWN
        takes = [known.usual.get(job.key, usual) for job in known.jobs]
        until = self._horizon(known.jobs, now)
        dues = sorted(self._dues(known.jobs, takes, now, until, start), key=lambda due: due.at)
        rules = [rules_of(job) for job in known.jobs]
        course = course_of(dues, rules, known.places, running_on(known, takes, now, start))
        return Load(
            start=start,
            until=until,
            asked=HORIZONS[0],
            limit=known.places.overall,
            jobs=known.jobs,
            takes=takes,
            assumed=len(known.jobs) - len(known.usual),
            course=course,
            minutes=buckets_of(course, (until - start).total_seconds()),
            places=known.places,
        )

    def _horizon(self, listed: Sequence[Job], now: datetime) -> datetime:
        """How far ahead there are not more slots than can be reckoned with."""
        shared: dict[Shared, list[Job]] = {}
        for job in listed:
            shared.setdefault(shared_of(job), []).append(job)
        for horizon in HORIZONS:
            end = floored(now, MINUTE) + horizon
            slots = sum(
                len(some) * count_between(wanted_slots_of(some[0]), now, end, MOST_SLOTS) for some in shared.values()
            )
            if slots <= MOST_SLOTS:
                break
        return end

    def _dues(
        self, listed: Sequence[Job], takes: Sequence[float], now: datetime, until: datetime, start: datetime
    ) -> list[Due]:
        slots: dict[Shared, list[datetime]] = {}
        dues: list[Due] = []
        for place, job in enumerate(listed):
            key = shared_of(job)
            if key not in slots:
                slots[key] = slots_between(wanted_slots_of(job), now, until, MOST_SLOTS)
            for slot in self._own(job, slots[key]):
                if len(dues) >= MOST_SLOTS:
                    return dues
                at = (jittered(slot, job.spec.jitter, job.id) or slot) - start
                dues.append(Due(at.total_seconds(), takes[place], place))
        return dues

    def _own(self, job: Job, slots: list[datetime]) -> list[datetime]:
        """The slots that get a run: as many as `max_runs` leaves, and none within a blackout."""
        spec = job.spec
        if spec.blackouts:
            zone = zone_of(spec)
            slots = [slot for slot in slots if self.blackouts.covering(spec.blackouts, slot, zone) is None]
        return slots if spec.max_runs is None else slots[: max(0, spec.max_runs - job.slots_used)]


def shared_of(job: Job) -> Shared:
    spec = job.spec
    texts = [one.expression for one in spec.schedule if isinstance(one, CronSchedule)]
    own = any(SPREAD.search(text) for text in texts)  # such a value is spread by the job's id
    return spec.schedule, spec.starts_at, spec.ends_at, spec.id if own else "", job.slot_changes


def rules_of(job: Job) -> Rules:
    spec = job.spec
    return Rules(line_of(spec), spec.group, spec.overlap, spec.max_running)


def places_of(
    given: Sequence[Limit], concurrency: int, fleet: Sequence[Node] = (), named: Collection[Line] = ()
) -> Places:
    """The limits of queues and groups, and the places of who serves each of the queues that are named, and has the
    labels that are asked for there; a group that has no limit runs one at a time, and what nobody serves just now is
    reckoned with as if all did."""
    queues = {one.name: one.max_running for one in given if one.kind == "queue" and one.max_running}
    groups = {one.name: one.max_running or GROUP_AT_ONCE for one in given if one.kind == "group"}
    open_ones = [node for node in fleet if node.draining is None]
    overall = sum(node.concurrency for node in open_ones) or concurrency

    def served(line: Line) -> int:
        return sum(node.concurrency for node in open_ones if node.serves(line.queue, line.asks))

    for queue in {line.queue for line in named}:
        if 0 < (there := served(Line(queue))) < overall:
            queues[queue] = min(there, queues.get(queue, there))
    lines = {line: there for line in named if line.labels and (there := served(line))}
    return Places(overall, queues, lines, groups)


def running_on(known: Known, takes: Sequence[float], now: datetime, start: datetime) -> list[Due]:
    """What goes on, with what is left of it; one that takes longer than usual may end at any moment."""
    places = {job.key: place for place, job in enumerate(known.jobs)}
    past = (now - start).total_seconds()
    found = []
    for run in known.running:
        place = places.get(run.job_key)
        if place is not None and run.started_at:
            left = max(0.0, takes[place] - (now - run.started_at).total_seconds())
            found.append(Due(0.0, past + left, place))
    return found

"""The figures of the overview: what runs, what the last day brought, how late runs start, which slots were kept.

Hours that are over are counted once and kept, so that a page which is open all day costs the present hour only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from cronapp.core.amendments import slots_of
from cronapp.core.clock import Clock
from cronapp.core.ledger import Verdict
from cronapp.core.models import RETRIED_STATES, JobState, Run, RunState
from cronapp.core.timeline import floored
from cronapp.core.triggers import count_between
from cronapp.core.usual import Usual
from cronapp.service.promises import HOUR, TICK, Kept, of_fate, strip
from cronapp.store import jobs, overview, runs
from cronapp.store.store import Conn, Store

DAY, WEEK = timedelta(days=1), timedelta(days=7)
SETTLED = timedelta(minutes=1)  # after an hour's end nothing more is written of it
NEWEST = 500  # runs of which the delay is told
MOST_HELD = 20  # jobs that need attention, whose slots are counted
MOST_SLOTS = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HourOfRuns:
    """What ended within an hour."""

    at: datetime
    counts: Counter[RunState]

    @property
    def succeeded(self) -> int:
        return self.counts[RunState.SUCCEEDED]

    @property
    def failed(self) -> int:
        return sum(self.counts[state] for state in RETRIED_STATES)

    @property
    def without(self) -> int:
        """Slots that had no run."""
        return self.counts[RunState.SKIPPED] + self.counts[RunState.MISSED]

    @property
    def cancelled(self) -> int:
        return self.counts[RunState.CANCELLED]


@dataclass(frozen=True, slots=True)
class Totals:
    """What ended within a day."""

    succeeded: int
    failed: int

    @property
    def runs(self) -> int:
        return self.succeeded + self.failed

    @property
    def share(self) -> float | None:
        """Of them the part that succeeded, from 0 to 1; None: there were none."""
        return self.succeeded / self.runs if self.runs else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    jobs: int
    running: int
    queued: int
    hours: tuple[HourOfRuns, ...]  # 24, the oldest first
    before: Totals  # the same hours of the day before
    p95: float | None  # of 20 runs 19 started no later than so many seconds after their slots
    delays: int  # runs of which this was learnt

    @property
    def today(self) -> Totals:
        return totals(hour.counts for hour in self.hours)


@dataclass(frozen=True, slots=True)
class Going:
    """A run that goes on, and what is usual for its job."""

    run: Run
    usual: Usual | None


class Hours(Generic[T]):
    """Answers by the hour, those of hours that are over kept. `ask` answers a stretch of time that begins with an hour;
    an hour of which there is nothing is not in it."""

    def __init__(self, ask: Callable[[Conn, datetime, datetime], dict[datetime, T]]) -> None:
        self._ask = ask
        self._kept: tuple[datetime, datetime, dict[datetime, T]] | None = None  # from, until, and what was between

    def look(self, conn: Conn, since: datetime, now: datetime) -> dict[datetime, T]:
        """The hours from that of `since` until now. Several threads may ask at once: each leaves a whole answer."""
        first, over = floored(since, HOUR), floored(now - SETTLED, HOUR)
        begin, end, kept = self._kept or (first, first, {})
        if not begin <= first <= end <= over:  # the first time, or the clock was set back
            end, kept = first, {}
        kept = {hour: told for hour, told in kept.items() if hour >= first}
        if end < over:
            kept |= self._ask(conn, end, over)
        self._kept = first, over, kept
        return kept | self._ask(conn, over, now + TICK)


class Pulse:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self._ended = Hours(overview.ended_by_hour)
        self._slots = Hours(overview.slots_ended)

    async def figures(self) -> Figures:
        return await self.store.read(self._figures, self.clock())

    async def kept(self) -> Kept:
        """This week's promises of all jobs together, in figures and by the hour. A slot counts once its run has ended,
        or once it is sure that it has none."""
        return await self.store.read(self._all_kept, self.clock())

    async def going(self, limit: int) -> list[Going]:
        """What runs now, the longest first."""

        def ask(conn: Conn) -> list[Going]:
            return [Going(run, runs.usual_before(conn, run)) for run in runs.running(conn, limit)]

        return await self.store.read(ask)

    def _figures(self, conn: Conn, now: datetime) -> Figures:
        first = floored(now, HOUR) - 23 * HOUR
        ended = self._ended.look(conn, first - DAY, now)
        # The day before ends where today does: at this minute, which lies within an hour.
        part = overview.ended_by_hour(conn, floored(now, HOUR) - DAY, now - DAY + TICK)
        before = [counts for hour, counts in ended.items() if hour < floored(now, HOUR) - DAY]
        delays = sorted(overview.delays(conn, NEWEST))
        counts = runs.counts_by_state(conn)
        return Figures(
            jobs=jobs.total(conn),
            running=counts.get(RunState.RUNNING, 0),
            queued=counts.get(RunState.QUEUED, 0),
            hours=tuple(HourOfRuns(first + n * HOUR, ended.get(first + n * HOUR, Counter())) for n in range(24)),
            before=totals([*before, *part.values()]),
            p95=delays[-(-len(delays) * 95 // 100) - 1] if delays else None,
            delays=len(delays),
        )

    def _all_kept(self, conn: Conn, now: datetime) -> Kept:
        since = now - WEEK
        hours: dict[datetime, Counter[Verdict]] = {}
        worst = 0.0
        told = [one for some in self._slots.look(conn, since, now).values() for one in some]
        for one in told:
            if one.hour >= since:  # an older slot, caught up with within the week, is not this week's promise
                verdict = of_fate(one.fate)
                hours.setdefault(one.hour, Counter())[verdict] += one.slots
                worst = max(worst, one.worst_late if verdict is Verdict.LATE else 0.0)
        if held := self._held(conn, since, now):
            hours.setdefault(floored(now, HOUR), Counter())[Verdict.HELD] += held
        return Kept(sum(hours.values(), Counter()), worst, tuple(strip(hours, since, now)))

    def _held(self, conn: Conn, since: datetime, now: datetime) -> int:
        """The slots that have no row because their jobs need attention. They are told at the present hour."""
        found = jobs.in_state(conn, JobState.NEEDS_ATTENTION, MOST_HELD)
        return sum(
            count_between(slots_of(job), max(since, job.last_slot), now, MOST_SLOTS) for job in found if job.last_slot
        )


def totals(hours: Iterable[Counter[RunState]]) -> Totals:
    counts = sum(hours, Counter[RunState]())
    return Totals(counts[RunState.SUCCEEDED], sum(counts[state] for state in RETRIED_STATES))

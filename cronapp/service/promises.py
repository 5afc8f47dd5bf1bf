"""How a job kept its promises: each slot of a stretch of time is counted, none is listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf

from cronapp.core.amendments import skipped_between, slots_of, wanted_slots_of
from cronapp.core.ledger import BROKEN, WORST_FIRST, Verdict, entry_of, open_verdict, verdict_of
from cronapp.core.models import Job, JobState, Run
from cronapp.core.triggers import Trigger, count_between
from cronapp.store import ledger, pauses
from cronapp.store.ledger import EACH_FATE, Fate
from cronapp.store.store import Conn

TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
MOST_WALKED = 10_000  # slots of several schedules at once, which are found one by one
OPEN_STATES = (JobState.ACTIVE, JobState.PAUSED, JobState.NEEDS_ATTENTION)


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of the strip: the worst that became of its slots, and how many had which fate."""

    at: datetime
    counts: Counter[Verdict]

    @property
    def worst(self) -> Verdict | None:
        return next((verdict for verdict in WORST_FIRST if self.counts[verdict]), None)


@dataclass(frozen=True, slots=True)
class Kept:
    """How a job kept its promises since a moment."""

    counts: Counter[Verdict]
    worst_late: float  # seconds
    hours: tuple[Hour, ...]  # oldest first

    @property
    def promised(self) -> int:
        """The slots that count: not those that somebody wanted to have no run, nor those that are still open."""
        return self.counts[Verdict.RAN] + sum(self.counts[verdict] for verdict in BROKEN)

    @property
    def share(self) -> float | None:
        """Of these the part that ran on time, from 0 to 1; None: there were none."""
        return self.counts[Verdict.RAN] / self.promised if self.promised else None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Slots from `first` on and before `end` that share a fate. Where the schedule tells no longer which they are, or
    takes long to, they are thought to be spread evenly."""

    trigger: Trigger
    first: datetime
    end: datetime
    slots: int

    def by_hour(self, since: datetime) -> Counter[datetime]:
        """How many lie in each hour, of those from `since` on."""
        counts: Counter[datetime] = Counter()
        start, told = max(since, self.first), self.told()
        while start < self.end:
            until = min(hour_of(start) + HOUR, self.end)
            counts[hour_of(start)] = (
                count_between(self.trigger, start - TICK, until - TICK) if told else self._even(start, until)
            )
            start = until
        return +counts

    def told(self) -> bool:
        """Whether the schedule still tells which they are."""
        return count_between(self.trigger, self.first - TICK, self.end - TICK, MOST_WALKED) == self.slots

    def _even(self, start: datetime, until: datetime) -> int:
        span = self.end - self.first
        return round(self.slots * ((until - self.first) / span)) - round(self.slots * ((start - self.first) / span))


def tally(conn: Conn, job: Job, since: datetime, now: datetime) -> Kept:
    """Counts the slots from `since` until now."""
    trigger = slots_of(job)
    hours: dict[datetime, Counter[Verdict]] = {}
    worst = 0.0
    for told in ledger.counted(conn, job.key, since, now + TICK):
        verdict = of_fate(told.fate)
        hours.setdefault(told.hour, Counter())[verdict] += told.slots
        worst = max(worst, told.worst_late if verdict is Verdict.LATE else 0.0)
    for verdict, hour, slots in [
        *in_gaps(conn, job, trigger, since, now + TICK),
        *unsettled_hours(conn, job, since, now),
    ]:
        hours.setdefault(hour, Counter())[verdict] += slots
    return Kept(sum(hours.values(), Counter()), worst, tuple(strip(hours, since, now)))


def of_fate(fate: Fate) -> Verdict:
    return verdict_of(fate.state, fate.cause, (inf if fate.late else 0.0) if fate.started else None)


def fates_with(verdicts: Collection[Verdict]) -> list[Fate]:
    """What rows can say that amounts to one of these."""
    return [fate for fate in EACH_FATE.values() if of_fate(fate) in verdicts]


def in_gaps(
    conn: Conn, job: Job, trigger: Trigger, since: datetime, edge: datetime
) -> Iterator[tuple[Verdict, datetime, int]]:
    """The slots that rows of several slots stand for besides their newest, by the hour, without those that were run
    after all."""
    found = ledger.gaps(conn, job.key, since, edge)
    own = ledger.run_after_all(conn, job.key, since, edge) if found else {}
    for gap in found:
        verdict, after_all = entry_of([gap]).verdict, Counter(hour_of(slot) for slot in own.get(gap.id, ()))
        for hour, slots in older_of(gap, trigger).by_hour(since).items():
            yield verdict, hour, max(0, slots - after_all[hour])


def older_of(gap: Run, trigger: Trigger) -> Stretch:
    assert gap.slot
    assert gap.missed_since
    return Stretch(trigger, gap.missed_since, gap.slot, gap.missed - 1)


def unsettled_hours(conn: Conn, job: Job, since: datetime, now: datetime) -> Iterator[tuple[Verdict, datetime, int]]:
    """The slots that have passed and that nobody has settled yet, by the hour."""
    if job.state not in OPEN_STATES or job.last_slot is None:
        return
    start = max(since, job.last_slot + TICK)
    verdict, _ = open_verdict(job, pauses.scheduler_pause(conn), timedelta())
    wanted = wanted_slots_of(job)
    passed = Stretch(wanted, start, now + TICK, count_between(wanted, start - TICK, now))
    for hour, slots in passed.by_hour(since).items():
        yield verdict, hour, slots
    for skipped in skipped_between(job, start - TICK, now):
        yield Verdict.BY_HAND, hour_of(skipped.slot), 1


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def strip(hours: dict[datetime, Counter[Verdict]], since: datetime, now: datetime) -> Iterator[Hour]:
    """Whole hours only, but for the present one."""
    hour = hour_of(since) + HOUR
    while hour <= now:
        yield Hour(hour, hours.get(hour, Counter()))
        hour += HOUR

"""The ledger: every slot that a job promised, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cronapp.core.clock import Clock
from cronapp.core.ledger import BROKEN, WORST_FIRST, SlotEntry, Verdict, entry_of, open_verdict, unsettled
from cronapp.core.models import Job, JobState, Run
from cronapp.core.spec import trigger_for
from cronapp.core.triggers import Trigger, count_between
from cronapp.service.jobs import found
from cronapp.store import ledger
from cronapp.store.store import Conn, Store

WEEK = timedelta(days=7)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
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


class Ledger:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def page(
        self,
        job_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        before: datetime | None = None,
        limit: int = 50,
    ) -> tuple[list[SlotEntry], datetime | None]:
        """The slots from `since` (a week ago) to `until` (now), the newest first, and the moment before which the next
        page goes on, if there are more."""
        now = self.clock()
        edge = min(moment for moment in (until, before, now + TICK) if moment)
        start = since or now - WEEK

        def ask(conn: Conn) -> list[SlotEntry]:
            job = found(conn, job_id)
            return newest(conn, job, start, edge, now, limit + 1)

        entries = await self.store.read(ask)
        return entries[:limit], entries[limit - 1].slot if len(entries) > limit else None

    async def kept(self, job: Job) -> Kept:
        """This week's promises, in figures and by the hour."""
        now = self.clock()
        return await self.store.read(lambda conn: tally(conn, job, now - WEEK, now))


def newest(conn: Conn, job: Job, since: datetime, edge: datetime, now: datetime, limit: int) -> list[SlotEntry]:
    """The newest `limit` entries before `edge`."""
    trigger = trigger_for(job.spec)
    own = ledger.before(conn, job.key, since, edge, limit)
    entries = {slot: entry_of(attempts) for slot, attempts in own.items()}
    for slot in open_slots(job, trigger, since, edge, limit):
        entries.setdefault(slot, unsettled(job, slot, now))
    gaps = [run for attempts in own.values() for run in attempts if run.missed > 1]
    for gap in [*gaps, *ledger.reaching(conn, job.key, edge)]:
        for entry in spread(gap, trigger, since, edge, limit):
            if entry.slots > 1 or entry.slot not in entries:
                entries[entry.slot] = entry
    return [entries[slot] for slot in sorted(entries, reverse=True)[:limit]]


def open_slots(job: Job, trigger: Trigger, since: datetime, edge: datetime, limit: int) -> Iterator[datetime]:
    """The newest slots that have passed and that nobody has settled yet."""
    if job.state in OPEN_STATES and job.last_slot:
        yield from back_from(trigger, edge, max(since, job.last_slot + TICK), limit)


def back_from(trigger: Trigger, edge: datetime, since: datetime, limit: int) -> Iterator[datetime]:
    slot = trigger.previous_before(edge)
    while slot is not None and slot >= since and limit > 0:
        yield slot
        limit -= 1
        slot = trigger.previous_before(slot)


def spread(gap: Run, trigger: Trigger, since: datetime, edge: datetime, limit: int) -> Iterator[SlotEntry]:
    """The slots that a row stands for, one by one where the schedule still tells which they are."""
    assert gap.slot
    assert gap.missed_since
    entry = entry_of([gap])
    if count_between(trigger, gap.missed_since - TICK, gap.slot) != gap.missed:
        if gap.slot < edge:
            yield replace(entry, slots=gap.missed, since=gap.missed_since)
        return
    for slot in back_from(trigger, min(edge, gap.slot + TICK), max(since, gap.missed_since), limit):
        yield replace(entry, slot=slot)


def tally(conn: Conn, job: Job, since: datetime, now: datetime) -> Kept:
    """Counts without listing: a row that stands for many slots counts for as many as lie in the time."""
    trigger = trigger_for(job.spec)
    counts: Counter[Verdict] = Counter()
    hours: dict[datetime, Counter[Verdict]] = {}
    worst = 0.0
    for slot, attempts in ledger.before(conn, job.key, since, now + TICK, ledger.MOST).items():
        entry = entry_of(attempts)
        many = attempts[0].missed
        if many > 1 and attempts[0].missed_since:
            first = max(since, attempts[0].missed_since)
            many = many if first == attempts[0].missed_since else count_between(trigger, first - TICK, slot)
            verdict = entry_of(attempts[:1]).verdict
            note(hours, verdict, first, slot - TICK, trigger)
            counts[verdict] += many - 1
        counts[entry.verdict] += 1
        note(hours, entry.verdict, slot, slot, trigger)
        if entry.verdict is Verdict.LATE:
            worst = max(worst, entry.late or 0.0)
    if job.state in OPEN_STATES and job.last_slot:
        start = max(since, job.last_slot + TICK)
        many = count_between(trigger, start - TICK, now)
        if many:
            verdict, _ = open_verdict(job, timedelta())
            counts[verdict] += many
            note(hours, verdict, start, now, trigger)
    return Kept(counts, worst, tuple(strip(hours, since, now)))


def note(
    hours: dict[datetime, Counter[Verdict]], verdict: Verdict, first: datetime, last: datetime, trigger: Trigger
) -> None:
    """Counts a stretch of slots for each hour that it has any in."""
    if first == last:
        hours.setdefault(hour_of(first), Counter())[verdict] += 1
        return
    hour = hour_of(first)
    while hour <= last:
        many = count_between(trigger, max(hour, first) - TICK, min(hour + HOUR - TICK, last))
        if many:
            hours.setdefault(hour, Counter())[verdict] += many
        hour += HOUR


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def strip(hours: dict[datetime, Counter[Verdict]], since: datetime, now: datetime) -> Iterator[Hour]:
    hour = hour_of(since) + HOUR
    while hour <= now:
        yield Hour(hour, hours.get(hour, Counter()))
        hour += HOUR

"""The ledger: every slot that a job promised, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cronapp.core.amendments import skipped_between, slots_of, wanted_slots_of
from cronapp.core.clock import Clock
from cronapp.core.ledger import SlotEntry, Verdict, entry_of, skipped_by_hand, unsettled
from cronapp.core.models import Job, Run
from cronapp.core.triggers import Trigger
from cronapp.service.changing import found
from cronapp.service.promises import OPEN_STATES, TICK, Kept, fates_with, older_of, tally
from cronapp.store import ledger, pauses
from cronapp.store.store import Conn, Store

WEEK = timedelta(days=7)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # of the whole ledger, as far as it is kept
ANY = frozenset(Verdict)


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
        verdicts: Collection[Verdict] = ANY,
        limit: int = 50,
    ) -> tuple[list[SlotEntry], datetime | None]:
        """The slots from `since` (a week ago) and before `until` (now), the newest first, and the moment before which
        the next page goes on, if there are more."""
        now = self.clock()
        edge = min(moment for moment in (until, before, now + TICK) if moment)
        start = since or now - WEEK

        def ask(conn: Conn) -> list[SlotEntry]:
            return newest(conn, found(conn, job_id), start, edge, now, verdicts, limit + 1)

        entries = await self.store.read(ask)
        return entries[:limit], entries[limit - 1].slot if len(entries) > limit else None

    async def kept(self, job: Job) -> Kept:
        """This week's promises, in figures and by the hour."""
        now = self.clock()
        return await self.store.read(lambda conn: tally(conn, job, now - WEEK, now))


def newest(
    conn: Conn, job: Job, since: datetime, edge: datetime, now: datetime, verdicts: Collection[Verdict], limit: int
) -> list[SlotEntry]:
    """The newest `limit` entries before `edge`."""
    trigger = slots_of(job)
    own = ledger.before(conn, job.key, since, edge, limit, None if verdicts is ANY else fates_with(verdicts))
    if len(own) == limit:
        since = min(own)  # what is older is for the next pages
    entries = {slot: entry_of(attempts) for slot, attempts in own.items()}
    unsettled_ones = open_entries(conn, job, since, edge, now, verdicts, limit)
    entries |= {entry.slot: entry for entry in unsettled_ones}
    gaps = [gap for gap in ledger.gaps(conn, job.key, since, edge) if entry_of([gap]).verdict in verdicts]
    after_all = ledger.run_after_all(conn, job.key, since, edge) if gaps else {}
    for gap in gaps:
        taken = after_all.get(gap.id, set())
        entries |= {entry.slot: entry for entry in spread(gap, trigger, since, edge, taken, limit)}
    return [entries[slot] for slot in sorted(entries, reverse=True)[:limit]]


def open_entries(
    conn: Conn,
    job: Job,
    since: datetime,
    edge: datetime,
    now: datetime,
    verdicts: Collection[Verdict],
    limit: int,
) -> Iterator[SlotEntry]:
    """The newest slots that have passed and that nobody has settled yet. They share a fate, but for those that somebody
    skipped."""
    if job.state not in OPEN_STATES or job.last_slot is None:
        return
    switch, since = pauses.scheduler_pause(conn), max(since, job.last_slot + TICK)
    for slot in back_from(wanted_slots_of(job), edge, since, limit):
        entry = unsettled(job, switch, slot, now)
        if entry.verdict not in verdicts:
            break
        yield entry
    if Verdict.BY_HAND in verdicts:
        yield from map(skipped_by_hand, skipped_between(job, since - TICK, edge - TICK))


def back_from(trigger: Trigger, edge: datetime, since: datetime, limit: int) -> Iterator[datetime]:
    slot = trigger.previous_before(edge)
    while slot is not None and slot >= since and limit > 0:
        yield slot
        limit -= 1
        slot = trigger.previous_before(slot)


def spread(
    gap: Run, trigger: Trigger, since: datetime, edge: datetime, taken: Collection[datetime], limit: int
) -> Iterator[SlotEntry]:
    """The slots that a row stands for besides its newest, one by one where the schedule still tells which they are;
    else one entry for all."""
    assert gap.slot
    assert gap.missed_since
    entry = entry_of([gap])
    if not older_of(gap, trigger).told():
        if gap.slot < edge:
            yield replace(entry, slots=gap.missed, since=gap.missed_since)
        return
    for slot in back_from(trigger, min(edge, gap.slot), max(since, gap.missed_since), limit + len(taken)):
        if slot not in taken:
            yield replace(entry, slot=slot)

"""The slots that lie ahead of a job: told, one skipped, one added."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cronapp.core.amendments import change_at, slots_of
from cronapp.core.changes import moment_words
from cronapp.core.clock import Clock
from cronapp.core.draws import jittered
from cronapp.core.errors import Conflict, InvalidInput
from cronapp.core.history import ChangeKind
from cronapp.core.models import Job, JobState, SlotChange, SlotChangeKind
from cronapp.core.spec import trigger_for, zone_of
from cronapp.core.triggers import is_slot
from cronapp.core.until import BEHIND
from cronapp.service.blackouts import Blackouts
from cronapp.service.changing import found, replaced, slot_after, standing
from cronapp.store import slot_changes
from cronapp.store.store import Store, Tx

SHOWN = 20
MOST_SHOWN = 500
MOST_AHEAD = 200  # skipped and added slots of a job that lie ahead
KEPT = timedelta(days=8)  # a settled one stays for the ledger, which shows a week
PASSED = "This slot has passed, or it is being settled. Choose one that lies ahead."
ADDED = "This slot was added by hand. Remove it instead."
NO_SLOT = "The job has no slot at this moment. Choose one of those that lie ahead."
SKIP, EXTRA = SlotChangeKind.SKIP, SlotChangeKind.EXTRA


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotToCome:
    """One slot ahead, and what is known of it already."""

    at: datetime
    starts_at: datetime | None = None  # the moment within the spread that is its own
    added: SlotChange | None = None
    skipped: SlotChange | None = None
    refused: str | None = None  # by which blackout

    @property
    def runs(self) -> bool:
        return self.skipped is None and self.refused is None


class Upcoming:
    def __init__(self, store: Store, blackouts: Blackouts, clock: Clock) -> None:
        self.store = store
        self.blackouts = blackouts
        self.clock = clock

    # -- told -----------------------------------------------------------------------------------------------------

    async def slots(self, job: Job, limit: int = SHOWN) -> tuple[list[SlotToCome], bool]:
        """The next slots of a job, skipped and refused ones among them, and whether there are more."""
        # In a thread: calendar files may have to be read, and nobody shall wait for it.
        found = await asyncio.to_thread(lambda: list(self._ahead(job, self.clock(), limit + 1)))
        return found[:limit], len(found) > limit

    def _ahead(self, job: Job, now: datetime, limit: int) -> Iterator[SlotToCome]:
        promised, most = slots_of(job), job.spec.max_runs
        left = limit if most is None else most - job.slots_used
        slot = promised.next_after(max(now, job.last_slot or now))
        while slot is not None and limit > 0 and left > 0:
            told = self.told(job, slot)
            yield told
            limit -= 1
            left -= told.runs
            slot = promised.next_after(slot)

    def told(self, job: Job, slot: datetime) -> SlotToCome:
        """What is known of a slot ahead."""
        spec = job.spec
        covered = self.blackouts.covering(spec.blackouts, slot, zone_of(spec)) if spec.blackouts else None
        return SlotToCome(
            at=slot,
            starts_at=jittered(slot, spec.jitter, job.id),
            added=change_at(job, slot, EXTRA),
            skipped=change_at(job, slot, SKIP),
            refused=covered.reason if covered else None,
        )

    # -- changed --------------------------------------------------------------------------------------------------

    async def skip(self, job_id: str, slot: datetime, *, by: str = "somebody") -> Job:
        """The slot gets no run, but a row that says who skipped it. Skipped again, nothing changes."""

        def change(tx: Tx) -> Job:
            job = self._with_slot_ahead(tx, job_id, slot)
            if change_at(job, slot, SKIP):
                return job
            if not is_slot(trigger_for(job.spec), slot):
                raise InvalidInput.of("slot", ADDED if change_at(job, slot, EXTRA) else NO_SLOT)
            return self._put(tx, job, slot, SKIP, by)

        return await self.store.write(change)

    async def undo_skip(self, job_id: str, slot: datetime, *, by: str = "somebody") -> Job:
        """A slot that was skipped runs after all."""

        def change(tx: Tx) -> Job:
            job = self._with_slot_ahead(tx, job_id, slot)
            if change_at(job, slot, SKIP) is None:
                raise Conflict("This slot is not skipped, so there is nothing to undo.")
            return self._take_back(tx, job, slot, ChangeKind.SKIP_UNDONE, by)

        return await self.store.write(change)

    async def add(self, job_id: str, slot: datetime, *, by: str = "somebody") -> Job:
        """One more slot, beside those of the schedule. Whatever holds for a slot holds for this one too."""

        def change(tx: Tx) -> Job:
            job = self._with_slot_ahead(tx, job_id, slot, BEHIND)
            if job.used_up:
                raise Conflict("This job has had all the runs that it may have. Edit it to allow more.")
            if problem := self._no_room(job, slot):
                raise InvalidInput.of("slot", problem)
            return self._put(tx, job, slot, EXTRA, by)

        return await self.store.write(change)

    async def remove_added(self, job_id: str, slot: datetime, *, by: str = "somebody") -> Job:
        """Takes back a slot that was added, as long as it lies ahead."""

        def change(tx: Tx) -> Job:
            job = self._with_slot_ahead(tx, job_id, slot)
            if change_at(job, slot, EXTRA) is None:
                raise Conflict("This slot was not added by hand. Skip it instead.")
            return self._take_back(tx, job, slot, ChangeKind.SLOT_REMOVED, by)

        return await self.store.write(change)

    async def prune(self) -> int:
        """Forgets what was skipped and added long ago; its runs tell of it."""
        return await self.store.write(slot_changes.prune, self.clock() - KEPT)

    def _with_slot_ahead(self, tx: Tx, job_id: str, slot: datetime, otherwise: str = PASSED) -> Job:
        job, now = found(tx.conn, job_id, lock=True), self.clock()
        if slot <= max(now, job.last_slot or now):
            raise InvalidInput.of("slot", otherwise)
        return job

    def _no_room(self, job: Job, slot: datetime) -> str | None:
        """Why no slot can be added at that moment."""
        if change_at(job, slot, SKIP):
            return "The slot at this moment is skipped. Undo that instead."
        if is_slot(slots_of(job), slot):
            return "The job has a slot at this moment already. Choose another one."
        told = self.told(job, slot)
        return f"{told.refused} Choose another moment." if told.refused else None

    def _put(self, tx: Tx, job: Job, slot: datetime, kind: SlotChangeKind, by: str) -> Job:
        now = self.clock()
        if sum(one.slot > now for one in job.slot_changes) >= MOST_AHEAD:
            raise InvalidInput.of("slot", f"At most {MOST_AHEAD} slots can be skipped and added. Edit the schedule.")
        change = SlotChange(slot=slot, kind=kind, at=now, by=by)
        slot_changes.put(tx, job.key, change)
        others = tuple(one for one in job.slot_changes if one.slot != slot)
        told = ChangeKind.SLOT_SKIPPED if kind is SKIP else ChangeKind.SLOT_ADDED
        return self._moved(tx, job, (*others, change), told, slot, by)

    def _take_back(self, tx: Tx, job: Job, slot: datetime, told: ChangeKind, by: str) -> Job:
        slot_changes.take_back(tx, job.key, slot)
        left = tuple(one for one in job.slot_changes if one.slot != slot)
        return self._moved(tx, job, left, told, slot, by)

    def _moved(
        self, tx: Tx, job: Job, changes: tuple[SlotChange, ...], told: ChangeKind, slot: datetime, by: str
    ) -> Job:
        """The job with its next slot, under a new version: who settles its slots just now looks again."""
        now = self.clock()
        new = replace(job, slot_changes=changes)
        if job.state in (JobState.ACTIVE, JobState.FINISHED):
            next_slot = slot_after(job.last_slot or now, new)
            new = replace(new, next_slot=next_slot, state=standing(new, next_slot))
        return replaced(tx, job, new, told, at=now, by=by, reason=moment_words(slot))

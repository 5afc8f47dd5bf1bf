"""A job's slots as they are with what somebody skipped and added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cronapp.core.models import Job, SlotChange, SlotChangeKind
from cronapp.core.spec import trigger_for
from cronapp.core.triggers import AmendedTrigger, Trigger, is_slot


def slots_of(job: Job) -> Trigger:
    """What the job promises: the slots of its schedule and those that were added, skipped ones among them. At each of
    them something is settled, and the ledger has an entry."""
    added = moments(job.slot_changes, SlotChangeKind.EXTRA)
    return AmendedTrigger(trigger_for(job.spec), added) if added else trigger_for(job.spec)


def wanted_slots_of(job: Job) -> Trigger:
    """The same without those that somebody skipped: what is going to run."""
    if not job.slot_changes:
        return trigger_for(job.spec)
    added, skipped = (moments(job.slot_changes, kind) for kind in (SlotChangeKind.EXTRA, SlotChangeKind.SKIP))
    return AmendedTrigger(trigger_for(job.spec), added, frozenset(skipped))


def moments(changes: Sequence[SlotChange], kind: SlotChangeKind) -> tuple[datetime, ...]:
    return tuple(sorted(one.slot for one in changes if one.kind is kind))


def change_at(job: Job, slot: datetime, kind: SlotChangeKind) -> SlotChange | None:
    """Who skipped or added this slot; None: nobody did."""
    return next((one for one in job.slot_changes if one.slot == slot and one.kind is kind), None)


def skipped_between(job: Job, after: datetime, until: datetime) -> list[SlotChange]:
    """The skipped slots after `after` and not after `until`, oldest first. One that the schedule does not promise any
    more is none."""
    promised = slots_of(job)
    skips = [one for one in job.slot_changes if one.kind is SlotChangeKind.SKIP and after < one.slot <= until]
    return [one for one in sorted(skips, key=lambda one: one.slot) if is_slot(promised, one.slot)]

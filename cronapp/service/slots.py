"""Settles a job's slots: each gets a run, or the record of why not, in the transaction that moves the job on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronapp.core.events import CancelRequested, JobChanged, RunChanged
from cronapp.core.misfire import MissedRange, settle
from cronapp.core.models import Job, JobState, MisfirePolicy, Overlap, RunState, RunTrigger
from cronapp.core.overlap import admit
from cronapp.core.spec import trigger_for
from cronapp.store import jobs, runs
from cronapp.store.store import Tx

PUNCTUAL = 5.0  # seconds: a slot served no later than this is on time, beyond it is caught up


@dataclass(frozen=True, slots=True)
class Gap:
    """How slots are recorded that get no run."""

    state: RunState
    reason: str


UNSERVED = Gap(RunState.MISSED, "The scheduler was not running, and the misfire rule did not ask to catch up.")


def settle_due(tx: Tx, keys: Sequence[int], now: datetime) -> list[Job]:
    """Settles what is due of these jobs; answers them as they stand now, for their next timers."""
    for job in jobs.by_keys(tx.conn, keys):
        if job.state is JobState.ACTIVE and job.next_slot and job.next_slot <= now:
            settle_job(tx, job, now, policy=job.spec.misfire.policy, grace=job.spec.misfire.grace, gap=UNSERVED)
    return jobs.by_keys(tx.conn, keys)


def settle_job(
    tx: Tx,
    job: Job,
    now: datetime,
    *,
    policy: MisfirePolicy,
    grace: float,
    gap: Gap,
    punctual: float = PUNCTUAL,
) -> None:
    """Opens runs for the slots in (job.last_slot, now] as the policy says, and moves the job on."""
    assert job.last_slot is not None
    trigger = trigger_for(job.spec)
    settled = settle(trigger, after=job.last_slot, now=now, policy=policy, grace=grace, punctual=punctual)
    newest = max([*settled.run, *([settled.missed.last] if settled.missed else [])], default=None)
    if newest is None:
        return
    next_slot = trigger.next_after(max(now, newest))
    if not jobs.advance(tx, job, newest, next_slot):
        return
    if settled.missed:
        record_gap(tx, job, settled.missed, gap, now)
    left = None if job.spec.max_runs is None else job.spec.max_runs - job.slots_used
    opened = 0
    for slot in settled.run:
        if left is None or opened < left:
            opened += open_slot(tx, job, slot, now)
    used_up = left is not None and opened >= left
    if left is not None and opened:
        jobs.count_slots(tx, job.key, opened)
    if used_up or next_slot is None:
        jobs.end(tx, job.key)
        tx.emit(JobChanged(job.id))


def open_slot(tx: Tx, job: Job, slot: datetime, now: datetime) -> bool:
    """One slot: its run, or a skipped record where the overlap rule refuses (False).

    A slot that is caught up waits for its turn: who asked for it would not want it skipped for the one before it.
    """
    late = now - slot > timedelta(seconds=PUNCTUAL)
    rule = Overlap.QUEUE_ALL if late else job.spec.overlap
    admission = admit(rule, job.spec.max_running, runs.open_of_job(tx.conn, job.key))
    run_id = runs.open_run(
        tx,
        job,
        slot=slot,
        trigger=RunTrigger.CATCH_UP if late else RunTrigger.SCHEDULE,
        now=now,
        state=RunState.SKIPPED if admission.refused else RunState.QUEUED,
        reason=admission.refused,
    )
    if run_id is None:
        return False
    for other in admission.cancel:
        if runs.end_queued(tx, other, state=RunState.CANCELLED, reason=f"Made way for run #{run_id}.", now=now):
            tx.emit(RunChanged(other, job.id))
        else:
            tx.emit(CancelRequested(other, f"Made way for run #{run_id}."))
    tx.emit(RunChanged(run_id, job.id))
    return admission.refused is None


def record_gap(tx: Tx, job: Job, missed: MissedRange, gap: Gap, now: datetime) -> None:
    """One row for all slots of a gap, at its newest slot."""
    since = f"{missed.count} slots since {missed.first:%Y-%m-%d %H:%M:%S} UTC. " if missed.count > 1 else ""
    run_id = runs.open_run(
        tx,
        job,
        slot=missed.last,
        trigger=RunTrigger.SCHEDULE,
        now=now,
        state=gap.state,
        reason=since + gap.reason,
        missed=missed.count,
    )
    if run_id is not None:
        tx.emit(RunChanged(run_id, job.id))

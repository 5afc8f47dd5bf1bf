"""Settles a job's slots: each gets a run, or the record of why not, in the transaction that moves the job on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronapp.core.amendments import skipped_between, slots_of, wanted_slots_of
from cronapp.core.draws import jittered
from cronapp.core.events import JobChanged, RunChanged
from cronapp.core.misfire import MissedRange, parted, settle
from cronapp.core.models import (
    Cause,
    Job,
    JobState,
    MisfirePolicy,
    Overlap,
    RunState,
    RunTrigger,
    SchedulerPause,
    SlotChange,
)
from cronapp.core.overlap import Admission, admit
from cronapp.core.presence import Outage
from cronapp.core.spec import trigger_for, zone_of
from cronapp.core.triggers import needs_no_slot
from cronapp.service.blackouts import Blackouts
from cronapp.service.presence import last_outage
from cronapp.service.telling import tell_missed
from cronapp.store import jobs, pauses, runs
from cronapp.store.store import Tx

PUNCTUAL = 5.0  # seconds: a slot served no later than this is on time, beyond it is caught up


@dataclass(frozen=True, slots=True)
class Gap:
    """How slots are recorded that get no run."""

    state: RunState
    cause: Cause
    reason: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a run is opened for."""

    trigger: RunTrigger
    slot: datetime | None
    not_before: datetime | None = None
    woken_by: int | None = None


def unserved(slot: datetime, outage: Outage | None) -> Gap:
    """For slots from `slot` on that passed while nobody was there."""
    when = f" {outage.words()}" if outage and outage.covers(slot) else ""
    reason = f"The scheduler was not running{when}, and the misfire rule did not ask to catch up."
    return Gap(RunState.MISSED, Cause.DOWN, reason)


def job_pause_gap(job: Job) -> Gap:
    """For the slots that pass while their job is paused."""
    return Gap(RunState.SKIPPED, Cause.PAUSE, job.pause_words())


def scheduler_pause_gap(pause: SchedulerPause) -> Gap:
    """For the slots that pass while the whole scheduler is paused."""
    return Gap(RunState.SKIPPED, Cause.SCHEDULER_PAUSE, pause.words())


def settle_due(tx: Tx, keys: Sequence[int], now: datetime, blackouts: Blackouts) -> list[Job]:
    """Settles what is due of these jobs; answers them as they stand now, for their next timers.

    While the whole scheduler is paused nothing is settled: who resumes it says what becomes of the slots.
    """
    if pauses.is_off(tx):
        return jobs.by_keys(tx.conn, keys)
    punctual = now - timedelta(seconds=PUNCTUAL)
    for job in jobs.by_keys(tx.conn, keys):
        if job.state is JobState.ACTIVE and job.next_slot and job.next_slot <= now:
            misfire = job.spec.misfire
            gap = unserved(job.next_slot, last_outage(tx.conn, now) if job.next_slot < punctual else None)
            settle_job(tx, job, now, blackouts, policy=misfire.policy, grace=misfire.grace, gap=gap)
    return jobs.by_keys(tx.conn, keys)


def settle_job(
    tx: Tx,
    job: Job,
    now: datetime,
    blackouts: Blackouts,
    *,
    policy: MisfirePolicy,
    grace: float,
    gap: Gap,
    punctual: float = PUNCTUAL,
) -> None:
    """Opens runs for the slots in (job.last_slot, now] as the policy says, and moves the job on."""
    assert job.last_slot is not None
    promised, wanted = slots_of(job), wanted_slots_of(job)
    settled = settle(wanted, after=job.last_slot, now=now, policy=policy, grace=grace, punctual=punctual)
    skipped = skipped_between(job, job.last_slot, now)
    passed = [*settled.run, *(one.slot for one in skipped), *([settled.missed.last] if settled.missed else [])]
    newest = max(passed, default=None)
    if newest is None:
        return
    next_slot = promised.next_after(max(now, newest))
    if not jobs.advance(tx, job, newest, next_slot):
        return
    missed = parted(wanted, settled.missed, [one.slot for one in skipped]) if settled.missed else []
    record_unkept(tx, job, missed, skipped, gap, now)
    used_up = open_slots(tx, job, settled.run, now, blackouts)
    if used_up or (next_slot is None and not needs_no_slot(promised) and not job.spec.after):
        end(tx, job, now)


def record_unkept(
    tx: Tx, job: Job, missed: Sequence[MissedRange], skipped: Sequence[SlotChange], gap: Gap, now: datetime
) -> None:
    """The rows of the slots without a run, in the order of the slots: a gap grows only while it is the newest."""
    records = [(part.last, part) for part in missed] + [(one.slot, one) for one in skipped]
    for _, record in sorted(records, key=lambda pair: pair[0]):
        if isinstance(record, MissedRange):
            record_gap(tx, job, record, gap, now)
        else:
            record_skipped(tx, job, record, now)


def record_skipped(tx: Tx, job: Job, skipped: SlotChange, now: datetime) -> None:
    """A row of its own for a slot that somebody skipped."""
    run_id = runs.open_run(
        tx,
        job,
        slot=skipped.slot,
        trigger=RunTrigger.SCHEDULE,
        now=now,
        state=RunState.SKIPPED,
        reason=skipped.words(),
        cause=Cause.BY_HAND,
    )
    if run_id is not None:
        tx.emit(RunChanged(run_id, job.id))


def end(tx: Tx, job: Job, now: datetime) -> None:
    """The job has no further slot."""
    jobs.end(tx, job.key, now)
    tx.emit(JobChanged(job.id))


def close_if_used_up(tx: Tx, job: Job, used: int, now: datetime) -> None:
    if job.spec.max_runs is not None and used >= job.spec.max_runs:
        end(tx, job, now)


def open_at_start(tx: Tx, now: datetime, blackouts: Blackouts) -> None:
    """Gives a run to each job that is promised one when the scheduler starts (`@reboot`)."""
    off = pauses.scheduler_pause(tx.conn)
    for job in jobs.all_jobs(tx.conn):
        spec = job.spec
        if job.state is not JobState.ACTIVE or not trigger_for(spec).starts_with_server():
            continue
        if spec.starts_at and now < spec.starts_at:
            continue
        over = spec.ends_at is not None and now > spec.ends_at
        if off and not over:
            record_gap(tx, job, MissedRange(now, now, 1), scheduler_pause_gap(off), now)
        elif over or open_slots(tx, job, (now,), now, blackouts):
            end(tx, job, now)


def open_slots(tx: Tx, job: Job, slots: Sequence[datetime], now: datetime, blackouts: Blackouts) -> bool:
    """Opens these slots as far as `max_runs` allows; answers whether that is used up now."""
    left = None if job.spec.max_runs is None else job.spec.max_runs - job.slots_used
    opened = 0
    for slot in slots:
        if left is None or opened < left:
            opened += open_slot(tx, job, slot, now, blackouts)
    if left is None:
        return False
    if opened:
        jobs.count_slots(tx, job.key, opened)
    return opened >= left


def open_slot(tx: Tx, job: Job, slot: datetime, now: datetime, blackouts: Blackouts) -> bool:
    """One slot: its run, or a skipped record where a blackout or the overlap rule refuses (False).

    A slot that is caught up waits for its turn: who asked for it would not want it skipped for the one before it.
    """
    spec = job.spec
    covered = blackouts.covering(spec.blackouts, slot, zone_of(spec)) if spec.blackouts else None
    if covered:
        record_gap(tx, job, MissedRange(slot, slot, 1), Gap(RunState.SKIPPED, Cause.BLACKOUT, covered.reason), now)
        return False
    late = now - slot > timedelta(seconds=PUNCTUAL)
    occasion = Occasion(
        RunTrigger.CATCH_UP if late else RunTrigger.SCHEDULE, slot, not_before=jittered(slot, spec.jitter, job.id)
    )
    return open_admitted(tx, job, occasion, Overlap.QUEUE_ALL if late else spec.overlap, now)


def open_admitted(tx: Tx, job: Job, occasion: Occasion, rule: Overlap, now: datetime) -> bool:
    """A run for the occasion, or a skipped record where the overlap rule refuses (False)."""
    admission = Admission()
    if rule is not Overlap.QUEUE_ALL:  # else each of a thousand that are caught up would read all before it
        unended = [run for run in runs.open_of_job(tx.conn, job.key) if run.backfill is None]
        admission = admit(rule, job.spec.max_running, unended)
    run_id = runs.open_run(
        tx,
        job,
        slot=occasion.slot,
        trigger=occasion.trigger,
        now=now,
        state=RunState.SKIPPED if admission.refused else RunState.QUEUED,
        reason=admission.refused,
        cause=Cause.OVERLAP if admission.refused else None,
        not_before=None if admission.refused else occasion.not_before,
        woken_by=occasion.woken_by,
    )
    if run_id is None:
        return False
    for other in admission.cancel:
        if runs.end_queued(tx, other, state=RunState.CANCELLED, reason=f"Made way for run #{run_id}.", now=now):
            tx.emit(RunChanged(other, job.id))
        else:
            runs.ask_to_stop(tx, other, f"Made way for run #{run_id}.")
    tx.emit(RunChanged(run_id, job.id))
    return admission.refused is None


def record_gap(tx: Tx, job: Job, missed: MissedRange, gap: Gap, now: datetime) -> None:
    """One row for all slots of a gap, at its newest slot. Where the job's last row is such a gap it grows, so that a
    night without runs is one line of the history."""
    longer = runs.lengthen_gap(
        tx, job, state=gap.state, reason=gap.reason, slot=missed.last, missed=missed.count, now=now
    )
    run_id = longer or runs.open_run(
        tx,
        job,
        slot=missed.last,
        trigger=RunTrigger.SCHEDULE,
        now=now,
        state=gap.state,
        reason=gap.reason,
        missed=missed.count,
        missed_since=missed.first,
        cause=gap.cause,
    )
    if run_id is not None:
        tx.emit(RunChanged(run_id, job.id))
        if gap.state is RunState.MISSED and longer is None:
            tell_missed(tx, job, run_id, missed, gap.reason, now)

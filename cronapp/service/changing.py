"""What every change of a job comes through: the job found, its new version stored, and its history told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from cronapp.core.amendments import slots_of
from cronapp.core.changes import Mask, changes, hidden
from cronapp.core.errors import EditConflict, JobNotFound
from cronapp.core.events import JobChanged
from cronapp.core.history import CODE, ChangeKind
from cronapp.core.models import AlertEvent, Job, JobSpec, JobState, Json
from cronapp.core.spec import bare, trigger_for
from cronapp.core.triggers import needs_no_slot
from cronapp.service.telling import tell_standing
from cronapp.store import audit, job_changes, jobs
from cronapp.store.store import Conn, Tx


def found(conn: Conn, job_id: str, *, lock: bool = False) -> Job:
    job = jobs.get(conn, job_id, lock=lock)
    if job is None:
        raise JobNotFound
    return job


def standing(job: Job, next_slot: datetime | None) -> JobState:
    """Where a job stands that may run: finished once no slot lies ahead, unless it needs none."""
    waits = not job.used_up if job.spec.after else needs_no_slot(trigger_for(job.spec))
    return JobState.ACTIVE if next_slot or waits else JobState.FINISHED


def timing(spec: JobSpec) -> tuple[Any, ...]:
    """What decides over a job's slots."""
    return spec.schedule, spec.starts_at, spec.ends_at


def slot_after(moment: datetime, job: Job) -> datetime | None:
    """The next slot of a job; none once `max_runs` are used up."""
    return None if job.used_up else slots_of(job).next_after(moment)


def written(tx: Tx, old: Job, new: Job, now: datetime) -> Job:
    """Stores a changed job over the version it was made from; raises `EditConflict` where somebody was quicker."""
    if not jobs.replace(tx, old, replace(new, updated_at=now)):
        raise EditConflict
    tx.emit(JobChanged(old.id))
    return found(tx.conn, old.id)


def replaced(
    tx: Tx,
    old: Job,
    new: Job,
    kind: ChangeKind,
    *,
    at: datetime,
    by: str,
    reason: str | None = None,
    mask: Mask = hidden,
) -> Job:
    """The same, and it is on record who did it. Whoever changes a job comes through here. `mask` hides the secrets of
    arguments where these may change."""
    job = written(tx, old, new, at)
    recorded(tx, job, kind, at=at, by=by, reason=reason, old=old, mask=mask)
    return job


def recorded(
    tx: Tx,
    job: Job,
    kind: ChangeKind,
    *,
    at: datetime,
    by: str,
    reason: str | None = None,
    old: Job | None = None,
    mask: Mask = hidden,
) -> None:
    """Writes a change of a job into its history and into the audit. `job` is as it is after the change, `old` as
    before; a new job has no old one, a removed one only that."""
    job_changes.record(tx, job, kind, at=at, by=by, reason=reason, old=old)
    gone = kind is ChangeKind.REMOVED
    before, after = told(None if old is None else old, None if gone else job, mask)
    if kind in STANDING and not gone:
        tell_standing(tx, job, STANDING[kind], reason, at)
    who = by if by == CODE else None
    audit.note(tx, at, f"job.{kind}", job.id, before=before, after=after, reason=reason, by=who)


STANDING = {
    ChangeKind.PAUSED_ITSELF: AlertEvent.PAUSED,
    ChangeKind.NEEDS_ATTENTION: AlertEvent.NEEDS_ATTENTION,
}
"""The changes that somebody may want to be told of."""


def told(old: Job | None, new: Job | None, mask: Mask) -> tuple[Json, Json]:
    """What differs between two states of a job, in words, by the names of the fields."""
    known = old or new
    assert known is not None
    nothing = bare(known.spec)
    found = changes(old.spec if old else nothing, new.spec if new else nothing, mask)
    before = {one.field: one.old for one in found} if old else {}
    after = {one.field: one.new for one in found} if new else {}
    if old and new and old.state is not new.state:
        before["state"], after["state"] = old.state.value, new.state.value
    return before, after


def edited(job: Job, spec: JobSpec, now: datetime) -> Job:
    """The job under its new spec. A new timing counts from now; the old one keeps its place."""
    moved = timing(spec) != timing(job.spec) or spec.max_runs != job.spec.max_runs
    job = replace(job, spec=spec, failures=0)
    next_slot = slot_after(now if moved else job.last_slot or now, job)
    if job.state is JobState.PAUSED:
        return replace(job, last_slot=now if moved else job.last_slot)
    return replace(
        job,
        state=standing(job, next_slot),
        reason=None,
        next_slot=next_slot,
        last_slot=now if moved else job.last_slot,
    )

"""Jobs that come after others: refused where that makes no sense, and woken by the ends of the others."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cronapp.core.dependencies import ENDS, Edges, circle
from cronapp.core.errors import InvalidInput
from cronapp.core.events import RunChanged
from cronapp.core.models import After, AfterMode, Cause, Job, JobSpec, JobState, Run, RunState, RunTrigger
from cronapp.core.spec import zone_of
from cronapp.core.validation import suggestion
from cronapp.service.blackouts import Blackouts
from cronapp.service.slots import Occasion, close_if_used_up, open_admitted
from cronapp.store import dependencies, dialects, jobs, runs
from cronapp.store.store import Conn, Tx

BEYOND = "This would be a circle by way of jobs that you cannot see. Name other jobs."
"""For who is limited to some tags, and has been told already of all that is wrong among the jobs that they see."""


def wrong_upstreams(conn: Conn, job_id: str, after: After | None, old: JobSpec | None = None) -> dict[str, str]:
    """Why the job cannot come after those it names, by field. What it named before an edit may be gone meanwhile."""
    if after is None:
        return {}
    kept = old.after.jobs if old and old.after else ()
    errors = {
        f"after.jobs.{after.jobs.index(name)}": f'There is no job "{name}".{near(conn, name)}'
        for name in dependencies.missing(conn, after.jobs)
        if name not in kept and name != job_id
    }
    return errors | told_circle(job_id, after.jobs, dependencies.edges(conn))


def told_circle(job_id: str, upstreams: Iterable[str], edges: Edges) -> dict[str, str]:
    round_way = circle(job_id, upstreams, edges)
    return (
        {"after.jobs": f"This would be a circle: {' → '.join(round_way)}. Take one of them out."} if round_way else {}
    )


def refuse_circle(job_id: str, upstreams: Iterable[str], edges: Edges) -> None:
    if errors := told_circle(job_id, upstreams, edges):
        raise InvalidInput(errors)


def near(conn: Conn, name: str) -> str:
    return suggestion(name, jobs.ids(conn))


def refuse_wrong_upstreams(tx: Tx, spec: JobSpec, old: JobSpec | None = None) -> None:
    """In the transaction that stores the job: two edits at once could make a circle that neither of them sees."""
    if spec.after and (old is None or spec.after != old.after):
        dialects.lock(tx.conn, dialects.DEPENDENCIES)
        if errors := wrong_upstreams(tx.conn, spec.id, spec.after, old):
            raise InvalidInput(errors if tx.by.sight.tags is None else dict.fromkeys(errors, BEYOND))


def wake(tx: Tx, run: Run, state: RunState, now: datetime, blackouts: Blackouts) -> None:
    """Opens the runs of the jobs that waited for this end. It is for good: no further attempt comes."""
    if run.backfill is not None:
        return
    for job in dependencies.waiting_for(tx.conn, run.job, lock=True):
        after = job.spec.after
        if after is None or state not in ENDS[after.when] or job.state is JobState.FINISHED or job.used_up:
            continue
        if after.mode is AfterMode.ALL and not dependencies.note_end(tx, job.key, run.job, run.id):
            continue
        open_woken(tx, job, run, now, blackouts)


def open_woken(tx: Tx, job: Job, run: Run, now: datetime, blackouts: Blackouts) -> None:
    """A run of the job, or the record of why it has none. Either way it waits for the next ends from now on."""
    occasion = Occasion(RunTrigger.DEPENDENCY, slot=None, woken_by=run.id)
    if refused := refusal(job, now, blackouts):
        cause, reason = refused
        run_id = runs.open_run(
            tx,
            job,
            slot=None,
            trigger=occasion.trigger,
            now=now,
            state=RunState.SKIPPED,
            reason=reason,
            cause=cause,
            woken_by=run.id,
        )
        if run_id is not None:
            tx.emit(RunChanged(run_id, job.id))
    elif open_admitted(tx, job, occasion, job.spec.overlap, now) and job.spec.max_runs is not None:
        jobs.count_slots(tx, job.key, 1)
        close_if_used_up(tx, job, job.slots_used + 1, now)
    jobs.forget_ends(tx, job.key)


def refusal(job: Job, now: datetime, blackouts: Blackouts) -> tuple[Cause | None, str] | None:
    """Why a job that is woken does not run, besides its overlap rule."""
    spec = job.spec
    if job.state is JobState.PAUSED:
        return Cause.PAUSE, job.pause_words()
    if job.state is JobState.NEEDS_ATTENTION:
        return None, f"The job needs attention: {job.reason}"
    if (spec.starts_at and now < spec.starts_at) or (spec.ends_at and now > spec.ends_at):
        return None, "The job was woken outside of its window."
    covered = blackouts.covering(spec.blackouts, now, zone_of(spec)) if spec.blackouts else None
    return (Cause.BLACKOUT, covered.reason) if covered else None

"""What many runs say together: the strip of a job, counts, runs by the hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from cronapp.core.figures import Past
from cronapp.core.models import OPEN_STATES, RunBrief, RunState, RunTrigger
from cronapp.store.tables import jobs, runs

HOUR = 3_600_000_000  # microseconds

BRIEF = (
    runs.c.job_key,
    runs.c.id,
    runs.c.state,
    runs.c.trigger,
    runs.c.attempt,
    runs.c.slot,
    runs.c.queued_at,
    runs.c.started_at,
    runs.c.finished_at,
    runs.c.duration,
    runs.c.reason,
    runs.c.error_type,
    runs.c.error_message,
)


def recent(conn: Connection, job_keys: Sequence[int], count: int = 30) -> dict[int, tuple[RunBrief, ...]]:
    """The newest `count` runs of each job, the oldest first.

    The inner SELECT walks the index backwards, once a job; a window function would read each job's whole history.
    """
    own = runs.alias()
    newest = select(own.c.id).where(own.c.job_key == jobs.c.key).order_by(own.c.id.desc()).limit(count).correlate(jobs)
    statement = (
        select(*BRIEF)
        .select_from(jobs.join(runs, runs.c.id.in_(newest.scalar_subquery())))
        .where(jobs.c.key.in_(job_keys))
        .order_by(runs.c.id)
    )
    answer: dict[int, list[RunBrief]] = {key: [] for key in job_keys}
    for key, *values in conn.execute(statement):
        answer[key].append(brief_of(*values))
    return {key: tuple(briefs) for key, briefs in answer.items()}


def brief_of(
    run_id: int,
    state: str,
    trigger: str,
    attempt: int,
    slot: datetime | None,
    queued_at: datetime,
    started_at: datetime | None,
    finished_at: datetime | None,
    duration: float | None,
    reason: str | None,
    error_type: str | None,
    error_message: str | None,
) -> RunBrief:
    problem = f"{error_type}: {error_message}" if error_type else reason
    return RunBrief(
        run_id,
        RunState(state),
        RunTrigger(trigger),
        attempt,
        slot,
        queued_at,
        started_at,
        finished_at,
        duration,
        problem,
    )


def past(conn: Connection, job_key: int, count: int) -> list[Past]:
    """The newest `count` attempts of a job, the newest first, without what is large in them."""
    statement = (
        select(
            runs.c.id,
            func.coalesce(runs.c.first_attempt, runs.c.id),
            *(runs.c.state, runs.c.trigger, runs.c.attempt, runs.c.slot),
            *(runs.c.queued_at, runs.c.started_at, runs.c.finished_at, runs.c.duration),
        )
        .where(runs.c.job_key == job_key)
        .order_by(runs.c.id.desc())
        .limit(count)
    )
    return [
        Past(run_id, first, RunState(state), RunTrigger(trigger), *rest)
        for run_id, first, state, trigger, *rest in conn.execute(statement)
    ]


def counts_by_state(conn: Connection, job: str = "") -> dict[str, int]:
    """How many runs are open now, by state."""
    statement = select(runs.c.state, func.count()).where(runs.c.state.in_(OPEN_STATES)).group_by(runs.c.state)
    if job:
        statement = statement.where(runs.c.job == job)
    return dict(conn.execute(statement).all())


def count_of_job(conn: Connection, job_key: int) -> int:
    return conn.execute(select(func.count()).where(runs.c.job_key == job_key)).scalar_one()

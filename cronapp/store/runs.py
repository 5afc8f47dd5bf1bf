"""Questions about runs, and their moves. A move is one conditional UPDATE: whoever lost the race changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    RowMapping,
    Select,
    and_,
    case,
    delete,
    func,
    or_,
    select,
    true,
    type_coerce,
    update,
)

from cronapp.core.models import (
    OPEN_STATES,
    Job,
    Json,
    Outcome,
    Progress,
    Run,
    RunBrief,
    RunError,
    RunState,
    RunTrigger,
)
from cronapp.store.dialects import insert_or_ignore
from cronapp.store.store import Tx
from cronapp.store.tables import jobs, runs

HOUR = 3_600_000_000  # microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs a list shows. Moments bound `queued_at`, `since` inclusive, `until` exclusive."""

    job: str = ""
    state: str = ""
    since: datetime | None = None
    until: datetime | None = None


def run_of(row: Mapping[str, Any] | RowMapping) -> Run:
    return Run(
        id=row["id"],
        job=row["job"],
        job_key=row["job_key"],
        task=row["task"],
        args=row["args"],
        slot=row["slot"],
        state=RunState(row["state"]),
        trigger=RunTrigger(row["trigger"]),
        attempt=row["attempt"],
        first_attempt=row["first_attempt"] or row["id"],
        reason=row["reason"],
        queued_at=row["queued_at"],
        not_before=row["not_before"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        duration=row["duration"],
        node=row["node"],
        progress=Progress(**row["progress"]) if row["progress"] else None,
        result=row["result"],
        error=error_of(row),
        last_seq=row["last_seq"],
        missed=row["missed"],
    )


def error_of(row: Mapping[str, Any] | RowMapping) -> RunError | None:
    if row["error_type"] is None:
        return None
    return RunError(row["error_type"], row["error_message"], row["error_traceback"])


def open_run(
    tx: Tx,
    job: Job,
    *,
    slot: datetime | None,
    trigger: RunTrigger,
    now: datetime,
    state: RunState = RunState.QUEUED,
    reason: str | None = None,
    args: Json | None = None,
    missed: int = 1,
) -> int | None:
    """Inserts attempt 1 of a run, or the record of why a slot has none. None: the slot has its row already."""
    values: dict[str, Any] = {
        "job_key": job.key,
        "job": job.id,
        "task": job.task,
        "args": job.spec.args if args is None else args,
        "slot": slot,
        "state": state,
        "trigger": trigger,
        "attempt": 1,
        "reason": reason,
        "queue": job.spec.queue,
        "priority": job.spec.priority,
        "queued_at": now,
        "finished_at": now if state.ended else None,
        "last_seq": 0,
        "missed": missed,
    }
    return tx.conn.execute(insert_or_ignore(tx.conn, runs).values(**values).returning(runs.c.id)).scalar()


def open_retry(tx: Tx, run: Run, *, trigger: RunTrigger, now: datetime, not_before: datetime | None) -> int | None:
    """Inserts the next attempt of a run. None: it is there already."""
    source = tx.conn.execute(select(runs.c.queue, runs.c.priority).where(runs.c.id == run.id)).one()
    newest = tx.conn.execute(
        select(func.max(runs.c.attempt)).where(
            or_(runs.c.id == run.first_attempt, runs.c.first_attempt == run.first_attempt)
        )
    ).scalar_one()
    values: dict[str, Any] = {
        "job_key": run.job_key,
        "job": run.job,
        "task": run.task,
        "args": run.args,
        "slot": run.slot,
        "state": RunState.QUEUED,
        "trigger": trigger,
        "attempt": newest + 1,
        "first_attempt": run.first_attempt,
        "queue": source.queue,
        "priority": source.priority,
        "queued_at": now,
        "not_before": not_before,
        "last_seq": 0,
        "missed": 1,
    }
    return tx.conn.execute(insert_or_ignore(tx.conn, runs).values(**values).returning(runs.c.id)).scalar()


def claim(tx: Tx, *, node: str, now: datetime, limit: int) -> list[Run]:
    """Moves up to `limit` waiting runs to running, the most urgent first, none beyond its job's `max_running`."""
    claimed: list[Run] = []
    while len(claimed) < limit:
        found = claimable(tx, now, limit - len(claimed))
        if not found:
            break
        tx.conn.execute(
            update(runs)
            .where(runs.c.id.in_([row["id"] for row in found]), runs.c.state == RunState.QUEUED)
            .values(state=RunState.RUNNING, node=node, started_at=now)
        )
        claimed += [run_of({**row, "state": RunState.RUNNING, "node": node, "started_at": now}) for row in found]
    return claimed


def claimable(tx: Tx, now: datetime, limit: int) -> list[RowMapping]:
    """Waiting runs whose jobs have room, locked. Where many runs of one job wait there may be more behind them."""
    running = (
        select(func.count())
        .where(runs.c.job_key == jobs.c.key, runs.c.state == RunState.RUNNING)
        .correlate(jobs)
        .scalar_subquery()
    )
    waiting = (
        select(runs, jobs.c.max_running)
        .join(jobs, jobs.c.key == runs.c.job_key)
        .where(
            runs.c.state == RunState.QUEUED,
            or_(runs.c.not_before.is_(None), runs.c.not_before <= now),
            running < jobs.c.max_running,
        )
        .order_by(runs.c.priority.desc(), runs.c.id)
        .limit(limit)
        .with_for_update(of=[runs, jobs], skip_locked=True)
    )
    rows = tx.conn.execute(waiting).mappings().all()
    taken = running_of(tx.conn, {row["job_key"] for row in rows})
    found = []
    for row in rows:
        if taken[row["job_key"]] < row["max_running"]:
            taken[row["job_key"]] += 1
            found.append(row)
    return found


def running_of(conn: Connection, job_keys: Iterable[int]) -> Counter[int]:
    """How many runs of each job run now. A claim counts again once it has its locks: on PostgreSQL the statement that
    took them may have looked just before another node's claim was committed."""
    statement = (
        select(runs.c.job_key, func.count())
        .where(runs.c.job_key.in_(list(job_keys)), runs.c.state == RunState.RUNNING)
        .group_by(runs.c.job_key)
    )
    return Counter(dict(conn.execute(statement).all()))


def next_retry(conn: Connection, now: datetime) -> datetime | None:
    """When the next waiting retry may start."""
    statement = select(func.min(runs.c.not_before)).where(runs.c.state == RunState.QUEUED, runs.c.not_before > now)
    return conn.execute(statement).scalar()


def finish(
    tx: Tx,
    run_id: int,
    *,
    node: str,
    outcome: Outcome,
    now: datetime,
    duration: float,
    progress: Progress | None = None,
) -> bool:
    """The end of a running run; False when it ended already, or another node owns it."""
    error = outcome.error
    reported = {"progress": asdict(progress)} if progress else {}
    statement = (
        update(runs)
        .where(runs.c.id == run_id, runs.c.state == RunState.RUNNING, runs.c.node == node)
        .values(
            state=outcome.state,
            reason=outcome.reason,
            result=outcome.result,
            error_type=error.type if error else None,
            error_message=error.message if error else None,
            error_traceback=error.traceback if error else None,
            finished_at=now,
            duration=duration,
            **reported,
        )
    )
    return tx.conn.execute(statement).rowcount == 1


def end_queued(tx: Tx, run_id: int, *, state: RunState, reason: str, now: datetime) -> bool:
    """Ends a run that waits; False when it waits no longer."""
    statement = (
        update(runs)
        .where(runs.c.id == run_id, runs.c.state == RunState.QUEUED)
        .values(state=state, reason=reason, finished_at=now)
    )
    return tx.conn.execute(statement).rowcount == 1


def lose(tx: Tx, run: Run, *, reason: str, now: datetime) -> bool:
    """Marks a run whose process died."""
    statement = (
        update(runs)
        .where(runs.c.id == run.id, runs.c.state == RunState.RUNNING, runs.c.node == run.node)
        .values(state=RunState.LOST, reason=reason, finished_at=now)
    )
    return tx.conn.execute(statement).rowcount == 1


def set_progress(tx: Tx, run_id: int, progress: Progress) -> None:
    tx.conn.execute(
        update(runs).where(runs.c.id == run_id, runs.c.state == RunState.RUNNING).values(progress=asdict(progress))
    )


# -- questions ------------------------------------------------------------------------------------------------------


def get(conn: Connection, run_id: int) -> Run | None:
    row = conn.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
    return run_of(row) if row else None


def attempts(conn: Connection, first_attempt: int) -> list[Run]:
    """All attempts of one run, the first one first."""
    statement = (
        select(runs)
        .where(or_(runs.c.id == first_attempt, runs.c.first_attempt == first_attempt))
        .order_by(runs.c.attempt)
    )
    return [run_of(row) for row in conn.execute(statement).mappings()]


def page(conn: Connection, filters: RunFilter, *, before: int | None = None, limit: int = 50) -> list[Run]:
    """The runs before the id `before`, the newest first."""
    statement: Select[Any] = select(runs).order_by(runs.c.id.desc()).limit(limit)
    if filters.job:
        statement = statement.where(runs.c.job == filters.job)
    if filters.state:
        statement = statement.where(runs.c.state == filters.state)
    if filters.since:
        statement = statement.where(runs.c.queued_at >= filters.since)
    if filters.until:
        statement = statement.where(runs.c.queued_at < filters.until)
    if before is not None:
        statement = statement.where(runs.c.id < before)
    return [run_of(row) for row in conn.execute(statement).mappings()]


def of_job(conn: Connection, job_key: int, *, before: int | None = None, limit: int = 50) -> list[Run]:
    """A job's own runs, the newest first; not those of a removed job of the same id."""
    statement = select(runs).where(runs.c.job_key == job_key).order_by(runs.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(runs.c.id < before)
    return [run_of(row) for row in conn.execute(statement).mappings()]


def open_of_job(conn: Connection, job_key: int) -> list[Run]:
    """A job's runs that have not ended, the oldest first."""
    statement = select(runs).where(runs.c.job_key == job_key, runs.c.state.in_(OPEN_STATES)).order_by(runs.c.id)
    return [run_of(row) for row in conn.execute(statement).mappings()]


def running(conn: Connection, limit: int = 1000) -> list[Run]:
    """What runs now, the longest first."""
    statement = select(runs).where(runs.c.state == RunState.RUNNING).order_by(runs.c.id).limit(limit)
    return [run_of(row) for row in conn.execute(statement).mappings()]


def failures(conn: Connection, limit: int) -> list[Run]:
    """The newest runs that went wrong."""
    statement = (
        select(runs)
        .where(runs.c.state.in_((RunState.FAILED, RunState.TIMED_OUT, RunState.LOST)))
        .order_by(runs.c.id.desc())
        .limit(limit)
    )
    return [run_of(row) for row in conn.execute(statement).mappings()]


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


def counts_by_state(conn: Connection, job: str = "") -> dict[str, int]:
    """How many runs are open now, by state."""
    statement = select(runs.c.state, func.count()).where(runs.c.state.in_(OPEN_STATES)).group_by(runs.c.state)
    if job:
        statement = statement.where(runs.c.job == job)
    return dict(conn.execute(statement).all())


def count_of_job(conn: Connection, job_key: int) -> int:
    return conn.execute(select(func.count()).where(runs.c.job_key == job_key)).scalar_one()


def by_hour(conn: Connection, since: datetime, until: datetime | None = None) -> list[tuple[datetime, int, int]]:
    """For each hour within that has any: its start, how many runs succeeded, how many went wrong."""
    moment = runs.c.finished_at
    succeeded = func.sum(case((runs.c.state == RunState.SUCCEEDED, 1), else_=0))
    bad = (RunState.FAILED, RunState.TIMED_OUT, RunState.LOST)
    failed = func.sum(case((runs.c.state.in_(bad), 1), else_=0))
    bucket = func.min(moment)
    statement = (
        select(bucket, succeeded, failed)
        .where(moment >= since, moment < until if until else true(), runs.c.state.in_((RunState.SUCCEEDED, *bad)))
        .group_by(type_coerce(moment, BigInteger).op("/")(HOUR))
        .order_by(bucket)
    )
    return [
        (first.replace(minute=0, second=0, microsecond=0), int(good), int(wrong))
        for first, good, wrong in conn.execute(statement)
    ]


# -- pruning --------------------------------------------------------------------------------------------------------


def prune_older(tx: Tx, before: datetime, limit: int) -> int:
    """Deletes at most `limit` ended runs that finished before that moment, with their logs."""
    old = select(runs.c.id).where(runs.c.finished_at < before).order_by(runs.c.finished_at).limit(limit)
    return tx.conn.execute(delete(runs).where(runs.c.id.in_(old.scalar_subquery()))).rowcount


def prune_beyond(tx: Tx, job_key: int, keep: int, limit: int) -> int:
    """Deletes at most `limit` ended runs of a job beyond its newest `keep`, with their logs."""
    edge = tx.conn.execute(
        select(runs.c.id).where(runs.c.job_key == job_key).order_by(runs.c.id.desc()).offset(keep).limit(1)
    ).scalar()
    if edge is None:
        return 0
    old = (
        select(runs.c.id)
        .where(and_(runs.c.job_key == job_key, runs.c.id <= edge, runs.c.state.not_in(OPEN_STATES)))
        .limit(limit)
    )
    return tx.conn.execute(delete(runs).where(runs.c.id.in_(old.scalar_subquery()))).rowcount


def job_keys(conn: Connection) -> Iterable[int]:
    """Every job that has runs, removed ones too."""
    return conn.execute(select(runs.c.job_key).distinct()).scalars().all()

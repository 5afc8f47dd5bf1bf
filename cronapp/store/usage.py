"""Which jobs run a task, and its runs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from cronapp.core.models import Job, JobState, Run
from cronapp.store.jobs import JOBS, jobs_of
from cronapp.store.runs.rows import LISTED, run_of
from cronapp.store.tables import jobs, runs


@dataclass(frozen=True, slots=True)
class JobMark:
    """A job as a chip."""

    id: str
    state: JobState
    failures: int  # in a row


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What is made of a task: how many jobs, the first of them, and its last run."""

    count: int
    jobs: tuple[JobMark, ...]
    last: Run | None = None


def uses(conn: Connection, chips: int) -> dict[str, Use]:
    """Of each task that has jobs, by its name. One look at the jobs; of the runs only the newest of each job."""
    place = func.row_number().over(partition_by=jobs.c.task, order_by=jobs.c.id).label("place")
    ranked = select(jobs.c.task, jobs.c.id, jobs.c.state, jobs.c.failures, place).subquery()
    marks: dict[str, list[JobMark]] = {}
    for task, job_id, state, failures in conn.execute(
        select(ranked.c.task, ranked.c.id, ranked.c.state, ranked.c.failures)
        .where(ranked.c.place <= chips)
        .order_by(ranked.c.task, ranked.c.id)
    ):
        marks.setdefault(task, []).append(JobMark(job_id, JobState(state), failures))
    newest = select(func.max(runs.c.id)).where(runs.c.job_key == jobs.c.key).correlate(jobs).scalar_subquery()
    counted = conn.execute(select(jobs.c.task, func.count(), func.max(newest)).group_by(jobs.c.task)).all()
    last = {run.id: run for run in by_ids(conn, {run_id for _, _, run_id in counted if run_id})}
    found = {}
    for task, count, run_id in counted:
        found[task] = Use(count=count, jobs=tuple(marks.get(task, ())), last=last.get(run_id))
    return found


def by_ids(conn: Connection, run_ids: Collection[int]) -> list[Run]:
    rows = conn.execute(select(*LISTED).where(runs.c.id.in_(run_ids))).mappings()
    return [run_of(row) for row in rows]


def jobs_of_task(conn: Connection, task: str, limit: int) -> list[Job]:
    """The jobs of a task, in the order of their ids."""
    return jobs_of(conn, conn.execute(JOBS.where(jobs.c.task == task).order_by(jobs.c.id).limit(limit)).mappings())


def runs_of_task(conn: Connection, job_keys: Collection[int], limit: int) -> list[Run]:
    """The newest runs of these jobs. Each job's own newest are looked up in an index; there is none of tasks."""
    own = runs.alias()
    newest = select(own.c.id).where(own.c.job_key == jobs.c.key).order_by(own.c.id.desc()).limit(limit).correlate(jobs)
    statement = (
        select(runs.c.id)
        .select_from(jobs.join(runs, runs.c.id.in_(newest.scalar_subquery())))
        .where(jobs.c.key.in_(job_keys))
        .order_by(runs.c.id.desc())
        .limit(limit)
    )
    found = by_ids(conn, set(conn.execute(statement).scalars()))
    return sorted(found, key=lambda run: -run.id)

"""Which job comes after which, and what of it has ended already."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, exists, select, update

from cronapp.core.models import Job
from cronapp.store.jobs import JOBS, jobs_of
from cronapp.store.store import Tx
from cronapp.store.tables import dependencies, jobs


def edges(conn: Connection) -> dict[str, list[str]]:
    """To each job that comes after others those others, by their ids."""
    statement = (
        select(jobs.c.id, dependencies.c.upstream)
        .join(dependencies, dependencies.c.job_key == jobs.c.key)
        .order_by(jobs.c.id, dependencies.c.upstream)
    )
    found: dict[str, list[str]] = {}
    for job, upstream in conn.execute(statement):
        found.setdefault(job, []).append(upstream)
    return found


def after(conn: Connection, upstreams: Collection[str]) -> dict[str, set[int]]:
    """Which jobs come after each of these, by their keys; those that nobody comes after are left out."""
    statement = select(dependencies.c.upstream, dependencies.c.job_key).where(dependencies.c.upstream.in_(upstreams))
    found: dict[str, set[int]] = {}
    for upstream, key in conn.execute(statement):
        found.setdefault(upstream, set()).add(key)
    return found


def waiting_for(conn: Connection, upstream: str, *, lock: bool = False) -> list[Job]:
    """The jobs that come after this one; with `lock`, two of whose upstreams end at once are looked at one by one."""
    statement = (
        JOBS.join(dependencies, dependencies.c.job_key == jobs.c.key)
        .where(dependencies.c.upstream == upstream)
        .order_by(jobs.c.key)
    )
    rows = conn.execute(statement.with_for_update(of=jobs) if lock else statement).mappings()
    return jobs_of(conn, rows)


def note_end(tx: Tx, job_key: int, upstream: str, run_id: int) -> bool:
    """Notes that a run of the upstream ended as the job waits for; answers whether all have now."""
    mine = dependencies.c.job_key == job_key
    tx.conn.execute(update(dependencies).where(mine, dependencies.c.upstream == upstream).values(ended=run_id))
    return not tx.conn.execute(select(exists().where(mine, dependencies.c.ended.is_(None)))).scalar_one()


def ended(conn: Connection, job_key: int) -> dict[str, int]:
    """The upstreams that have ended as the job waits for, since its own last run, with their runs."""
    statement = select(dependencies.c.upstream, dependencies.c.ended).where(
        dependencies.c.job_key == job_key, dependencies.c.ended.is_not(None)
    )
    return dict(conn.execute(statement).all())


def missing(conn: Connection, job_ids: Collection[str]) -> list[str]:
    """Those of these ids that no job has."""
    there = set(conn.execute(select(jobs.c.id).where(jobs.c.id.in_(list(job_ids)))).scalars())
    return [job_id for job_id in job_ids if job_id not in there]

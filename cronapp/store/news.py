"""What changed since a moment, as far as it can be seen from the rows: for those who come again after a while."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, false, or_, select, true

from cronapp.core.history import ChangeKind
from cronapp.core.models import Job, Run, RunState
from cronapp.store.job_changes import spec_before, specs_since
from cronapp.store.jobs import JOBS, jobs_of
from cronapp.store.runs.rows import LISTED, along, run_of
from cronapp.store.tables import OPEN, job_changes, job_tags, jobs, runs

AT_ONCE = 500  # ids in one question


def jobs_since(conn: Connection, since: datetime | None, after: int, limit: int) -> list[Job]:
    """The jobs behind the key `after` that were changed, or of which a run goes on or has ended since; None: all.

    For each job it is looked up along an index, so it costs the same however long ago that is.
    """
    own = runs.c.job_key == jobs.c.key
    going = exists().where(own, OPEN)
    changed = true() if since is None else or_(jobs.c.updated_at >= since, going, exists().where(own, ended(since)))
    statement = JOBS.where(jobs.c.key > after, changed).order_by(jobs.c.key).limit(limit)
    return jobs_of(conn, conn.execute(statement).mappings())


def ended(since: datetime) -> ColumnElement[bool]:
    return and_(runs.c.finished_at.is_not(None), runs.c.finished_at >= since)


def open_runs(
    conn: Connection, state: RunState, since: datetime | None, keys: Collection[int] | None, after: int, limit: int
) -> list[Run]:
    """Runs of all jobs, or of those of these keys, that are running; or that wait, and began to since then."""
    statement = select(*LISTED).where(along(runs.c.state, state, after + 1), of_keys(keys))
    if since is not None and state is RunState.QUEUED:
        statement = statement.where(or_(runs.c.queued_at >= since, runs.c.not_before >= since))
    return [run_of(row) for row in conn.execute(statement.order_by(runs.c.state, runs.c.id).limit(limit)).mappings()]


def ended_runs(conn: Connection, since: datetime, after: int, keys: Collection[int] | None, limit: int) -> list[Run]:
    """Runs that ended at that moment or later, the first one first; of those of that very moment the ones behind
    `after`."""
    behind = or_(runs.c.finished_at > since, runs.c.id > after)
    statement = select(*LISTED).where(ended(since), behind, of_keys(keys))
    return [
        run_of(row) for row in conn.execute(statement.order_by(runs.c.finished_at, runs.c.id).limit(limit)).mappings()
    ]


def of_keys(keys: Collection[int] | None) -> ColumnElement[bool]:
    return true() if keys is None else runs.c.job_key.in_(list(keys)) if keys else false()


def runs_of(conn: Connection, ids: Sequence[int]) -> list[Run]:
    """Those of these runs that are there."""
    asked = (ids[n : n + AT_ONCE] for n in range(0, len(ids), AT_ONCE))
    rows = (conn.execute(select(*LISTED).where(runs.c.id.in_(some))).mappings() for some in asked)
    return [run_of(row) for some in rows for row in some]


def departed(
    conn: Connection, since: datetime, tags: frozenset[str] | None, ids: Collection[str] | None = None
) -> list[str]:
    """The ids of the jobs, or which of these, that were removed since then; for somebody with `tags` those that they
    saw, and lost sight of too. Asked of the whole store: what was removed has no tags any more."""
    changed = job_changes.c.at >= since
    if tags is None:
        changed = and_(changed, job_changes.c.kind == ChangeKind.REMOVED)
    else:
        changed = and_(changed, or_(job_changes.c.kind == ChangeKind.REMOVED, job_changes.c.spec.is_not(None)))
    there = exists().where(jobs.c.id == job_changes.c.job, seen_by(tags))
    statement = select(job_changes.c.id, job_changes.c.job_key, job_changes.c.job).where(
        changed, ~there, true() if ids is None else job_changes.c.job.in_(list(ids))
    )
    firsts: dict[int, tuple[int, str]] = {}
    for change, key, job in sorted(conn.execute(statement)):  # grouped there, SQLite would read all there are
        firsts.setdefault(key, (change, job))
    found = [job for key, (change, job) in firsts.items() if was_seen(conn, key, change, tags)]
    return list(dict.fromkeys(found))


def seen_by(tags: frozenset[str] | None) -> ColumnElement[bool]:
    if tags is None:
        return true()
    return jobs.c.key.in_(select(job_tags.c.job_key).where(job_tags.c.tag.in_(sorted(tags))))


def was_seen(conn: Connection, key: int, change: int, tags: frozenset[str] | None) -> bool:
    """Whether somebody with these tags saw the job before this change of it, or since."""
    if tags is None:
        return True
    before = spec_before(conn, key, change)
    specs = [*([before] if before else []), *specs_since(conn, key, change)]
    return any(not tags.isdisjoint(spec.tags) for spec in specs)

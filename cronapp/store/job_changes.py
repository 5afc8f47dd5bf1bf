"""The history of each job's changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, exists, func, insert, select

from cronapp.core.history import ITSELF, ChangeKind, JobChange
from cronapp.core.models import Job, JobSpec
from cronapp.core.spec import spec_from_json, spec_to_json
from cronapp.store.store import Tx
from cronapp.store.tables import job_changes, jobs


def record(
    tx: Tx,
    job: Job,
    kind: ChangeKind,
    *,
    at: datetime,
    by: str,
    reason: str | None = None,
    old: Job | None = None,
) -> None:
    """Writes down a change, in the transaction that makes it. `job` is as it is after the change, `old` as before.

    A job that was there before histories were kept first gets a row of what it was.
    """
    new = None if old and old.spec == job.spec else job.spec
    if old and new and not has_spec(tx.conn, job.key):
        _insert(tx, old, ChangeKind.BASELINE, old.updated_at, ITSELF, None, old.spec)
    _insert(tx, job, kind, at, by, reason, new)


def _insert(
    tx: Tx, job: Job, kind: ChangeKind, at: datetime, by: str, reason: str | None, spec: JobSpec | None
) -> None:
    values = {
        "job_key": job.key,
        "job": job.id,
        "version": job.version,
        "kind": kind,
        "at": at,
        "by": by,
        "reason": reason,
        "spec": spec and spec_to_json(spec),
    }
    tx.conn.execute(insert(job_changes).values(**values))


def has_spec(conn: Connection, key: int) -> bool:
    return conn.execute(select(exists().where(of(key), job_changes.c.spec.is_not(None)))).scalar_one()


def of(key: int) -> ColumnElement[bool]:
    return job_changes.c.job_key == key


def page(conn: Connection, key: int, *, before: int | None = None, limit: int = 50) -> list[JobChange]:
    """The changes of a job, the newest first, each with what was before it."""
    statement = select(job_changes).where(of(key)).order_by(job_changes.c.id.desc()).limit(limit)
    if before:
        statement = statement.where(job_changes.c.id < before)
    found = [change_of(row) for row in conn.execute(statement).mappings()]
    return with_before(found, spec_before(conn, key, found[-1].id) if found else None)


def with_before(newest_first: Sequence[JobChange], before: JobSpec | None) -> list[JobChange]:
    """`before` is the job as it was before the oldest of them."""
    told: list[JobChange] = []
    for change in reversed(newest_first):
        told.append(replace(change, before=before))
        before = change.spec or before
    return told[::-1]


def change_of(row: RowMapping) -> JobChange:
    return JobChange(
        id=row["id"],
        job_key=row["job_key"],
        job=row["job"],
        version=row["version"],
        kind=ChangeKind(row["kind"]),
        at=row["at"],
        by=row["by"],
        reason=row["reason"],
        spec=row["spec"] and spec_from_json(row["spec"]),
    )


def spec_before(conn: Connection, key: int, change_id: int) -> JobSpec | None:
    """The job as it was before this change; None: that is not kept."""
    return _newest_spec(conn, key, job_changes.c.id < change_id)


def specs_since(conn: Connection, key: int, change_id: int) -> list[JobSpec]:
    """The job as it was after this change and after each later one that changed what it says."""
    statement = select(job_changes.c.spec).where(
        of(key), job_changes.c.id >= change_id, job_changes.c.spec.is_not(None)
    )
    return [spec_from_json(spec) for spec in conn.execute(statement.order_by(job_changes.c.id)).scalars()]


def savers(conn: Connection, key: int, version: int, limit: int = 50) -> list[str]:
    """Who changed what the job says since this version, the first one first."""
    newest = select(job_changes.c.id, job_changes.c.by).where(
        of(key), job_changes.c.version > version, job_changes.c.spec.is_not(None)
    )
    rows = conn.execute(newest.order_by(job_changes.c.id.desc()).limit(limit)).all()
    return list(dict.fromkeys(by for _, by in reversed(rows)))


def spec_at(conn: Connection, key: int, version: int) -> JobSpec | None:
    """The job as it was in this version; None: that is not kept."""
    return _newest_spec(conn, key, job_changes.c.version <= version)


def _newest_spec(conn: Connection, key: int, within: ColumnElement[bool]) -> JobSpec | None:
    statement = (
        select(job_changes.c.spec)
        .where(of(key), job_changes.c.spec.is_not(None), within)
        .order_by(job_changes.c.id.desc())
        .limit(1)
    )
    spec = conn.execute(statement).scalar()
    return spec and spec_from_json(spec)


def last_key(conn: Connection, job_id: str) -> int | None:
    """The key of the last job that had this id."""
    statement = select(job_changes.c.job_key).where(job_changes.c.job == job_id)
    return conn.execute(statement.order_by(job_changes.c.id.desc()).limit(1)).scalar()


# -- pruned ---------------------------------------------------------------------------------------------------------


def longer_than(conn: Connection, kept: int) -> list[int]:
    """The keys of the jobs with more changes than are kept."""
    statement = select(job_changes.c.job_key).group_by(job_changes.c.job_key).having(func.count() > kept)
    return list(conn.execute(statement).scalars())


def prune_beyond(tx: Tx, key: int, kept: int, batch: int) -> int:
    """Deletes the oldest changes of a job but for the newest `kept`; answers how many."""
    old = select(job_changes.c.id).where(of(key)).order_by(job_changes.c.id.desc()).offset(kept).limit(batch)
    ids = list(tx.conn.execute(old).scalars())
    return tx.conn.execute(delete(job_changes).where(job_changes.c.id.in_(ids))).rowcount if ids else 0


def prune_removed(tx: Tx, before: datetime, batch: int) -> int:
    """Deletes changes of jobs that were removed, from before this moment; answers how many."""
    gone = ~exists().where(jobs.c.key == job_changes.c.job_key)
    old = select(job_changes.c.id).where(gone, job_changes.c.at < before).order_by(job_changes.c.id).limit(batch)
    ids = list(tx.conn.execute(old).scalars())
    return tx.conn.execute(delete(job_changes).where(job_changes.c.id.in_(ids))).rowcount if ids else 0

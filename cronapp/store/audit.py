"""Who changed what: the changes of all jobs, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from cronapp.core.history import JobChange
from cronapp.store.job_changes import change_of
from cronapp.store.tables import job_changes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which changes are listed. `since` is inclusive, `until` exclusive."""

    job: str = ""
    by: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(conn: Connection, wanted: AuditFilter, *, before: int | None = None, limit: int = 50) -> list[JobChange]:
    """Without what was before each change; a job's own history tells that."""
    statement = select(job_changes).order_by(job_changes.c.id.desc()).limit(limit)
    if wanted.job:
        statement = statement.where(job_changes.c.job == wanted.job)
    if wanted.by:
        statement = statement.where(job_changes.c.by == wanted.by)
    if wanted.since:
        statement = statement.where(job_changes.c.at >= wanted.since)
    if wanted.until:
        statement = statement.where(job_changes.c.at < wanted.until)
    if before:
        statement = statement.where(job_changes.c.id < before)
    return [change_of(row) for row in conn.execute(statement).mappings()]

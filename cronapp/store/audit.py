"""Who changed what: the changes of all jobs, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from cronapp.core.history import JobChange
from cronapp.core.models import Json
from cronapp.store.job_changes import change_of
from cronapp.store.store import Tx
from cronapp.store.tables import audit, job_changes


def note(
    tx: Tx,
    now: datetime,
    action: str,
    target: str | None = None,
    *,
    before: Json | None = None,
    after: Json | None = None,
    reason: str | None = None,
) -> None:
    """Writes down what whoever asked for this transaction did. Nothing here is ever changed.

    `action` is a thing and a verb, as `job.paused`; `target` is which one. `before` and `after` tell what became
    different, without any secret.
    """
    values = {"at": now, "by": tx.by.name, "address": tx.by.address or None, "action": action, "target": target}
    tx.conn.execute(insert(audit).values(**values, before=before, after=after, reason=reason))


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

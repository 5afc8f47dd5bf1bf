"""The audit: what was done is written down, and only added to. Old rows go when the settings no longer keep them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, insert, or_, select

from cronapp.core.audit import AuditRow, line_of, row_json, things_of
from cronapp.core.events import Audited
from cronapp.core.models import Json
from cronapp.store.store import Tx
from cronapp.store.tables import audit, runs

RUN = re.compile("#[0-9]{1,18}")  # a run in a filter, by its number
log = logging.getLogger("cronapp.audit")


def note(
    tx: Tx,
    now: datetime,
    action: str,
    target: str | None = None,
    *,
    before: Json | None = None,
    after: Json | None = None,
    reason: str | None = None,
    by: str | None = None,
) -> None:
    """Writes down what whoever asked for this transaction did. Nothing here is ever changed.

    `action` is a thing and a verb, as `job.paused`; `target` is which one. `before` and `after` tell what became
    different, without any secret. `by` is who did it, where that is not who asked.
    """
    row = AuditRow(
        at=now,
        by=by or tx.by.name,
        address=tx.by.address or None,
        action=action,
        target=target,
        before=before or None,
        after=after or None,
        reason=reason,
    )
    values = {name: getattr(row, name) for name in COLUMNS}
    key = tx.conn.execute(ADD, values).inserted_primary_key
    if not tx.later:
        tx.emit(Audited())
    tx.later.append(partial(tell, row, key[0] if key else 0))


ADD = insert(audit)
COLUMNS = ("at", "by", "address", "action", "target", "before", "after", "reason")


def tell(row: AuditRow, number: int) -> None:
    """The same in the server's log, once it is true."""
    log.info("%s", line_of(row), extra={"audit": {**row_json(row), "id": number}})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which deeds are listed. `action` is one of them, or what several are about, as `jobs` or `note`. `target` is
    which thing, or `#12` for a run. `address` may be the beginning of one. `since` is inclusive, `until` exclusive."""

    by: str = ""
    action: str = ""
    target: str = ""
    address: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(conn: Connection, wanted: AuditFilter, *, before: int | None = None, limit: int = 50) -> list[AuditRow]:
    """What was done, the newest first."""
    statement = select(audit).where(and_(True, *conditions(conn, wanted))).order_by(audit.c.id.desc()).limit(limit)
    if before:
        statement = statement.where(audit.c.id < before)
    return [row_of(row) for row in conn.execute(statement).mappings()]


def conditions(conn: Connection, wanted: AuditFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.by:
        yield audit.c.by == wanted.by
    if wanted.action:
        starts = [audit.c.action.startswith(f"{thing}.", autoescape=True) for thing in things_of(wanted.action)]
        yield or_(*starts) if starts else audit.c.action == wanted.action
    if RUN.fullmatch(wanted.target):
        yield from about_run(conn, int(wanted.target[1:]))
    elif wanted.target:
        yield audit.c.target == wanted.target
    if wanted.address:
        yield audit.c.address.startswith(wanted.address, autoescape=True)
    if wanted.since:
        yield audit.c.at >= wanted.since
    if wanted.until:
        yield audit.c.at < wanted.until


def about_run(conn: Connection, run: int) -> Iterator[ColumnElement[bool]]:
    yield or_(*(side["run"].as_integer() == run for side in (audit.c.before, audit.c.after)))
    job = conn.execute(select(runs.c.job).where(runs.c.id == run)).scalar()
    if job is not None:  # as long as the run is kept: then an index leads there
        yield audit.c.target == job


def row_of(row: RowMapping) -> AuditRow:
    return AuditRow(id=row["id"], **{name: row[name] for name in COLUMNS})


def prune(tx: Tx, before: datetime, batch: int) -> int:
    """Deletes what is older than the settings keep; answers how many. There is no other way out of the audit."""
    old = select(audit.c.id).where(audit.c.at < before).order_by(audit.c.at).limit(batch)
    ids = list(tx.conn.execute(old).scalars())
    return tx.conn.execute(delete(audit).where(audit.c.id.in_(ids))).rowcount if ids else 0

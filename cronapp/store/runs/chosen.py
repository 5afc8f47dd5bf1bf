"""What a change of many runs has to know of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from cronapp.core.models import RunState
from cronapp.store.tables import jobs, runs

AT_ONCE = 500  # ids in one question


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A run, whether its job is there, and the newest attempt of the same run."""

    id: int
    job: str
    state: RunState
    job_there: bool
    newest: int
    newest_state: RunState
    newest_waits_until: datetime | None


def chosen(conn: Connection, ids: Sequence[int]) -> list[Chosen]:
    """Those of these runs that are there, the newest first."""
    found = [one for n in range(0, len(ids), AT_ONCE) for one in _chosen(conn, ids[n : n + AT_ONCE])]
    return sorted(found, key=lambda one: -one.id)


def _chosen(conn: Connection, ids: Sequence[int]) -> list[Chosen]:
    later, newest = runs.alias(), runs.alias()
    first = func.coalesce(runs.c.first_attempt, runs.c.id)
    last = select(func.max(later.c.id)).where(later.c.first_attempt == first).correlate(runs).scalar_subquery()
    statement = (
        select(
            runs.c.id,
            runs.c.job,
            runs.c.state,
            jobs.c.key.is_not(None).label("job_there"),
            newest.c.id.label("newest"),
            newest.c.state.label("newest_state"),
            newest.c.not_before.label("newest_waits_until"),
        )
        .select_from(
            runs.outerjoin(jobs, jobs.c.key == runs.c.job_key).join(
                newest, newest.c.id == func.coalesce(last, runs.c.id)
            )
        )
        .where(runs.c.id.in_(ids))
    )
    return [
        Chosen(
            id=row.id,
            job=row.job,
            state=RunState(row.state),
            job_there=bool(row.job_there),
            newest=row.newest,
            newest_state=RunState(row.newest_state),
            newest_waits_until=row.newest_waits_until,
        )
        for row in conn.execute(statement)
    ]

"""How long the newest runs that succeeded took, of which is learnt what is usual; from one index alone."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from cronapp.core.models import Run
from cronapp.core.usual import NEWEST, Usual, usual_of
from cronapp.store.dialects import json_list
from cronapp.store.runs.rows import of_same
from cronapp.store.tables import SUCCEEDED, jobs, runs

AT_ONCE = 500  # jobs asked for in one statement


def usual(conn: Connection, job_keys: Sequence[int]) -> dict[int, Usual]:
    """What is usual for each of these jobs; one of which no run succeeded is left out."""
    own = select(runs.c.duration).where(runs.c.job_key == jobs.c.key, SUCCEEDED, runs.c.duration.is_not(None))
    newest = own.order_by(runs.c.id.desc()).limit(NEWEST).correlate(jobs).subquery()
    durations = select(json_list(newest.c.duration)).scalar_subquery()
    found: dict[int, Usual] = {}
    for first in range(0, len(job_keys), AT_ONCE):
        asked = job_keys[first : first + AT_ONCE]
        for key, listed in conn.execute(select(jobs.c.key, durations).where(jobs.c.key.in_(asked))):
            if (told := usual_of(listed or ())) is not None:
                found[key] = told
    return found


def usual_before(conn: Connection, run: Run) -> Usual | None:
    """What was usual for its job when the run began."""
    statement = (
        select(runs.c.duration)
        .where(of_same(run), runs.c.id < run.id, SUCCEEDED, runs.c.duration.is_not(None))
        .order_by(runs.c.id.desc())
        .limit(NEWEST)
    )
    return usual_of(list(conn.execute(statement).scalars()))

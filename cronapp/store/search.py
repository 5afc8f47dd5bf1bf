"""Jobs by what somebody types into the search."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from cronapp.core.models import Job
from cronapp.core.ranking import DIVIDERS
from cronapp.store.jobs import JOBS, jobs_of
from cronapp.store.tables import job_tags, jobs

ESCAPE = "\\"


def fitting(conn: Connection, typed: str, limit: int) -> list[Job]:
    """The jobs whose id, task or tag fits best, in the ranks of `core.ranking`: an id before a task, a task before a
    tag. Only ids are looked at for scattered letters. The database ranks, so that no more than these are read whole."""
    typed = typed.lower()
    by_id, by_task = func.lower(jobs.c.id), func.lower(jobs.c.task)
    tagged = select(job_tags.c.job_key).where(like(func.lower(job_tags.c.tag), f"{escaped(typed)}%"))
    scattered = like(by_id, f"%{'%'.join(map(escaped, typed))}%")
    ranks: list[tuple[ColumnElement[bool], int]] = [
        *((fits, rank) for rank, fits in enumerate(tiers(by_id, typed))),
        *((fits, 10 + rank) for rank, fits in enumerate(tiers(by_task, typed))),
        (jobs.c.key.in_(tagged), 20),
    ]
    ranked = (
        select(jobs.c.key, case(*ranks, else_=30).label("rank"), func.length(jobs.c.id).label("length"))
        .where(or_(scattered, like(by_task, f"%{escaped(typed)}%"), jobs.c.key.in_(tagged)))
        .order_by("rank", "length", jobs.c.id)
        .limit(limit)
    )
    order = {row.key: place for place, row in enumerate(conn.execute(ranked))}
    rows = conn.execute(JOBS.where(jobs.c.key.in_(list(order)))).mappings()
    return sorted(jobs_of(conn, rows), key=lambda job: order[job.key])


def tiers(name: ColumnElement[str], typed: str) -> list[ColumnElement[bool]]:
    """How a name fits, from exactly to inside it."""
    text = escaped(typed)
    words = or_(*(like(name, f"%{escaped(divider)}{text}%") for divider in DIVIDERS))
    return [name == typed, like(name, f"{text}%"), words, like(name, f"%{text}%")]


def like(name: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    return name.like(pattern, escape=ESCAPE)


def escaped(text: str) -> str:
    """Text that stands for itself in a pattern."""
    return "".join(f"{ESCAPE}{letter}" if letter in "%_\\" else letter for letter in text)

"""Questions about jobs, and their changes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy import update as sql_update

from cronapp.core.hidden import names_in
from cronapp.core.models import After, Job, JobSpec, JobState, Json, Pause, RunState, SlotChange
from cronapp.core.spec import spec_from_json, spec_to_json
from cronapp.store.dialects import insert_or_ignore
from cronapp.store.slot_changes import slot_changes_of
from cronapp.store.store import Tx
from cronapp.store.tables import dependencies, job_channels, job_secrets, job_tags, jobs, runs, slot_changes


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs a list shows. `state` is a job state, or `running` or `failing`; a job has all of `tags`, or with
    `untagged` none at all."""

    q: str = ""
    state: str = ""
    task: str = ""
    tags: tuple[str, ...] = ()
    untagged: bool = False
    queue: str = ""
    label: str = ""
    group: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """How many jobs there are, how many of them need attention, and how many runs go on."""

    jobs: int
    attention: int
    running: int


AMENDED = exists().where(slot_changes.c.job_key == jobs.c.key).label("amended")
JOBS = select(jobs, AMENDED)
"""Rows for `jobs_of`."""


def jobs_of(conn: Connection, rows: Iterable[RowMapping]) -> list[Job]:
    """The jobs of these rows of `JOBS`, with the slots that were skipped or added."""
    found = list(rows)
    changes = slot_changes_of(conn, [row["key"] for row in found if row["amended"]])
    return [job_with(row, changes.get(row["key"], ())) for row in found]


def job_with(row: RowMapping, changes: tuple[SlotChange, ...]) -> Job:
    return Job(
        key=row["key"],
        spec=spec_from_json(row["spec"]),
        state=JobState(row["state"]),
        reason=row["reason"],
        origin=row["origin"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        last_slot=row["last_slot"],
        next_slot=row["next_slot"],
        slots_used=row["slots_used"],
        code=row["code"],
        pause=pause_of(row) if row["state"] == JobState.PAUSED else None,
        failures=row["failures"],
        fits=row["fits"],
        slot_changes=changes,
    )


def pause_of(row: RowMapping) -> Pause:
    return Pause(by=row["paused_by"], at=row["paused_at"], until=row["paused_until"])


def columns_of(spec: JobSpec) -> dict[str, Any]:
    return {
        "id": spec.id,
        "task": spec.task,
        "spec": spec_to_json(spec),
        "max_running": spec.max_running,
        "group": spec.group,
    }


def create(
    tx: Tx,
    spec: JobSpec,
    *,
    state: JobState,
    reason: str | None,
    origin: str,
    now: datetime,
    next_slot: datetime | None,
    code: Json | None = None,
    fits: Json | None = None,
) -> Job | None:
    """A new job whose slots count from now; None when its id is taken."""
    values = columns_of(spec) | {
        "state": state,
        "reason": reason,
        "origin": origin,
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "last_slot": now,
        "next_slot": next_slot,
        "slots_used": 0,
        "code": code,
        "fits": fits,
    }
    key = tx.conn.execute(insert_or_ignore(tx.conn, jobs).values(**values).returning(jobs.c.key)).scalar()
    if key is None:
        return None
    write_tags(tx, key, spec.tags)
    write_secrets(tx, key, names_in(spec.args))
    write_channels(tx, key, channels_in(spec))
    write_dependencies(tx, key, spec.after)
    return get(tx.conn, spec.id)


def get(conn: Connection, job_id: str, *, lock: bool = False) -> Job | None:
    """The job of that id; with `lock`, nobody else changes it or opens its slots until the transaction ends."""
    statement = JOBS.where(jobs.c.id == job_id)
    row = conn.execute(statement.with_for_update(of=jobs) if lock else statement).mappings().first()
    if row is None:
        return None
    # Who waited for the lock sees the newest job, but what else stood in the statement as it was before.
    amended = [row["key"]] if lock or row["amended"] else []
    return job_with(row, slot_changes_of(conn, amended).get(row["key"], ()))


def by_keys(conn: Connection, keys: Iterable[int]) -> list[Job]:
    """In the order of the keys: who changes several of them does so in the same order as others, and none waits for
    one that waits for it."""
    return jobs_of(conn, conn.execute(JOBS.where(jobs.c.key.in_(list(keys))).order_by(jobs.c.key)).mappings())


def lock(tx: Tx, keys: Collection[int]) -> None:
    """Nobody else changes these jobs until the transaction ends."""
    if keys:
        tx.conn.execute(select(jobs.c.key).where(jobs.c.key.in_(keys)).order_by(jobs.c.key).with_for_update()).all()


def by_ids(conn: Connection, ids: Iterable[str]) -> list[Job]:
    return jobs_of(conn, conn.execute(JOBS.where(jobs.c.id.in_(list(ids))).order_by(jobs.c.id)).mappings())


def all_jobs(conn: Connection) -> list[Job]:
    """Every job; for the start, when each is compared with its task."""
    return jobs_of(conn, conn.execute(JOBS.order_by(jobs.c.key)).mappings())


def replace(tx: Tx, old: Job, new: Job) -> bool:
    """Writes a changed job over the version it was made from; False when somebody else was quicker."""
    statement = (
        sql_update(jobs)
        .where(jobs.c.key == old.key, jobs.c.version == old.version)
        .values(
            **columns_of(new.spec),
            state=new.state,
            reason=new.reason,
            version=old.version + 1,
            updated_at=new.updated_at,
            last_slot=new.last_slot,
            next_slot=new.next_slot,
            slots_used=new.slots_used,
            code=new.code,
            paused_at=new.pause and new.pause.at,
            paused_by=new.pause and new.pause.by,
            paused_until=new.pause and new.pause.until,
            failures=new.failures,
            fits=new.fits,
        )
    )
    if tx.conn.execute(statement).rowcount == 0:
        return False
    if new.spec.tags != old.spec.tags:
        tx.conn.execute(delete(job_tags).where(job_tags.c.job_key == old.key))
        write_tags(tx, old.key, new.spec.tags)
    if (named := names_in(new.spec.args)) != names_in(old.spec.args):
        tx.conn.execute(delete(job_secrets).where(job_secrets.c.job_key == old.key))
        write_secrets(tx, old.key, named)
    if (told := channels_in(new.spec)) != channels_in(old.spec):
        tx.conn.execute(delete(job_channels).where(job_channels.c.job_key == old.key))
        write_channels(tx, old.key, told)
    if new.spec.after != old.spec.after:
        tx.conn.execute(delete(dependencies).where(dependencies.c.job_key == old.key))
        write_dependencies(tx, old.key, new.spec.after)
    return True


def advance(tx: Tx, job: Job, last_slot: datetime, next_slot: datetime | None) -> bool:
    """Settles all slots up to `last_slot`; False when another node did so first, or the job changed meanwhile."""
    statement = (
        sql_update(jobs)
        .where(
            jobs.c.key == job.key,
            jobs.c.version == job.version,
            jobs.c.state == JobState.ACTIVE,
            jobs.c.last_slot == job.last_slot,
        )
        .values(last_slot=last_slot, next_slot=next_slot)
    )
    return tx.conn.execute(statement).rowcount == 1


def count_slots(tx: Tx, key: int, used: int) -> None:
    """Counts slots that got a run, for a job with `max_runs`."""
    tx.conn.execute(sql_update(jobs).where(jobs.c.key == key).values(slots_used=jobs.c.slots_used + used))


def end(tx: Tx, key: int, now: datetime) -> None:
    """The job has no further slot."""
    values = {"state": JobState.FINISHED, "next_slot": None, "updated_at": now}
    tx.conn.execute(sql_update(jobs).where(jobs.c.key == key).values(values))


def go_on(tx: Tx, key: int, next_slot: datetime | None) -> None:
    """A finished job has a further slot after all, or may be woken again."""
    statement = sql_update(jobs).where(jobs.c.key == key, jobs.c.state == JobState.FINISHED)
    tx.conn.execute(statement.values(state=JobState.ACTIVE, next_slot=next_slot))


def forget_ends(tx: Tx, key: int) -> None:
    """The job waits anew for the ends of all that it comes after."""
    tx.conn.execute(sql_update(dependencies).where(dependencies.c.job_key == key).values(ended=None))


def remember_fits(tx: Tx, fits: Mapping[int, Json | None]) -> None:
    """What the tasks of these jobs are like now. Nobody changed the jobs, so they keep their versions."""
    if fits:
        statement = sql_update(jobs).where(jobs.c.key == bindparam("its")).values(fits=bindparam("told"))
        tx.conn.execute(statement, [{"its": key, "told": told} for key, told in fits.items()])


def remove(tx: Tx, key: int) -> bool:
    return tx.conn.execute(delete(jobs).where(jobs.c.key == key)).rowcount == 1


def write_tags(tx: Tx, key: int, tags: Sequence[str]) -> None:
    if tags:
        tx.conn.execute(insert(job_tags), [{"tag": tag, "job_key": key} for tag in tags])


def write_secrets(tx: Tx, key: int, names: Collection[str]) -> None:
    if names:
        tx.conn.execute(insert(job_secrets), [{"name": name, "job_key": key} for name in sorted(names)])


def channels_in(spec: JobSpec) -> set[str]:
    """The channels that the job's own rules name."""
    return {name for rule in spec.notify for name in rule.channels}


def write_channels(tx: Tx, key: int, names: Collection[str]) -> None:
    if names:
        tx.conn.execute(insert(job_channels), [{"name": name, "job_key": key} for name in sorted(names)])


def write_dependencies(tx: Tx, key: int, after: After | None) -> None:
    if after:
        tx.conn.execute(insert(dependencies), [{"job_key": key, "upstream": upstream} for upstream in after.jobs])


# -- lists ----------------------------------------------------------------------------------------------------------


def has_run(state: RunState) -> ColumnElement[bool]:
    return exists().where(runs.c.job_key == jobs.c.key, runs.c.state == state)


def is_failing() -> ColumnElement[bool]:
    """The newest run that was carried out did not succeed."""
    tried = (RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.LOST)
    newest = (
        select(runs.c.state)
        .where(runs.c.job_key == jobs.c.key, runs.c.state.in_(tried))
        .order_by(runs.c.id.desc())
        .limit(1)
        .correlate(jobs)
        .scalar_subquery()
    )
    return newest.in_((RunState.FAILED, RunState.TIMED_OUT, RunState.LOST))


def matching(filters: JobFilter) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [jobs.c.key.is_not(None)]
    if filters.q:
        text = filters.q.lower()
        conditions.append(
            or_(
                func.lower(jobs.c.id).contains(text, autoescape=True),
                func.lower(jobs.c.task).contains(text, autoescape=True),
            )
        )
    if filters.task:
        conditions.append(jobs.c.task == filters.task)
    if filters.queue:
        conditions.append(jobs.c.spec["queue"].as_string() == filters.queue)
    if filters.label:  # each stands there in quotes, and has none in it
        asked = jobs.c.spec["labels"].as_string()
        conditions.append(asked.contains(json.dumps(filters.label, ensure_ascii=False), autoescape=True))
    if filters.group:
        conditions.append(jobs.c.group == filters.group)
    if filters.origin:
        conditions.append(jobs.c.origin == filters.origin)
    conditions += [jobs.c.key.in_(select(job_tags.c.job_key).where(job_tags.c.tag == tag)) for tag in filters.tags]
    if filters.untagged:
        conditions.append(jobs.c.key.not_in(select(job_tags.c.job_key)))
    if filters.state == "running":
        conditions.append(has_run(RunState.RUNNING))
    elif filters.state == "failing":
        conditions.append(is_failing())
    elif filters.state:
        conditions.append(jobs.c.state == filters.state)
    return and_(*conditions)


def upcoming(conn: Connection, limit: int) -> list[Job]:
    """The active jobs that are due next."""
    statement = (
        JOBS.where(jobs.c.state == JobState.ACTIVE, jobs.c.next_slot.is_not(None))
        .order_by(jobs.c.next_slot, jobs.c.id)
        .limit(limit)
    )
    return jobs_of(conn, conn.execute(statement).mappings())


def in_state(conn: Connection, state: JobState, limit: int) -> list[Job]:
    statement = JOBS.where(jobs.c.state == state).order_by(jobs.c.id).limit(limit)
    return jobs_of(conn, conn.execute(statement).mappings())


def ids(conn: Connection, limit: int | None = None) -> list[str]:
    return list(conn.execute(select(jobs.c.id).order_by(jobs.c.id).limit(limit)).scalars())


def ids_from(conn: Connection, start: str) -> list[str]:
    """The ids that begin so."""
    return list(conn.execute(select(jobs.c.id).where(jobs.c.id.startswith(start, autoescape=True))).scalars())


def total(conn: Connection) -> int:
    return conn.execute(select(func.count()).select_from(jobs)).scalar_one()


def figures(conn: Connection) -> Figures:
    """What is told beside the navigation; by indexes, so that each page may ask."""
    needy = select(func.count()).select_from(jobs).where(jobs.c.state == JobState.NEEDS_ATTENTION)
    running = select(func.count()).select_from(runs).where(runs.c.state == RunState.RUNNING)
    return Figures(total(conn), conn.execute(needy).scalar_one(), conn.execute(running).scalar_one())


def counts(conn: Connection) -> dict[str, int]:
    """How many jobs there are by state, and how many run or fail."""
    by_state: dict[str, int] = dict(conn.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state)).all())
    running = conn.execute(
        select(func.count(runs.c.job_key.distinct())).where(runs.c.state == RunState.RUNNING)
    ).scalar_one()
    failed = conn.execute(select(func.count()).select_from(jobs).where(is_failing())).scalar_one()
    return {
        "all": sum(by_state.values()),
        **{state.value: by_state.get(state, 0) for state in JobState},
        "running": running,
        "failing": failed,
    }


def counts_by_task(conn: Connection) -> dict[str, int]:
    return dict(conn.execute(select(jobs.c.task, func.count()).group_by(jobs.c.task)).all())

"""A row of the table as a `Run`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, RowMapping, and_, tuple_

from cronapp.core.models import Cause, Progress, Run, RunError, RunState, RunTrigger
from cronapp.core.traces import problems_of
from cronapp.store.tables import runs

BEYOND = 2**63 - 1
LISTED = tuple(column for column in runs.c if column.name != "error_frames")
"""What a list of runs reads: frames may be long, and only a run's own page shows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs a list shows. `state` may name several, with commas. Moments bound the time at which a run was opened,
    `since` inclusive, `until` exclusive. `args` are texts, or pairs as `shop=Kiel`; `q` is looked for in arguments,
    result and error; `group` is a group of errors."""

    job: str = ""
    state: str = ""
    since: datetime | None = None
    until: datetime | None = None
    backfill: int | None = None
    task: str = ""
    tag: str = ""
    trigger: str = ""
    node: str = ""
    group: str = ""
    args: tuple[str, ...] = ()
    result: str = ""
    error: str = ""
    q: str = ""

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(state for state in self.state.split(",") if state)

    @property
    def text(self) -> bool:
        """Whether texts are searched, which no index helps with."""
        return bool(self.args or self.result or self.error or self.q)


def of_same(run: Run) -> ColumnElement[bool]:
    """The runs of the same job; of a trial, those that tried out the same task under the same id."""
    own = runs.c.job_key == run.job_key
    return and_(own, runs.c.job == run.job, runs.c.task == run.task) if run.trial else own


def along(column: Column[Any], value: str, first: int = 0, end: int = BEYOND) -> ColumnElement[bool]:
    """Runs with this value, whose numbers are not below `first` and below `end`; to be ordered by both columns, as an
    index has them. Of `column = value` PostgreSQL thinks that such runs lie evenly among all, and may go through a
    million others in the order of their numbers before it finds one."""
    both = tuple_(column, runs.c.id)
    return and_(both >= tuple_(value, first), both < tuple_(value, end))


def run_of(row: Mapping[str, Any] | RowMapping) -> Run:
    return Run(
        id=row["id"],
        job=row["job"],
        job_key=row["job_key"],
        task=row["task"],
        args=row["args"],
        slot=row["slot"],
        state=RunState(row["state"]),
        trigger=RunTrigger(row["trigger"]),
        attempt=row["attempt"],
        first_attempt=row["first_attempt"] or row["id"],
        reason=row["reason"],
        queued_at=row["queued_at"],
        not_before=row["not_before"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        duration=row["duration"],
        node=row["node"],
        progress=Progress(**row["progress"]) if row["progress"] else None,
        result=row["result"],
        error=error_of(row),
        last_seq=row["last_seq"],
        missed=row["missed"],
        missed_since=row["missed_since"],
        cause=row["cause"] and Cause(row["cause"]),
        woken_by=row["woken_by"],
        backfill=row["backfill"],
        error_group=row["error_group"],
        error_frame=row["error_frame"],
        source=row["source"],
        environment=row["environment"],
        timeout=row["timeout"],
        trace_id=row["trace_id"],
    )


def error_of(row: Mapping[str, Any] | RowMapping) -> RunError | None:
    if row["error_type"] is None:
        return None
    problems = problems_of(row.get("error_frames"))
    return RunError(row["error_type"], row["error_message"], row["error_traceback"], problems=problems)

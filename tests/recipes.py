"""Jobs, outcomes and log lines for tests of the store and the services."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cronapp.core.models import (
    Job,
    JobSpec,
    JobState,
    LogLine,
    LogStream,
    Node,
    NodeKind,
    Outcome,
    Run,
    RunError,
    RunState,
)
from cronapp.core.spec import parse_spec, trigger_for
from cronapp.service.runs import Runs
from cronapp.store import jobs as job_rows
from cronapp.store.store import Store, Tx

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # where the turned clock starts: a Monday at noon
HOURLY = {"kind": "cron", "expression": "0 * * * *"}
EACH_MINUTE = {"kind": "cron", "expression": "* * * * *"}
BY_HAND = {"kind": "manual"}

SUCCEEDED = Outcome(state=RunState.SUCCEEDED, result={"greeted": "world"})
FAILED = Outcome(state=RunState.FAILED, error=RunError("ValueError", "no figures", "Traceback …"))


def at(time: str, day: int = 2) -> datetime:
    """A moment of March 2026 in UTC; the second is the day on which the turned clock starts."""
    return datetime.fromisoformat(f"2026-03-{day:02}T{time}").replace(tzinfo=UTC)


def a_job(job_id: str = "hourly", **fields: Any) -> dict[str, Any]:
    """A job as JSON."""
    return {"id": job_id, "task": "hello", "schedule": HOURLY, **fields}


def a_spec(job_id: str = "hourly", **fields: Any) -> JobSpec:
    return parse_spec(a_job(job_id, **fields), now=NOW)


async def put_job(store: Store, job_id: str = "hourly", **fields: Any) -> Job:
    """Stores a job by the store's own function, with no service in between."""
    spec = a_spec(job_id, **fields)

    def change(tx: Tx) -> Job | None:
        next_slot = trigger_for(spec).next_after(NOW)
        return job_rows.create(tx, spec, state=JobState.ACTIVE, reason=None, origin="api", now=NOW, next_slot=next_slot)

    job = await store.write(change)
    assert job is not None
    return job


def a_node(name: str, **fields: Any) -> Node:
    told = {"queues": None, "concurrency": 2, "kind": NodeKind.WORKER, **fields}
    return Node(name=name, host=name, pid=1, version="1", started_at=NOW, heartbeat=NOW, **told)


async def carry(runs: Runs, outcome: Outcome = SUCCEEDED, node: str = "node-1", seconds: float = 1.5) -> Run:
    """Claims the run that is next and ends it."""
    (claimed,) = await runs.claim(node, 1)
    assert await runs.finish(claimed.run, outcome, seconds)
    return await runs.get(claimed.run.id)


def log_lines(
    *texts: str, first: int = 1, stream: LogStream = LogStream.STDOUT, level: str | None = None
) -> list[LogLine]:
    return [
        LogLine(seq=seq, at=NOW, stream=stream, level=level, text=text) for seq, text in enumerate(texts, start=first)
    ]


def states(found: Sequence[Run]) -> list[str]:
    return [run.state.value for run in found]

"""Domain objects as the API's JSON. Times are RFC 3339 in UTC with `Z`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from cronapp.core.comparison import Comparison
from cronapp.core.models import Inside, Job, JobRow, Json, Pause, Run, RunError
from cronapp.core.registry import Task
from cronapp.core.spec import spec_to_json
from cronapp.core.traces import problems_json
from cronapp.service.tasks import Tasks
from cronapp.web.written import line_json


def at(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def items(listed: list[Json], following: Any = None) -> Json:
    """One page of a list, and the cursor of the next page."""
    return {"items": listed, "next": None if following is None else str(following)}


def task_json(task: Task) -> Json:
    return {
        "name": task.name,
        "summary": task.summary,
        "doc": task.doc,
        "source": task.source,
        "file": task.file,
        "line": task.line,
        "run_in": task.run_in,
        "problem": task.problem,
        "schema": task.signature.json_schema(),
    }


def job_json(job: Job, tasks: Tasks, next_run: datetime | None, last_run: Json | None) -> Json:
    spec = spec_to_json(job.spec)
    schedule = spec["schedule"]
    return {
        **spec,
        "args": tasks.masked_of(job),
        "schedule": schedule[0] if len(schedule) == 1 else schedule,
        "state": job.state,
        "reason": job.reason,
        "origin": job.origin,
        "created_at": at(job.created_at),
        "updated_at": at(job.updated_at),
        "next_slot": at(job.next_slot),
        "next_run": at(next_run),
        "last_run": last_run,
        "pause": pause_json(job.pause),
        "failures": job.failures,
        "version": job.version,
    }


def pause_json(pause: Pause | None) -> Json | None:
    return {"by": pause.by, "at": at(pause.at), "until": at(pause.until)} if pause else None


def row_json(row: JobRow, tasks: Tasks) -> Json:
    last = row.last_run
    return job_json(row.job, tasks, row.next_run, {"id": last.id, "state": last.state} if last else None)


def run_json(run: Run, tasks: Tasks) -> Json:
    return {
        "id": run.id,
        "job": run.job,
        "task": run.task,
        "args": tasks.masked_for_good(run.task, run.args),
        "slot": at(run.slot),
        "state": run.state,
        "trigger": run.trigger,
        "attempt": run.attempt,
        "first_attempt": run.first_attempt,
        "reason": run.reason,
        "queued_at": at(run.queued_at),
        "not_before": at(run.not_before),
        "started_at": at(run.started_at),
        "finished_at": at(run.finished_at),
        "duration": run.duration,
        "node": run.node,
        "progress": asdict(run.progress) if run.progress else None,
        "result": run.result,
        "error": error_json(run.error) if run.error else None,
        "missed": run.missed,
        "missed_since": at(run.missed_since),
        "cause": run.cause,
        "woken_by": run.woken_by,
        "backfill": run.backfill,
        "test": run.trial,
        "last_seq": run.last_seq,
    }


def error_json(error: RunError) -> Json:
    """An error; with its frames where a run is asked for by itself, since a list does not read them."""
    told: Json = {"type": error.type, "message": error.message, "traceback": error.traceback}
    return {**told, "frames": problems_json(error.problems)} if error.problems else told


def comparison_json(compared: Comparison) -> Json:
    log = compared.log
    return {
        "run": compared.run.id,
        "before": compared.before.id,
        "nothing_changed": compared.nothing,
        "function": compared.function,
        "diff": [asdict(line) for line in compared.diff],
        "args": [asdict(one) for one in compared.args],
        "environment": compared.environment,
        "python": asdict(compared.python) if compared.python else None,
        "packages": [asdict(one) for one in compared.packages],
        "files": [asdict(one) for one in compared.files],
        "host": asdict(compared.host) if compared.host else None,
        "duration": {"before": compared.before.duration, "now": compared.run.duration},
        "slot": {"before": at(compared.before.slot), "now": at(compared.run.slot)},
        "log": log
        and {
            "common_before": [line_json(line) for line in log.common_before],
            "common": [line_json(line) for line in log.common],
            "before": [line_json(line) for line in log.before],
            "now": [line_json(line) for line in log.now],
        },
        "log_compared_up_to": compared.log_beyond,
    }


def inside_json(inside: Inside) -> Json:
    return {**asdict(inside), "last_line_at": at(inside.last_line_at), "at": at(inside.at)}

"""Domain objects as the API's JSON. Times are RFC 3339 in UTC with `Z`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from cronapp.core.models import Inside, Job, JobRow, Json, LogLine, Pause, Run, RunError
from cronapp.core.registry import Task
from cronapp.core.spec import spec_to_json
from cronapp.service.tasks import Tasks


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
        "args": tasks.masked(run.task, run.args),
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
        "last_seq": run.last_seq,
    }


def error_json(error: RunError) -> Json:
    return {"type": error.type, "message": error.message, "traceback": error.traceback}


def inside_json(inside: Inside) -> Json:
    return {**asdict(inside), "last_line_at": at(inside.last_line_at), "at": at(inside.at)}


def line_json(line: LogLine) -> Json:
    return {"seq": line.seq, "at": at(line.at), "stream": line.stream, "level": line.level, "text": line.text}

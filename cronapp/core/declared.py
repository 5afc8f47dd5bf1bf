"""The job that the code declares for a task."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cronapp.core.errors import InvalidInput
from cronapp.core.models import JobSpec, Json
from cronapp.core.registry import Task, code_job_id
from cronapp.core.spec import parse_spec, retry_to_json, schedule_to_json


def declared(task: Task, timezone: str) -> Json:
    """The job that `@task(schedule=…)` declares, as JSON."""
    options = task.options
    data = {
        "id": code_job_id(task),
        "task": task.name,
        "schedule": [schedule_to_json(schedule) for schedule in options.schedules(timezone)],
        "args": options.args,
        "timeout": options.timeout,
        "retry": options.retry and retry_to_json(options.retry),
        "queue": options.queue,
        "overlap": options.overlap,
        "tags": list(options.tags),
        "description": options.description,
        **options.rules,
    }
    return {name: value for name, value in data.items() if value is not None}


def all_declared(tasks: Iterable[Task], files: Iterable[Json], timezone: str) -> list[Json]:
    """Every job that the code declares: by its decorators, and in files beside the tasks."""
    return [*(declared(task, timezone) for task in tasks if task.options.schedule), *files]


def as_declared(code: Json, old: JobSpec, timezone: str, now: datetime) -> JobSpec | None:
    """What the code's version of a job comes to; None when it cannot be used."""
    try:
        return parse_spec(code, now=now, timezone=timezone, old=old)
    except InvalidInput:
        return None

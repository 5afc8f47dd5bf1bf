"""A job as people write it: what is not said is the default."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cronapp.core.models import JobSpec, Json, Overlap
from cronapp.core.spec.parsing import PARALLEL
from cronapp.core.spec.stored import schedule_to_json, spec_to_json, whole_numbers

SAID = ("id", "task", "schedule")
AFTER = {"when": "success", "mode": "all"}


def sparse(spec: JobSpec) -> Json:
    """The fields of the API, without those that are at their defaults; `schedule` is one object where there is one.
    Read by `parse_spec`, it is the same job again."""
    told = spec_to_json(replace(spec, args={}))
    usual = spec_to_json(JobSpec(id=spec.id, task=spec.task, schedule=spec.schedule, max_running=at_once(spec)))
    data: Json = {"id": spec.id, "task": spec.task}
    if spec.args:
        data["args"] = spec.args
    schedules = [whole_numbers(schedule_to_json(one)) for one in spec.schedule]
    data["schedule"] = schedules[0] if len(schedules) == 1 else schedules
    for name, value in told.items():
        if name not in SAID and value != usual[name]:
            data[name] = _unusual(value, AFTER if name == "after" else usual[name])
    return data


def bare(spec: JobSpec) -> JobSpec:
    """Nothing of the job but its id; all else is at its default, or missing."""
    return JobSpec(id=spec.id, task="", schedule=(), max_running=at_once(spec))


def at_once(spec: JobSpec) -> int:
    """How many runs side by side are the default, where nothing is said of it."""
    return PARALLEL if spec.overlap is Overlap.ALLOW else 1


def _unusual(value: Any, usual: Any) -> Any:
    if isinstance(value, dict) and isinstance(usual, dict):
        return {name: part for name, part in value.items() if name not in usual or part != usual[name]}
    return value

"""Where a job from code differs from the code, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cronapp.core.models import Job, Json
from cronapp.web.filters import compact, duration
from cronapp.web.site import Parts

LABELS = {
    "args": "arguments",
    "starts_at": "not before",
    "ends_at": "not after",
    "max_runs": "most runs",
    "max_running": "side by side",
    "misfire": "missed slots",
    "retry": "retries",
    "pause_after_failures": "pause after failures",
}
DURATIONS = ("timeout", "jitter")


@dataclass(frozen=True, slots=True)
class Differing:
    """One field, in words: its name, its value in the job and in the code."""

    label: str
    here: str
    code: str


def label_of(field: str) -> str:
    """A field of a job for people; an argument goes by its own name."""
    return LABELS.get(field) or field.removeprefix("args.").replace("_", " ")


def differing(house: Parts, job: Job) -> list[Differing]:
    found = []
    for one in house.repairs.overrides(job):
        here, code = one.here, one.code
        if one.field == "args":
            here, code = (house.tasks.masked(job.task, args) for args in (here, code))
        found.append(Differing(label_of(one.field), words(one.field, here), words(one.field, code)))
    return found


def words(field: str, value: Any) -> str:
    match value:
        case None | "" | [] | {}:
            return "none"
        case int() | float() if field in DURATIONS:
            return duration(value) if value else "none"
        case list() if field == "schedule":
            return ", ".join(map(schedule_words, value))
        case list():
            return ", ".join(map(str, value))
        case dict() if not field.startswith("args"):
            return ", ".join(
                f"{name.replace('_', ' ')} {part}" for name, part in value.items() if part not in ([], None)
            )
        case str():
            return value.replace("_", " ") if field == "overlap" else value
    return compact(value)


def schedule_words(told: Json) -> str:
    match told["kind"]:
        case "cron":
            return f"{told['expression']} {told['timezone']}"
        case "interval":
            every = told["every"]
            return f"every {every if isinstance(every, str) else duration(every)}"
        case "once":
            return f"once, {told['at']}"
        case "dependency":
            return "after other jobs"
    return "by hand"

"""The job form: texts in, a job as JSON out, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cronapp.core.durations import duration_text
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Job, JobSpec, Json, ManualSchedule
from cronapp.core.registry import Task
from cronapp.core.spec import spec_to_json
from cronapp.core.until import parse_until
from cronapp.core.zones import zone
from cronapp.web.arguments import named
from cronapp.web.notify_form import notify_from_form, notify_texts, place_in_rows, usual_notify
from cronapp.web.schedules import Texts, local, place_of, row_of, schedules_from_form
from cronapp.web.site import parts

PLAIN = (
    "starts_at",
    "ends_at",
    "max_runs",
    "jitter",
    "condition",
    "overlap",
    "max_running",
    "timeout",
    "pause_after_failures",
    "queue",
    "group",
    "priority",
    "description",
)
WINDOW = ("starts_at", "ends_at")
NESTED = ("misfire.policy", "misfire.grace", "retry.max_attempts", "retry.delay", "retry.backoff", "retry.max_delay")
USUAL = JobSpec(id="", task="", schedule=(ManualSchedule(),))
"""What a job does if nothing is said of it."""


def job_from_form(texts: Texts, args: Json, timezone: str, old: Job | None = None) -> Json:
    """What was typed, with the arguments already read, as a job for the API.

    An edit starts from the job as it is, since the form does not show all of it; an emptied field takes its default.
    What stands there as it was shown stays as it is: a text says less than a moment with its fractions and its offset.
    """
    data: Json = spec_to_json(old.spec) if old else {}
    shown = form_of(old.spec, None, timezone) if old else {}
    schedule = schedules_from_form(texts, shown if old else None, data.get("schedule", ()))
    data |= {
        "id": old.id if old else texts.get("id", "").strip(),
        "task": texts.get("task", ""),
        "schedule": schedule if len(schedule) > 1 else schedule[0],
        "tags": [tag.strip() for tag in texts.get("tags", "").split(",") if tag.strip()],
        "blackouts": [line.strip() for line in texts.get("blackouts", "").splitlines() if line.strip()],
        "args": args,
        "after": after_from_form(texts),
        "notify": notify_from_form(texts, old.spec if old else None),
    }
    data.setdefault("retry", {})["on"] = [name.strip() for name in texts.get("retry.on", "").split(",") if name.strip()]
    if "labels" in texts:  # not shown where no process could have any
        data["labels"] = split(texts["labels"])
    moved = texts.get("schedule.timezone", "").strip() != shown.get("schedule.timezone", "")
    for name in (*PLAIN, *NESTED):
        text = texts.get(name, "").replace("\r\n", "\n")
        if old and text == shown.get(name, "") and not (moved and name in WINDOW):
            continue
        group, _, part = name.rpartition(".")
        put(data.setdefault(group, {}) if group else data, part, text.strip())
    return data


def beside(errors: Mapping[str, str], texts: Texts) -> dict[str, str]:
    """What is wrong, by the form's fields: there is one for all tags, one for all blackouts, one for all jobs before
    this one, and rows of schedules and of who is told. Arguments have fields of their own at any depth."""
    told: dict[str, str] = {}
    for name, text in errors.items():
        if name.startswith("args."):
            told[name] = text
            continue
        if name.startswith("schedule."):
            told.setdefault(place_of(name, texts), text)
            continue
        if name.startswith("notify"):
            told.setdefault(place_in_rows(name, texts), text)
            continue
        parts = ("after.jobs" if name == "after" else name).split(".")
        depth = {"tags": 1, "labels": 1, "blackouts": 1, "after": 2, "retry": 2}.get(parts[0], len(parts))
        told.setdefault(".".join(parts[:depth]), text)
    return told


def put(data: Json, name: str, text: str) -> None:
    if text:
        data[name] = text
    else:
        data.pop(name, None)


def split(text: str) -> list[str]:
    """Names that were typed with commas or spaces between them."""
    return [name for name in re.split(r"[\s,;]+", text) if name]


def after_from_form(texts: Texts) -> Json | None:
    """The jobs before this one, None: there are none."""
    names = split(texts.get("after.jobs", ""))
    said = {name: text for name in ("when", "mode") if (text := texts.get(f"after.{name}", "").strip())}
    return {"jobs": names, **said} if names else None


def form_of(spec: JobSpec, task: Task | None, timezone: str) -> dict[str, str]:
    """A job as the texts of its form. Moments are told in the zone of its first schedule, or `timezone`."""
    first = spec.schedule[0]
    where = zone(getattr(first, "timezone", timezone))
    values: dict[str, Any] = {
        "id": spec.id,
        "task": spec.task,
        "description": spec.description,
        "tags": ", ".join(spec.tags),
        "starts_at": local(spec.starts_at, where),
        "ends_at": local(spec.ends_at, where),
        "max_runs": spec.max_runs,
        "jitter": duration_text(spec.jitter) if spec.jitter else "",
        "blackouts": "\n".join(spec.blackouts),
        "condition": spec.condition,
        "overlap": spec.overlap,
        "max_running": spec.max_running,
        "misfire.policy": spec.misfire.policy,
        "misfire.grace": duration_text(spec.misfire.grace),
        "timeout": spec.timeout and duration_text(spec.timeout),
        "pause_after_failures": spec.pause_after_failures,
        "retry.max_attempts": spec.retry.max_attempts,
        "retry.delay": duration_text(spec.retry.delay),
        "retry.backoff": spec.retry.backoff,
        "retry.max_delay": duration_text(spec.retry.max_delay),
        "retry.on": ", ".join(spec.retry.on),
        "queue": spec.queue,
        "labels": ", ".join(spec.labels),
        "group": spec.group,
        "priority": spec.priority,
        **notify_texts(spec),
    }
    if spec.after:
        values |= {"after.jobs": ", ".join(spec.after.jobs), "after.when": spec.after.when}
        values |= {"after.mode": spec.after.mode}
    for row, schedule in enumerate(spec.schedule):
        values |= row_of(schedule, row, zone(getattr(schedule, "timezone", timezone)))
    if task:
        shown = task.signature.to_form(parts().tasks.opened(spec.args))
        values |= {named(name): text for name, text in shown.items()}
    return {name: "" if value is None else str(value) for name, value in values.items()}


def until_of(texts: Texts, now: datetime, where: ZoneInfo) -> datetime | None:
    """The end of a pause as it was chosen: none, after some time, or at a moment that was typed beside the choice."""
    choice = texts.get("until", "").strip()
    field, text = ("until_at", texts.get("until_at", "").strip()) if choice == "at" else ("until", choice)
    if not choice:
        return None
    if not text:
        raise InvalidInput.of(field, "Choose a moment.")
    try:
        return parse_until(text, now, where)
    except ValueError as error:
        raise InvalidInput.of(field, str(error)) from None


def usual_texts(typed: Texts) -> dict[str, str]:
    """The rules of a job of which nothing is said, as the texts of its form, with the rows that are typed."""
    texts = form_of(USUAL, None, "UTC")
    return {name: texts.get(name, "") for name in (*PLAIN, *NESTED, "retry.on", "blackouts", "labels")} | usual_notify(
        typed
    )

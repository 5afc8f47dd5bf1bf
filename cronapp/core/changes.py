"""What differs between two versions of a job, field by field and in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from cronapp.core.alert_words import calls_words, rule_words
from cronapp.core.dependencies import after_words
from cronapp.core.durations import duration_words
from cronapp.core.models import (
    After,
    Backoff,
    CronSchedule,
    JobSpec,
    Json,
    Misfire,
    MisfirePolicy,
    Overlap,
    Retry,
    Schedule,
    Unclocked,
)
from cronapp.core.presence import STAMP
from cronapp.core.signature import MASK
from cronapp.core.triggers import trigger_of

NONE = "none"
NOT_GIVEN = "not given"
SECRETS = "a secret", "another secret"
LONGEST = 300  # letters of a value

LABELS = {
    "args": "arguments",
    "starts_at": "not before",
    "ends_at": "not after",
    "max_runs": "runs at most",
    "jitter": "spread of starts",
    "blackouts": "not at these times",
    "condition": "asked before each slot",
    "overlap": "if the last run still goes on",
    "max_running": "side by side at most",
    "misfire": "missed slots",
    "misfire.policy": "missed slots",
    "misfire.grace": "missed slots younger than",
    "retry": "retries",
    "retry.max_attempts": "attempts",
    "retry.delay": "wait before a retry",
    "retry.backoff": "wait before further retries",
    "retry.max_delay": "longest wait before a retry",
    "retry.on": "retries only after",
    "after": "runs after",
    "timeout": "time limit",
    "pause_after_failures": "pauses after failures in a row",
    "notify": "who is told",
}
DURATIONS = ("timeout", "jitter", "misfire.grace", "retry.delay", "retry.max_delay")
RULES: dict[str, dict[str, str]] = {
    "overlap": {
        Overlap.SKIP: "skip the new slot",
        Overlap.QUEUE: "let one new run wait",
        Overlap.QUEUE_ALL: "let all new runs wait in line",
        Overlap.CANCEL_RUNNING: "cancel the running one",
        Overlap.ALLOW: "run side by side",
    },
    "misfire.policy": {
        MisfirePolicy.LAST: "run the newest one",
        MisfirePolicy.ALL: "run all of them",
        MisfirePolicy.SKIP: "do not catch up",
    },
    "retry.backoff": {Backoff.EXPONENTIAL: "longer each time", Backoff.FIXED: "always the same"},
}
"""What one can choose between, as the form, the page of the configuration and the history say it."""
PARTED = ("misfire", "retry")
"""Their parts are told one by one."""

Mask = Callable[[str, Json], Json]
"""Arguments of the task of that name, as they may be shown."""


def hidden(task: str, args: Json) -> Json:
    """For who cannot tell which arguments are secrets: all may be."""
    return dict.fromkeys(args, MASK)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field, by its name in the API, with its values before and after the change in words."""

    field: str
    label: str
    old: str
    new: str


def changes(old: JobSpec, new: JobSpec, mask: Mask = lambda task, args: args) -> list[FieldChange]:
    """Every field that differs, in the order of the spec; arguments and rules with several parts one by one."""
    found = []
    for name, before, after in _pairs(old, new):
        if before != after:
            if name == "schedule":
                before, after = _apart(before, after)
            told = words_of(name, before, old.id), words_of(name, after, new.id)
            if name == "notify":
                told = _with_calls(told, calls_words(before), calls_words(after))
            found.append(FieldChange(field=name, label=label_of(name), old=told[0], new=told[1]))
    return [*found, *_changed_args(old, new, mask)]


def _apart(old: tuple[Schedule, ...], new: tuple[Schedule, ...]) -> tuple[tuple[Schedule, ...], tuple[Schedule, ...]]:
    """Of several schedules those that differ; all of them if only their order does."""
    gone, come = tuple(one for one in old if one not in new), tuple(one for one in new if one not in old)
    return (gone, come) if gone or come else (old, new)


def _with_calls(told: tuple[str, str], old: list[str], new: list[str]) -> tuple[str, str]:
    """The rules in words, with the addresses that are called where these are others."""
    gone, come = ", ".join(one for one in old if one not in new), ", ".join(one for one in new if one not in old)
    if not gone or not come:
        return told
    return (gone, come) if told[0] == told[1] else (f"{told[0]}; {gone}", f"{told[1]}; {come}")


def label_of(name: str) -> str:
    """What a field is called for people."""
    return LABELS.get(name) or name.removeprefix("args.").replace("_", " ")


def _pairs(old: JobSpec, new: JobSpec) -> Iterator[tuple[str, Any, Any]]:
    for one in fields(JobSpec):
        before, after = getattr(old, one.name), getattr(new, one.name)
        if one.name in PARTED:
            yield from (
                (f"{one.name}.{p.name}", getattr(before, p.name), getattr(after, p.name)) for p in fields(before)
            )
        elif one.name != "args":
            yield one.name, before, after


def _changed_args(old: JobSpec, new: JobSpec, mask: Mask) -> Iterator[FieldChange]:
    shown = mask(old.task, old.args), mask(new.task, new.args)
    for name in dict.fromkeys((*old.args, *new.args)):
        if name in old.args and name in new.args and old.args[name] == new.args[name]:
            continue
        before, after = (arg_words(side[name]) if name in side else NOT_GIVEN for side in shown)
        if all(name in side for side in shown) and shown[0][name] == shown[1][name]:
            before, after = SECRETS  # only what is hidden differs
        yield FieldChange(field=f"args.{name}", label=name, old=before, new=after)


def words_of(name: str, value: Any, job: str = "") -> str:
    """The value of a field in words; moments as `2026-03-02 02:00:00 UTC`. `job` is the id, which scatters some
    schedules."""
    match value:
        case None | "" | ():
            return NONE
        case int() | float() if name in DURATIONS:
            return duration_words(value) if value else NONE
        case str() if name in RULES:
            return RULES[name][value]
        case After():
            return after_words(value).removeprefix("after ")
        case datetime():
            return moment_words(value)
        case Misfire() | Retry():
            parts = ((f"{name}.{one.name}", getattr(value, one.name)) for one in fields(value))
            return ", ".join(f"{label_of(part)} {words_of(part, told)}" for part, told in parts if told != ())
        case tuple() if name == "notify":
            return "; ".join(rule_words(rule) for rule in value)
        case tuple() if name == "schedule":
            return "; ".join(schedule_words(one, job) for one in value)
        case tuple():
            return ", ".join(map(str, value))
        case str():
            return cut(value)
    return as_json(value)


def schedule_words(one: Schedule, job: str = "") -> str:
    """A schedule in words, a cron expression with them: `At 03:00, daily (0 3 * * *, Europe/Berlin)`."""
    if isinstance(one, Unclocked):
        return "by hand" if one.kind == "manual" else "after other jobs"
    if one.kind == "once":
        return f"once, {moment_words(one.at)}"
    words = trigger_of((one,), seed=job).words()
    if isinstance(one, CronSchedule):
        return f"{words} ({one.expression}, {one.timezone})"
    zoned = f" ({one.timezone})" if ":" in words else ""
    return f"{words}{zoned}, counted from {moment_words(one.anchor)}" if one.anchor else f"{words}{zoned}"


def arg_words(value: Any) -> str:
    """The value of an argument; what stands for a secret as it is."""
    return MASK if value == MASK else as_json(value)


def moment_words(at: datetime) -> str:
    return f"{at:{STAMP}}"


def as_json(value: Any) -> str:
    return cut(json.dumps(value, ensure_ascii=False, default=str))


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

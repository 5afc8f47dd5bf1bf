"""A job as the `@task(…)` that declares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from cronapp.core.durations import duration_text, parse_duration
from cronapp.core.models import (
    CronSchedule,
    DependencySchedule,
    IntervalSchedule,
    JobSpec,
    Json,
    OnceSchedule,
    Schedule,
    Unclocked,
)
from cronapp.core.registry import Task
from cronapp.core.spec import sparse

WIDE = 88  # letters that a line may have before it is broken
PLAIN = ("overlap", "max_running", "priority", "starts_at", "ends_at", "max_runs", "blackouts", "condition", "group")
REST = ("pause_after_failures", "labels", "notify", "tags", "description")


def declaration(spec: JobSpec, task: Task | None) -> str:
    """Python that declares this job, to be put above its function: the imports that it needs and the decorator.

    What the code says of the task itself, its name and where it runs, is kept.
    """
    used: set[str] = {"task"}
    options = dict(_options(spec, task, used))
    lines = ",\n".join(f"    {name}={_indented(text)}" for name, text in options.items())
    moments = "from datetime import UTC, datetime\n\n" if "datetime" in used else ""
    return f"{moments}from cronapp import {', '.join(_sorted(used - {'datetime'}))}\n\n\n@task(\n{lines},\n)\n"


def _sorted(names: set[str]) -> list[str]:
    return sorted(names, key=lambda name: (name.islower(), name))


def _options(spec: JobSpec, task: Task | None, used: set[str]) -> Iterator[tuple[str, str]]:
    """The options with their values as Python, as people order them; `used` takes what they import."""
    told = sparse(spec)
    yield from _when(spec, used)
    if spec.args:
        yield "args", literal(spec.args)
    for name in ("timeout", "jitter"):
        if name in told:
            yield name, _span(told[name])
    if "retry" in told:
        yield "retries", _retries(told["retry"], used)
    if "misfire" in told:
        yield "misfire", _misfire(told["misfire"], used)
    for name in (*PLAIN, *REST):
        if name in told:
            yield name, literal(told[name])
    if "queue" in told:
        yield "queue", literal(spec.queue)
    if task and task.options.run_in:
        yield "run_in", literal(task.options.run_in)
    if task and task.options.name:
        yield "name", literal(task.name)
    if spec.id != spec.task.replace("_", "-"):
        yield "job_id", literal(spec.id)


def _when(spec: JobSpec, used: set[str]) -> Iterator[tuple[str, str]]:
    zones = {one.timezone for one in spec.schedule if not isinstance(one, Unclocked)}
    same = len(zones) == 1
    alone = spec.schedule == (DependencySchedule(),)  # `after` says so
    each = [] if alone else [_schedule(one, same, used) for one in spec.schedule]
    if each:
        yield "schedule", each[0] if len(each) == 1 else _listed(each)
    if each and same:
        yield "timezone", literal(zones.pop())
    if spec.after:
        told = sparse(spec)["after"]
        used |= {"After"} if len(told) > 1 else set()
        yield "after", literal(told["jobs"]) if len(told) == 1 else _call("After", told)


def _schedule(one: Schedule, zoned: bool, used: set[str]) -> str:
    """One schedule, as text where that says it all; `zoned`: its zone is said beside it."""
    place = {} if zoned else {"timezone": getattr(one, "timezone", "")}
    match one:
        case CronSchedule() if zoned:
            return literal(one.expression)
        case CronSchedule():
            used.add("CronSchedule")
            return _call("CronSchedule", {"expression": one.expression, **place})
        case IntervalSchedule(anchor=None) if zoned and isinstance(one.every, str):
            return literal(f"every {one.every}")
        case IntervalSchedule():
            used.add("IntervalSchedule")
            anchor = {"anchor": one.anchor} if one.anchor else {}
            return _call("IntervalSchedule", {"every": one.every, **anchor, "timezone": one.timezone}, used)
        case OnceSchedule() if zoned:
            return literal(one.at, used)
        case OnceSchedule():
            used.add("OnceSchedule")
            return _call("OnceSchedule", {"at": one.at, **place}, used)
    used.add(type(one).__name__)
    return f"{type(one).__name__}()"


def _retries(told: Json, used: set[str]) -> str:
    if set(told) == {"max_attempts"}:
        return literal(told["max_attempts"] - 1)
    used.add("Retry")
    return _call("Retry", told)


def _misfire(told: Json, used: set[str]) -> str:
    if set(told) == {"policy"}:
        return literal(told["policy"])
    used.add("Misfire")
    return _call("Misfire", told)


def _span(seconds: float) -> str:
    text = duration_text(seconds)
    return literal(text) if parse_duration(text) == seconds else literal(seconds)


def _call(name: str, given: Mapping[str, Any], used: set[str] | None = None) -> str:
    return f"{name}({', '.join(f'{key}={literal(value, used)}' for key, value in given.items())})"


def _listed(texts: list[str]) -> str:
    line = f"[{', '.join(texts)}]"
    return line if len(line) <= WIDE else "[\n" + "".join(f"    {_indented(text)},\n" for text in texts) + "]"


def literal(value: Any, used: set[str] | None = None) -> str:
    """A value as Python writes it, on several lines where one would be too long."""
    match value:
        case datetime():
            if used is not None:
                used.add("datetime")
            return f"{value!r}".replace("datetime.datetime(", "datetime(").replace("datetime.timezone.utc", "UTC")
        case str():
            return _quoted(str(value))
        case dict() if value:
            return _broken("{}", [f"{_quoted(name)}: {literal(part)}" for name, part in value.items()])
        case list() | tuple() if value:
            return _broken("[]", [literal(part) for part in value])
    return repr(list(value) if isinstance(value, tuple) else value)


def _broken(brackets: str, parts: list[str]) -> str:
    line = f"{brackets[0]}{', '.join(parts)}{brackets[1]}"
    if len(line) <= WIDE and "\n" not in line:
        return line
    return f"{brackets[0]}\n" + "".join(f"    {_indented(part)},\n" for part in parts) + brackets[1]


def _indented(text: str) -> str:
    """Only its own breaks: those within texts are escaped."""
    return text.replace("\n", "\n    ")


def _quoted(text: str) -> str:
    """In double quotes, as formatters want it, where that takes no more escapes."""
    written = repr(text)
    return written if written[0] == '"' or '"' in text else f'"{written[1:-1]}"'

"""From a job as JSON to its spec."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from cronapp.core.errors import InvalidInput
from cronapp.core.models import After, DependencySchedule, JobSpec, Misfire, Notify, Overlap, Retry
from cronapp.core.spec.notify import notify_of
from cronapp.core.spec.shapes import JobInput
from cronapp.core.spec.timing import Timing, listed, parse_timing, refuse_the_idle, unlisted
from cronapp.core.validation import explain

PARALLEL = 100  # what `allow` allows when it is not told


AT_REST = {"id": "any", "task": "any", "schedule": [{"kind": "manual"}]}
"""Stands for what a job must say where only some of its fields are looked at."""


def parse_fields(given: Mapping[str, Any]) -> JobInput:
    """Checks some of the writable fields of a job, each for itself; raises `InvalidInput` with every wrong one."""
    try:
        fields = JobInput.model_validate({**AT_REST, **given})
    except ValidationError as error:
        raise InvalidInput(explain(error, value=given, fields=JobInput.model_fields)) from None
    notify_of(fields.notify)
    return fields


def parse_spec(
    data: Mapping[str, Any],
    *,
    now: datetime,
    timezone: str = "UTC",
    old: JobSpec | None = None,
    past: bool = False,
) -> JobSpec:
    """Checks a job as JSON and answers its spec; raises `InvalidInput` with every wrong field.

    `timezone` is the zone of schedules that name none. `old` is the spec before an edit: its anchor is kept while its
    period is, and its moments may lie in the past. With `past` all may, as those of a job that comes back from a file.
    """
    errors: dict[str, str] = {}
    given: JobInput | None = None
    timing: Timing | None = None
    rules: tuple[Notify, ...] = ()
    try:
        given = JobInput.model_validate(listed(data))
    except ValidationError as error:
        errors |= unlisted(explain(error, value=listed(data), fields=JobInput.model_fields), data)
    try:
        timing = parse_timing(data, now=now, timezone=timezone, old=old, past=past)
        if old is None and not past:
            refuse_the_idle(timing, str(data.get("id")), now)
    except InvalidInput as error:
        errors = {**error.errors, **errors}
    try:
        known = [url for rule in (old.notify if old else ()) for url in rule.all_urls()]
        rules = notify_of(given.notify if given else (), known)
    except InvalidInput as error:
        errors |= error.errors
    if timing and given and not given.after and any(isinstance(one, DependencySchedule) for one in timing.schedule):
        errors["after"] = "A job that only runs after others must name them. Choose at least one, or another schedule."
    if given is None or timing is None or errors:
        raise InvalidInput(errors)
    parallel = given.overlap is Overlap.ALLOW and "max_running" not in given.model_fields_set
    return JobSpec(
        id=given.id,
        task=given.task,
        schedule=timing.schedule,
        args=given.args,
        starts_at=timing.starts_at,
        ends_at=timing.ends_at,
        max_runs=given.max_runs,
        jitter=given.jitter,
        blackouts=tuple(dict.fromkeys(given.blackouts)),
        condition=given.condition,
        overlap=given.overlap,
        max_running=PARALLEL if parallel else given.max_running,
        misfire=Misfire(policy=given.misfire.policy, grace=given.misfire.grace),
        timeout=given.timeout,
        retry=Retry(**dict(given.retry)),
        after=After(**dict(given.after)) if given.after else None,
        group=given.group,
        pause_after_failures=given.pause_after_failures,
        queue=given.queue,
        labels=tuple(dict.fromkeys(given.labels)),
        priority=given.priority,
        tags=tuple(dict.fromkeys(given.tags)),
        notify=rules,
        description=given.description,
    )

"""Domain objects as the API tells them. Times are RFC 3339 in UTC with `Z`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from cronapp import wire
from cronapp.core.access import Sight
from cronapp.core.models import (
    After,
    CronSchedule,
    DependencySchedule,
    Inside,
    IntervalSchedule,
    Job,
    JobRow,
    Json,
    LogLine,
    ManualSchedule,
    Notify,
    OnceSchedule,
    Pause,
    Progress,
    Run,
    RunError,
    Schedule,
)
from cronapp.core.registry import Task
from cronapp.core.spec import rule_to_json
from cronapp.core.traces import Frame, Problem
from cronapp.service.promises import Kept
from cronapp.service.tasks import Tasks

T = TypeVar("T", bound=wire.Wire)


def items(kind: type[T], listed: Iterable[T], following: Any = None) -> wire.Items[T]:
    """One page of a list, and the cursor of the next page."""
    return wire.Items[kind](items=list(listed), next=cursor(following))  # type: ignore[valid-type]


def cursor(following: Any) -> str | None:
    return None if following is None else str(following)


def task_told(task: Task) -> wire.Task:
    return wire.Task(
        name=task.name,
        summary=task.summary,
        doc=task.doc,
        source=task.source,
        file=task.file,
        line=task.line,
        run_in=task.run_in,
        problem=task.problem,
        args_schema=task.signature.json_schema(),
    )


def job_told(row: JobRow, tasks: Tasks, difference: list[str] | None = None) -> wire.Job:
    """A job; `difference` is told of one that does not fit its task."""
    last = wire.RunHead(id=row.last_run.id, state=row.last_run.state) if row.last_run else None
    told = told_as(row.job, tasks, next_run=row.next_run, last_run=last)
    return told if difference is None else told.model_copy(update={"difference": difference})


def told_as(job: Job, tasks: Tasks, *, next_run: datetime | None, last_run: wire.RunHead | None) -> wire.Job:
    spec = job.spec
    schedules = [schedule_told(one) for one in spec.schedule]
    return wire.Job(
        id=spec.id,
        task=spec.task,
        args=tasks.masked_of(job),
        schedule=schedules[0] if len(schedules) == 1 else schedules,
        starts_at=spec.starts_at,
        ends_at=spec.ends_at,
        max_runs=spec.max_runs,
        jitter=spec.jitter,
        blackouts=list(spec.blackouts),
        condition=spec.condition,
        overlap=spec.overlap,
        max_running=spec.max_running,
        misfire=wire.Misfire(policy=spec.misfire.policy, grace=spec.misfire.grace),
        timeout=spec.timeout,
        retry=wire.Retry(
            max_attempts=spec.retry.max_attempts,
            delay=spec.retry.delay,
            backoff=spec.retry.backoff,
            max_delay=spec.retry.max_delay,
            on=list(spec.retry.on),
        ),
        after=after_told(spec.after) if spec.after else None,
        group=spec.group,
        pause_after_failures=spec.pause_after_failures,
        queue=spec.queue,
        labels=list(spec.labels),
        priority=spec.priority,
        tags=list(spec.tags),
        notify=[rule_told(rule) for rule in spec.notify],
        description=spec.description,
        state=job.state,
        reason=job.reason,
        origin=job.origin,
        created_at=job.created_at,
        updated_at=job.updated_at,
        next_slot=job.next_slot,
        next_run=next_run,
        last_run=last_run,
        pause=pause_told(job.pause),
        failures=job.failures,
        version=job.version,
    )


def schedule_told(one: Schedule) -> wire.Schedule:
    match one:
        case CronSchedule():
            return wire.Cron(kind=one.kind, expression=one.expression, timezone=one.timezone)
        case IntervalSchedule():
            return wire.Interval(kind=one.kind, every=one.every, anchor=one.anchor, timezone=one.timezone)
        case OnceSchedule():
            return wire.Once(kind=one.kind, at=one.at, timezone=one.timezone)
        case ManualSchedule():
            return wire.Manual(kind=one.kind)
        case DependencySchedule():
            return wire.Dependency(kind=one.kind)


def after_told(after: After) -> wire.After:
    return wire.After(jobs=list(after.jobs), when=after.when, mode=after.mode)


def rule_told(rule: Notify) -> wire.Notify:
    """Addresses are told as their masks."""
    return wire.Notify.model_validate(rule_to_json(rule))


def pause_told(pause: Pause | None) -> wire.Pause | None:
    return wire.Pause(by=pause.by, at=pause.at, until=pause.until) if pause else None


def kept_told(kept: Kept) -> wire.Kept:
    return wire.Kept(
        share=kept.share,
        promised=kept.promised,
        worst_late=kept.worst_late,
        counts={verdict: count for verdict, count in kept.counts.items() if count},
    )


def run_told(run: Run, tasks: Tasks) -> wire.Run:
    return wire.Run(
        id=run.id,
        job=run.job,
        task=run.task,
        args=tasks.masked_for_good(run.task, run.args),
        slot=run.slot,
        state=run.state,
        trigger=run.trigger,
        attempt=run.attempt,
        first_attempt=run.first_attempt,
        reason=run.reason,
        queued_at=run.queued_at,
        not_before=run.not_before,
        started_at=run.started_at,
        finished_at=run.finished_at,
        duration=run.duration,
        node=run.node,
        progress=progress_told(run.progress) if run.progress else None,
        result=run.result,
        error=error_told(run.error) if run.error else None,
        missed=run.missed,
        missed_since=run.missed_since,
        cause=run.cause,
        woken_by=run.woken_by,
        backfill=run.backfill,
        test=run.trial,
        trace_id=run.trace_id,
        last_seq=run.last_seq,
    )


def progress_told(progress: Progress) -> wire.Progress:
    return wire.Progress(done=progress.done, total=progress.total, text=progress.text)


def told_of_hook(run: Run | None, job: Job | None, tasks: Tasks) -> Json:
    """What a web hook is told of, as the API has it: without any secret."""
    last = wire.RunHead(id=run.id, state=run.state) if run else None
    return {
        "run": run_told(run, tasks).told() if run else None,
        "job": told_as(job, tasks, next_run=None, last_run=last).told() if job else None,
    }


def error_told(error: RunError) -> wire.RunError:
    """An error; with its frames where a run is asked for by itself, since a list does not read them."""
    told = wire.RunError(type=error.type, message=error.message, traceback=error.traceback)
    frames = [part_told(problem) for problem in error.problems]
    return told.model_copy(update={"frames": frames}) if frames else told


def part_told(problem: Problem) -> wire.ErrorPart:
    return wire.ErrorPart(
        type=problem.type,
        message=problem.message,
        link=problem.link,
        depth=problem.depth,
        frames=[frame_told(frame) for frame in problem.frames],
        left_out=problem.left_out,
        after=problem.after,
        more=problem.more,
    )


def frame_told(frame: Frame) -> wire.Frame:
    return wire.Frame(
        file=frame.file,
        path=frame.path,
        line=frame.line,
        function=frame.function,
        own=frame.own,
        first=frame.first,
        source=list(frame.source),
    )


def line_told(line: LogLine) -> wire.LogLine:
    return wire.LogLine(seq=line.seq, at=line.at, stream=line.stream, level=line.level, text=line.text)


def run_line_told(run: int, line: LogLine) -> wire.RunLine:
    return wire.RunLine(seq=line.seq, at=line.at, stream=line.stream, level=line.level, text=line.text, run=run)


def tags_told(sight: Sight) -> list[str] | None:
    return None if sight.tags is None else sorted(sight.tags)


def inside_told(inside: Inside) -> wire.Inside:
    return wire.Inside(
        run=inside.run,
        run_in=inside.run_in,
        stack=inside.stack,
        memory=inside.memory,
        last_line_at=inside.last_line_at,
        at=inside.at,
    )

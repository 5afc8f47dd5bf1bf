"""The jobs of an APScheduler 3, as jobs of Cron-App. What it stores only its own program can read, so that hands them
over: `for job in jobs_of(scheduler): cron.create_job(job)`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

from cronapp.core.ids import free_id, suggested_id
from cronapp.core.models import Json

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Of which the first is 0 for APScheduler."""
ORDINALS = {"1st": "1", "2nd": "2", "3rd": "3", "4th": "4", "5th": "5", "last": "L"}
NTH = re.compile(rf"(?P<which>{'|'.join(ORDINALS)}) +(?P<day>{'|'.join(DAYS)})")
SPAN = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")
ANY_AGE = 10 * 365 * 86400  # seconds; a job that says None takes slots of any age


class NotTaken(ValueError):
    """A trigger that no schedule of Cron-App stands for."""


def jobs_of(scheduler: Any) -> Iterator[Json]:
    """Each job of the scheduler, with its id, its function's name as the task, arguments, schedule and rules. Raises
    `NotTaken` for a trigger that cannot be had here."""
    taken: set[str] = set()
    for job in scheduler.get_jobs():
        job_id = free_id(suggested_id(str(job.id)), taken)
        taken.add(job_id)
        yield {**job_of(job), "id": job_id}


def job_of(job: Any) -> Json:
    schedules, rules = schedule_of(job.trigger)
    grace = ANY_AGE if job.misfire_grace_time is None else job.misfire_grace_time
    told: Json = {
        "id": "",
        "task": job.func.__name__,
        "args": dict(inspect.signature(job.func).bind(*job.args, **job.kwargs).arguments),
        "schedule": schedules[0] if len(schedules) == 1 else schedules,
        "misfire": {"policy": "last" if job.coalesce else "all", "grace": grace},
        "description": "" if job.name == job.func.__name__ else str(job.name),
        **rules,
    }
    if job.max_instances > 1:
        told |= {"overlap": "allow", "max_running": job.max_instances}
    return told


def schedule_of(trigger: Any) -> tuple[list[Json], Json]:
    """The schedules that a trigger stands for, and the rules of the job that it has in it."""
    match type(trigger).__name__:
        case "CronTrigger":
            zone = str(trigger.timezone)
            return [{"kind": "cron", "expression": expression_of(trigger), "timezone": zone}], rules_of(trigger)
        case "IntervalTrigger":
            every, zone = trigger.interval.total_seconds(), str(trigger.timezone)
            anchor = trigger.start_date.isoformat()
            rules = {name: value for name, value in rules_of(trigger).items() if name != "starts_at"}
            return [{"kind": "interval", "every": every, "anchor": anchor, "timezone": zone}], rules
        case "DateTrigger":
            return [{"kind": "once", "at": trigger.run_date.isoformat()}], {}
        case "OrTrigger":
            each = [schedule_of(one) for one in trigger.triggers]
            if any(rules for _, rules in each):
                raise NotTaken("Parts of an OrTrigger with a start, an end or a jitter of their own are not taken.")
            return [schedule for schedules, _ in each for schedule in schedules], {}
    raise NotTaken(f"A {type(trigger).__name__} is not taken: make the job's schedule by hand.")


def rules_of(trigger: Any) -> Json:
    moments = {"starts_at": trigger.start_date, "ends_at": trigger.end_date}
    found: Json = {name: moment.isoformat() for name, moment in moments.items() if moment is not None}
    return {**found, "jitter": trigger.jitter} if trigger.jitter else found


def expression_of(trigger: Any) -> str:
    """Seven fields that say the same. APScheduler counts days of the week from Monday, and wants both days to fit."""
    fields = {field.name: str(field) for field in trigger.fields}
    if fields["week"] != "*":
        raise NotTaken("Weeks of the year are not taken: say the months or days instead.")
    days, nth = days_of(fields["day"])
    weekday = ",".join(weekdays_of(fields["day_of_week"]))
    if nth and (weekday != "*" or days != "*"):
        raise NotTaken("Numbered weekdays together with other days are not taken.")
    if days != "*" and weekday != "*":
        weekday = f"+{weekday}"  # both have to fit
    clock = " ".join(fields[name] for name in ("second", "minute", "hour"))
    return f"{clock} {days} {fields['month']} {nth or weekday} {fields['year']}"


def days_of(text: str) -> tuple[str, str]:
    """Days of the month, and numbered weekdays as `fri#2`."""
    days: list[str] = []
    nth: list[str] = []
    for part in (one.strip() for one in text.split(",")):
        if found := NTH.fullmatch(part):
            nth.append(f"{found['day']}#{ORDINALS[found['which']]}")
        else:
            days.append("L" if part == "last" else part)
    return ",".join(days) or "*", ",".join(nth)


def weekdays_of(text: str) -> Iterable[str]:
    """By their names, whichever numbers stand there."""
    if text == "*":
        return ["*"]
    chosen: set[int] = set()
    for part in (one.strip() for one in text.split(",")):
        found = SPAN.fullmatch(part)
        if found is None:
            raise NotTaken(f"The days of the week {text!r} are not taken.")
        first = 0 if found["first"] == "*" else number_of(found["first"])
        alone = found["last"] is None and found["first"] != "*"
        last = first if alone else number_of(found["last"]) if found["last"] else len(DAYS) - 1
        chosen.update(range(first, last + 1, int(found["step"] or 1)))
    return [DAYS[day] for day in sorted(chosen)]


def number_of(day: str) -> int:
    return int(day) if day.isdigit() else DAYS.index(day)

"""A job that is typed or sent, and what it is going to do: the same for the form and the API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Job, Json, Overlap, Unclocked
from cronapp.core.simulation import Simulation, simulate
from cronapp.core.spec import PARALLEL, Timing, parse_fields, parse_timing, trigger_for
from cronapp.core.spec.shapes import JobInput
from cronapp.core.triggers import trigger_of, zone_of
from cronapp.service.blackouts import Blackouts
from cronapp.web.site import parts

RULES = ("jitter", "overlap", "max_running", "blackouts")  # the fields that decide how runs meet


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a job will do, and the zone of its schedule, if that has one."""

    told: Simulation
    zone: ZoneInfo | None


async def simulated(data: Json, *, now: datetime, count: int, job: Job | None = None, past: bool = False) -> Simulated:
    """What a job with these fields will do after `now`; `job` is what it was before the edit.

    Raises `InvalidInput` with a sentence for each wrong field.
    """
    rules = parse_fields({name: data[name] for name in RULES if name in data})
    timing = parse_timing(data, now=now, timezone=parts().timezone, old=job.spec if job else None, past=past)
    usual = await parts().runs.usual_for(job) if job else None
    seed = job.id if job else str(data.get("id") or "")
    # In a thread: calendars may have to be read.
    told = await asyncio.to_thread(
        _simulate, timing, rules, parts().blackouts, seed, now, count, job, usual.median if usual else None
    )
    return Simulated(told, None if isinstance(timing.schedule[0], Unclocked) else zone_of(timing.schedule))


def _simulate(
    timing: Timing,
    rules: JobInput,
    blackouts: Blackouts,
    seed: str,
    now: datetime,
    count: int,
    job: Job | None,
    usual: float | None,
) -> Simulation:
    if wrong := blackouts.check(rules.blackouts):
        raise InvalidInput(wrong)
    where = zone_of(timing.schedule)

    def covered(moment: datetime) -> str | None:
        found = blackouts.covering(rules.blackouts, moment, where)
        return found.reason if found else None

    unlimited = rules.overlap is Overlap.ALLOW and "max_running" not in rules.model_fields_set
    return simulate(
        trigger_of(timing.schedule, seed=seed, starts_at=timing.starts_at, ends_at=timing.ends_at),
        now=now,
        count=count,
        zone=where,
        old=trigger_for(job.spec) if job and timing != timing_of(job) else None,
        usual=usual,
        overlap=rules.overlap,
        max_running=PARALLEL if unlimited else rules.max_running,
        jitter=rules.jitter,
        covered=covered,
    )


def timing_of(job: Job) -> Timing:
    return Timing(schedule=job.spec.schedule, starts_at=job.spec.starts_at, ends_at=job.spec.ends_at)

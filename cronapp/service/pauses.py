"""What a pause brings with it: why slots get no run, what passes, what was missed, and who waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from cronapp.core.amendments import wanted_slots_of
from cronapp.core.changes import moment_words
from cronapp.core.clock import Clock
from cronapp.core.errors import InvalidInput
from cronapp.core.frequency import frequency_words, slots_words
from cronapp.core.models import Job, MisfirePolicy, Pause, RunState
from cronapp.core.spec import zone_of
from cronapp.core.triggers import TICK, Trigger, count_between, last_at_or_before
from cronapp.core.until import BEHIND
from cronapp.service.blackouts import Blackouts
from cronapp.store import dependencies, pauses, runs
from cronapp.store.store import Conn, Store

CATCH_UP = {"none": MisfirePolicy.SKIP, "last": MisfirePolicy.LAST, "all": MisfirePolicy.ALL}
CAUGHT_UP = {
    "none": None,
    "last": "The newest slot of those that passed was caught up.",
    "all": "Slots that passed were caught up.",
}
OVER = "Its pause was over."
LISTED = 50  # missed slots that are listed
MOST_CAUGHT_UP = 1000  # slots of a job that can be caught up, the newest of all
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What a pause of a job would do."""

    passing: str | None  # `12 slots`, within a pause that has an end
    first: datetime | None  # the first slot that passes
    often: str  # `288 runs a day`, for a pause without an end
    waiting: tuple[str, ...]  # the jobs that run after this one
    running: int
    queued: int


@dataclass(frozen=True, slots=True)
class MissedSlot:
    at: datetime
    refused: str | None  # the blackout that covers it: it gets no run


@dataclass(frozen=True, slots=True)
class Missed:
    """The slots that passed while a job was paused: how many there are, and the newest of them, newest first."""

    count: int
    slots: tuple[MissedSlot, ...]
    runs: int  # so many of them can be caught up

    @property
    def newest(self) -> datetime | None:
        return self.slots[0].at if self.slots else None


class Pauses:
    """Questions before a job is paused or resumed; the job itself is paused by `Jobs`."""

    def __init__(self, store: Store, blackouts: Blackouts, clock: Clock) -> None:
        self.store = store
        self.blackouts = blackouts
        self.clock = clock

    async def over(self, now: datetime) -> list[Job]:
        """The paused jobs whose time has come."""
        return await self.store.read(pauses.over, now)

    async def next_end(self, now: datetime) -> datetime | None:
        """When the next pause ends, of a job or of the scheduler, after this moment."""
        return await self.store.read(pauses.next_end, now)

    async def pausing(self, job: Job, until: datetime | None = None) -> Consequences:
        """What it would mean to pause the job now, until that moment or until somebody resumes it."""

        def ask(conn: Conn) -> tuple[list[str], list[RunState]]:
            waiting = sorted(one.id for one in dependencies.waiting_for(conn, job.id))
            return waiting, [run.state for run in runs.open_of_job(conn, job.key)]

        waiting, states = await self.store.read(ask)
        trigger, now = wanted_slots_of(job), self.clock()
        first = trigger.next_after(now)
        # In a thread: many schedules may take a moment to count, and nobody shall wait for it.
        passing = await asyncio.to_thread(slots_words, trigger, now, until - TICK) if until else None
        often = await asyncio.to_thread(frequency_words, trigger, now, zone_of(job.spec)) if until is None else ""
        return Consequences(
            passing=passing,
            first=first if first and (until is None or first < until) else None,
            often=often,
            waiting=tuple(waiting),
            running=states.count(RunState.RUNNING),
            queued=states.count(RunState.QUEUED),
        )

    async def resuming(self, job: Job) -> Missed:
        """Which slots of a paused job have passed."""
        return await asyncio.to_thread(self._missed, job, self.clock())

    def _missed(self, job: Job, now: datetime) -> Missed:
        spec, since = job.spec, job.last_slot or now
        left = MOST_CAUGHT_UP if spec.max_runs is None else max(0, spec.max_runs - job.slots_used)
        count, newest = missed_slots(wanted_slots_of(job), since, now)
        zone = zone_of(spec)
        covering = [self.blackouts.covering(spec.blackouts, slot, zone) if spec.blackouts else None for slot in newest]
        slots = [MissedSlot(slot, over.reason if over else None) for slot, over in zip(newest, covering, strict=True)]
        return Missed(count, tuple(slots), min(count, left, MOST_CAUGHT_UP))


def missed_slots(trigger: Trigger, after: datetime, now: datetime) -> tuple[int, list[datetime]]:
    """How many slots have passed, and the newest of them, newest first."""
    newest: list[datetime] = []
    slot = last_at_or_before(trigger, now, after)
    while slot is not None and len(newest) < LISTED:
        newest.append(slot)
        slot = last_at_or_before(trigger, slot - TICK, after)
    return (len(newest) if slot is None else max(len(newest), count_between(trigger, after, now))), newest


def policy_of(catch_up: str) -> MisfirePolicy:
    """Which of the slots that passed are run; raises `InvalidInput`."""
    if catch_up not in CATCH_UP:
        raise InvalidInput.of("catch_up", "Write none, last or all.")
    return CATCH_UP[catch_up]


def pause_reason(reason: str | None, until: datetime | None) -> str | None:
    """`Until 2026-03-02 12:00:00 UTC: deploying`."""
    end = f"Until {moment_words(until)}" if until else ""
    return f"{end}: {reason}" if end and reason else end or reason


def ended_at(pause: Pause | None, now: datetime) -> datetime:
    """Up to when slots passed within a pause that ends now, or ended at its end: a slot at that very moment runs."""
    return min(now, pause.until - TICK) if pause and pause.until else now


def check(reason: str | None, until: datetime | None, now: datetime) -> str | None:
    """The reason as it is kept; raises `InvalidInput` where it or the end cannot be."""
    reason = (reason or "").strip() or None
    errors: dict[str, str] = {}
    if reason and len(reason) > LONGEST_REASON:
        errors["reason"] = f"The reason may have at most {LONGEST_REASON} characters."
    if until is not None and until <= now:
        errors["until"] = BEHIND
    if errors:
        raise InvalidInput(errors)
    return reason

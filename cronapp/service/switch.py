"""The master switch: while it is off no slot is settled, and only what people start by hand begins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cronapp.core.about import concerning
from cronapp.core.amendments import wanted_slots_of
from cronapp.core.clock import Clock
from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import SchedulerChanged
from cronapp.core.models import Job, MisfirePolicy, Pause, RunState, SchedulerPause
from cronapp.core.triggers import TICK
from cronapp.service.blackouts import Blackouts
from cronapp.service.pauses import CAUGHT_UP, OVER, check, ended_at, missed_slots, pause_reason, policy_of
from cronapp.service.slots import scheduler_pause_gap, settle_job
from cronapp.store import audit, pauses, runs
from cronapp.store.store import Conn, Store, Tx

log = logging.getLogger(__name__)
SLICE = 100  # jobs whose slots are settled in one transaction
LISTED = 50  # jobs whose missed slots are counted and listed
FOR_GOOD = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class JobMissed:
    """A job's slots that passed while the scheduler was paused."""

    job: str
    count: int
    newest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AllMissed:
    """What passed while the scheduler was paused. Of many jobs only the first are listed."""

    jobs: int
    listed: tuple[JobMissed, ...]
    waiting: int  # runs that were waiting already, and start again

    @property
    def slots(self) -> int | None:
        """How many there are in all; None where not all jobs are listed."""
        return sum(one.count for one in self.listed) if self.jobs <= len(self.listed) else None


@dataclass(frozen=True, slots=True)
class Held:
    """What a pause of the scheduler meets: jobs with a slot within it, and the runs that are open now."""

    jobs: int
    running: int
    queued: int


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a pause: of any, or only of this one. Slots up to `at` are settled by the policy."""

    of: Pause | None
    at: datetime
    policy: MisfirePolicy
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The jobs up to the key `after` are settled; `resumed` once there are no more."""

    after: int = 0
    resumed: bool | None = None


class Switch:
    def __init__(self, store: Store, blackouts: Blackouts, clock: Clock) -> None:
        self.store = store
        self.blackouts = blackouts
        self.clock = clock

    async def state(self) -> SchedulerPause | None:
        """Who paused the scheduler, why, and until when; None: it runs."""
        return await self.store.read(pauses.scheduler_pause)

    async def pausing(self, until: datetime | None = None) -> Held:
        """What it would mean to pause the scheduler now, until that moment or until somebody resumes it."""

        def ask(conn: Conn) -> Held:
            states = runs.counts_by_state(conn)
            jobs = pauses.count_due(conn, until - TICK if until else FOR_GOOD)
            return Held(jobs, states.get(RunState.RUNNING, 0), states.get(RunState.QUEUED, 0))

        return await self.store.read(ask)

    async def missed(self) -> AllMissed:
        """Which slots have passed, for the question before it is resumed."""
        now = self.clock()

        def ask(conn: Conn) -> tuple[int, list[Job], int]:
            waiting = runs.counts_by_state(conn).get(RunState.QUEUED, 0)
            return pauses.count_due(conn, now), pauses.due(conn, now, LISTED), waiting

        count, jobs, waiting = await self.store.read(ask)
        listed = await asyncio.to_thread(lambda: [one for job in jobs if (one := _missed(job, now))])
        return AllMissed(jobs=count, listed=tuple(listed), waiting=waiting)

    async def pause(
        self, reason: str | None = None, *, by: str = "somebody", until: datetime | None = None
    ) -> SchedulerPause:
        """No slot of any job runs until it is resumed. What runs already goes on. Paused again, it is for the new
        reason and until the new end."""
        reason = check(reason, until, self.clock())

        def change(tx: Tx) -> SchedulerPause:
            old = pauses.scheduler_pause(tx.conn, lock=True)
            new = SchedulerPause(by=by, at=old.at if old else self.clock(), until=until, reason=reason)
            if new != old:
                pauses.set_scheduler_pause(tx, new)
                audit.note(tx, self.clock(), "scheduler.paused", reason=pause_reason(reason, until))
                tx.emit(SchedulerChanged())
            return new

        return await self.store.write(change)

    async def resume(self, catch_up: str = "none", *, pause: Pause | None = None) -> bool:
        """The scheduler runs again; of the slots that passed none, of each job the newest (`last`) or `all` run.

        With `pause` only if it is still that one, and it is resumed as of its end. False: it was not paused so.
        """
        policy = policy_of(catch_up)
        why = CAUGHT_UP[catch_up] if pause is None else OVER
        ending = Ending(pause, ended_at(pause, self.clock()), policy, why)
        step = Step(after=0)
        while step.resumed is None:
            step = await self._settle_slice(ending, step.after)
        return step.resumed

    async def _settle_slice(self, ending: Ending, after: int) -> Step:
        try:
            return await self.store.write(self._settle, ending, after)
        except StoreUnavailable:
            raise
        except Exception:  # one of them failed and undid the work on all: that shall not keep the others paused
            for job in (found := await self.store.read(pauses.due, ending.at, SLICE, after)):
                await self._settle_alone(ending, job)
            return Step(after=found[-1].key if found else after)

    async def _settle_alone(self, ending: Ending, job: Job) -> None:
        try:
            await self.store.write(self._settle, ending, 0, [job])
        except StoreUnavailable:
            raise
        except Exception:
            with concerning({"job": job.id}):
                log.exception("the slots of job %s cannot be settled; they are left to the scheduler", job.id)

    def _settle(self, tx: Tx, ending: Ending, after: int, only: Sequence[Job] | None = None) -> Step:
        """Settles the slots of some jobs; with the last of them the switch goes on."""
        present = pauses.scheduler_pause(tx.conn, lock=True)
        if present is None or (ending.of is not None and present != ending.of):
            return Step(resumed=False)
        found = pauses.due(tx.conn, ending.at, SLICE, after) if only is None else only
        gap, policy = scheduler_pause_gap(present), ending.policy
        for job in found:
            settle_job(tx, job, ending.at, self.blackouts, policy=policy, grace=float("inf"), gap=gap, punctual=0)
        if only is not None or len(found) == SLICE:
            return Step(after=found[-1].key)
        pauses.set_scheduler_pause(tx, None)
        audit.note(tx, self.clock(), "scheduler.resumed", reason=ending.why)
        tx.emit(SchedulerChanged())
        return Step(resumed=True)


def _missed(job: Job, now: datetime) -> JobMissed | None:
    count, newest = missed_slots(wanted_slots_of(job), job.last_slot or now, now)
    return JobMissed(job.id, count, newest[0]) if newest else None

"""The timeline: for each job of a page its runs in a stretch of time, and those that are planned."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from cronapp.core.amendments import wanted_slots_of
from cronapp.core.clock import Clock
from cronapp.core.models import Job, JobState
from cronapp.core.spec import zone_of
from cronapp.core.timeline import LANES, SINGLE_OPEN, Cell, Lane, Planned, Window, planned
from cronapp.core.triggers import TICK
from cronapp.core.usual import Usual
from cronapp.service.blackouts import Blackouts
from cronapp.service.changing import found
from cronapp.store import listing, pauses, runs, timeline
from cronapp.store.jobs import JobFilter
from cronapp.store.listing import BY_ID, place_of
from cronapp.store.store import Conn, Store


@dataclass(frozen=True, slots=True)
class Lanes:
    """One page of the timeline."""

    lanes: tuple[Lane, ...]
    next: str | None  # the id after which the next page starts
    held: bool  # the whole scheduler is paused, so nothing is planned


class Timeline:
    def __init__(self, store: Store, blackouts: Blackouts, clock: Clock) -> None:
        self.store = store
        self.blackouts = blackouts
        self.clock = clock

    async def look(self, filters: JobFilter, window: Window, *, after: str = "", limit: int = LANES) -> Lanes:
        """The jobs after the id `after`, each with what lies in the window. The work is bounded by `limit`."""

        def ask(conn: Conn) -> tuple[list[Lane], str | None, bool]:
            found = listing.page(conn, filters, after=place_of(after, BY_ID), limit=limit + 1)
            listed = [job for job, _ in found]
            following = listed[limit - 1].id if len(listed) > limit else None
            usual = runs.usual(conn, [job.key for job in listed[:limit]])
            lanes = [lane(conn, job, window, usual.get(job.key)) for job in listed[:limit]]
            return lanes, following, pauses.scheduler_pause(conn) is not None

        lanes, following, held = await self.store.read(ask)
        return Lanes(tuple(await asyncio.to_thread(self._with_plans, lanes, window, held)), following, held)

    async def lane(self, job_id: str, window: Window) -> Lane:
        """One job's lane; raises `JobNotFound`."""

        def ask(conn: Conn) -> tuple[Lane, bool]:
            job = found(conn, job_id)
            usual = runs.usual(conn, [job.key])
            return lane(conn, job, window, usual.get(job.key)), pauses.scheduler_pause(conn) is not None

        shown, held = await self.store.read(ask)
        return (await asyncio.to_thread(self._with_plans, [shown], window, held))[0]

    def _with_plans(self, lanes: list[Lane], window: Window, held: bool) -> list[Lane]:
        """In a thread: calendars may have to be read."""
        if held:
            return lanes
        return [replace(one, planned=self._planned(one.job, window)) for one in lanes]

    def _planned(self, job: Job, window: Window) -> Planned:
        if job.state is not JobState.ACTIVE:
            return Planned()
        left = None if job.spec.max_runs is None else max(0, job.spec.max_runs - job.slots_used)
        plan = planned(wanted_slots_of(job), window, left)
        if not job.spec.blackouts:
            return plan
        return Planned(
            tuple(slot for slot in plan.slots if not self._is_covered(job, slot)),
            tuple(cell for cell in plan.cells if not self._hides(job, cell)),
        )

    def _is_covered(self, job: Job, slot: datetime) -> bool:
        return self.blackouts.covering(job.spec.blackouts, slot, zone_of(job.spec)) is not None

    def _hides(self, job: Job, cell: Cell) -> bool:
        """Whether a blackout covers all of a cell, as far as its slots are concerned."""
        free = self.blackouts.free_after(wanted_slots_of(job), job.spec.blackouts, cell.since - TICK, zone_of(job.spec))
        return free is None or free >= cell.until


def lane(conn: Conn, job: Job, window: Window, known: Usual | None) -> Lane:
    """What was and what goes on."""
    usual = known.median if known else None
    unended, count = timeline.open_bars(conn, job.key, window.until, SINGLE_OPEN)
    bars = timeline.bars(conn, job.key, window.since, window.until, window.room_behind + 1)
    if len(bars) <= window.room_behind:
        return Lane(job=job, bars=(*bars, *unended), usual=usual, open=count)
    counted = timeline.cells(conn, job.key, window.since, window.until, window.cell)
    return Lane(job=job, bars=tuple(unended), cells=tuple(counted), usual=usual, open=count)

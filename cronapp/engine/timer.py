"""APScheduler keeps the time: one timer for each distinct schedule, in UTC, which only reports that jobs are due.

Nothing else of APScheduler is used: our rows keep the jobs, `core.triggers` knows the slots, and what is done about a
slot is decided in the transaction that opens its run. The names with an underscore are why it is pinned below 4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from cronapp.core.amendments import moments, slots_of
from cronapp.core.models import Job, JobState, SlotChangeKind
from cronapp.core.triggers import Trigger

SLICE = 300  # timers taken from a herd at once, so that the event loop is never held up
WAKE_EVERY = timedelta(seconds=5)  # a look at the wall clock at least this often: it may be set, or the machine sleep

Due = Callable[[list[int]], None]


class SlotTrigger(BaseTrigger):  # type: ignore[misc]
    """APScheduler's view of a trigger. It never lists slots that passed: the first stands for all up to now."""

    def __init__(self, trigger: Trigger) -> None:
        self.trigger = trigger

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        return self.trigger.next_after(max(previous or now, now))


class SlicedJobStore(MemoryJobStore):  # type: ignore[misc]
    """Hands out due timers in slices, and wakes the scheduler now and then."""

    _ended = False

    def get_due_jobs(self, now: datetime) -> list[Any]:
        due: list[Any] = []
        for job, timestamp in self._jobs:
            if timestamp is None or timestamp > now.timestamp() or len(due) == SLICE:
                break
            due.append(job)
        return due

    def get_next_run_time(self) -> datetime | None:
        if self._ended:
            return None
        soon = datetime.now(UTC) + WAKE_EVERY
        first = super().get_next_run_time()
        return min(first, soon) if first else soon

    def shutdown(self) -> None:
        super().shutdown()
        self._ended = True  # APScheduler may look once more at its end, and then has no loop to wake it again


class SlotReporter(BaseExecutor):  # type: ignore[misc]
    """Runs nothing: reports whose slots are due."""

    def __init__(self, report: Callable[[str], None]) -> None:
        super().__init__()
        self._report = report

    def submit_job(self, job: Any, run_times: list[datetime]) -> None:
        self._report(job.id)

    _do_submit_job = submit_job


@dataclass(slots=True)
class Group:
    """The jobs that share a schedule."""

    trigger: Trigger
    keys: set[int] = field(default_factory=set)


class Timer:
    def __init__(self, due: Due) -> None:
        """`due` is told the keys of jobs that have a slot now; it may be called with the same keys again."""
        self._due = due
        self._groups: dict[str, Group] = {}
        self._group_of: dict[int, str] = {}
        self._stopped = False
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.add_jobstore(SlicedJobStore())
        self._scheduler.add_executor(SlotReporter(self._report))

    def start(self, jobs: Iterable[Job] = ()) -> None:
        """Keeps time from now on, for these jobs to begin with."""
        self._scheduler.start(paused=True)  # else each timer would have it look at all of them, in one turn of the loop
        for job in jobs:
            self.set(job)
        self._scheduler.resume()

    def stop(self) -> None:
        """No slot is reported from now on."""
        if self._scheduler.running and not self._stopped:
            self._stopped = True  # APScheduler ends only at the loop's next turn
            self._scheduler.shutdown(wait=False)

    def set(self, job: Job) -> None:
        """Keeps time for a job from its `next_slot` on, or stops doing so if it has none."""
        name = timer_name(job)
        if self._group_of.get(job.key) != name:
            self.drop(job.key)
        if job.state is not JobState.ACTIVE or job.next_slot is None:
            self.drop(job.key)
            return
        group = self._groups.setdefault(name, Group(slots_of(job)))
        if job.key not in group.keys or job.next_slot > datetime.now(UTC):  # else it is reported already
            self._wake_at(name, group, job.next_slot)
        group.keys.add(job.key)
        self._group_of[job.key] = name

    def _wake_at(self, name: str, group: Group, slot: datetime) -> None:
        """Not later than at this slot: one that was reported comes again if the clock was set back before it was
        settled."""
        timer = self._scheduler.get_job(name)
        if timer is None:
            self._scheduler.add_job(
                _reported_only,
                SlotTrigger(group.trigger),
                id=name,
                next_run_time=slot,
                coalesce=False,
                misfire_grace_time=None,
                max_instances=1_000_000,
            )
        elif timer.next_run_time > slot:
            timer.modify(next_run_time=slot)

    def drop(self, key: int) -> None:
        """Keeps no more time for a job."""
        name = self._group_of.pop(key, None)
        if name is None:
            return
        group = self._groups[name]
        group.keys.discard(key)
        if not group.keys:
            del self._groups[name]
            if self._scheduler.get_job(name) is not None:
                self._scheduler.remove_job(name)

    def __len__(self) -> int:
        """How many jobs have a timer."""
        return len(self._group_of)

    def _report(self, name: str) -> None:
        group = self._groups.get(name)
        if group is not None and not self._stopped:
            self._due(list(group.keys))


def timer_name(job: Job) -> str:
    """The same for all jobs whose slots are the same."""
    spec = job.spec
    seed = spec.id if any("H" in s.expression or "~" in s.expression for s in spec.schedule if s.kind == "cron") else ""
    added = [
        slot for slot in moments(job.slot_changes, SlotChangeKind.EXTRA) if not job.last_slot or slot > job.last_slot
    ]
    parts = repr((spec.schedule, spec.starts_at, spec.ends_at, seed, added))
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()


def _reported_only() -> None:
    """APScheduler wants a function with each timer; ours are only reported."""

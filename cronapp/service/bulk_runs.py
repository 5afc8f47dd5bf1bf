"""Retry or cancel many runs. Each is changed as when it is changed alone, so the same rules hold.

The runs are looked at anew in the transaction that changes them, some at a time: so nothing is done twice, what waits
for the database waits for a moment only, and after a crash each run is changed or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cronapp.core.clock import Clock
from cronapp.core.errors import Conflict, CronAppError, JobNotFound, RunNotFound
from cronapp.core.models import RunState, RunTrigger
from cronapp.service.blackouts import Blackouts
from cronapp.service.runs import stopped, tried_again
from cronapp.service.tasks import Tasks
from cronapp.store import runs
from cronapp.store.runs import Chosen, RunFilter
from cronapp.store.store import Store, Tx

Action = Literal["retry", "cancel"]
ACTIONS: tuple[Action, ...] = ("retry", "cancel")
AT_ONCE = 100  # runs changed in one transaction
MOST = 10_000  # runs in one order


@dataclass(frozen=True, slots=True)
class Done:
    """A run that is changed, and the attempt that a retry opened."""

    id: int
    job: str
    state: RunState
    opened: int | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """A run that is left as it is, and why."""

    id: int
    job: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What becomes of each run: changed, as wanted already, or refused."""

    action: Action
    done: tuple[Done, ...] = ()
    unchanged: tuple[Left, ...] = ()
    refused: tuple[Left, ...] = ()

    @property
    def matched(self) -> int:
        return len(self.done) + len(self.unchanged) + len(self.refused)

    def by_state(self) -> list[tuple[RunState, int]]:
        """How many are changed of each state, the most first."""
        return Counter(one.state for one in self.done).most_common()

    def by_job(self) -> list[tuple[str, int]]:
        return Counter(one.job for one in self.done).most_common()


class BulkRuns:
    def __init__(self, store: Store, tasks: Tasks, blackouts: Blackouts, clock: Clock) -> None:
        self.store = store
        self.tasks = tasks
        self.blackouts = blackouts
        self.clock = clock

    async def matching(self, filters: RunFilter) -> list[int]:
        """The numbers of all runs that match, the newest first; raises `Conflict` where they are too many."""
        found: list[int] = []
        before: int | None = None
        while before != 0 and len(found) <= MOST:
            left = MOST + 1 - len(found)
            some, before = await self.store.read(runs.ids, filters, before, left, self.tasks.guarded())
            found += some
        if len(found) > MOST:
            raise Conflict(f"More than {MOST:,} runs match. Narrow the filter, as by a time range, and try again.")
        return found

    async def plan(self, ids: Sequence[int], action: Action) -> Report:
        """What `carry_out` would do now; changes nothing."""
        wanted = list(dict.fromkeys(ids))
        found = await self.store.read(runs.chosen, wanted)
        there = {one.id for one in found}
        gone = [Left(run_id, "", str(RunNotFound())) for run_id in wanted if run_id not in there]
        return sorted_out(found, action, self.clock(), gone)

    async def carry_out(self, ids: Sequence[int], action: Action, *, trigger: RunTrigger = RunTrigger.MANUAL) -> Report:
        """Changes each of the runs that can be, the oldest first, and tells what became of it."""
        plan = await self.plan(ids, action)
        done: list[Done] = []
        unchanged, refused = list(plan.unchanged), list(plan.refused)
        oldest = [one.id for one in plan.done][::-1]
        for start in range(0, len(oldest), AT_ONCE):
            some = await self.store.write(self._change, oldest[start : start + AT_ONCE], action, trigger)
            done += some.done
            unchanged += some.unchanged
            refused += some.refused
        return Report(action=action, done=tuple(done), unchanged=tuple(unchanged), refused=tuple(refused))

    def _change(self, tx: Tx, ids: Sequence[int], action: Action, trigger: RunTrigger) -> Report:
        now = self.clock()
        plan = sorted_out(runs.chosen(tx.conn, ids), action, now, [])
        done: list[Done] = []
        refused = list(plan.refused)
        for one in reversed(plan.done):
            try:
                opened = tried_again(tx, one.id, trigger=trigger, now=now) if action == "retry" else None
                if action == "cancel":
                    stopped(tx, one.id, "Cancelled by hand.", now, self.blackouts)
            except CronAppError as error:
                refused.append(Left(one.id, one.job, str(error)))
            else:
                done.append(Done(one.id, one.job, one.state, opened))
        return Report(action=action, done=tuple(done), unchanged=plan.unchanged, refused=tuple(refused))


def sorted_out(found: Sequence[Chosen], action: Action, now: datetime, gone: Sequence[Left]) -> Report:
    done: list[Done] = []
    unchanged: list[Left] = []
    refused = list(gone)
    for one in found:
        if reason := as_wanted(one, action, now):
            unchanged.append(Left(one.id, one.job, reason))
        elif reason := against(one, action):
            refused.append(Left(one.id, one.job, reason))
        else:
            done.append(Done(one.id, one.job, one.state))
    return Report(action=action, done=tuple(done), unchanged=tuple(unchanged), refused=tuple(refused))


def as_wanted(one: Chosen, action: Action, now: datetime) -> str | None:
    """Why a run needs no change, as a sentence."""
    if action == "cancel":
        return "It has ended already." if one.state.ended else None
    if one.newest != one.id:
        return LATER.get(one.newest_state, "A later attempt was made.")
    waits = one.newest_waits_until is not None and one.newest_waits_until > now
    return "It waits for its turn already." if one.state is RunState.QUEUED and not waits else None


LATER = {
    RunState.QUEUED: "A later attempt waits.",
    RunState.RUNNING: "A later attempt runs.",
    RunState.SUCCEEDED: "A later attempt succeeded.",
    RunState.FAILED: "A later attempt failed; that one counts.",
}


def against(one: Chosen, action: Action) -> str | None:
    """Why a run's state forbids it."""
    if action == "cancel":
        return None
    if one.state is RunState.RUNNING:
        return "It runs. Cancel it first, or wait for its end."
    return None if one.job_there else str(JobNotFound())

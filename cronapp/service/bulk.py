"""One change to many jobs. Each job is changed by the same service as when it is changed alone, so the same rules hold.

A change is its own transaction for each job: what is refused for one hinders no other, and after a crash each job is
changed or not. Some are sent at a time, which SQLite's writer puts into one commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from cronapp.core.access import Right, asking
from cronapp.core.clock import Clock
from cronapp.core.errors import CronAppError, EditConflict, InvalidInput, JobNotFound, NotAllowed
from cronapp.core.history import ChangeKind
from cronapp.core.models import JobState, RunTrigger
from cronapp.core.spec import spec_to_json
from cronapp.service.jobs import Jobs
from cronapp.service.pauses import check as check_pause
from cronapp.service.pauses import policy_of
from cronapp.service.runs import Runs
from cronapp.store import listing
from cronapp.store.jobs import JobFilter
from cronapp.store.listing import Chosen
from cronapp.store.store import Store

Action = Literal["pause", "resume", "run", "tag", "untag", "remove"]
ACTIONS: tuple[Action, ...] = ("pause", "resume", "run", "tag", "untag", "remove")
OF_EDITORS = ("tag", "untag", "remove")
"""What takes the right to edit; the others take that to run."""
AT_ONCE = 50  # changes on their way
TRIES = 5  # to change the tags of a job that others save meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be done with each of the jobs."""

    action: Action
    reason: str | None = None  # of a pause
    until: datetime | None = None
    catch_up: str = "none"  # of a resume
    tags: tuple[str, ...] = ()  # to add or to take away


@dataclass(frozen=True, slots=True)
class Left:
    """A job that was left as it was, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of each job: changed, as wanted already, or refused."""

    order: Order
    done: tuple[str, ...]
    unchanged: tuple[Left, ...]
    refused: tuple[Left, ...]

    @property
    def matched(self) -> int:
        return len(self.done) + len(self.unchanged) + len(self.refused)


class Unchanged(Exception):
    """The job is as it shall be already."""


class Bulk:
    def __init__(self, store: Store, jobs: Jobs, runs: Runs, clock: Clock) -> None:
        self.store = store
        self.jobs = jobs
        self.runs = runs
        self.clock = clock

    async def matching(self, filters: JobFilter) -> list[str]:
        """The ids of all jobs that match."""
        return [one.id for one in await self.store.read(listing.chosen, filters)]

    async def plan(self, which: Sequence[str] | JobFilter, order: Order) -> Report:
        """What `carry_out` would do now; changes nothing. Raises `InvalidInput` for an order that makes no sense."""
        order = self.checked(order)
        if isinstance(which, JobFilter):
            found, gone = await self.store.read(listing.chosen, which), []
        else:
            found = await self.store.read(listing.chosen_ids, list(dict.fromkeys(which)))
            there = {one.id for one in found}
            gone = [Left(job_id, str(JobNotFound())) for job_id in dict.fromkeys(which) if job_id not in there]
        return sorted_out(order, found, gone)

    def checked(self, order: Order) -> Order:
        refuse_action(order.action)
        tags = tuple(dict.fromkeys(tag.strip() for tag in order.tags if tag.strip()))
        if order.action in ("tag", "untag") and not tags:
            raise InvalidInput.of("tags", "Name at least one tag.")
        policy_of(order.catch_up)
        reason = check_pause(order.reason, order.until, self.clock()) if order.action == "pause" else None
        return replace(order, tags=tags, reason=reason)

    async def carry_out(
        self, which: Sequence[str] | JobFilter, order: Order, *, by: str, trigger: RunTrigger = RunTrigger.MANUAL
    ) -> Report:
        """Changes each of the jobs, and tells what became of it."""
        plan = await self.plan(which, order)
        done: list[str] = []
        unchanged, refused = list(plan.unchanged), list(plan.refused)
        for start in range(0, len(plan.done), AT_ONCE):
            some = plan.done[start : start + AT_ONCE]
            outcomes = await asyncio.gather(*(self._told(job_id, plan.order, by, trigger) for job_id in some))
            for job_id, outcome in zip(some, outcomes, strict=True):
                if outcome is None:
                    done.append(job_id)
                else:
                    (unchanged if isinstance(outcome, Unchanged) else refused).append(Left(job_id, str(outcome)))
        return Report(order=plan.order, done=tuple(done), unchanged=tuple(unchanged), refused=tuple(refused))

    async def _told(self, job_id: str, order: Order, by: str, trigger: RunTrigger) -> Exception | None:
        """Changes one job; answers why it was not."""
        try:
            await self._change(job_id, order, by, trigger)
        except (CronAppError, Unchanged) as error:
            return error
        return None

    async def _change(self, job_id: str, order: Order, by: str, trigger: RunTrigger) -> None:
        match order.action:
            case "pause":
                await self.jobs.pause(job_id, order.reason, by=by, until=order.until)
            case "resume":
                await self.jobs.resume(job_id, order.catch_up, by=by)
            case "run":
                await self.runs.run_now(job_id, trigger=trigger)
            case "tag" | "untag":
                await self._tag(job_id, order, by)
            case "remove":
                await self.jobs.remove(job_id, by=by)

    async def _tag(self, job_id: str, order: Order, by: str) -> None:
        for _ in range(TRIES):
            job = await self.jobs.get(job_id)
            tags = retagged(job.spec.tags, order)
            if tags == job.spec.tags:
                raise Unchanged(as_it_is(order))
            try:
                data = {**spec_to_json(job.spec), "tags": list(tags)}
                await self.jobs.edit(job_id, data, version=job.version, by=by, kind=ChangeKind.TAGGED)
            except EditConflict:
                continue
            return
        raise EditConflict


def refuse_action(action: Action) -> None:
    """Raises `NotAllowed` for what who asks may not do with any job."""
    if action in OF_EDITORS and not asking.get().sight.may(Right.EDIT):
        raise NotAllowed


def sorted_out(order: Order, found: Sequence[Chosen], gone: Sequence[Left]) -> Report:
    done: list[str] = []
    unchanged: list[Left] = []
    refused: list[Left] = []
    for one in found:
        if as_wanted(one, order):
            unchanged.append(Left(one.id, as_it_is(order)))
        elif reason := against(one, order):
            refused.append(Left(one.id, reason))
        else:
            done.append(one.id)
    (unchanged if order.action == "remove" else refused).extend(gone)
    return Report(order=order, done=tuple(done), unchanged=tuple(unchanged), refused=tuple(refused))


def as_wanted(one: Chosen, order: Order) -> bool:
    match order.action:
        case "pause":  # its reason and its end stay: somebody chose them for this very job
            return one.state is JobState.PAUSED
        case "resume":
            return one.state is JobState.ACTIVE
        case "tag" | "untag":
            return set(retagged(one.tags, order)) == set(one.tags)
    return False


def as_it_is(order: Order) -> str:
    """What a job is that needs no change, as a sentence."""
    return {
        "pause": "It is paused already.",
        "resume": "It is active already.",
        "tag": "It has these tags already.",
        "untag": "It has none of these tags.",
    }[order.action]


def against(one: Chosen, order: Order) -> str | None:
    """Why a job's state forbids it, in the words that its service would find."""
    state = one.state.replace("_", " ")
    if order.action == "pause" and one.state is not JobState.ACTIVE:
        return f"Only an active job can be paused; this one is {state}."
    if order.action == "resume" and one.state is not JobState.PAUSED:
        return f"Only a paused job can be resumed; this one is {state}."
    return None


def retagged(tags: tuple[str, ...], order: Order) -> tuple[str, ...]:
    if order.action == "tag":
        return tuple(dict.fromkeys([*tags, *order.tags]))
    return tuple(tag for tag in tags if tag not in order.tags)

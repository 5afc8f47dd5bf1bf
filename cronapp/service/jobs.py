"""Jobs: created, changed, paused, removed, listed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cronapp.core.amendments import wanted_slots_of
from cronapp.core.changes import Mask
from cronapp.core.clock import Clock
from cronapp.core.conditions import unfit_condition
from cronapp.core.declared import as_declared
from cronapp.core.differences import Difference, difference
from cronapp.core.errors import Conflict, EditConflict, InvalidInput
from cronapp.core.events import JobChanged, RunChanged
from cronapp.core.history import ChangeKind
from cronapp.core.ids import LONGEST, free_id, suggested_id
from cronapp.core.models import (
    After,
    Job,
    JobRow,
    JobSpec,
    JobState,
    Json,
    Pause,
    RunState,
)
from cronapp.core.spec import parse_spec, trigger_for, zone_of
from cronapp.core.summary import words_of
from cronapp.core.triggers import needs_no_slot
from cronapp.core.triggers.trigger import TICK
from cronapp.service.addresses import wrong_urls
from cronapp.service.blackouts import Blackouts, lines_of
from cronapp.service.changing import edited, found, recorded, replaced, slot_after, standing, written
from cronapp.service.channels import refuse_unknown_channels, unknown_channels
from cronapp.service.dependencies import refuse_wrong_upstreams, wrong_upstreams
from cronapp.service.neighbours import Neighbours, neighbours_of
from cronapp.service.pauses import CAUGHT_UP, OVER, ended_at, pause_reason, policy_of
from cronapp.service.pauses import check as check_pause
from cronapp.service.secrets import refuse_unknown_secrets, unknown_secrets
from cronapp.service.slots import job_pause_gap, settle_job
from cronapp.service.tasks import Tasks
from cronapp.store import dependencies, idempotency, jobs, listing, pauses, runs
from cronapp.store.idempotency import Once
from cronapp.store.jobs import Figures, JobFilter
from cronapp.store.listing import BY_ID, Group, Offers, Sort, place_of
from cronapp.store.store import Conn, Store, Tx

TAKEN = "There is a job with this id already. Choose another one."
STRIP = 30  # runs shown beside each job


def listed(tags: Collection[str]) -> str:
    return ", ".join(sorted(tags))


class Jobs:
    def __init__(self, store: Store, tasks: Tasks, blackouts: Blackouts, clock: Clock, timezone: str) -> None:
        """`timezone` is the zone of schedules that name none."""
        self.store = store
        self.tasks = tasks
        self.blackouts = blackouts
        self.clock = clock
        self.timezone = timezone

    # -- questions ------------------------------------------------------------------------------------------------

    async def get(self, job_id: str) -> Job:
        """The job of that id; raises `JobNotFound`."""
        return await self.store.read(found, job_id)

    async def by_keys(self, keys: Collection[int]) -> list[Job]:
        """Those of these jobs that are still there."""
        return await self.store.read(jobs.by_keys, keys)

    async def known(self, ids: Iterable[str]) -> set[str]:
        """Those of these ids that a job has."""
        return {job.id for job in await self.store.read(jobs.by_ids, list(ids))}

    async def all(self) -> list[Job]:
        """Every job, for the scheduler's start."""
        return await self.store.read(jobs.all_jobs)

    async def page(
        self,
        filters: JobFilter,
        *,
        sort: Sort = BY_ID,
        after: str = "",
        limit: int = 50,
        strip: int = STRIP,
    ) -> tuple[list[JobRow], str | None]:
        """One page of the list, with the newest `strip` runs of each job, and the place where the next page starts."""

        def ask(conn: Conn) -> tuple[list[JobRow], str | None]:
            found = listing.page(conn, filters, sort=sort, after=place_of(after, sort), limit=limit + 1)
            rows = self.rows(conn, [job for job, _ in found[:limit]], strip)
            if len(found) <= limit:
                return rows, None
            last = found[limit - 1][1]
            return rows, last.id if sort.by == "id" else str(last)

        return await self.store.read(ask)

    async def grouped(
        self, filters: JobFilter, *, sort: Sort, after: str, limit: int, each: int
    ) -> tuple[list[tuple[Group, list[JobRow]]], str | None]:
        """The groups behind the tag `after`, with the first `each` jobs of each, and the tag where the next page
        starts."""

        def ask(conn: Conn) -> tuple[list[tuple[Group, list[JobRow]]], str | None]:
            groups = listing.groups(conn, filters, after=after, limit=limit + 1)
            listed = []
            for group in groups[:limit]:
                own = replace(filters, untagged=True) if group.tag is None else tagged(filters, group.tag)
                listed.append([job for job, _ in listing.page(conn, own, sort=sort, limit=each)])
            once = {job.key: job for some in listed for job in some}  # of several tags a job has the same row in each
            rows = {row.job.key: row for row in self.rows(conn, list(once.values()))}
            answer = [(group, [rows[job.key] for job in some]) for group, some in zip(groups, listed, strict=False)]
            return answer, groups[limit - 1].tag if len(groups) > limit else None

        return await self.store.read(ask)

    async def count(self, filters: JobFilter) -> int:
        """How many jobs match."""
        return await self.store.read(listing.count, filters)

    async def offers(self) -> Offers:
        """What the list can be filtered by."""
        return await self.store.read(listing.offers)

    async def row(self, job_id: str) -> JobRow:
        """One job as the list shows it; raises `JobNotFound`."""
        return await self.store.read(lambda conn: self.rows(conn, [found(conn, job_id)])[0])

    async def upcoming(self, limit: int = 10) -> list[JobRow]:
        """The jobs that are due next."""
        listed = await self.store.read(lambda conn: self.rows(conn, jobs.upcoming(conn, limit), 1))
        return sorted((row for row in listed if row.next_run), key=lambda row: row.next_run or row.job.created_at)

    async def ids(self, limit: int) -> list[str]:
        return await self.store.read(jobs.ids, limit)

    async def free_id(self, wanted: str) -> str:
        """This id, or one made of it that no job has."""
        return free_id(wanted, await self.store.whole.read(jobs.ids_from, wanted[: LONGEST - 10]))

    async def suggested_id(self, task: str) -> str:
        """An id for a job of this task that no job has."""
        return await self.free_id(suggested_id(task))

    async def wrong_upstreams(self, job_id: str, after: After, old: Job | None = None) -> dict[str, str]:
        """Why a job of that id cannot run after these, by field; empty when it can."""
        return await self.store.read(wrong_upstreams, job_id, after, old.spec if old else None)

    async def neighbours(self, job_id: str) -> Neighbours | None:
        """The jobs that hang together with this one; None: there are none. Raises `JobNotFound`."""

        def ask(conn: Conn) -> Neighbours | None:
            return neighbours_of(conn, found(conn, job_id), lambda listed: self.rows(conn, listed, 1))

        return await self.store.read(ask)

    async def unseen(self, job: Job) -> frozenset[str]:
        """Which of the jobs that it runs after are not among those that who asks may see."""
        if self.store.tags is None or job.spec.after is None:
            return frozenset()
        return frozenset(await self.store.read(dependencies.missing, job.spec.after.jobs))

    async def dependants(self, job_id: str) -> list[str]:
        """The ids of the jobs that run after this one."""
        return [job.id for job in await self.store.read(dependencies.waiting_for, job_id)]

    def rows(self, conn: Conn, listed: Sequence[Job], strip: int = STRIP) -> list[JobRow]:
        """These jobs as a list shows them, with the newest `strip` runs of each."""
        strips = runs.recent(conn, [job.key for job in listed], strip)
        held = pauses.scheduler_pause(conn) is not None
        return [
            JobRow(job=job, words=words_of(job.spec), recent=strips[job.key], next_run=self._next_run(job), held=held)
            for job in listed
        ]

    def _next_run(self, job: Job) -> datetime | None:
        """The first slot ahead that nobody skips and no blackout covers."""
        spec, slot = job.spec, job.next_slot
        if slot is None or not (spec.blackouts or job.slot_changes):
            return slot
        return self.blackouts.free_after(wanted_slots_of(job), spec.blackouts, slot - TICK, zone_of(spec))

    async def total(self) -> int:
        return await self.store.read(jobs.total)

    async def figures(self) -> Figures:
        """What is told beside the navigation."""
        return await self.store.read(jobs.figures)

    async def counts(self) -> dict[str, int]:
        return await self.store.read(jobs.counts)

    async def counts_by_task(self) -> dict[str, int]:
        return await self.store.read(jobs.counts_by_task)

    # -- changes --------------------------------------------------------------------------------------------------

    def check(self, data: Mapping[str, Any], old: JobSpec | None = None, *, past: bool = False) -> JobSpec:
        """A job as JSON, checked against the rules and its task's signature, with its secrets encrypted; raises
        `InvalidInput`. With `past` its moments may lie behind."""
        errors: dict[str, str] = {}
        spec = None
        try:
            spec = parse_spec(data, now=self.clock(), timezone=self.timezone, old=old, past=past)
        except InvalidInput as error:
            errors |= error.errors
        errors |= self.misfit(str(data.get("task") or ""), data.get("args")) if "task" not in errors else {}
        shown = [str(url) for rule in (old.notify if old else ()) for url in rule.all_urls()]
        errors = {
            **self.misfit_condition(data.get("condition")),
            **self.blackouts.check(lines_of(data)),
            **wrong_urls(data, shown),
            **errors,
        }
        if spec is not None and self.store.tags is not None and self.store.tags.isdisjoint(spec.tags):
            errors["tags"] = f"Give it at least one of your tags, else you would not see it: {listed(self.store.tags)}."
        if errors or spec is None:
            raise InvalidInput(errors)
        args = self.tasks.sealed(spec.task, spec.args, old.args if old else None)
        return replace(spec, args=args, notify=self.tasks.sealed_rules(spec.notify, old))

    def misfit(self, task: str, args: Any) -> dict[str, str]:
        """Why these arguments do not fit that task; empty when they do."""
        found_task = self.tasks.find(task)
        if found_task is None:
            return {"task": f"There is no task named {task!r}. Choose one of the tasks page."}
        try:
            found_task.signature.check(self.tasks.opened(args) if isinstance(args, dict) else {})
        except InvalidInput as error:
            return error.errors
        return {}

    def misfit_condition(self, name: Any) -> dict[str, str]:
        """Why the task of that name cannot be a job's condition; empty when it can, or none is named."""
        if not isinstance(name, str):
            return {}
        task = self.tasks.find(name)
        if task is None:
            return {"condition": f"There is no task named {name!r}. Choose one of the tasks page."}
        problem = unfit_condition(task)
        return {"condition": problem} if problem else {}

    def mask(self, job: Job) -> Mask:
        """Hides the secrets of the job's arguments, of what it is and of what it was."""
        return lambda task, args: self.tasks.masked_for_good(task, args, job.fits)

    def difference(self, job: Job) -> Difference | None:
        """Why the job's task or condition no longer fits it; None when they do."""
        return difference(job.spec, job.fits, self.tasks.registry.tasks, self.tasks.opened)

    async def _read_ahead(self, data: Mapping[str, Any]) -> None:
        """Has calendar files read, and addresses looked at, in a thread; the check, on the loop, finds that done."""
        if lines := lines_of(data):
            await asyncio.to_thread(self.blackouts.check, lines)
        if data.get("notify"):
            await asyncio.to_thread(wrong_urls, data)

    async def problems(
        self, data: Mapping[str, Any], old: JobSpec | None = None, *, past: bool = False
    ) -> dict[str, str]:
        """Every wrong field of a job as JSON; for a new job, a taken id too."""
        await self._read_ahead(data)
        errors: dict[str, str] = {}
        try:
            spec = self.check(data, old, past=past)
        except InvalidInput as error:
            errors = error.errors
        else:
            errors = await self.store.read(wrong_upstreams, spec.id, spec.after, old)
            errors |= await self.store.read(unknown_secrets, spec.args, old.args if old else {})
            errors |= await self.store.read(unknown_channels, spec.notify, old.notify if old else ())
        if old is None and "id" not in errors:
            taken = await self.store.whole.read(jobs.get, str(data.get("id")))
            errors |= {"id": TAKEN} if taken else {}
        return errors

    async def create(
        self,
        data: Mapping[str, Any],
        *,
        origin: str,
        by: str = "somebody",
        once: Once | None = None,
        past: bool = False,
    ) -> Job:
        """Stores a new job. With `once`, the same request sent again answers the job it made the first time. With
        `past` its moments may lie behind, and without a slot ahead it is finished from the start."""
        errors = await self.problems(data, past=past)  # before the question: what was just made takes the id
        if once and (made := await self.store.read(idempotency.made_before, once)):
            return await self.get(made)
        if errors:
            raise InvalidInput(errors)
        now = self.clock()  # before the check: the write may wait, and what falls due meanwhile is still promised
        spec = self.check(data, past=past)

        def change(tx: Tx) -> Job:
            if once and (made := idempotency.made_in_turn(tx, once)):
                return found(tx.conn, made)
            refuse_wrong_upstreams(tx, spec)
            next_slot = trigger_for(spec).next_after(now)
            runs_on = next_slot or spec.after or needs_no_slot(trigger_for(spec))
            job = jobs.create(
                tx,
                spec,
                state=JobState.ACTIVE if runs_on else JobState.FINISHED,
                reason=None,
                origin=origin,
                now=now,
                next_slot=next_slot,
                fits=self.tasks.snapshot(spec.task),
            )
            if job is None:
                raise InvalidInput.of("id", TAKEN)
            if once:
                idempotency.remember(tx, once, job.id, now)
            recorded(tx, job, ChangeKind.CREATED, at=now, by=by, mask=self.mask(job))
            tx.emit(JobChanged(job.id, created=True))
            return job

        return await self.store.write(change)

    async def edit(
        self,
        job_id: str,
        data: Mapping[str, Any],
        *,
        by: str = "somebody",
        version: int | None = None,
        kind: ChangeKind | None = None,
        reason: str | None = None,
    ) -> Job:
        """Replaces a job's spec. With `version`, only if nobody saved meanwhile (`EditConflict`).

        `kind` and `reason` are what the job's history calls it; None: an edit.
        """
        old, spec, now = await self._edited(job_id, data, version)

        def change(tx: Tx) -> Job:
            refuse_wrong_upstreams(tx, spec, old.spec)
            refuse_unknown_secrets(tx, spec.args, old.spec.args)
            refuse_unknown_channels(tx, spec.notify, old.spec.notify)
            new = replace(edited(found(tx.conn, job_id, lock=True), spec, now), fits=self.tasks.snapshot(spec.task))
            called, mask = kind or self._kind_of_edit(old, spec), self.mask(old)
            return replaced(tx, old, new, called, at=now, by=by, reason=reason, mask=mask)

        return await self.store.write(change)

    async def would_be(self, job_id: str, data: Mapping[str, Any], *, version: int | None = None) -> JobRow:
        """What `edit` would make of it, under the version that it has; raises what that would. An address that it has
        already keeps its mask."""
        old, spec, now = await self._edited(job_id, data, version)

        def ask(conn: Conn) -> JobRow:
            errors = unknown_secrets(conn, spec.args, old.spec.args)
            if errors := errors | unknown_channels(conn, spec.notify, old.spec.notify):
                raise InvalidInput(errors)
            return self.rows(conn, [edited(found(conn, job_id), spec, now)])[0]

        return await self.store.read(ask)

    async def _edited(self, job_id: str, data: Mapping[str, Any], version: int | None) -> tuple[Job, JobSpec, datetime]:
        """The job as it is, its checked new spec, and as of when."""
        old = await self.get(job_id)
        if version is not None and version != old.version:
            raise EditConflict
        if data.get("id", job_id) != job_id:
            raise InvalidInput.of("id", "A job keeps its id. Make a new job under the new id, and remove this one.")
        await self._read_ahead(data)
        now = self.clock()  # before the check, as for a new job
        spec = self.check({**data, "id": job_id}, old=old.spec)
        if errors := await self.store.read(wrong_upstreams, job_id, spec.after, old.spec):
            raise InvalidInput(errors)
        return old, spec, now

    def as_declared(self, code: Json, old: JobSpec) -> JobSpec | None:
        """What the code's version of a job comes to; None when it cannot be used."""
        spec = as_declared(code, old, self.timezone, self.clock())
        return spec and self.tasks.aligned_spec(spec, old)

    def _kind_of_edit(self, old: Job, spec: JobSpec) -> ChangeKind:
        code = old.code and self.as_declared(old.code, old.spec)
        return ChangeKind.OVERRIDDEN if code and code != spec else ChangeKind.EDITED

    async def pause(
        self, job_id: str, reason: str | None = None, *, by: str = "somebody", until: datetime | None = None
    ) -> Job:
        """No slot of the job runs until it is resumed. What runs already goes on. Paused again, it is for the new
        reason and until the new end."""
        reason = check_pause(reason, until, self.clock())

        def change(tx: Tx) -> Job:
            job = found(tx.conn, job_id, lock=True)
            if job.state not in (JobState.ACTIVE, JobState.PAUSED):
                raise Conflict(f"Only an active job can be paused; this one is {job.state.replace('_', ' ')}.")
            now = self.clock()
            pause = Pause(by=by, at=job.pause.at if job.pause else now, until=until)
            if (pause, reason) == (job.pause, job.reason):
                return job
            new = replace(job, state=JobState.PAUSED, reason=reason, pause=pause, next_slot=None)
            return replaced(tx, job, new, ChangeKind.PAUSED, at=now, by=by, reason=pause_reason(reason, until))

        return await self.store.write(change)

    async def resume(
        self, job_id: str, catch_up: str = "none", *, by: str = "somebody", pause: Pause | None = None
    ) -> Job:
        """The job runs again from now on; of the slots that passed meanwhile none, the newest (`last`) or `all` run.

        With `pause` only if it is still that one, and it is resumed as of its end.
        """
        policy = policy_of(catch_up)

        def change(tx: Tx) -> Job:
            job = found(tx.conn, job_id, lock=True)
            if job.state is JobState.ACTIVE or (pause is not None and job.pause != pause):
                return job
            if job.pause is None:
                raise Conflict(f"Only a paused job can be resumed; this one is {job.state.replace('_', ' ')}.")
            now = self.clock()
            ended = ended_at(pause, now)
            if misfit := self.difference(job):
                flagged = replace(job, state=JobState.NEEDS_ATTENTION, reason=misfit.reason, pause=None)
                return replaced(tx, job, flagged, ChangeKind.NEEDS_ATTENTION, at=now, by=by, reason=misfit.reason)
            next_slot = slot_after(ended, job)
            resumed = replace(job, state=JobState.ACTIVE, reason=None, pause=None, next_slot=next_slot, failures=0)
            caught_up = CAUGHT_UP[catch_up] if pause is None else OVER
            active = replaced(tx, job, resumed, ChangeKind.RESUMED, at=now, by=by, reason=caught_up)
            gap = job_pause_gap(job)
            settle_job(tx, active, ended, self.blackouts, policy=policy, grace=float("inf"), gap=gap, punctual=0)
            resumed = found(tx.conn, job_id)
            if resumed.state is JobState.ACTIVE and standing(resumed, resumed.next_slot) is JobState.FINISHED:
                return written(tx, resumed, replace(resumed, state=JobState.FINISHED), now)
            return resumed

        return await self.store.write(change)

    async def remove(self, job_id: str, version: int | None = None, *, by: str = "somebody") -> None:
        """Removes a job. Its waiting runs are cancelled, running ones asked to stop; its history stays until pruned."""

        def change(tx: Tx) -> None:
            job = found(tx.conn, job_id, lock=True)
            if version is not None and version != job.version:
                raise EditConflict
            for run in runs.open_of_job(tx.conn, job.key):
                if runs.end_queued(
                    tx, run.id, state=RunState.CANCELLED, reason="The job was removed.", now=self.clock()
                ):
                    tx.emit(RunChanged(run.id, job.id))
                else:
                    runs.ask_to_stop(tx, run.id, "The job was removed.")
            recorded(tx, job, ChangeKind.REMOVED, at=self.clock(), by=by, old=job, mask=self.mask(job))
            jobs.remove(tx, job.key)
            tx.emit(JobChanged(job.id, gone=True))

        await self.store.write(change)


def tagged(filters: JobFilter, tag: str) -> JobFilter:
    """Those of the jobs that have this tag too."""
    return replace(filters, tags=tuple(dict.fromkeys([*filters.tags, tag])))

"""The jobs list and one job's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from cronapp.core.backfills import BackfillRow
from cronapp.core.blackouts import blackout_for
from cronapp.core.errors import JobNotFound
from cronapp.core.events import Event, JobChanged, RunChanged, TasksLoaded
from cronapp.core.models import JobRow
from cronapp.store.jobs import JobFilter
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.overrides import differing
from cronapp.web.views.shown import EMPTY, Shown
from cronapp.web.views.zones import job_zone


class JobsView(Shown):
    """The jobs list under its filters: single rows while the list stays the same, else the whole list."""

    def __init__(self, parts: Parts, filters: JobFilter, after: str) -> None:
        super().__init__(parts)
        self.filters = filters
        self.after = after
        self.listed: set[str] = set()

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case JobChanged(job=job, gone=gone, created=created):
                if gone or created or self.filters != JobFilter():
                    return ("list",)
                return ("tabs", f"row {job}") if job in self.listed else ("tabs",)
            case RunChanged(job=job):
                if self.filters.state:
                    return ("list",)
                return ("tabs", f"row {job}") if job in self.listed else ("tabs",)
        return ()

    def parts(self) -> Iterable[str]:
        return ("list",)

    async def show(self, part: str) -> Markup:
        if part == "list":
            context = await job_list_context(self.house, self.filters, self.after)
            self.listed = {row.job.id for row in context["rows"]}
            return partial("#job-list", fragment("_job_list", **context))
        if part == "tabs":
            return await self.house.hub.once(("jobs", ""), ("tabs", self.filters), self._tabs)
        job_id = part.removeprefix("row ")
        return await self.house.hub.once(("job", job_id), "row", lambda: job_row_partial(self.house, job_id))

    async def _tabs(self) -> Markup:
        counts = await self.house.jobs.counts()
        return partial("#job-tabs", fragment("_job_tabs", filters=job_filters(self.filters), counts=counts))

    def pause(self, part: str) -> float:
        return 0.25 if part.startswith("row") else 1.0


async def job_row_partial(house: Parts, job_id: str) -> Markup:
    try:
        row = await house.jobs.row(job_id)
    except JobNotFound:
        return EMPTY  # the list itself follows
    return partial(f"#job-row-{row.job.key}", fragment("_job_row", row=row))


def job_filters(filters: JobFilter) -> dict[str, str]:
    return {"q": filters.q, "state": filters.state, "task": filters.task, "tag": filters.tag}


async def job_list_context(house: Parts, filters: JobFilter, after: str) -> dict[str, Any]:
    rows, following = await house.jobs.page(filters, after=after)
    return {
        "rows": rows,
        "next": following,
        "first": not after,
        "filters": job_filters(filters),
        "counts": await house.jobs.counts(),
    }


OF_ITS_JOB = ("head", "changes", "detail", "kept", "backfills", "graph")
OF_ITS_RUNS = ("head", "kept", "backfills", "graph")
PAUSES = {"graph": 0.5, "kept": 2.0, "backfills": 2.0}  # seconds; what costs more to make comes less often


class JobView(Shown):
    """One job's page."""

    def __init__(self, parts: Parts, job_id: str, before: int | None) -> None:
        super().__init__(parts)
        self.job_id = job_id
        self.before = before
        self.near: frozenset[str] = frozenset()  # whose runs and states the graph shows

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case JobChanged(job=self.job_id):
                return OF_ITS_JOB
            case TasksLoaded():
                return ("changes", "detail")
            case JobChanged():  # it may come after this one from now on
                return ("graph",)
            case RunChanged(job=self.job_id):
                return OF_ITS_RUNS if self.before else (*OF_ITS_RUNS, "runs")
            case RunChanged(job=job) if job in self.near:
                return ("graph",)
        return ()

    def parts(self) -> Iterable[str]:
        return OF_ITS_JOB if self.before else (*OF_ITS_JOB, "runs")

    async def show(self, part: str) -> Markup:
        if part == "graph":
            return await self._graph()
        render = {
            "head": self._head,
            "changes": self._changes,
            "detail": self._detail,
            "kept": self._kept,
            "backfills": self._backfills,
            "runs": self._runs,
        }[part]
        try:
            return await self.house.hub.once(("job", self.job_id), part, render)
        except JobNotFound:
            return partial("#job-head", fragment("_job_gone", job_id=self.job_id))

    def pause(self, part: str) -> float:
        return PAUSES.get(part, 0.25)

    async def _head(self) -> Markup:
        return partial("#job-head", fragment("_job_head", row=await self.house.jobs.row(self.job_id)))

    async def _changes(self) -> Markup:
        row = await self.house.jobs.row(self.job_id)
        return partial("#job-changes", fragment("_job_changes", **job_context(self.house, row)))

    async def _detail(self) -> Markup:
        row = await self.house.jobs.row(self.job_id)
        return partial("#job-detail", fragment("_job_detail", **job_context(self.house, row)))

    async def _backfills(self) -> Markup:
        return await backfills_partial(self.house, self.job_id)

    async def _kept(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-kept", fragment("_job_kept", job=job, kept=await self.house.ledger.kept(job)))

    async def _graph(self) -> Markup:
        """Asked by each connection: it has to know whose runs it heeds from now on."""
        try:
            near = await self.house.jobs.neighbours(self.job_id)
        except JobNotFound:
            return EMPTY  # the head says so
        self.near = frozenset(near.near if near else ())
        return partial("#job-graph", fragment("_job_graph", near=near))

    async def _runs(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        runs, following = await self.house.runs.of_job(job, limit=25)
        zones = {job.key: job_zone(self.house, job.spec)}
        return partial("#job-runs", fragment("_job_runs", job=job, runs=runs, next=following, zones=zones))


async def backfills_partial(house: Parts, job_id: str) -> Markup:
    job = await house.jobs.get(job_id)
    return partial(
        "#job-backfills", fragment("_job_backfills", job=job, backfills=await shown_backfills(house, job_id))
    )


async def shown_backfills(house: Parts, job_id: str) -> list[BackfillRow]:
    """Those under way, and the newest one."""
    rows = await house.backfills.of_job(job_id)
    return [row for row in rows if not row.over or row is rows[0]]


def job_context(house: Parts, row: JobRow) -> dict[str, Any]:
    job = row.job
    args = house.tasks.masked_of(job)
    blackouts = [blackout_words(line) for line in job.spec.blackouts]
    zone = job_zone(house, job.spec)
    return {
        "job": job,
        "row": row,
        "task": house.tasks.find(job.task),
        "tasks": house.tasks.all(),
        "difference": house.jobs.difference(job),
        "overrides": differing(house, job),
        "args": args,
        "blackouts": blackouts,
        "job_zone": zone,
        "zones": {job.key: zone},
    }


def blackout_words(line: str) -> str:
    try:
        return blackout_for(line).words()
    except ValueError:  # stored by a version that took it; that nothing runs meanwhile, each slot says
        return line


def job_filter(query: Mapping[str, str]) -> JobFilter:
    return JobFilter(**{name: query.get(name, "").strip() for name in ("q", "state", "task", "tag")})

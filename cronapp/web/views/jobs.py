"""The jobs list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from cronapp.core.errors import JobNotFound
from cronapp.core.events import Event, JobChanged, RunChanged
from cronapp.store.jobs import JobFilter
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import EMPTY, Shown


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


def job_filter(query: Mapping[str, str]) -> JobFilter:
    return JobFilter(**{name: query.get(name, "").strip() for name in ("q", "state", "task", "tag")})

"""The jobs list under its filters, in its order, plain or grouped by tag."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zlib import crc32

from markupsafe import Markup

from cronapp.core.errors import JobNotFound
from cronapp.core.events import Event, JobChanged, RunChanged, ViewsChanged
from cronapp.core.models import JobRow
from cronapp.store.listing import Group
from cronapp.web.asked import Asked
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import EMPTY, Shown

PAGE = "jobs"  # under which its views are saved
GROUPS, ROWS_OF_GROUP = 12, 10  # groups on a page, and jobs shown of each; the rest is a page of its own
BY_RUNS = ("last", "state", "duration")
"""Orders that each run may change."""
AT_ITS_PACE = 2.0  # seconds between two new orders: rows that move all the time cannot be read
Listed = tuple[Group | None, list[JobRow]]


class JobsView(Shown):
    """Single rows while the list stays the same, else the whole list."""

    def __init__(self, parts: Parts, asked: Asked) -> None:
        super().__init__(parts)
        self.asked = asked
        self.listed: dict[str, list[str | None]] = {}  # the tags that each shown job stands under
        state = asked.filters.state
        self.by_runs = state in ("running", "failing") or asked.sort.by in BY_RUNS or asked.grouped

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case JobChanged(job=job, gone=gone, created=created):
                if gone or created or self.asked.filtered or self.asked.sort.by != "id" or self.asked.grouped:
                    return ("list", *self._row(job))
                return ("tabs", *self._row(job))
            case RunChanged(job=job):
                return ("tabs", *(("list",) if self.by_runs else ()), *self._row(job))
            case ViewsChanged(page="jobs"):
                return ("views",)
        return ()

    def _row(self, job: str) -> tuple[str, ...]:
        """Only what is on the page is sent."""
        return (f"row {job}",) if job in self.listed else ()

    def parts(self) -> Iterable[str]:
        return ("list",)

    async def show(self, part: str) -> Markup:
        if part == "list":
            return await self._list()
        if part == "tabs":
            return partial("#job-tabs", fragment("_job_tabs", asked=self.asked, counts=await self.house.jobs.counts()))
        if part == "views":
            views = await self.house.views.of_page(PAGE)
            return partial("#job-views", fragment("_job_views", asked=self.asked, views=views))
        job_id = part.removeprefix("row ")
        tags = self.listed.get(job_id, ())
        return Markup("").join([await self._rendered(job_id, tag) for tag in tags])

    async def _list(self) -> Markup:
        context = await job_list_context(self.house, self.asked)
        self.listed = {}
        for group, rows in context["groups"]:
            for row in rows:
                self.listed.setdefault(row.job.id, []).append(group and group.tag)
        return partial("#job-list", fragment("_job_list", **context))

    async def _rendered(self, job_id: str, tag: str | None) -> Markup:
        return await self.house.hub.once(
            ("job", job_id), ("row", tag), lambda: job_row_partial(self.house, job_id, tag)
        )

    def pause(self, part: str) -> float:
        if part == "list" and self.by_runs:
            return AT_ITS_PACE
        return 0.5 if part.startswith("row") else 1.0


async def job_row_partial(house: Parts, job_id: str, tag: str | None = None) -> Markup:
    """A row, as it stands under a tag where the list is grouped."""
    try:
        row = await house.jobs.row(job_id)
    except JobNotFound:
        return EMPTY  # the list itself follows
    return partial(f"#{row_id(row, tag)}", fragment("_job_row", row=row, tag=tag, row_id=row_id))


def row_id(row: JobRow, tag: str | None) -> str:
    """A grouped list has a job once for each of its tags, and a tag may have any letter."""
    return f"job-row-{row.job.key}" + (f"-{crc32(tag.encode()):08x}" if tag is not None else "")


async def job_list_context(house: Parts, asked: Asked) -> dict[str, Any]:
    counts = await house.jobs.counts()
    groups, following = await listed(house, asked)
    shown = sum(len(rows) for _, rows in groups)
    first = not asked.cursor
    return {
        "asked": asked,
        "groups": groups,
        "shown": shown,
        "next": following,
        "first": first,
        "counts": counts,
        "matching": shown
        if first and following is None and not asked.grouped
        else await matching(house, asked, counts),
        "views": await house.views.of_page(PAGE),
        "row_id": row_id,
    }


async def listed(house: Parts, asked: Asked) -> tuple[list[Listed], str | None]:
    """The groups of the page with their rows; without grouping it is one of all jobs."""
    if not asked.grouped:
        rows, following = await house.jobs.page(asked.filters, sort=asked.sort, after=asked.cursor)
        return [(None, rows)] if rows else [], following
    groups, following = await house.jobs.grouped(
        asked.filters, sort=asked.sort, after=asked.cursor, limit=GROUPS, each=ROWS_OF_GROUP
    )
    return [*groups], following


async def matching(house: Parts, asked: Asked, counts: dict[str, int]) -> int:
    """How many jobs the filters let through."""
    return await house.jobs.count(asked.filters) if asked.filtered else counts["all"]

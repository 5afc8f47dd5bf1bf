"""A job's tab with the notes on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from cronapp.core.access import asking
from cronapp.core.models import Job
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.job.frame import JobTab

SHOWN = 50  # notes on a page


class NotesTab(JobTab):
    """The form above the notes is no part of it, so that what is typed there stays."""

    tab = "notes"

    def __init__(self, parts: Parts, job_id: str, query: Mapping[str, str], last: str) -> None:
        super().__init__(parts, job_id, query, last)
        self.own = () if query.get("cursor") else ("notes",)

    async def show_own(self, part: str) -> Markup:
        return await self.house.hub.once(("job", self.job_id), (part, asking.get().name), self._notes)

    async def _notes(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-notes", fragment("_job_notes", **await notes_context(self.house, job, None)))


async def notes_context(house: Parts, job: Job, before: int | None) -> dict[str, Any]:
    notes, following = await house.notes.page(job.id, before=before, limit=SHOWN)
    return {"job": job, "notes": notes, "first": before is None, "next": following and str(following)}

"""A job's tab with the history of its changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cronapp.core.changes import FieldChange
from cronapp.core.history import ChangeKind, JobChange
from cronapp.core.models import Job
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.job.frame import JobTab

SHOWN = 30  # changes on a page
FIRSTS = (ChangeKind.BASELINE, ChangeKind.CREATED)


@dataclass(frozen=True, slots=True)
class Entry:
    """One change as the page tells it."""

    change: JobChange
    fields: list[FieldChange]
    restorable: bool

    @property
    def forgotten(self) -> bool:
        """Whether the version before it is not kept any more."""
        change = self.change
        return change.spec is not None and change.before is None and change.kind not in FIRSTS


class HistoryTab(JobTab):
    """Its newest page follows what happens; what lies further back stays as it was."""

    tab = "history"

    def __init__(self, parts: Parts, job_id: str, query: Mapping[str, str], last: str) -> None:
        super().__init__(parts, job_id, query, last)
        self.own = () if query.get("cursor") else ("history",)

    async def show_own(self, part: str) -> Markup:
        return await self.house.hub.once(("job", self.job_id), part, self._history)

    async def _history(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-history", fragment("_job_history", **await history_context(self.house, job, None)))


async def history_context(house: Parts, job: Job, before: int | None) -> dict[str, Any]:
    changes, following = await house.history.page(job.id, before=before, limit=SHOWN)
    mask = house.history.mask(job.fits)
    return {
        "job": job,
        "entries": [Entry(one, one.fields(mask), one.spec not in (None, job.spec)) for one in changes],
        "first": before is None,
        "next": following and str(following),
    }

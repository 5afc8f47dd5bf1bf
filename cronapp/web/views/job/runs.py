"""A job's first tab: its runs, its backfills, and how it keeps its promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from cronapp.core.backfills import BackfillRow
from cronapp.core.events import Event, JobChanged, RunChanged
from cronapp.core.models import Job
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.job.frame import JobTab
from cronapp.web.views.zones import job_zone

PAUSES = {"kept": 2.0, "backfills": 2.0}  # seconds; what costs more to make comes less often
SHOWN = 25  # runs on a page


class RunsTab(JobTab):
    """Its newest page follows what happens; what lies further back stays as it was."""

    def __init__(self, parts: Parts, job_id: str, query: Mapping[str, str], last: str) -> None:
        super().__init__(parts, job_id, query, last)
        self.own = ("kept", "backfills") if query.get("cursor") else ("kept", "backfills", "runs")

    def heed_own(self, event: Event) -> Iterable[str]:
        match event:
            case JobChanged(job=self.job_id) | RunChanged(job=self.job_id):
                return self.own
        return ()

    async def show_own(self, part: str) -> Markup:
        render = {"kept": self._kept, "backfills": self._backfills, "runs": self._runs}[part]
        return await self.house.hub.once(("job", self.job_id), part, render)

    def pause(self, part: str) -> float:
        return PAUSES.get(part) or super().pause(part)

    async def _kept(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-kept", fragment("_job_kept", job=job, kept=await self.house.ledger.kept(job)))

    async def _backfills(self) -> Markup:
        return await backfills_partial(self.house, self.job_id)

    async def _runs(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        zones = {job.key: job_zone(self.house, job.spec)}
        return partial(
            "#job-runs", fragment("_job_runs", job=job, zones=zones, **await runs_context(self.house, job, None))
        )


async def runs_context(house: Parts, job: Job, before: int | None) -> dict[str, Any]:
    runs, following = await house.runs.of_job(job, before=before, limit=SHOWN)
    return {"runs": runs, "next": following and str(following)}


async def runs_tab_context(house: Parts, job: Job, before: int | None) -> dict[str, Any]:
    return await runs_context(house, job, before) | {
        "kept": await house.ledger.kept(job),
        "backfills": await shown_backfills(house, job.id),
    }


async def backfills_partial(house: Parts, job_id: str) -> Markup:
    job = await house.jobs.get(job_id)
    return partial(
        "#job-backfills", fragment("_job_backfills", job=job, backfills=await shown_backfills(house, job_id))
    )


async def shown_backfills(house: Parts, job_id: str) -> list[BackfillRow]:
    """Those under way, and the newest one."""
    rows = await house.backfills.of_job(job_id)
    return [row for row in rows if not row.over or row is rows[0]]

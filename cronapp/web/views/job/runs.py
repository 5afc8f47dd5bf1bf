"""A job's first tab: its runs and how long they take, its backfills, and how it keeps its promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from cronapp.core.backfills import BackfillRow
from cronapp.core.events import Event, JobChanged, RunChanged
from cronapp.core.models import Job
from cronapp.web.durations import duration_chart
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.job.frame import JobTab
from cronapp.web.views.job.lists import run_list, state_in
from cronapp.web.views.zones import job_zone

PAUSES = {"durations": 1.0, "kept": 2.0, "backfills": 2.0}  # seconds; what costs more to make comes less often
AROUND = ("hint", "durations", "kept", "backfills")


class RunsTab(JobTab):
    """Its newest page follows what happens; what lies further back stays as it was."""

    def __init__(self, parts: Parts, job_id: str, query: Mapping[str, str], last: str) -> None:
        super().__init__(parts, job_id, query, last)
        self.state = state_in(query)
        self.own = AROUND if query.get("cursor") else (*AROUND, "runs")

    def heed_own(self, event: Event) -> Iterable[str]:
        match event:
            case RunChanged(job=self.job_id):
                return self.own[1:]
            case JobChanged(job=self.job_id):
                return self.own
            case JobChanged():  # it may come after this one from now on
                return ("hint",)
        return ()

    async def show_own(self, part: str) -> Markup:
        render = {
            "hint": self._hint,
            "durations": self._durations,
            "kept": self._kept,
            "backfills": self._backfills,
            "runs": self._runs,
        }[part]
        if part == "hint":
            return await self.once_of_all("hint", render)
        return await self.house.hub.once(("job", self.job_id), (part, self.state if part == "runs" else ""), render)

    def pause(self, part: str) -> float:
        return PAUSES.get(part) or super().pause(part)

    async def _hint(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-hint", fragment("_job_hint", job=job, **await hint_context(self.house, job)))

    async def _durations(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-durations", fragment("_job_durations", **await durations_context(self.house, job)))

    async def _kept(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-kept", fragment("_job_kept", job=job, kept=await self.house.ledger.kept(job)))

    async def _backfills(self) -> Markup:
        return await backfills_partial(self.house, self.job_id)

    async def _runs(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        context = await run_list(self.house, job.key, self.state, None)
        zones = {job.key: job_zone(self.house, job.spec)}
        return partial("#job-runs", fragment("_job_runs", job=job, zones=zones, **context))


async def hint_context(house: Parts, job: Job) -> dict[str, Any]:
    return {"dependants": await house.jobs.dependants(job.id), "unseen": await house.jobs.unseen(job)}


async def durations_context(house: Parts, job: Job) -> dict[str, Any]:
    past = await house.runs.past(job)
    return {"job": job, "chart": duration_chart(past, await house.runs.usual_for(job))}


async def runs_tab_context(house: Parts, job: Job, state: str, before: int | None) -> dict[str, Any]:
    return {
        **await run_list(house, job.key, state, before),
        **await durations_context(house, job),
        **await hint_context(house, job),
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

"""What is left of a job that was removed: who removed it when, its runs, and its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cronapp.core.errors import JobNotFound
from cronapp.core.history import JobChange
from cronapp.web.addresses import whole
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.framed import banner_html
from cronapp.web.views.job.lists import change_list, run_list, state_in
from cronapp.web.views.job.tabs import FIRST, TABS
from cronapp.web.views.zones import job_zone

LEFT = tuple(tab for tab in TABS if tab.name in ("runs", "history"))
"""The tabs that still tell something."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What the fragments of the job's tabs ask of it."""

    id: str
    key: int
    version: int
    removal: JobChange
    next_slot: None = None


async def removed_partial(house: Parts, job_id: str, tab: str, query: Mapping[str, str]) -> Markup:
    """All of the page, in the place of what told of the job while it was there."""
    try:
        body = fragment("_job_removed", **await removed_context(house, job_id, tab, query))
    except JobNotFound:  # not even that it was removed is kept
        body = fragment("_job_gone", job_id=job_id, removal=None)
    return partial("#main", await banner_html(house) + body, "innerMorph")


async def removed_context(house: Parts, job_id: str, tab: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Raises `JobNotFound` where there is no record of such a job, or one has the id now."""
    removal = await house.history.removal(job_id)
    job = Removed(job_id, removal.job_key, removal.version, removal)
    shown = next((one for one in LEFT if one.name == tab), FIRST)
    zone = job_zone(house, removal.before) if removal.before else None
    tell = history_left if shown.name == "history" else runs_left
    return {
        "job": job,
        "job_id": job_id,
        "removal": removal,
        "job_zone": zone,
        "zones": {job.key: zone} if zone else {},
        "tabs": LEFT,
        "tab": shown.name,
        "tallies": {},
        **await tell(house, job, query),
    }


async def runs_left(house: Parts, job: Removed, query: Mapping[str, str]) -> dict[str, Any]:
    return await run_list(house, job.key, state_in(query), whole(query.get("cursor")))


async def history_left(house: Parts, job: Removed, query: Mapping[str, str]) -> dict[str, Any]:
    return await change_list(house, job.id, whole(query.get("cursor")))

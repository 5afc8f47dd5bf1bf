"""A job's promises: the card on its page, and the whole ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup

from cronapp.core.events import Event, JobChanged, RunChanged
from cronapp.core.ledger import CHOICES
from cronapp.core.models import Job
from cronapp.service.ledger import ANY, BEGINNING
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import Shown

SHOWN = 100  # slots on a page


class LedgerView(Shown):
    """The newest page follows what happens; what lies further back stays as it was."""

    def __init__(self, parts: Parts, job_id: str, narrowed: str, before: datetime | None) -> None:
        super().__init__(parts)
        self.job_id = job_id
        self.narrowed = narrowed
        self.before = before

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case JobChanged(job=self.job_id) | RunChanged(job=self.job_id) if self.before is None:
                return ("slots",)
        return ()

    def parts(self) -> Iterable[str]:
        return ("slots",) if self.before is None else ()

    async def show(self, part: str) -> Markup:
        return await self.house.hub.once(("job", self.job_id), ("slots", self.narrowed), self._render)

    async def _render(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial(
            "#slot-list", fragment("_slot_list", **await ledger_context(self.house, job, self.narrowed, None))
        )

    def pause(self, part: str) -> float:
        return 1.0


def ledger_filter(query: Mapping[str, str]) -> str:
    """What the list is narrowed to; "" where the address names nothing that there is."""
    word = query.get("state", "")
    return word if word in CHOICES else ""


async def ledger_context(house: Parts, job: Job, narrowed: str, before: datetime | None) -> dict[str, Any]:
    entries, following = await house.ledger.page(
        job.id, since=BEGINNING, before=before, verdicts=CHOICES.get(narrowed, ANY), limit=SHOWN
    )
    return {
        "job": job,
        "entries": entries,
        "next": following and following.isoformat(),
        "first": before is None,
        "filters": {"state": narrowed},
        "kept": await house.ledger.kept(job),
    }

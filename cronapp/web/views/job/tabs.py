"""The tabs of a job's page, in their order. Each is a page of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cronapp.core.models import Job
from cronapp.web.site import Parts


@dataclass(frozen=True, slots=True)
class Tally:
    """A small figure beside a tab's name, and what it counts."""

    figure: int
    words: str


@dataclass(frozen=True, slots=True)
class Tab:
    name: str  # in the address, and of its template and its view
    label: str
    tally: Callable[[Parts, Job], Awaitable[Tally | None]] | None = None  # has to be cheap: it is asked on every tab

    def address(self, job_id: str) -> str:
        return f"/jobs/{job_id}" if self is FIRST else f"/jobs/{job_id}/{self.name}"

    def topic(self, job_id: str) -> str:
        return f"job:{job_id}" if self is FIRST else f"job:{job_id}:{self.name}"


async def overridden(house: Parts, job: Job) -> Tally | None:
    fields = len(house.repairs.overrides(job))
    return Tally(fields, f"{fields} changed here, against the code") if fields else None


async def linked(house: Parts, job: Job) -> Tally | None:
    count = len(job.spec.after.jobs if job.spec.after else ()) + len(await house.jobs.dependants(job.id))
    return Tally(count, f"{count} job{'s' if count != 1 else ''} directly before or after it") if count else None


async def amended(house: Parts, job: Job) -> Tally | None:
    now = house.clock()
    count = sum(one.slot > now for one in job.slot_changes)
    return Tally(count, f"{count} slot{'s' if count != 1 else ''} skipped or added") if count else None


async def noted(house: Parts, job: Job) -> Tally | None:
    count = await house.notes.count(job)
    return Tally(count, f"{count} note{'s' if count != 1 else ''}") if count else None


FIRST = Tab("runs", "Runs")
TABS = (
    FIRST,
    Tab("upcoming", "Upcoming", amended),
    Tab("log", "Live log"),
    Tab("configuration", "Configuration", overridden),
    Tab("dependencies", "Dependencies", linked),
    Tab("history", "History"),
    Tab("notes", "Notes", noted),
)


def tab_of(name: str) -> Tab:
    return next(tab for tab in TABS if tab.name == name)


def tab_at(address: str, job_id: str) -> Tab | None:
    """The tab that is open at an address, if it is one of this job."""
    path = address.split("#")[0].split("?")[0]
    return next((tab for tab in TABS if path.endswith(tab.address(job_id))), None)


async def tallies(house: Parts, job: Job) -> dict[str, Tally]:
    """The figures beside the tabs, by their names."""
    found = [(tab.name, await tab.tally(house, job)) for tab in TABS if tab.tally]
    return {name: tally for name, tally in found if tally}

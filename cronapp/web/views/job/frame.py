"""What every tab of a job's page shows: its head, what changed in its code, its figures, and the bar of tabs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from typing import Any, ClassVar

from markupsafe import Markup

from cronapp.core.errors import JobNotFound
from cronapp.core.events import Event, JobChanged, NodesChanged, RunChanged, TasksLoaded
from cronapp.core.figures import figures_of
from cronapp.core.models import Job, JobRow, JobState
from cronapp.core.routing import line_of
from cronapp.service.run_questions import PAST
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.job.removed import removed_partial
from cronapp.web.views.job.tabs import FIRST, TABS, tallies
from cronapp.web.views.shown import EMPTY, Shown
from cronapp.web.views.zones import job_zone

FRAME = ("head", "unserved", "note", "changes", "cards", "tabs")
PAUSES = {"tabs": 1.0, "cards": 2.0}  # seconds; what costs more to make comes less often


class JobTab(Shown):
    """One tab of a job's page. A tab names the parts of its `own`, says what makes them old, and renders them."""

    tab: ClassVar[str] = FIRST.name
    own: tuple[str, ...] = ()

    def __init__(self, parts: Parts, job_id: str, query: Mapping[str, str], last: str) -> None:
        """`query` is that of the page's address, `last` the place where a reader who reconnects was."""
        super().__init__(parts)
        self.job_id = job_id
        self.query = query

    # -- for each tab to say --------------------------------------------------------------------------------------

    def heed_own(self, event: Event) -> Iterable[str]:
        """Which of its own parts an event makes old."""
        return self.own if isinstance(event, JobChanged) and event.job == self.job_id else ()

    async def show_own(self, part: str) -> Markup:
        """One of its own parts; rendered once for all connections that show it alike (`hub.once`)."""
        raise NotImplementedError

    # -- the same for all -----------------------------------------------------------------------------------------

    def heed(self, event: Event) -> Iterable[str]:
        return (*self._heed_frame(event), *self.heed_own(event))

    def _heed_frame(self, event: Event) -> Iterable[str]:
        match event:
            case JobChanged(job=self.job_id):
                return FRAME
            case RunChanged(job=self.job_id):
                return ("head", "cards")
            case TasksLoaded():
                return ("head", "changes", "tabs")
            case NodesChanged():
                return ("unserved",)
            case JobChanged():  # it may come after this one from now on
                return ("tabs",)
        return ()

    def parts(self) -> Iterable[str]:
        return (*FRAME, *self.own)

    async def show(self, part: str) -> Markup:
        frame = {
            "head": self._head,
            "unserved": self._unserved,
            "note": self._note,
            "changes": self._changes,
            "cards": self._cards,
            "tabs": self._tabs,
        }
        render = frame.get(part)
        try:
            if render is None:
                return await self.show_own(part)
            if part == "unserved":
                return await render()
            if part == "tabs":
                return await self.once_of_all(("tabs", self.tab), render)
            what = (part, self.tab) if part == "note" else part
            return await self.house.hub.once(("job", self.job_id), what, render)
        except JobNotFound:  # the head is old whenever anything is, and brings all that is left
            return await removed_partial(self.house, self.job_id, self.tab, self.query) if part == "head" else EMPTY

    async def once_of_all(self, what: Hashable, render: Callable[[], Awaitable[Markup]]) -> Markup:
        """What tells of other jobs too is rendered anew whenever any of them changed."""
        return await self.house.hub.once(("jobs", ""), (self.job_id, what), render)

    def pause(self, part: str) -> float:
        return PAUSES.get(part, 0.25)

    async def _head(self) -> Markup:
        return await head_partial(self.house, self.job_id)

    async def _unserved(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-unserved", fragment("_job_unserved", **await unserved_context(self.house, job)))

    async def _note(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-note", fragment("_job_note", **await note_context(self.house, job, self.tab)))

    async def _changes(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-changes", fragment("_job_changes", **changes_context(self.house, job)))

    async def _cards(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-cards", fragment("_job_cards", **await cards_context(self.house, job)))

    async def _tabs(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        return partial("#job-nav", fragment("_job_nav", **await tabs_context(self.house, job, self.tab)))


async def head_partial(house: Parts, job_id: str) -> Markup:
    row = await house.jobs.row(job_id)
    return partial("#job-head", fragment("_job_head", row=row, task=house.tasks.find(row.job.task)))


def changes_context(house: Parts, job: Job) -> dict[str, Any]:
    return {
        "job": job,
        "task": house.tasks.find(job.task),
        "tasks": house.tasks.all(),
        "difference": house.jobs.difference(job),
    }


async def unserved_context(house: Parts, job: Job) -> dict[str, Any]:
    """Of a job that does not run anyway, what changed in its code tells more."""
    if job.state is JobState.NEEDS_ATTENTION:
        return {"unserved": None}
    return {"unserved": await house.fleet.nobody_for(line_of(job.spec), job.task)}


async def cards_context(house: Parts, job: Job) -> dict[str, Any]:
    past = await house.runs.past(job)
    return {
        "job": job,
        "figures": figures_of(past, more=len(past) == PAST),
        "usual": await house.runs.usual_for(job),
        "kept": await house.ledger.kept(job),
    }


async def note_context(house: Parts, job: Job, tab: str) -> dict[str, Any]:
    return {"job": job, "note": await house.notes.newest(job), "tab": tab}


async def tabs_context(house: Parts, job: Job, tab: str) -> dict[str, Any]:
    return {"job": job, "tabs": TABS, "tab": tab, "tallies": await tallies(house, job)}


async def frame_context(house: Parts, row: JobRow, tab: str) -> dict[str, Any]:
    """What the page of any tab is rendered with, besides what is the tab's own."""
    zone = job_zone(house, row.job.spec)
    frame = {"row": row, "job_zone": zone, "zones": {row.job.key: zone}}
    return {
        **frame,
        **changes_context(house, row.job),
        **await unserved_context(house, row.job),
        **await note_context(house, row.job, tab),
        **await cards_context(house, row.job),
        **await tabs_context(house, row.job, tab),
    }

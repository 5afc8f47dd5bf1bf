"""The list of runs and one run's page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from cronapp.core.errors import JobNotFound, RunNotFound
from cronapp.core.events import Event, JobChanged, LimitsChanged, LogAppended, NodesChanged, RunChanged
from cronapp.core.logs import LogFilter
from cronapp.core.models import Job, Run, RunState
from cronapp.core.ranges import RANGES
from cronapp.store.runs.listing import STRETCH
from cronapp.web.asked_runs import AskedRuns, range_words
from cronapp.web.hub import Key
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.compared import since_context
from cronapp.web.views.log import LogPart
from cronapp.web.views.shown import Shown
from cronapp.web.views.zones import ReaderZone, job_zone, zones_of

AT_ITS_PACE = 3.0  # seconds between two looks through many runs


class RunsView(Shown):
    """The list of runs: its first page follows what happens, older ones only their own runs."""

    def __init__(self, parts: Parts, asked: AskedRuns, reader: ReaderZone) -> None:
        super().__init__(parts)
        self.asked = asked
        self.reader = reader
        self.listed: dict[int, str] = {}  # the job of each run that an older page shows

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case RunChanged(run=run, job=job):
                if self.asked.cursor is not None:
                    return (f"row {run}",) if run in self.listed else ()
                return ("list",) if self.asked.value("job") in ("", job) else ()
            case JobChanged(job=job):  # its zone, or its tags
                if self.asked.cursor is not None:
                    return [f"row {run}" for run, its in self.listed.items() if its == job]
                return ("list",) if self.asked.value("job") in ("", job) else ()
        return ()

    def parts(self) -> Iterable[str]:
        return ("list",)

    async def show(self, part: str) -> Markup:
        if part.startswith("row"):
            return await self._row(int(part.removeprefix("row ")))
        if self.asked.cursor is None:
            return await self.house.hub.once(("runs", ""), ("list", self.asked, self.reader), self._render)
        return await self._render()

    async def _render(self) -> Markup:
        context = await run_list_context(self.house, self.asked, self.reader)
        self.listed = {run.id: run.job for run in context["runs"]}
        return partial("#run-list", fragment("_run_list", **context))

    async def _row(self, run_id: int) -> Markup:
        async def render() -> Markup:
            run = await self.house.runs.get(run_id)
            context = {"run": run, "zones": await zones_of(self.house, [run]), "pick": True}
            return partial(f"#run-row-{run_id}", fragment("_run_row", **context))

        return await self.house.hub.once(("job", self.listed[run_id]), ("row", run_id), render)

    def pause(self, part: str) -> float:
        return AT_ITS_PACE if self.asked.searches else 0.5


async def run_list_context(house: Parts, asked: AskedRuns, reader: ReaderZone) -> dict[str, Any]:
    filters = asked.filters(house.clock())
    found = await house.runs.listed(filters, before=asked.cursor)
    tally = await house.runs.tally(filters)
    matching = tally.of(filters.states)
    return {
        "asked": asked,
        "reader": reader,
        "runs": found.runs,
        "next": found.next,
        "looked_to": found.looked_to,
        "stretch": STRETCH,
        "first": asked.cursor is None,
        "tally": tally,
        "matching": max(matching, len(found.runs)),
        "matching_more": tally.is_more(filters.states),
        "ranges": RANGES,
        "range_words": range_words(asked.range),
        "zones": await zones_of(house, found.runs),
        "pick": True,
    }


PARTS = ("head", "outcome", "since", "side")
OF_OTHERS = ("head", "side")
"""What tells of other runs too: further attempts, and what has no place for this one."""


class RunView(Shown):
    """One run's page with its log, of which the lines up to `seen` are there already."""

    def __init__(self, parts: Parts, run: Run, wanted: LogFilter, seen: int) -> None:
        super().__init__(parts)
        self.run = run
        self.waiting = run.state is RunState.QUEUED
        self.log = LogPart(parts, run.id, wanted, seen)

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case LogAppended(run=self.run.id):
                return ("log",)
            case RunChanged(run=self.run.id):
                return ("log", *PARTS)
            case RunChanged(job=self.run.job) | JobChanged(job=self.run.job):  # another attempt, or the job is gone
                return OF_OTHERS
            case LimitsChanged() | NodesChanged() | RunChanged() if self.waiting:  # held up by something else
                return OF_OTHERS
        return ()

    def parts(self) -> Iterable[str]:
        return ("log", *PARTS)

    async def show(self, part: str) -> Markup:
        if part == "log":
            html = await self.log.show()
            self.ageing = ("log",) if self.log.behind else ()
            return html
        if self.waiting:
            self.waiting = (await self.house.runs.get(self.run.id)).state is RunState.QUEUED
        key: Key = ("runs", "") if part in OF_OTHERS else ("run", self.run.id)
        return await self.house.hub.once(key, (part, self.run.id), lambda: self._part(part))

    async def _part(self, part: str) -> Markup:
        read = since_context if part == "since" else run_context
        return partial(f"#run-{part}", fragment(f"_run_{part}", **await read(self.house, self.run.id)))

    @property
    def place(self) -> str:
        return str(self.log.seen)

    def pause(self, part: str) -> float:
        return 0.1 if part == "log" else 1.0 if self.waiting else 0.25


async def run_context(house: Parts, run_id: int) -> dict[str, Any]:
    run = await house.runs.get(run_id)
    try:
        job = await house.jobs.get(run.job)
    except JobNotFound:
        job = None
    if job and job.key != run.job_key:
        job = None  # it only has the id of the removed one
    line = await house.runs.line(run)
    return {
        "run": run,
        "args": house.tasks.masked_for_good(run.task, run.args, job.fits if job else None),
        "job": job,
        "job_zone": job_zone(house, job.spec) if job else None,
        "attempts": await house.runs.attempts(run),
        "held_up": await house.runs.held_up_by(run),
        "line": line,
        "unserved": run.state is RunState.QUEUED and bool(await house.fleet.nobody_for(line, run.task)),
        "alike": bool(job) and await house.runs.has_alike(run),
        "waker": await waker_of(house, run),
        "usual": await house.runs.usual_before(run) if run.started_at else None,
        "deadline": deadline_of(run, job),
        "trace_url": (house.settings.trace_url or "").replace("{trace_id}", run.trace_id or ""),
        "at": house.clock(),
    }


def deadline_of(run: Run, job: Job | None) -> datetime | None:
    """When a running run is stopped at the latest."""
    limit = job.spec.timeout if job else None
    if run.state is not RunState.RUNNING or run.started_at is None or limit is None:
        return None
    return run.started_at + timedelta(seconds=limit)


async def waker_of(house: Parts, run: Run) -> Run | None:
    """The run whose end started this one, while it is kept."""
    try:
        return await house.runs.get(run.woken_by) if run.woken_by else None
    except RunNotFound:
        return None

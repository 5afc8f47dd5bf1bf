"""What each open page shows and how its parts are kept fresh. Pages render the same fragments by the same functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from markupsafe import Markup

from cronapp.core.errors import JobNotFound, NotFound
from cronapp.core.events import Event, JobChanged, LogAppended, RunChanged
from cronapp.core.models import JobRow, LogLine, Run
from cronapp.store.jobs import JobFilter
from cronapp.store.runs import RunFilter
from cronapp.web.hub import View
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts

CHUNK = 500  # log lines in one piece of the page
BURST = 1000  # log lines in one message at the most; beyond it the reader jumps to the end
SCREEN = 100  # log lines that a page brings along at the least
EMPTY = Markup()


class Shown:
    """A page of which nothing changes by itself."""

    ageing: tuple[str, ...] = ()

    def __init__(self, parts: Parts) -> None:
        self.house = parts

    def heed(self, event: Event) -> Iterable[str]:
        return ()

    def parts(self) -> Iterable[str]:
        return ()

    async def show(self, part: str) -> Markup:
        return EMPTY

    @property
    def place(self) -> str:
        return ""

    def pause(self, part: str) -> float:
        return 0.25


class SystemView(Shown):
    """The system page: its figures are read again every two seconds."""

    ageing = ("all",)

    def parts(self) -> Iterable[str]:
        return ("all",)

    async def show(self, part: str) -> Markup:
        return partial("#system", fragment("_system", system=await self.house.system()))

    def pause(self, part: str) -> float:
        return 2.0


class OverviewView(Shown):
    def heed(self, event: Event) -> Iterable[str]:
        return ("all",) if isinstance(event, JobChanged | RunChanged) else ()

    def parts(self) -> Iterable[str]:
        return ("all",)

    async def show(self, part: str) -> Markup:
        return await self.house.hub.once(("jobs", ""), "overview", self._render)

    async def _render(self) -> Markup:
        return partial("#overview", fragment("_overview", **await overview_context(self.house)))

    def pause(self, part: str) -> float:
        return 1.0


async def overview_context(house: Parts) -> dict[str, Any]:
    counts = await house.jobs.counts()
    activity = await house.runs.activity()
    stats = {
        "jobs": counts["all"],
        "active": counts["active"],
        "paused": counts["paused"],
        "attention": counts["needs_attention"],
        "running": activity.running,
        "queued": activity.queued,
        "succeeded_24h": activity.succeeded,
        "failed_24h": activity.failed,
        "hours": activity.hours,
    }
    return {
        "stats": stats,
        "running": await house.runs.running(10),
        "upcoming": await house.jobs.upcoming(),
        "attention": await house.jobs.attention(),
        "failures": await house.runs.failures(),
    }


class JobsView(Shown):
    """The jobs list under its filters: single rows while the list stays the same, else the whole list."""

    def __init__(self, parts: Parts, filters: JobFilter, after: str) -> None:
        super().__init__(parts)
        self.filters = filters
        self.after = after
        self.listed: set[str] = set()

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case JobChanged(job=job, gone=gone, created=created):
                return ("list",) if gone or created or self.filters != JobFilter() else ("tabs", f"row {job}")
            case RunChanged(job=job):
                if self.filters.state:
                    return ("list",)
                return ("tabs", f"row {job}") if job in self.listed else ("tabs",)
        return ()

    def parts(self) -> Iterable[str]:
        return ("list",)

    async def show(self, part: str) -> Markup:
        if part == "list":
            context = await job_list_context(self.house, self.filters, self.after)
            self.listed = {row.job.id for row in context["rows"]}
            return partial("#job-list", fragment("_job_list", **context))
        if part == "tabs":
            return await self.house.hub.once(("jobs", ""), ("tabs", self.filters), self._tabs)
        job_id = part.removeprefix("row ")
        return await self.house.hub.once(("job", job_id), "row", lambda: job_row_partial(self.house, job_id))

    async def _tabs(self) -> Markup:
        counts = await self.house.jobs.counts()
        return partial("#job-tabs", fragment("_job_tabs", filters=job_filters(self.filters), counts=counts))

    def pause(self, part: str) -> float:
        return 0.25 if part.startswith("row") else 1.0


async def job_row_partial(house: Parts, job_id: str) -> Markup:
    try:
        row = await house.jobs.row(job_id)
    except JobNotFound:
        return EMPTY  # the list itself follows
    return partial(f"#job-row-{row.job.key}", fragment("_job_row", row=row))


def job_filters(filters: JobFilter) -> dict[str, str]:
    return {"q": filters.q, "state": filters.state, "task": filters.task, "tag": filters.tag}


async def job_list_context(house: Parts, filters: JobFilter, after: str) -> dict[str, Any]:
    rows, following = await house.jobs.page(filters, after=after)
    return {
        "rows": rows,
        "next": following,
        "first": not after,
        "filters": job_filters(filters),
        "counts": await house.jobs.counts(),
    }


class JobView(Shown):
    """One job's page."""

    def __init__(self, parts: Parts, job_id: str, before: int | None) -> None:
        super().__init__(parts)
        self.job_id = job_id
        self.before = before

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case JobChanged(job=self.job_id):
                return ("head", "detail")
            case RunChanged(job=self.job_id):
                return ("head",) if self.before else ("head", "runs")
        return ()

    def parts(self) -> Iterable[str]:
        return ("head", "detail") if self.before else ("head", "detail", "runs")

    async def show(self, part: str) -> Markup:
        render = {"head": self._head, "detail": self._detail, "runs": self._runs}[part]
        try:
            return await self.house.hub.once(("job", self.job_id), part, render)
        except JobNotFound:
            return partial("#job-head", fragment("_job_gone", job_id=self.job_id))

    async def _head(self) -> Markup:
        return partial("#job-head", fragment("_job_head", row=await self.house.jobs.row(self.job_id)))

    async def _detail(self) -> Markup:
        row = await self.house.jobs.row(self.job_id)
        return partial("#job-detail", fragment("_job_detail", **job_context(self.house, row)))

    async def _runs(self) -> Markup:
        job = await self.house.jobs.get(self.job_id)
        runs, following = await self.house.runs.of_job(job, limit=25)
        return partial("#job-runs", fragment("_job_runs", job=job, runs=runs, next=following))


def job_context(house: Parts, row: JobRow) -> dict[str, Any]:
    job = row.job
    args = house.tasks.masked(job.task, job.spec.args)
    return {"job": job, "row": row, "task": house.tasks.find(job.task), "args": args}


class RunsView(Shown):
    """The list of runs: its first page follows what happens, older ones only their own runs."""

    def __init__(self, parts: Parts, filters: RunFilter, before: int | None) -> None:
        super().__init__(parts)
        self.filters = filters
        self.before = before

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case RunChanged(job=job) if self.filters.job in ("", job):
                return ("list",)
        return ()

    def parts(self) -> Iterable[str]:
        return ("list",)

    async def show(self, part: str) -> Markup:
        what = ("list", self.filters, self.before)
        return await self.house.hub.once(("runs", ""), what, self._render)

    async def _render(self) -> Markup:
        return partial(
            "#run-list", fragment("_run_list", **await run_list_context(self.house, self.filters, self.before))
        )

    def pause(self, part: str) -> float:
        return 0.5


async def run_list_context(house: Parts, filters: RunFilter, before: int | None) -> dict[str, Any]:
    runs, following = await house.runs.page(filters, before=before)
    return {
        "runs": runs,
        "next": following and str(following),
        "first": before is None,
        "filters": {"job": filters.job, "state": filters.state},
        "counts": await house.runs.counts(),
    }


class RunView(Shown):
    """One run's page with its log, of which the lines up to `seen` are there already."""

    def __init__(self, parts: Parts, run: Run, seen: int) -> None:
        super().__init__(parts)
        self.run = run
        self.seen = seen

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case LogAppended(run=self.run.id):
                return ("log",)
            case RunChanged(run=self.run.id):
                return ("head", "outcome")
            case RunChanged(job=self.run.job) | JobChanged(job=self.run.job):  # another attempt, or the job is gone
                return ("head",)
        return ()

    def parts(self) -> Iterable[str]:
        return ("log", "head", "outcome")

    async def show(self, part: str) -> Markup:
        if part == "log":
            return await self._log()
        if part == "head":
            return await self.house.hub.once(("job", self.run.job), ("run", self.run.id), self._head)
        return await self.house.hub.once(("run", self.run.id), part, self._outcome)

    async def _head(self) -> Markup:
        return partial("#run-head", fragment("_run_head", **await run_context(self.house, self.run.id)))

    async def _outcome(self) -> Markup:
        return partial("#run-outcome", fragment("_run_outcome", **await run_context(self.house, self.run.id)))

    async def _log(self) -> Markup:
        seen = self.seen
        newest = (await self.house.runs.get(self.run.id)).last_seq
        self.seen = newest
        if newest <= seen:
            return EMPTY
        return await self.house.hub.once(
            ("log", self.run.id), (seen, newest), lambda: log_partials(self.house, self.run, seen, newest)
        )

    @property
    def place(self) -> str:
        return str(self.seen)

    def pause(self, part: str) -> float:
        return 0.1 if part == "log" else 0.25


async def run_context(house: Parts, run_id: int) -> dict[str, Any]:
    run = await house.runs.get(run_id)
    try:
        job = await house.jobs.get(run.job)
    except JobNotFound:
        job = None
    return {
        "run": run,
        "args": house.tasks.masked(run.task, run.args),
        "job": job if job and job.key == run.job_key else None,
        "attempts": await house.runs.attempts(run),
    }


# -- the log --------------------------------------------------------------------------------------------------------


async def log_partials(house: Parts, run: Run, seen: int, newest: int) -> Markup:
    """The lines after `seen`, put at the end of the page's log. Of a long burst only the end is sent: the pieces that
    are jumped over become placeholders, which the page fills when they come into sight."""
    jumped = newest - seen > BURST
    first = (newest - 1) // CHUNK * CHUNK if jumped else seen
    lines = await house.runs.lines(run.id, first, newest - first)
    html = []
    if jumped:
        if seen % CHUNK:
            html.append(partial(f"#log-chunk-{seen // CHUNK}", chunk(run, seen // CHUNK, None), "outerHTML"))
        skipped = range(-(-seen // CHUNK), first // CHUNK)
        placeholders = Markup("").join(chunk(run, number, None) for number in skipped)
        html.append(partial("#log", placeholders, "beforeend"))
    for number, piece in pieces(lines):
        if (piece[0].seq - 1) % CHUNK == 0:
            html.append(partial("#log", chunk(run, number, piece), "beforeend"))
        else:
            text = Markup("").join(fragment("_log_line", line=line) for line in piece)
            html.append(partial(f"#log-chunk-{number}", text, "beforeend"))
    return Markup("").join(html)


def chunk(run: Run, number: int, lines: list[LogLine] | None) -> Markup:
    return fragment("_log_chunk", run=run, chunk=number, lines=lines)


def pieces(lines: list[LogLine]) -> list[tuple[int, list[LogLine]]]:
    """Lines by the number of the piece they stand in."""
    parted: dict[int, list[LogLine]] = {}
    for line in lines:
        parted.setdefault((line.seq - 1) // CHUNK, []).append(line)
    return list(parted.items())


async def log_chunks(house: Parts, run: Run) -> list[tuple[int, list[LogLine] | None]]:
    """A page's log: its end with lines, the pieces before as placeholders."""
    last = max(run.last_seq - 1, 0) // CHUNK
    first = max(last - 1, 0) if run.last_seq - last * CHUNK < SCREEN else last
    lines = dict(pieces(await house.runs.lines(run.id, first * CHUNK, run.last_seq - first * CHUNK)))
    return [
        *((number, None) for number in range(first)),
        *((number, lines[number]) for number in range(first, last + 1) if number in lines),
    ]


# -- from an address to its view ------------------------------------------------------------------------------------


async def view_of(house: Parts, topic: str, address: str, after: int) -> View:
    """The view of a topic (`jobs`, `job:ID`, `run:N`, …) for the page at `address`, whose query holds its filters."""
    query = {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}
    kind, _, name = topic.partition(":")
    match kind:
        case "overview":
            return OverviewView(house)
        case "jobs":
            return JobsView(house, job_filter(query), query.get("cursor", ""))
        case "job":
            return JobView(house, name, whole(query.get("cursor")))
        case "runs":
            return RunsView(house, run_filter(query), whole(query.get("cursor")))
        case "run" if whole(name):
            return RunView(house, await house.runs.get(int(name)), after)
        case "system":
            return SystemView(house)
        case "page":
            return Shown(house)
    raise NotFound


def job_filter(query: dict[str, str]) -> JobFilter:
    return JobFilter(**{name: query.get(name, "").strip() for name in ("q", "state", "task", "tag")})


def run_filter(query: dict[str, str]) -> RunFilter:
    return RunFilter(job=query.get("job", ""), state=query.get("state", ""))


def whole(text: str | None) -> int | None:
    """A whole number above zero, or None."""
    return int(text) if text and text.isascii() and text.isdigit() and 0 < int(text) < 2**63 else None
